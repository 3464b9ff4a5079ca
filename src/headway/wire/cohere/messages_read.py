"""The messages of a request to Cohere, read.

Documents in the result of a tool are JSON, and are read as the text of it, which every dialect can pass on. A message
that would not come back the same from that is kept beside the form, as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from headway.wire.cohere import citations
from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.media import source_of
from headway.wire.form.parts import (
    Citation,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from headway.wire.malformed import Malformed


class _ImageUrl(msgspec.Struct, gc=False):
    url: str
    detail: str | None = None


class _Document(msgspec.Struct, gc=False):
    data: msgspec.Raw = msgspec.Raw()
    id: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str
    text: str | None = None
    thinking: str | None = None
    image_url: _ImageUrl | str | None = None
    document: _Document | str | None = None


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    id: str
    function: _Function


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block] | None = None
    tool_calls: list[_Call] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None
    citations: list[msgspec.Raw] | None = None


class _AsItWas(msgspec.Struct):
    content: list[msgspec.Raw]


class Messages(msgspec.Struct):
    """What was read, and what of it the form has no place for, by the place where it stood."""

    messages: tuple[Message, ...]
    kept: dict[str, msgspec.Raw]


_read = msgspec.json.Decoder(list[_Message]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_as_it_was = msgspec.json.Decoder(_AsItWas).decode
_read_text = msgspec.json.Decoder(str).decode
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class _Place:
    """One message among the others: where it stands, how it came, and the names of the tools called before it."""

    __slots__ = ("_all", "_number", "names")

    def __init__(self, everything: msgspec.Raw) -> None:
        self._all = everything
        self._number = -1
        self.names: dict[str, str] = {}

    def advance(self) -> None:
        self._number += 1

    @property
    def path(self) -> str:
        return f"messages[{self._number}]"

    def missing(self, field: str) -> Malformed:
        return absent(f"{self.path}.{field}")

    def blocks(self) -> list[msgspec.Raw]:
        """The blocks of its content as they came."""
        return _read_as_it_was(_split(self._all)[self._number]).content


def read_messages(raw: msgspec.Raw) -> Messages | Malformed:
    try:
        read = _read(raw)
    except UNREADABLE as error:
        return explain(error, "messages")
    messages: list[Message] = []
    kept: dict[str, msgspec.Raw] = {}
    place = _Place(raw)
    for message in read:
        place.advance()
        if type(message.content) is str and message.role == "user":
            messages.append(Message("user", (Text(message.content),)))
            continue
        reader = _READERS.get(message.role)
        if reader is None:
            path = f"{place.path}.role"
            return Malformed(f"{path} must be system, user, assistant or tool", path)
        found = reader(message, place)
        if isinstance(found, Malformed):
            return found
        messages.append(found)
        if message.role == "tool" and _loses_documents(message.content):
            kept[f"{place.path}.documents"] = msgspec.Raw(_encode(place.blocks()))
    return Messages(tuple(messages), kept)


def _read_system(message: _Message, place: _Place) -> Message | Malformed:
    parts = _content(message, place)
    return parts if isinstance(parts, Malformed) else Message("system", parts)


def _read_user(message: _Message, place: _Place) -> Message | Malformed:
    parts = _content(message, place)
    return parts if isinstance(parts, Malformed) else Message("user", parts)


def _read_assistant(message: _Message, place: _Place) -> Message | Malformed:
    content = () if message.content is None else _content(message, place)
    if isinstance(content, Malformed):
        return content
    parts = list(content)
    if message.citations:
        _cite(parts, message.citations)
    if message.tool_plan:
        parts.insert(0, Reasoning(text=message.tool_plan, summary=True, origin="cohere"))
    for call in message.tool_calls or ():
        name = place.names[call.id] = call.function.name
        parts.append(ToolCall(id=call.id, name=name, arguments=call.function.arguments or ""))
    return Message("assistant", tuple(parts))


def _read_tool(message: _Message, place: _Place) -> Message | Malformed:
    call_id = message.tool_call_id
    if call_id is None:
        return place.missing("tool_call_id")
    parts = _content(message, place)
    if isinstance(parts, Malformed):
        return parts
    name = place.names.get(call_id)
    return Message("tool", (ToolResult(call_id=call_id, parts=parts, name=name, json=_is_one_object(message.content)),))


_Reader = Callable[[_Message, _Place], Message | Malformed]

_READERS: Mapping[str, _Reader] = MappingProxyType(
    {"system": _read_system, "user": _read_user, "assistant": _read_assistant, "tool": _read_tool}
)


def _content(message: _Message, place: _Place) -> tuple[Part, ...] | Malformed:
    content = message.content
    if isinstance(content, str):
        return (Text(content),)
    if content is None:
        return place.missing("content")
    parts: list[Part] = []
    for index, block in enumerate(content):
        part = _part(block, of_tool=message.role == "tool")
        if part is None:
            if block.type in _KINDS:
                return place.missing(f"content[{index}].{block.type}")
            part = Opaque("cohere", block.type, place.blocks()[index].copy())
        parts.append(part)
    return tuple(parts)


_KINDS = frozenset({"text", "thinking", "image_url"})
"""Blocks whose one field is named as they are."""


def _part(block: _Block, *, of_tool: bool) -> Part | None:
    match block.type:
        case "text" if block.text is not None:
            return Text(block.text)
        case "image_url" if block.image_url is not None:
            return _image(block.image_url)
        case "thinking" if block.thinking is not None:
            return Reasoning(text=block.thinking, origin="cohere")
        case "document" if of_tool and block.document is not None:
            return Text(_document_text(block.document))
        case _:
            return None


def _image(image: _ImageUrl | str) -> Image:
    url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
    return Image(source_of(url), detail)


def _cite(parts: list[Part], raws: list[msgspec.Raw]) -> None:
    """Give each citation to its text; those that are of no text stay beside it. The parts are the content's blocks."""
    texts = [index for index, part in enumerate(parts) if isinstance(part, Text)]
    cited: dict[int, list[Citation]] = {}
    for raw in raws:
        placed = citations.read_citation(raw)
        if placed is None or not placed.of_text or not texts:
            parts.append(Opaque("cohere", "citation", raw.copy()))
        else:
            index = placed.block if placed.block in texts else texts[0]
            cited.setdefault(index, []).extend(placed.citations)
    for index, found in cited.items():
        part = parts[index]
        if isinstance(part, Text):
            parts[index] = Text(part.text, tuple(found))


def _is_one_object(content: str | list[_Block] | None) -> bool:
    """Whether the result is one document without an id: the JSON object that dialects with such results have."""
    if not isinstance(content, list) or len(content) != 1:
        return False
    document = content[0].document
    if not isinstance(document, _Document) or document.id is not None:
        return False
    try:
        _read_object(document.data)
    except UNREADABLE:
        return False
    return True


def _loses_documents(content: str | list[_Block] | None) -> bool:
    """Whether the form cannot say all of the documents that are in the result of a tool."""
    if not isinstance(content, list):
        return False
    return any(block.document is not None for block in content) and not _is_one_object(content)


def _document_text(document: _Document | str) -> str:
    """Its data, which may be JSON or the text of JSON."""
    if isinstance(document, str):
        return document
    try:
        return _read_text(document.data)
    except UNREADABLE:
        return bytes(document.data).decode("utf-8", "replace")
