"""Blocks of a request's content as parts of the form.

A block of which every field has a place in the form is read at once. Any other is read field by field: what has no
place is kept raw beside the part, by its name, and a kind that only Anthropic knows is a part of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headway.wire.anthropic.blocks import (
    FIELDS,
    Base64Source,
    Block,
    CacheControl,
    CitationsConfig,
    ContentSource,
    DirectCaller,
    DocumentBlock,
    FileSource,
    ImageBlock,
    RedactedBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
    block_decoder,
)
from headway.wire.anthropic.citations import read_citation
from headway.wire.anthropic.signatures import unsealed
from headway.wire.complaints import explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Cache, File, Image, Opaque, Part, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.malformed import Malformed


class Odd(msgspec.Struct):
    """A part and what of its block the form has no place for, by the names of the fields. `parts[2].title` is a field
    of a block within the block.
    """

    part: Part
    fields: dict[str, msgspec.Raw]


fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
text_decoder = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode
_content_source = msgspec.json.Decoder(ContentSource)
_SIDE_FIELDS: dict[str, msgspec.json.Decoder[object]] = {
    "cache_control": msgspec.json.Decoder(CacheControl | None),
    "caller": msgspec.json.Decoder(DirectCaller | None),
}
_citations_config: msgspec.json.Decoder[object] = msgspec.json.Decoder(CitationsConfig | None)
_INSIDE_A_RESULT = frozenset({"text", "image", "document"})


class _Kind(msgspec.Struct):
    type: str


kind_decoder = msgspec.json.Decoder(_Kind)


def begins(raw: msgspec.Raw, with_: bytes) -> bool:
    """Is the document an object, or a list? It is not copied for that."""
    return bytes(memoryview(raw)[:1]) == with_


def cache_of(control: CacheControl | None) -> Cache | None:
    return None if control is None else Cache(control.ttl)


def source_of(source: Base64Source | UrlSource | FileSource | TextSource) -> Source:
    match source:
        case Base64Source():
            return Source(media_type=source.media_type, data=source.data)
        case UrlSource():
            return Source(url=source.url)
        case FileSource():
            return Source(file_id=source.file_id)
        case TextSource():
            return Source(media_type=source.media_type, text=source.data)


def part_of(block: Block) -> Part | None:
    """None for the one thing that its type cannot tell: arguments that are no object."""
    return _READERS[type(block)](block)


def _text(block: TextBlock) -> Text:
    if block.citations is None and block.cache_control is None:
        return Text(block.text)
    citations = [read_citation(raw) for raw in block.citations or ()]
    return Text(block.text, tuple(each for each in citations if each is not None), cache_of(block.cache_control))


def _call(block: ToolUseBlock) -> ToolCall | None:
    arguments = str(block.input, "utf-8")
    if arguments[0] != "{":
        return None
    return ToolCall(id=block.id, name=block.name, arguments=arguments, cache=cache_of(block.cache_control))


def _thought(block: ThinkingBlock) -> Reasoning:
    return unsealed(block.signature, text=block.thinking)


def _redacted(block: RedactedBlock) -> Reasoning:
    return unsealed(block.data, redacted=True)


def _image(block: ImageBlock) -> Image:
    return Image(source_of(block.source), cache=cache_of(block.cache_control))


def _file(block: DocumentBlock) -> File:
    return _document(block, source_of(block.source))


def _document(block: DocumentBlock, source: Source) -> File:
    return File(
        source,
        name=block.title,
        context=block.context,
        citations=block.citations is not None and block.citations.enabled is True,
        cache=cache_of(block.cache_control),
    )


def _result(block: ToolResultBlock) -> ToolResult:
    content, parts = block.content, tuple[Part, ...]()
    if isinstance(content, str):
        parts = (Text(content),)
    elif content is not None:
        parts = tuple([part for each in content if (part := part_of(each)) is not None])
    return ToolResult(
        call_id=block.tool_use_id,
        parts=parts,
        is_error=block.is_error is True,
        cache=cache_of(block.cache_control),
    )


_READERS: dict[type[Block], Callable[[Any], Part | None]] = {
    TextBlock: _text,
    ToolUseBlock: _call,
    ToolResultBlock: _result,
    ThinkingBlock: _thought,
    RedactedBlock: _redacted,
    ImageBlock: _image,
    DocumentBlock: _file,
}


def read_block(raw: msgspec.Raw, place: str) -> Odd | Malformed:
    """`place` is where it stands in the client's request, for its errors."""
    try:
        part = part_of(block_decoder.decode(raw))
    except UNREADABLE:
        return _read_carefully(raw, place)
    return Malformed(f"{place}.input must be an object", f"{place}.input") if part is None else Odd(part, {})


def _read_carefully(raw: msgspec.Raw, place: str) -> Odd | Malformed:
    try:
        kind = kind_decoder.decode(raw).type
        fields = fields_decoder.decode(raw)
    except UNREADABLE as error:
        return explain(error, place)
    places = FIELDS.get(kind)
    if places is None:
        return Odd(Opaque("anthropic", kind, raw.copy()), {})
    odd = {name: value.copy() for name, value in fields.items() if name not in places or _is_odd(kind, name, value)}
    known = {name: value for name, value in fields.items() if name not in odd}
    if kind == "tool_result" and (content := known.get("content")) is not None and begins(content, b"["):
        del known["content"]
        return _read_result(known, content, odd, place)
    if kind in ("image", "document") and (source := known.get("source")) is not None:
        found = _read_source(kind, source, known, raw, odd)
        if found is not None:
            return found
    return _rest(known, odd, place)


def _is_odd(kind: str, name: str, value: msgspec.Raw) -> bool:
    """Does a field that has a place hold what has none?"""
    decoder = _SIDE_FIELDS.get(name)
    if decoder is None and kind == "document" and name == "citations":
        decoder = _citations_config
    if decoder is None:
        return False
    try:
        decoder.decode(value)
    except UNREADABLE:
        return True
    return False


def _rest(known: dict[str, msgspec.Raw], odd: dict[str, msgspec.Raw], place: str) -> Odd | Malformed:
    try:
        part = part_of(block_decoder.decode(_encode(known)))
    except UNREADABLE as error:
        return explain(error, place)
    return Malformed(f"{place}.input must be an object", f"{place}.input") if part is None else Odd(part, odd)


def _read_source(
    kind: str, source: msgspec.Raw, known: dict[str, msgspec.Raw], raw: msgspec.Raw, odd: dict[str, msgspec.Raw]
) -> Odd | None:
    """A document of blocks is text; any other source that the form has no place for makes the block Anthropic's own.
    None: there is nothing odd about it, or it is malformed.
    """
    try:
        named = kind_decoder.decode(source).type
    except UNREADABLE:
        return None
    if named == "content" and kind == "document":
        text = _text_of_blocks(source)
        if text is not None:
            stand_in = msgspec.Raw(_encode({"type": "text", "data": text}))
            found = _rest({**known, "source": stand_in}, odd, "")
            if isinstance(found, Odd):
                found.fields["source"] = source.copy()
                return found
    if named not in ("base64", "url", "file", "text"):
        return Odd(Opaque("anthropic", kind, raw.copy()), {})
    return None


def _text_of_blocks(source: msgspec.Raw) -> str | None:
    try:
        content = _content_source.decode(source).content
    except UNREADABLE:
        return None
    return content if isinstance(content, str) else "\n\n".join(block.text for block in content)


def _read_result(
    known: dict[str, msgspec.Raw], content: msgspec.Raw, odd: dict[str, msgspec.Raw], place: str
) -> Odd | Malformed:
    found = read_blocks(content, f"{place}.content", inside=True)
    if isinstance(found, Malformed):
        return found
    outer = _rest(known, odd, place)
    if isinstance(outer, Odd) and isinstance(outer.part, ToolResult):
        outer.part = msgspec.structs.replace(outer.part, parts=tuple(each.part for each in found))
        for number, each in enumerate(found):
            for name, value in each.fields.items():
                outer.fields[f"parts[{number}].{name}"] = value
    return outer


def read_blocks(content: msgspec.Raw, place: str, *, inside: bool = False) -> list[Odd] | Malformed:
    """`inside` a tool's result there are no blocks but those of plain content; others are Anthropic's own."""
    try:
        raws = list_decoder.decode(content)
    except UNREADABLE as error:
        return explain(error, place)
    found: list[Odd] = []
    for number, raw in enumerate(raws):
        each = _read_inside(raw, f"{place}[{number}]") if inside else read_block(raw, f"{place}[{number}]")
        if isinstance(each, Malformed):
            return each
        found.append(each)
    return found


def _read_inside(raw: msgspec.Raw, place: str) -> Odd | Malformed:
    try:
        kind = kind_decoder.decode(raw).type
    except UNREADABLE as error:
        return explain(error, place)
    if kind not in _INSIDE_A_RESULT:
        return Odd(Opaque("anthropic", kind, raw.copy()), {})
    return read_block(raw, place)
