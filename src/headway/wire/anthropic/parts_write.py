"""Parts of the form as blocks of a request to Claude.

What Claude cannot read at all refuses the request; what would only be missing is noted as dropped. Pictures and
documents of kinds that the API does not take are never sent as something else.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import msgspec

from headway.wire.anthropic.writing import Refused, Writing, quoted
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.abilities import AUDIO, FILES, IMAGES, VIDEO
from headway.wire.form.media import is_text, kind_in, usual
from headway.wire.form.parts import (
    Audio,
    Cache,
    File,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.seals import CLAUDES

Block = dict[str, Any]

_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_ID = re.compile(r"[A-Za-z0-9_-]+")
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_NOTHING = msgspec.Raw(b"{}")


def block_of(part: Part, writing: Writing, index: int, at: int) -> Block | msgspec.Raw | None:
    """The part numbered `at` of message `index`. None: there is nothing to send."""
    block = _WRITERS[type(part)](part, writing, index, at)
    if writing.odd and isinstance(block, dict):
        block.update(writing.odd_of(f"messages[{index}].parts[{at}]"))
    return block


def with_cache(block: Block, cache: Cache | None) -> Block:
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}
    return block


def _text(part: Text, writing: Writing, index: int, _at: int) -> Block | None:
    text = part.text
    if (not text or text.isspace()) and not writing.own:  # the API refuses blocks of nothing but white space
        return None
    block: Block = {"type": "text", "text": text}
    if part.citations:
        kept = [each.raw for each in part.citations if each.dialect == "anthropic"]
        if len(kept) < len(part.citations):
            writing.drop(f"messages[{index}].citations")
        if kept:
            block["citations"] = kept
    return block if part.cache is None else with_cache(block, part.cache)


def _call(part: ToolCall, writing: Writing, index: int, _at: int) -> Block:
    block: Block = {"type": "tool_use", "id": call_id(part.id), "name": part.name}
    block["input"] = _arguments(part, writing, index)
    return block if part.cache is None else with_cache(block, part.cache)


def _arguments(part: ToolCall, writing: Writing, index: int) -> msgspec.Raw:
    text = part.arguments
    if not text.strip():
        return _NOTHING
    if not part.custom:
        try:
            _object.decode(text)
        except UNREADABLE:
            writing.drop(f"messages[{index}].arguments")
        else:
            return msgspec.Raw(text.encode())
    return msgspec.Raw(_encode({"input": text}))  # the API takes nothing but objects


def call_id(id: str) -> str:  # noqa: A002
    """The API refuses ids with other characters than these."""
    return id if _ID.fullmatch(id) else _NOT_OF_AN_ID.sub("_", id) or "_"


def _result(part: ToolResult, writing: Writing, index: int, at: int) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": call_id(part.call_id)}
    parts = part.parts
    if len(parts) == 1 and type(only := parts[0]) is Text and only.cache is None and not writing.odd:
        block["content"] = only.text
    elif parts:
        blocks: list[Block | msgspec.Raw] = []
        for number, each in enumerate(parts):
            inner = _WRITERS[type(each)](each, writing, index, at)
            if writing.odd and isinstance(inner, dict):
                inner.update(writing.odd_of(f"messages[{index}].parts[{at}].parts[{number}]"))
            if inner is not None:
                blocks.append(inner)
        block["content"] = blocks
    if part.is_error:
        block["is_error"] = True
    return block if part.cache is None else with_cache(block, part.cache)


def _reasoning(part: Reasoning, writing: Writing, index: int, _at: int) -> Block | None:
    """Only what Claude signed: it refuses thoughts that it cannot recognise."""
    if part.origin in CLAUDES:
        if part.redacted is not None:
            return {"type": "redacted_thinking", "data": part.redacted}
        if part.signature is not None:
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    writing.drop(f"messages[{index}].reasoning")
    return None


def _image(part: Image, writing: Writing, index: int, _at: int) -> Block:
    if part.detail not in (None, "auto"):
        writing.drop(f"messages[{index}].detail")
    source = part.source
    if source.data is not None:
        kind = _kind_of(source, writing)
        if kind not in _PICTURES and not writing.own:
            raise Refused(IMAGES, f"takes no images of the type {quoted(kind)}")
        found = {"type": "base64", "media_type": kind, "data": source.data}
    else:
        found = _elsewhere(source, writing, IMAGES)
    return with_cache({"type": "image", "source": found}, part.cache)


def _document(part: File, writing: Writing, _index: int, _at: int) -> Block:
    source = part.source
    if source.text is not None:
        found = {"type": "text", "media_type": "text/plain", "data": source.text}
    elif source.data is not None:
        found = _document_data(source, source.data, writing)
    else:
        found = _elsewhere(source, writing, FILES)
    block: Block = {"type": "document", "source": found}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return with_cache(block, part.cache)


def _refusal(part: Refusal, _writing: Writing, _index: int, _at: int) -> Block | None:
    return {"type": "text", "text": part.text} if part.text.strip() else None


def _opaque(part: Opaque, writing: Writing, index: int, _at: int) -> msgspec.Raw | None:
    if part.dialect == "anthropic":
        return part.raw
    writing.drop(f"messages[{index}].{part.kind}")
    return None


def _audio(_part: Audio, _writing: Writing, _index: int, _at: int) -> None:
    raise Refused(AUDIO, "takes no audio")


def _video(_part: Video, _writing: Writing, _index: int, _at: int) -> None:
    raise Refused(VIDEO, "takes no video")


def _document_data(source: Source, data: str, writing: Writing) -> dict[str, str]:
    kind = _kind_of(source, writing)
    if kind == _PDF or writing.own:
        return {"type": "base64", "media_type": kind, "data": data}
    if is_text(kind):
        try:
            text = base64.b64decode(data, validate=True).decode()
        except (binascii.Error, ValueError):
            raise Refused(FILES, "takes no text that is not UTF-8") from None
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise Refused(FILES, f"takes no files of the type {quoted(kind)}")


def _elsewhere(source: Source, writing: Writing, ability: str) -> dict[str, str]:
    if source.url is not None:
        if not (writing.own or source.url.startswith(("https://", "http://"))):
            raise Refused(ability, "fetches nothing but web addresses")
        if ability == FILES and not writing.own and source.media_type not in (None, _PDF):
            raise Refused(ability, f"fetches no files of the type {quoted(source.media_type)}")
        return {"type": "url", "url": source.url}
    if not writing.own:
        raise Refused(ability, "has no files that another provider keeps")
    return {"type": "file", "file_id": source.file_id or ""}


def _kind_of(source: Source, writing: Writing) -> str:
    if source.media_type and writing.own:
        return source.media_type
    if source.media_type and source.media_type != "application/octet-stream":
        return usual(source.media_type)
    return kind_in(source.data or "") or "application/octet-stream"


_WRITERS: dict[type[Part], Callable[[Any, Writing, int, int], Block | msgspec.Raw | None]] = {
    Text: _text,
    ToolCall: _call,
    ToolResult: _result,
    Reasoning: _reasoning,
    Image: _image,
    File: _document,
    Refusal: _refusal,
    Opaque: _opaque,
    Audio: _audio,
    Video: _video,
}
