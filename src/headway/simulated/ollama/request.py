"""`/api/chat` and `/api/embed`: reading the request, and writing the answer, whole or as lines."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from headway.simulated import reply, tokens
from headway.simulated.answer import Answer, Question, answer
from headway.simulated.answer import Tool as AskedTool
from headway.simulated.ollama.wording import EVENTS, LINES
from headway.simulated.reply import Context, Json, Piece, Refusal, Reply, encode
from headway.simulated.vectors import numbers

_DIMENSIONS = 768
_ANYTHING: Json = {"type": "object", "properties": {"answer": {"type": "string"}}}


class Function(msgspec.Struct, omit_defaults=True):
    name: str
    arguments: Json
    index: int | None = None


class ToolCall(msgspec.Struct, omit_defaults=True):
    function: Function
    id: str | None = None
    type: str | None = None


class Message(msgspec.Struct, omit_defaults=True):
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None

    def cost(self) -> int:
        """Tokens."""
        calls = tokens.count(encode(self.tool_calls).decode()) if self.tool_calls else 0
        return tokens.count(self.content) + calls + tokens.PART * len(self.images or ())


class FunctionSpec(msgspec.Struct, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: Json | None = None


class Tool(msgspec.Struct, omit_defaults=True):
    function: FunctionSpec
    type: str = "function"


class Options(msgspec.Struct, omit_defaults=True):
    """Ollama warns of those that it does not know, and goes on."""

    num_predict: int | None = None
    seed: int | None = None
    temperature: float | None = None
    stop: list[str] | None = None


class ChatAsk(msgspec.Struct, kw_only=True):
    """Streamed unless it says otherwise."""

    model: str
    messages: list[Message] = []
    stream: bool | None = None
    tools: list[Tool] | None = None
    format: Literal["json", ""] | Json | None = None
    options: Options | None = None
    think: bool | str | None = None
    keep_alive: Any = None
    logprobs: bool | None = None

    @property
    def limit(self) -> int | None:
        """Fewer than none: no limit."""
        wanted = self.options.num_predict if self.options is not None else None
        return wanted if wanted is not None and wanted >= 0 else None

    def prompt_tokens(self) -> int:
        """Four a message and three for the answer's beginning, besides what is in them."""
        inside = sum(4 + message.cost() for message in self.messages)
        return 3 + inside + sum(tokens.count(encode(tool.function).decode()) for tool in self.tools or ())

    def need(self) -> int:
        return max(self.prompt_tokens(), self.limit or 0)

    def answer(self, context: Context) -> Reply | Refusal:
        for number, message in enumerate(self.messages):
            if not all(map(_is_base64, message.images or ())):
                return Refusal(message=f"illegal base64 data at input byte 0 of messages[{number}].images")
        if not self.messages:
            # To ask for nothing is to load the model.
            nothing = Answer(finish="stop", tokens=0)
            return reply.whole(
                {**_line(context, {"content": ""}), "done_reason": "load", "done": True}, tokens=nothing.tokens
            )
        options = self.options or Options()
        identity = context.identity("ollama", self.messages, self.tools, self.format, options.seed)
        given = answer(self._question(context, options), identity)
        if self.stream is False:
            document = {**_line(context, _message(given, blank=context.blank)), **self._end(given)}
            return reply.whole(document, tokens=given.tokens)
        return reply.stream(self._lines(context, given), EVENTS, LINES)

    def _question(self, context: Context, options: Options) -> Question:
        last = self.messages[-1]
        results: list[str] = []
        for message in reversed(self.messages):
            if message.role != "tool":
                break
            results.insert(0, message.content)
        schema = self.format if isinstance(self.format, dict) else _ANYTHING if self.format == "json" else None
        return Question(
            model=context.model,
            provider=context.provider,
            said=last.content if last.role == "user" else "",
            tool_result="\n".join(results) if results else None,
            tools=tuple(AskedTool(tool.function.name, tool.function.parameters) for tool in self.tools or ()),
            schema=schema,
            limit=self.limit,
            stops=tuple(options.stop or ()),
            thinks=bool(self.think),
        )

    def _end(self, given: Answer) -> Json:
        times = {"total_duration": 5_000_000, "load_duration": 1_000_000}
        prompt = {"prompt_eval_count": self.prompt_tokens(), "prompt_eval_duration": 1_000_000}
        done = {"done_reason": "length" if given.finish == "length" else "stop", "done": True}
        return {**done, **times, **prompt, "eval_count": given.tokens, "eval_duration": 3_000_000}

    def _lines(self, context: Context, given: Answer) -> Iterator[Piece]:
        """Calls come whole, each on a line of its own."""
        for token in () if context.blank else given.thoughts:
            yield _piece(_line(context, {"content": "", "thinking": token}), 1)
        for token in () if context.blank else given.pieces:
            yield _piece(_line(context, {"content": token}), 1)
        for index, call in enumerate(() if context.blank else _calls(given)):
            cost = 1 + len(given.calls[index].pieces)
            yield _piece(_line(context, {"content": "", "tool_calls": [call]}), cost)
        yield _piece({**_line(context, {"content": ""}), **self._end(given)}, 0)._replace(terminal=True)


class EmbedAsk(msgspec.Struct, kw_only=True):
    model: str
    input: str | list[str]
    truncate: bool | None = None
    dimensions: int | None = None
    options: Any = None
    keep_alive: Any = None

    def _texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input

    def need(self) -> int:
        return sum(map(tokens.count, self._texts()))

    def answer(self, context: Context) -> Reply | Refusal:
        dimensions = min(self.dimensions or _DIMENSIONS, 8192)
        if dimensions < 1:
            return Refusal(message="dimensions must be positive")
        vectors = [numbers(context, text, dimensions) for text in self._texts()]
        times = {"total_duration": 5_000_000, "load_duration": 1_000_000}
        return reply.whole({"model": context.model, "embeddings": vectors, **times, "prompt_eval_count": self.need()})


def _line(context: Context, message: Json) -> Json:
    created = datetime.fromtimestamp(context.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {"model": context.model, "created_at": created, "message": {"role": "assistant", **message}, "done": False}


def _message(given: Answer, *, blank: bool) -> Json:
    if blank:
        return {"content": ""}
    message: Json = {"content": given.text}
    if given.thoughts:
        message["thinking"] = given.thought
    if given.calls:
        message["tool_calls"] = _calls(given)
    return message


def _calls(given: Answer) -> list[Json]:
    calls: list[Json] = []
    for index, call in enumerate(given.calls):
        try:
            arguments: object = msgspec.json.decode(call.arguments)
        except msgspec.DecodeError:
            arguments = {}
        function = {"index": index, "name": call.name, "arguments": arguments}
        calls.append({"id": call.id.lower(), "function": function})
    return calls


def _piece(document: Json, cost: int) -> Piece:
    return Piece(encode(document) + b"\n", cost)


def _is_base64(data: str) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True))
    except ValueError:
        return False
