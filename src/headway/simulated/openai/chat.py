"""`/v1/chat/completions`: reading the request and writing the answer, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.answer import Answer, Question, Tool, answer
from headway.simulated.identity import Identity
from headway.simulated.openai.content import Content, plain_text, prompt_tokens
from headway.simulated.openai.wording import DONE, EVENTS
from headway.simulated.reply import Context, Json, Piece, Refusal, Reply, encode, event, stream, whole

Role = Literal["developer", "system", "user", "assistant", "tool", "function"]


class Message(msgspec.Struct):
    role: Role
    content: str | list[Content] | None = None
    name: str | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: str | None = None


class FunctionSpec(msgspec.Struct):
    name: str
    parameters: Json | None = None
    description: str | None = None


class ToolSpec(msgspec.Struct):
    type: str
    function: FunctionSpec | None = None


class NamedFunction(msgspec.Struct):
    name: str


class NamedTool(msgspec.Struct):
    type: str
    function: NamedFunction | None = None


class JsonSchema(msgspec.Struct):
    name: str
    schema: Json | None = None


class ResponseFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Thinking(msgspec.Struct):
    """As DeepSeek and others have it."""

    type: Literal["enabled", "disabled"]


class ChatAsk(msgspec.Struct):
    """The body of a request, as far as the simulation heeds it."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    thinking: Thinking | None = None

    @property
    def thinks(self) -> bool:
        return self.shows_thoughts or self.reasoning_effort not in (None, "none")

    @property
    def shows_thoughts(self) -> bool:
        """OpenAI keeps them to itself; others that speak its API show them."""
        return self.thinking is not None and self.thinking.type == "enabled"

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def functions(self) -> tuple[FunctionSpec, ...]:
        return tuple(tool.function for tool in self.tools or () if tool.function is not None)

    def prompt_tokens(self) -> int:
        """Four a message and three for the answer's beginning, besides what is in them."""
        messages = sum(
            4 + prompt_tokens(m.content) + (tokens.count(encode(m.tool_calls).decode()) if m.tool_calls else 0)
            for m in self.messages
        )
        extras = (*self.functions(), *((self.response_format.json_schema,) if self.response_format else ()))
        return 3 + messages + sum(tokens.count(encode(extra).decode()) for extra in extras if extra)

    def need(self) -> int:
        return max(self.prompt_tokens(), self.limit or 0)

    def answer(self, context: Context) -> Reply | Refusal:
        refusal = self._wrong()
        if refusal is not None:
            return refusal
        asked = (self.messages, self.tools, self.tool_choice, self.response_format, self.seed)
        identity = context.identity("chat", *asked)
        question = self._question(context)
        count = 0 if context.blank else self.n or 1
        answers = [answer(question, identity.child(index) if index else identity) for index in range(count)]
        writer = _Writer(context, context.naming(identity), self)
        return stream(writer.events(answers), EVENTS) if self.stream else writer.whole(answers)

    def _wrong(self) -> Refusal | None:
        """What the types cannot tell."""
        if self.stream_options is not None and not self.stream:
            return Refusal(
                message="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        if self.tool_choice is not None and self.tool_choice != "none" and not self.tools:
            return Refusal(message="'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
        named = _named(self.tool_choice)
        if named is not None and named not in [function.name for function in self.functions()]:
            return Refusal(message=f"Tool choice '{named}' not found in 'tools' parameter.", param="tool_choice")
        return None

    def _question(self, context: Context) -> Question:
        last = self.messages[-1]
        named = _named(self.tool_choice)
        choice = self.tool_choice if isinstance(self.tool_choice, str) else "named" if named else "auto"
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return Question(
            model=context.model,
            provider=context.provider,
            said=plain_text(last.content) if last.role == "user" else "",
            tool_result=plain_text(last.content) if last.role in {"tool", "function"} else None,
            tools=tuple(Tool(function.name, function.parameters) for function in self.functions()),
            choice=choice,
            named=named,
            parallel=self.parallel_tool_calls is not False,
            schema=_schema(self.response_format),
            limit=self.limit,
            stops=stops,
            thinks=self.thinks,
        )


def _named(choice: object) -> str | None:
    return choice.function.name if isinstance(choice, NamedTool) and choice.function is not None else None


def _schema(wanted: ResponseFormat | None) -> Json | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.json_schema is not None and wanted.json_schema.schema is not None:
        return wanted.json_schema.schema
    return {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "confidence": {"type": "number", "maximum": 1}},
    }


def usage(prompt: int, completion: int, reasoning: int = 0) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprob(token: str) -> Json:
    return {"token": token, "logprob": -0.1, "bytes": list(token.encode()), "top_logprobs": []}


class _Writer:
    """Writes answers down as OpenAI does, member by member in its order."""

    __slots__ = ("_ask", "_head", "_id", "_tail")

    def __init__(self, context: Context, naming: Identity, ask: ChatAsk) -> None:
        self._ask = ask
        self._id = naming.letters("chatcmpl-", 29)
        self._head: Json = {"id": self._id, "object": "", "created": context.created, "model": context.model}
        self._tail: Json = {"service_tier": "default", "system_fingerprint": naming.hexadecimal("fp_", 10)}

    def whole(self, answers: list[Answer]) -> Reply:
        spent = sum(each.tokens for each in answers)
        document = {
            **self._head,
            "object": "chat.completion",
            "choices": [self._choice(index, each) for index, each in enumerate(answers)],
            "usage": self._usage(answers),
            **self._tail,
        }
        return whole(document, tokens=spent)

    def _usage(self, answers: list[Answer]) -> Json:
        thought = sum(len(each.thoughts) for each in answers)
        return usage(self._ask.prompt_tokens(), sum(each.tokens for each in answers), thought)

    def _choice(self, index: int, each: Answer) -> Json:
        message: Json = {"role": "assistant", "content": None if each.calls else each.text}
        if each.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in each.calls
            ]
        if self._ask.shows_thoughts:
            message["reasoning_content"] = each.thought
        message |= {"refusal": None, "annotations": []}
        logprobs = None
        if self._ask.logprobs and not each.calls:
            logprobs = {"content": [logprob(token) for token in each.pieces], "refusal": None}
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": each.finish}

    def events(self, answers: list[Answer]) -> Iterator[Piece]:
        """Role, tokens and finish of every choice, in turns; then the usage, if asked for, and the end."""
        for steps in zip_longest(*(self._choice_events(index, each) for index, each in enumerate(answers))):
            yield from (piece for piece in steps if piece is not None)
        with_usage = self._with_usage
        if with_usage or not answers:
            yield Piece(self._chunk([], self._usage(answers) if with_usage else None))
        yield Piece(DONE, terminal=True)

    @property
    def _with_usage(self) -> bool:
        return self._ask.stream_options is not None and bool(self._ask.stream_options.include_usage)

    def _chunk(self, choices: list[Json], spent: Json | None = None) -> bytes:
        chunk = {**self._head, "object": "chat.completion.chunk", **self._tail, "choices": choices}
        if self._with_usage:
            chunk["usage"] = spent
        return event(chunk)

    def _choice_events(self, index: int, each: Answer) -> Iterator[Piece]:
        def chunk(delta: Json, finish: str | None = None, logprobs: Json | None = None) -> bytes:
            return self._chunk([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}])

        yield Piece(chunk({"role": "assistant", "content": None if each.calls else "", "refusal": None}))
        for token in each.thoughts if self._ask.shows_thoughts else ():
            yield Piece(chunk({"reasoning_content": token}), 1)
        for token in each.pieces:
            logprobs = {"content": [logprob(token)], "refusal": None} if self._ask.logprobs else None
            yield Piece(chunk({"content": token}, logprobs=logprobs), 1)
        for number, call in enumerate(each.calls):
            function = {"name": call.name, "arguments": ""}
            opening = {"index": number, "id": call.id, "type": "function", "function": function}
            yield Piece(chunk({"tool_calls": [opening]}), 1)
            for piece in call.pieces:
                yield Piece(chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}), 1)
        yield Piece(chunk({}, each.finish))
