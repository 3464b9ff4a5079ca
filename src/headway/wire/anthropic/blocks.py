"""The blocks of a request's content as they are on the wire, each with the fields that the form has a place for.

Unknown fields are refused here, so that whoever reads them notices and can keep them; unknown kinds likewise.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class CacheControl(_Strict, gc=False):
    type: Literal["ephemeral"]
    ttl: str | None = None


class DirectCaller(_Strict, gc=False):
    """The model itself made the call: what a call without `caller` means too."""

    type: Literal["direct"]


class CitationsConfig(_Strict, gc=False):
    enabled: bool | None = None


class Base64Source(_Strict, gc=False, tag="base64", tag_field="type"):
    media_type: str
    data: str


class UrlSource(_Strict, gc=False, tag="url", tag_field="type"):
    url: str


class FileSource(_Strict, gc=False, tag="file", tag_field="type"):
    file_id: str


class TextSource(_Strict, gc=False, tag="text", tag_field="type"):
    data: str
    media_type: str = "text/plain"


class TextBlock(_Strict, tag="text", tag_field="type"):
    text: str
    cache_control: CacheControl | None = None
    citations: list[msgspec.Raw] | None = None


class ImageBlock(_Strict, tag="image", tag_field="type"):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class DocumentBlock(_Strict, tag="document", tag_field="type"):
    source: Base64Source | UrlSource | FileSource | TextSource
    title: str | None = None
    context: str | None = None
    citations: CitationsConfig | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(_Strict, tag="tool_use", tag_field="type"):
    id: str
    name: str
    input: msgspec.Raw
    caller: DirectCaller | None = None
    cache_control: CacheControl | None = None


class ToolResultBlock(_Strict, tag="tool_result", tag_field="type"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(_Strict, gc=False, tag="thinking", tag_field="type"):
    thinking: str
    signature: str = ""


class RedactedBlock(_Strict, gc=False, tag="redacted_thinking", tag_field="type"):
    data: str


Block = TextBlock | ImageBlock | DocumentBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedBlock


class ContentSource(msgspec.Struct, tag="content", tag_field="type"):
    """A document of blocks. The form has no place for where one block ends, so that this is read by itself."""

    content: str | list[TextBlock]


class WireMessage(_Strict):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


KINDS: dict[str, type[Block]] = {
    "text": TextBlock,
    "image": ImageBlock,
    "document": DocumentBlock,
    "tool_use": ToolUseBlock,
    "tool_result": ToolResultBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedBlock,
}
FIELDS = {name: frozenset({"type", *kind.__struct_fields__}) for name, kind in KINDS.items()}
"""The fields of each kind of block that has a place in the form."""

messages_decoder = msgspec.json.Decoder(list[WireMessage])
block_decoder = msgspec.json.Decoder(Block)
