"""What Gemini embeds: a content, which is a list of parts."""

from __future__ import annotations

import msgspec

from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import Input, Tokens
from headway.wire.embedding.inputs import kind_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Audio, File, Image, Opaque, Part, Source, Text, Video


class _Blob(msgspec.Struct):
    data: str
    mime: str | None = msgspec.field(default=None, name="mimeType")
    mime_: str | None = msgspec.field(default=None, name="mime_type")


class _FileData(msgspec.Struct):
    uri: str = msgspec.field(name="fileUri")
    mime: str | None = msgspec.field(default=None, name="mimeType")


class _Part(msgspec.Struct):
    text: str | None = None
    inline: _Blob | None = msgspec.field(default=None, name="inlineData")
    inline_: _Blob | None = msgspec.field(default=None, name="inline_data")
    file: _FileData | None = msgspec.field(default=None, name="fileData")


class _Content(msgspec.Struct):
    parts: list[msgspec.Raw]


class _OnlyText(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _OnlyTexts(msgspec.Struct, forbid_unknown_fields=True):
    parts: list[_OnlyText]
    role: str | None = None


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A request of a batch as nearly all are, so that one pass reads them all: texts, and settings that are known."""

    content: _OnlyTexts
    model: str | None = None
    task: str | None = msgspec.field(default=None, name="taskType")
    title: str | None = None
    dimensions: int | None = msgspec.field(default=None, name="outputDimensionality")


_decode_plain = msgspec.json.Decoder(list[Plain]).decode
_decode_content = msgspec.json.Decoder(_Content).decode
_decode_part = msgspec.json.Decoder(_Part).decode
_decode_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_plain(raw: msgspec.Raw) -> list[Plain]:
    """The requests of a batch if each is for one text, and all for the same use; else none."""
    try:
        found = _decode_plain(raw)
    except UNREADABLE:
        return []
    if not found:
        return []
    task, dimensions = found[0].task, found[0].dimensions
    for each in found:
        if len(each.content.parts) != 1 or each.task != task or each.dimensions != dimensions:
            return []
    return found


def read_content(fields: Fields, name: str) -> Input:
    """A content of one text is that text."""
    raw = fields.take(name)
    if raw is None:
        fields.missing(name)
        return ""
    try:
        content = _decode_content(raw)
    except UNREADABLE as error:
        fields.unreadable(name, error)
        return ""
    parts: list[Part] = []
    for number, each in enumerate(content.parts):
        try:
            parts.append(_read_part(each))
        except UNREADABLE as error:
            fields.unreadable(f"{name}.parts[{number}]", error)
            return ""
    if not parts:
        fields.refuse(f"{name}.parts", "a list that is not empty")
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return tuple(parts)


def _read_part(raw: msgspec.Raw) -> Part:
    part = _decode_part(raw)
    if part.text is not None:
        return Text(part.text)
    blob = part.inline or part.inline_
    if blob is not None:
        return _media(Source(media_type=blob.mime or blob.mime_, data=blob.data))
    if part.file is not None:
        return _media(Source(media_type=part.file.mime, url=part.file.uri))
    return Opaque("gemini", next(iter(_decode_keys(raw)), "part"), raw)


def _media(source: Source) -> Part:
    match (source.media_type or "").partition("/")[0]:
        case "image":
            return Image(source)
        case "audio":
            return Audio(source)
        case "video":
            return Video(source)
        case _:
            return File(source)


def written_content(one: Input) -> dict[str, object]:
    if isinstance(one, str):
        return {"parts": [{"text": one}]}
    if isinstance(one, Tokens):
        return {"parts": []}
    return {"parts": [_written_part(each) for each in one]}


def _written_part(part: Part) -> object:
    match part:
        case Text():
            return {"text": part.text}
        case Image() | Audio() | Video() | File():
            source = part.source
            if source.data is not None:
                kind = kind_of(source) if isinstance(part, Image) else source.media_type
                return {"inlineData": {"mimeType": kind, "data": source.data}}
            data: dict[str, object] = {"fileUri": source.url}
            if source.media_type is not None:
                data["mimeType"] = source.media_type
            return {"fileData": data}
        case Opaque():
            return part.raw
        case _:
            return {"text": ""}
