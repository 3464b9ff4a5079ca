"""`/v2/chat`: reading the request. How the answer is written down is `writer`'s business."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.answer import Question, answer
from headway.simulated.answer import Tool as AskedTool
from headway.simulated.cohere.writer import Writer
from headway.simulated.reply import Context, Json, Refusal, Reply, encode


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Names that Cohere does not know are refused."""


class Content(Strict):
    type: Literal["text", "image_url", "document", "thinking"]
    text: str | None = None
    thinking: str | None = None
    image_url: Json | None = None
    document: Json | None = None


class Function(Strict):
    name: str
    arguments: str


class ToolCall(Strict):
    id: str
    function: Function
    type: Literal["function"] = "function"


class Message(Strict):
    role: Literal["user", "assistant", "system", "tool"]
    content: str | list[Content] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    tool_plan: str | None = None
    citations: Any = None

    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(_text(part) for part in self.content)

    def cost(self) -> int:
        """Tokens."""
        parts = self.content if isinstance(self.content, list) else []
        images = tokens.PART * sum(part.type == "image_url" for part in parts)
        return images + tokens.count(self.text()) + tokens.count(encode(self.tool_calls or []).decode())


class FunctionSpec(Strict):
    name: str
    description: str | None = None
    parameters: Json | None = None


class Tool(Strict):
    type: Literal["function"]
    function: FunctionSpec


class ResponseFormat(Strict):
    type: Literal["text", "json_object"]
    json_schema: Json | None = None
    schema: Json | None = None


class Thinking(Strict):
    type: Literal["enabled", "disabled"]
    token_budget: Annotated[int, Meta(ge=1)] | None = None


class ChatAsk(Strict, kw_only=True):
    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    strict_tools: bool | None = None
    documents: list[Any] | None = None
    citation_options: Json | None = None
    response_format: ResponseFormat | None = None
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF", "NONE"] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=0)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=0, le=1)] | None = None
    k: Annotated[int, Meta(ge=0, le=500)] | None = None
    p: Annotated[float, Meta(ge=0.01, le=0.99)] | None = None
    logprobs: bool | None = None
    thinking: Thinking | None = None
    priority: int | None = None
    raw_prompting: bool | None = None

    def prompt_tokens(self) -> int:
        """Four a message and three for the answer's beginning, besides what is in them."""
        messages = sum(4 + message.cost() for message in self.messages)
        extras: tuple[object, ...] = (*(tool.function for tool in self.tools or ()), *(self.documents or ()))
        return 3 + messages + sum(tokens.count(encode(extra).decode()) for extra in extras)

    def need(self) -> int:
        return max(self.prompt_tokens(), self.max_tokens or 0)

    def answer(self, context: Context) -> Reply | Refusal:
        wrong = next(self._wrong(), None)
        if wrong is not None:
            return Refusal(message=wrong)
        asked = (self.messages, self.tools, self.tool_choice, self.response_format, self.documents, self.seed)
        identity = context.identity("cohere", *asked)
        given = answer(self._question(context), identity)
        writer = Writer(context, context.naming(identity), given, self.prompt_tokens())
        return writer.stream() if self.stream else writer.whole()

    def _wrong(self) -> Iterator[str]:
        """What the types cannot tell."""
        called: set[str] = set()
        for number, message in enumerate(self.messages):
            called |= {call.id for call in message.tool_calls or ()}
            place = f"messages[{number}]"
            if message.role == "tool" and message.tool_call_id not in called:
                yield f"invalid request: tool call id '{message.tool_call_id}' not found in previous tool calls"
            if message.role in {"user", "system"} and not message.content:
                yield f"invalid request: {place}: content must be non-empty"
            if message.role == "assistant" and not message.content and not message.tool_calls:
                yield f"invalid request: {place}: an assistant message must have content or tool calls"
        if self.tool_choice is not None and not self.tools:
            yield "invalid request: tool_choice requires tools to be specified"
        wants_json = self.response_format is not None and self.response_format.type == "json_object"
        if wants_json and (self.tools or self.documents):
            yield "invalid request: response_format is not supported with tools or documents"

    def _question(self, context: Context) -> Question:
        last = self.messages[-1]
        results: list[str] = []
        for message in reversed(self.messages):
            if message.role != "tool":
                break
            results.insert(0, message.text())
        format_ = self.response_format
        schema = None
        if format_ is not None and format_.type == "json_object":
            schema = format_.json_schema or format_.schema or _ANYTHING
        return Question(
            model=context.model,
            provider=context.provider,
            said=last.text() if last.role == "user" else "",
            tool_result="\n".join(results) if results else None,
            tools=tuple(AskedTool(tool.function.name, tool.function.parameters) for tool in self.tools or ()),
            choice="required" if self.tool_choice == "REQUIRED" else "none" if self.tool_choice == "NONE" else "auto",
            schema=schema,
            limit=self.max_tokens,
            stops=tuple(self.stop_sequences or ()),
            thinks=self.thinking is not None and self.thinking.type == "enabled",
        )


_ANYTHING: Json = {"type": "object", "properties": {"answer": {"type": "string"}}}


def _text(part: Content) -> str:
    if part.type == "document":
        return encode(part.document).decode()
    return part.text or ""
