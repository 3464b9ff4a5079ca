"""The blocks of which conversations with Converse consist. Each is an object of which exactly one member is set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.reply import Json, encode

_Id = Annotated[str, Meta(pattern="^[a-zA-Z0-9_.:-]{1,64}$")]
_Name = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]


class Shape(msgspec.Struct, rename="camel", omit_defaults=True):
    """Bedrock passes by members that it does not know."""


class Source(Shape):
    bytes: str | None = None
    s3_location: Any = None
    text: str | None = None
    content: Any = None


class Image(Shape):
    format: Literal["png", "jpeg", "gif", "webp"]
    source: Source


class Document(Shape):
    name: str
    source: Source
    format: str | None = None
    context: str | None = None
    citations: Any = None


class ToolUse(Shape):
    tool_use_id: _Id
    name: _Name
    input: Json
    type: str | None = None


class ResultContent(Shape):
    text: str | None = None
    json: Json | None = None
    image: Image | None = None
    document: Document | None = None
    video: Any = None
    search_result: Any = None


class ToolResult(Shape):
    tool_use_id: _Id
    content: list[ResultContent]
    status: Literal["success", "error"] | None = None
    type: str | None = None

    def text(self) -> str:
        return "\n".join(part.text or encode(part.json or {}).decode() for part in self.content)


class ReasoningText(Shape):
    text: str
    signature: str | None = None


class Reasoning(Shape):
    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Block(Shape):
    text: str | None = None
    image: Image | None = None
    document: Document | None = None
    video: Any = None
    audio: Any = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    guard_content: Any = None
    cache_point: Any = None
    reasoning_content: Reasoning | None = None
    citations_content: Any = None
    search_result: Any = None
    tool_addition: Any = None
    tool_removal: Any = None

    def held(self) -> list[str]:
        """The members that are set."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    def cost(self) -> int:
        """Tokens."""
        if self.text is not None:
            return tokens.count(self.text)
        if self.tool_use is not None:
            return 1 + tokens.count(encode(self.tool_use.input).decode())
        if self.tool_result is not None:
            return tokens.count(self.tool_result.text())
        return 0 if self.reasoning_content is not None or self.cache_point is not None else tokens.PART


class Message(Shape):
    role: Literal["user", "assistant"]
    content: list[Block]


class SystemBlock(Shape):
    text: str | None = None
    guard_content: Any = None
    cache_point: Any = None


class InputSchema(Shape):
    json: Json


class ToolSpec(Shape):
    name: _Name
    input_schema: InputSchema
    description: Annotated[str, Meta(min_length=1)] | None = None
    strict: bool | None = None


class Tool(Shape):
    tool_spec: ToolSpec | None = None
    system_tool: Any = None
    cache_point: Any = None


class NamedTool(Shape):
    name: str


class ToolChoice(Shape):
    auto: Json | None = None
    any: Json | None = None
    tool: NamedTool | None = None


class ToolConfig(Shape):
    tools: Annotated[list[Tool], Meta(min_length=1)]
    tool_choice: ToolChoice | None = None


class InferenceConfig(Shape):
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: list[Annotated[str, Meta(min_length=1)]] | None = None


class JsonSchema(Shape):
    schema: str
    name: str | None = None
    description: str | None = None


class Structure(Shape):
    json_schema: JsonSchema | None = None


class TextFormat(Shape):
    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(Shape):
    text_format: TextFormat | None = None
    effort: str | None = None
