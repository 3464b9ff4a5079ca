"""How Converse's requests and answers are written down, as far as we look into them.

Every union of Converse is an object with exactly one key, so that a block is a structure of which one field is set.
What is set in none of them is a block that we do not know. Bytes are base64 text, documents stay raw. They are trees
that a decoder makes, so that the collector of cycles need not look at them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

NOTHING = msgspec.Raw()
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""AWS's integer. A larger one could not even be written again."""
Tokens = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class CachePoint(msgspec.Struct, frozen=True, gc=False):
    type: str = "default"
    ttl: str | None = None


class S3Location(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    uri: str
    bucket_owner: str | None = None


class TextOnly(msgspec.Struct, frozen=True, gc=False):
    text: str = ""


class Source(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    bytes: str | None = None
    s3_location: S3Location | None = None
    text: str | None = None
    content: list[TextOnly] | None = None


class Media(msgspec.Struct, frozen=True, gc=False):
    """A picture, a sound or a film."""

    source: Source = Source()
    format: str = ""


class Asked(msgspec.Struct, frozen=True, gc=False):
    enabled: bool = False


class Document(msgspec.Struct, frozen=True, gc=False):
    source: Source = Source()
    name: str | None = None
    format: str | None = None
    context: str | None = None
    citations: Asked | None = None


class ToolUse(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw = NOTHING
    type: str | None = None


class ResultBlock(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    text: str | None = None
    json: msgspec.Raw = NOTHING
    image: Media | None = None
    document: Document | None = None
    video: Media | None = None


class ToolResult(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    tool_use_id: str
    content: list[ResultBlock] = []
    status: str | None = None
    type: str | None = None


class ReasoningText(msgspec.Struct, frozen=True, gc=False):
    text: str = ""
    signature: str | None = None


class ReasoningContent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Web(msgspec.Struct, frozen=True, gc=False):
    url: str | None = None


class Location(msgspec.Struct, frozen=True, gc=False):
    web: Web | None = None


class Citation(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    title: str | None = None
    source: str | None = None
    source_content: list[TextOnly] | None = None
    location: Location | None = None


class CitationsContent(msgspec.Struct, frozen=True, gc=False):
    content: list[TextOnly] = []
    citations: list[msgspec.Raw] = []


class Block(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    text: str | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    reasoning_content: ReasoningContent | None = None
    cache_point: CachePoint | None = None
    image: Media | None = None
    document: Document | None = None
    video: Media | None = None
    audio: Media | None = None
    citations_content: CitationsContent | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: list[Block]


class ToolSchema(msgspec.Struct, frozen=True, gc=False):
    json: msgspec.Raw = NOTHING


class ToolSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str
    description: str | None = None
    input_schema: ToolSchema = ToolSchema()
    strict: bool | None = None


class Tool(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    tool_spec: ToolSpec | None = None
    cache_point: CachePoint | None = None


class Named(msgspec.Struct, frozen=True, gc=False):
    name: str


class Choice(msgspec.Struct, frozen=True, gc=False):
    auto: dict[str, msgspec.Raw] | None = None
    any: dict[str, msgspec.Raw] | None = None
    tool: Named | None = None


class ToolConfig(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    tools: list[Tool] = []
    tool_choice: Choice | None = None


class InferenceConfig(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    max_tokens: Int32 | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class JsonSchema(msgspec.Struct, frozen=True, gc=False, rename={"schema_": "schema"}):
    schema_: str
    name: str | None = None
    description: str | None = None


class Structure(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    json_schema: JsonSchema


class TextFormat(msgspec.Struct, frozen=True, gc=False):
    structure: Structure
    type: str = "json_schema"


class OutputConfig(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    text_format: TextFormat | None = None
    effort: str | None = None


class Typed(msgspec.Struct, frozen=True, gc=False):
    type: str


class CacheDetail(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    ttl: str = ""
    input_tokens: Tokens = 0


class TokenUsage(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_write_input_tokens: Tokens | None = None
    cache_details: list[CacheDetail] | None = None
