"""Content blocks read as parts of the form, in requests and in answers.

A cache point belongs to the part before it. What has no place in the form stays opaque; some of it a conversation would
be wrong without, and such kinds are named in `needs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from headway.wire.converse import seals, shapes
from headway.wire.converse.vocabulary import AUDIOS, DOCUMENTS, IMAGES, VIDEOS, media_type_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import (
    Audio,
    Cache,
    Citation,
    File,
    Image,
    Opaque,
    Part,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)

Original = Callable[[int], msgspec.Raw]
"""The block of that number as it was written, for kinds that we do not look into."""

NEEDED = frozenset({"guardContent", "searchResult", "toolAddition", "toolRemoval", "s3Location"})
"""Kinds of content that are the client's own words or settings: left out, the answer would be to something else."""

_KIND = re.compile(r"[A-Za-z][A-Za-z_]{0,39}").fullmatch
_decode_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_citation = msgspec.json.Decoder(shapes.Citation).decode
_CACHEABLE = (Text, Image, Video, File, ToolCall, ToolResult)


class Unread(msgspec.Struct, frozen=True, gc=False):
    """A block that holds nothing, or not what its kind must hold. `at` is the path within the block."""

    at: str
    why: str


def part_of(block: shapes.Block, original: Callable[[], msgspec.Raw]) -> Part | Unread:
    """One block, unless it is a cache point that belongs to another one."""
    if block.text is not None:
        return Text(block.text)
    if block.tool_use is not None:
        return _call(block.tool_use, original)
    if block.tool_result is not None:
        return _result(block.tool_result, original)
    if block.reasoning_content is not None:
        return _reasoning(block.reasoning_content, original)
    if block.image is not None:
        return _media(block.image, "image", original)
    if block.document is not None:
        return _document(block.document, original)
    if block.citations_content is not None:
        return _cited(block.citations_content)
    if block.video is not None:
        return _media(block.video, "video", original)
    if block.audio is not None:
        return _media(block.audio, "audio", original)
    return _unknown(original)


def attach(cache: shapes.CachePoint, parts: list[Part]) -> bool:
    """Mark the part before a cache point. False: there is none that can bear it."""
    last = parts[-1] if parts else None
    if not isinstance(last, _CACHEABLE) or last.cache is not None or cache.type != "default":
        return False
    parts[-1] = msgspec.structs.replace(last, cache=Cache(cache.ttl))
    return True


def signed_calls(parts: list[Part]) -> list[Part]:
    """Signatures of calls that came in an empty thought before them (`parts_write`) are put back onto the calls."""
    if len(parts) < 2 or not any(_carries(part) for part in parts):
        return parts
    out: list[Part] = []
    for part in parts:
        before = out[-1] if out else None
        if isinstance(part, ToolCall) and isinstance(before, Reasoning) and _carries(before):
            out[-1] = msgspec.structs.replace(part, signature=before.signature)
        else:
            out.append(part)
    return out


def _carries(part: Part) -> bool:
    return isinstance(part, Reasoning) and not part.text and part.origin == "gemini" and part.signature is not None


def text_of(raw: msgspec.Raw) -> str:
    """A document's text; none is an empty object."""
    text = bytes(raw).decode(errors="replace")
    return "{}" if text in ("", "null") else text


def citation_of(raw: msgspec.Raw) -> Citation:
    """A citation of Converse; `raw` is kept whatever is in it."""
    try:
        told = _decode_citation(raw)
    except UNREADABLE:
        return Citation(raw=raw, dialect="converse")
    web = told.location.web if told.location is not None else None
    quoted = "".join(each.text for each in told.source_content or ())
    url = web.url if web is not None else told.source
    return Citation(
        url=url if url is not None and "://" in url else None,
        title=told.title,
        quoted=quoted or None,
        raw=raw,
        dialect="converse",
    )


def _call(use: shapes.ToolUse, original: Callable[[], msgspec.Raw]) -> Part:
    if use.type == "server_tool_use":
        return Opaque("converse", "toolUse", original())
    return ToolCall(id=use.tool_use_id, name=use.name, arguments=text_of(use.input))


def _result(result: shapes.ToolResult, original: Callable[[], msgspec.Raw]) -> Part | Unread:
    if result.type is not None:  # what a tool that the provider runs has answered
        return Opaque("converse", "toolResult", original())
    is_error = result.status == "error"
    if len(result.content) == 1 and result.content[0].json:
        only = Text(text_of(result.content[0].json))
        return ToolResult(call_id=result.tool_use_id, parts=(only,), is_error=is_error, json=True)
    parts: list[Part] = []
    for number, block in enumerate(result.content):
        part = _result_part(block, _inner(original, number))
        if isinstance(part, Unread):
            return Unread(f".toolResult.content[{number}]{part.at}", part.why)
        parts.append(part)
    return ToolResult(call_id=result.tool_use_id, parts=tuple(parts), is_error=is_error)


class _ResultContent(msgspec.Struct):
    content: list[msgspec.Raw] = []


class _ResultOriginal(msgspec.Struct, rename="camel"):
    tool_result: _ResultContent


_decode_result = msgspec.json.Decoder(_ResultOriginal).decode


def _inner(original: Callable[[], msgspec.Raw], number: int) -> Callable[[], msgspec.Raw]:
    return lambda: _decode_result(original()).tool_result.content[number]


def _result_part(block: shapes.ResultBlock, original: Callable[[], msgspec.Raw]) -> Part | Unread:
    if block.text is not None:
        return Text(block.text)
    if block.json:
        return Text(text_of(block.json))
    if block.image is not None:
        return _media(block.image, "image", original)
    if block.document is not None:
        return _document(block.document, original)
    if block.video is not None:
        return _media(block.video, "video", original)
    return _unknown(original)


def _reasoning(content: shapes.ReasoningContent, original: Callable[[], msgspec.Raw]) -> Part:
    if content.redacted_content is not None:
        redacted, origin = seals.unwrap(content.redacted_content)
        return Reasoning(redacted=redacted, origin=origin)
    if content.reasoning_text is None:
        return Opaque("converse", "reasoningContent", original())
    text, signature = content.reasoning_text.text, content.reasoning_text.signature
    if not signature:
        return Reasoning(text=text)
    signature, origin = seals.unseal_signature(signature)
    return Reasoning(text=text, signature=signature or None, origin=origin)  # nobody's signature: `seals.unsigned`


def _media(media: shapes.Media, kind: str, original: Callable[[], msgspec.Raw]) -> Part | Unread:
    table = {"image": IMAGES, "video": VIDEOS}.get(kind, AUDIOS)
    source = _source(media.source, media_type_of(table, media.format, kind))
    if source is None:
        return _unsourced(media.source, kind, original)
    match kind:
        case "image":
            return Image(source)
        case "video":
            return Video(source)
        case _:
            return Audio(source)


def _document(document: shapes.Document, original: Callable[[], msgspec.Raw]) -> Part | Unread:
    media_type = None if document.format is None else media_type_of(DOCUMENTS, document.format, "application")
    source = _source(document.source, media_type)
    if source is None:
        return _unsourced(document.source, "document", original)
    return File(
        source,
        name=document.name,
        context=document.context,
        citations=document.citations is not None and document.citations.enabled,
    )


def _source(source: shapes.Source, media_type: str | None) -> Source | None:
    if source.bytes is not None:
        return Source(media_type=media_type, data=source.bytes)
    if source.text is not None:
        return Source(media_type=media_type, text=source.text)
    if source.content is not None:
        return Source(media_type=media_type, text="\n\n".join(each.text for each in source.content))
    if source.s3_location is not None and source.s3_location.bucket_owner is None:
        return Source(media_type=media_type, url=source.s3_location.uri)
    return None


def _unsourced(source: shapes.Source, kind: str, original: Callable[[], msgspec.Raw]) -> Part | Unread:
    if source.s3_location is not None:
        return Opaque("converse", "s3Location", original())
    return Unread(f".{kind}.source", "must hold bytes or s3Location")


def _cited(content: shapes.CitationsContent) -> Part:
    return Text("".join(each.text for each in content.content), tuple(map(citation_of, content.citations)))


def _unknown(original: Callable[[], msgspec.Raw]) -> Part | Unread:
    raw = original()
    try:
        kind = next(iter(_decode_keys(raw)), None)
    except UNREADABLE:
        kind = None
    if kind is None:
        return Unread("", "holds nothing")
    return Opaque("converse", kind if _KIND(kind) else "unknown", raw)
