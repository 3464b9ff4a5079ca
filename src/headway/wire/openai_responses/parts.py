"""The contents of messages and of tools' outputs: text, pictures, files, refusals, and what text cites.

Items, of which contents are a part, are `input_read`'s, `input_write`'s and `items`' business.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.media import source_of, url_of
from headway.wire.form.parts import Audio, Cache, Citation, File, Image, Part, Refusal, Source, Text
from headway.wire.form.request import Unsupported
from headway.wire.openai_responses.vocabulary import DIALECT

_encode = msgspec.json.Encoder().encode


Kind = Literal[
    "input_text",
    "output_text",
    "text",
    "summary_text",
    "reasoning_text",
    "input_image",
    "input_file",
    "input_audio",
    "refusal",
]
KINDS = frozenset(get_args(Kind))
_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})


class Breakpoint(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    mode: Literal["explicit"] = "explicit"
    ttl: Literal["30m", "12h"] | None = None


class Sound(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    data: str
    format: str


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """Any of the contents that are known here."""

    type: Kind
    text: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None
    file_url: str | None = None
    refusal: str | None = None
    input_audio: Sound | None = None
    annotations: list[msgspec.Raw] | None = None
    logprobs: msgspec.Raw = msgspec.Raw()
    prompt_cache_breakpoint: Breakpoint | None = None


class Annotation(msgspec.Struct, gc=False):
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    start_index: int | None = None
    end_index: int | None = None


_decode_annotation = msgspec.json.Decoder(Annotation).decode


def read(content: Content) -> Part | str:
    """The part that a content is, or the name of the field that it lacks."""
    if content.text is not None and content.type in _TEXTS and content.prompt_cache_breakpoint is None:
        return Text(content.text, citations_of(content.annotations)) if content.annotations else Text(content.text)
    mark = content.prompt_cache_breakpoint
    cache = None if mark is None else Cache("1h" if mark.ttl == "12h" else None)
    match content.type:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            if content.text is None:
                return "text"
            return Text(content.text, citations_of(content.annotations), cache)
        case "refusal":
            return "refusal" if content.refusal is None else Refusal(content.refusal)
        case "input_image":
            return _image(content, cache)
        case "input_file":
            return _file(content, cache)
        case "input_audio":
            sound = content.input_audio
            if sound is None:
                return "input_audio"
            return Audio(Source(media_type=f"audio/{sound.format}", data=sound.data))


def _image(content: Content, cache: Cache | None) -> Part | str:
    if content.image_url:
        return Image(source_of(content.image_url), content.detail, cache)
    if content.file_id:
        return Image(Source(file_id=content.file_id), content.detail, cache)
    return "image_url"


def _file(content: Content, cache: Cache | None) -> Part | str:
    if content.file_data:
        source = source_of(content.file_data)
        if source.url is not None:  # bare base64, which some clients send
            source = Source(data=content.file_data)
    elif content.file_url:
        source = Source(url=content.file_url)
    elif content.file_id:
        source = Source(file_id=content.file_id)
    else:
        return "file_data"
    return File(source, content.filename, cache=cache)


def citations_of(annotations: list[msgspec.Raw] | None) -> tuple[Citation, ...]:
    return tuple(map(citation, annotations)) if annotations else ()


def citation(raw: msgspec.Raw) -> Citation:
    try:
        read = _decode_annotation(raw)
    except UNREADABLE:
        return Citation(raw=raw, dialect=DIALECT)
    return Citation(
        url=read.url,
        title=read.title or read.filename,
        start=read.start_index,
        end=read.end_index,
        raw=raw,
        dialect=DIALECT,
    )


# --- writing, toward a provider ---


def write_content(part: Part, place: str, *, own: bool, dropped: list[str]) -> dict[str, object] | Unsupported | None:
    """A part of a user's or system's message, or of a tool's output. None: it was left out, and listed."""
    match part:
        case Text():
            written: dict[str, object] = {"type": "input_text", "text": part.text}
        case Image():
            url = url_of(part.source, "image/png")
            written = {"type": "input_image", "detail": part.detail or "auto"}
            written |= {"file_id": part.source.file_id} if url is None else {"image_url": url}
        case File():
            return _write_file(part, place, own, dropped)
        case Refusal():
            return {"type": "input_text", "text": part.text}
        case _:
            dropped.append(f"{place}.{kind_of(part)}")
            return None
    if own and part.cache is not None:
        written["prompt_cache_breakpoint"] = _breakpoint(part.cache)
    return written


def _breakpoint(cache: Cache) -> dict[str, str]:
    return {"mode": "explicit"} if cache.ttl is None else {"mode": "explicit", "ttl": "12h"}


def _write_file(part: File, place: str, own: bool, dropped: list[str]) -> dict[str, object]:
    source = part.source
    if part.context is not None:
        dropped.append(f"{place}.context")
    if part.citations:
        dropped.append(f"{place}.citations")
    if source.text is not None:  # the API takes no plain text as a file
        if part.name is not None:
            dropped.append(f"{place}.name")
        return {"type": "input_text", "text": source.text}
    written: dict[str, object] = {"type": "input_file"}
    if source.file_id is not None:
        written["file_id"] = source.file_id
    elif source.url is not None:
        written["file_url"] = source.url
    else:
        written["file_data"] = url_of(source, "application/pdf")
    name = part.name
    if name is None and not own and source.data is not None:
        name = "document"  # the API wants a name beside the data
    if name is not None and (own or source.data is not None):
        written["filename"] = name
    if own and part.cache is not None:
        written["prompt_cache_breakpoint"] = _breakpoint(part.cache)
    return written


def kind_of(part: Part) -> str:
    return getattr(part, "kind", None) or type(part).__name__.lower()


def annotation_of(cited: Citation, base: int, length: int) -> msgspec.Raw | None:
    """A citation of `length` characters of text that begin at `base` within a content. None: this API has no words
    for it.
    """
    if cited.dialect == DIALECT and cited.raw and base == 0:
        return cited.raw
    start = base + (cited.start or 0)
    end = base + (length if cited.end is None else cited.end)
    if cited.url is not None:
        words: dict[str, object] = {
            "type": "url_citation",
            "end_index": end,
            "start_index": start,
            "title": cited.title or "",
            "url": cited.url,
        }
    elif cited.title is not None:
        words = {"type": "file_citation", "file_id": "", "filename": cited.title, "index": end}
    else:
        return None
    return msgspec.Raw(_encode(words))
