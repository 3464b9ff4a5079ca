"""Parts of the form as Converse's content blocks: in requests to Bedrock, and in answers to clients of Converse.

What a block cannot say is listed as dropped, what must not be left out refuses the request. A client is shown foreign
signatures sealed; one of a tool call, for which Converse has no place, rides in an empty thought before the call.
"""

from __future__ import annotations

import base64

import msgspec

from headway.wire.converse import seals
from headway.wire.converse.thinking import Family
from headway.wire.converse.vocabulary import (
    AUDIOS,
    VIDEOS,
    document_format,
    document_name,
    format_of,
    image_format,
    tool_id,
)
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
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import Unsupported
from headway.wire.form.seals import CLAUDES

Words = dict[str, object]
"""A JSON object under construction."""
Block = Words | msgspec.Raw

_EMPTY = msgspec.Raw(b"{}")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder(msgspec.Raw).decode
_CACHING = frozenset({Family.CLAUDE, Family.NOVA, Family.UNKNOWN})
_SIGNING = frozenset({Family.CLAUDE, Family.UNKNOWN})
_SAID = {
    "images": "takes images as PNG, JPEG, GIF or WebP only",
    "audio": "takes no audio of this format",
    "video": "takes no video of this format",
    "files": "takes no documents of this type",
}


def _cache_within(result: ToolResult) -> Cache | None:
    """The first hint within a result, which itself has no place for one: it goes after the result."""
    hints = (part.cache for part in result.parts if isinstance(part, Text | Image | Video | File))
    return next((hint for hint in hints if hint is not None), None)


def _uncached(part: Part) -> Part:
    marked = isinstance(part, Text | Image | Video | File) and part.cache is not None
    return msgspec.structs.replace(part, cache=None) if marked else part


def arguments_of(text: str) -> msgspec.Raw:
    """A call's arguments as an object. Text that is none becomes the one property of one."""
    if not text or text.isspace():
        return _EMPTY
    try:
        _object(text)
    except UNREADABLE:
        return msgspec.Raw(msgspec.json.encode({"input": text}))
    return msgspec.Raw(text)


def cache_point(cache: Cache, *, own: bool) -> Words:
    ttl = cache.ttl if own or cache.ttl == "1h" else None
    return {"cachePoint": {"type": "default"} if ttl is None else {"type": "default", "ttl": ttl}}


class RequestParts:
    """Writes the parts of one request. `own`: it was Converse's already. `refused` says what must not be left out."""

    def __init__(self, family: Family, *, own: bool) -> None:
        self.own = own
        self.dropped: list[str] = []
        self.refused: Unsupported | None = None
        self.calls: dict[str, None] = {}
        """Names of the tools that the conversation has calls of."""
        self.results = False
        self._family = family
        self.documents: set[str] = set()
        """Names of documents."""

    def write(self, parts: tuple[Part, ...], number: int, into: list[Block]) -> None:
        """Add the blocks of message `number`."""
        for part in parts:
            if type(part) is Text:
                self._text(part, number, into)
            else:
                self._part(part, number, into)

    def drop(self, number: int, what: str) -> None:
        place = f"messages[{number}].{what}"
        if place not in self.dropped:
            self.dropped.append(place)

    def _text(self, part: Text, number: int, into: list[Block]) -> None:
        if part.citations:
            if self.own:
                into.append(cited(part))
                self._cache(part.cache, number, into)
                return
            self.drop(number, "citations")
        if self.own or (part.text and not part.text.isspace()):
            into.append({"text": part.text})
        if part.cache is not None and into:
            self._cache(part.cache, number, into)

    def _part(self, part: Part, number: int, into: list[Block]) -> None:
        match part:
            case ToolCall():
                self.calls[part.name] = None
                into.append(
                    {
                        "toolUse": {
                            "toolUseId": part.id if self.own else tool_id(part.id),
                            "name": part.name,
                            "input": arguments_of(part.arguments),
                        }
                    }
                )
                self._cache(part.cache, number, into)
            case ToolResult():
                self.results = True
                into.append({"toolResult": self._result(part, number)})
                self._cache(part.cache or _cache_within(part), number, into)
            case Reasoning():
                self._reasoning(part, number, into)
            case Refusal():
                if part.text:
                    into.append({"text": part.text})
            case Opaque():
                if part.dialect == "converse":
                    into.append(part.raw)
                else:
                    self.drop(number, part.kind)
            case Text():
                self._text(part, number, into)
            case Image() | Audio() | Video() | File():
                self._media(part, number, into)

    def _cache(self, cache: Cache | None, number: int, into: list[Block]) -> None:
        if cache is None:
            return
        if self.own or self._family in _CACHING:
            into.append(cache_point(cache, own=self.own))
        else:
            self.drop(number, "cache")

    def _reasoning(self, part: Reasoning, number: int, into: list[Block]) -> None:
        sent = self.own and (part.origin is None or part.origin in CLAUDES)
        if part.signature is not None or part.redacted is not None:
            sent = part.origin in CLAUDES and (self.own or self._family in _SIGNING)
        if not sent:
            self.drop(number, "reasoning")
        elif part.redacted is not None:
            into.append({"reasoningContent": {"redactedContent": seals.wrap(part.redacted, part.origin)}})
        else:
            words: Words = {"text": part.text}
            if part.signature is not None:
                words["signature"] = part.signature
            into.append({"reasoningContent": {"reasoningText": words}})

    def _result(self, part: ToolResult, number: int) -> Words:
        content: list[Block] = []
        json = _json_of(part, own=self.own) if part.json else None
        if json is not None:
            content.append({"json": json})
        else:
            for inner in part.parts:
                if isinstance(inner, Audio | ToolCall | ToolResult | Reasoning):
                    self.drop(number, "audio" if isinstance(inner, Audio) else "content")
                elif isinstance(inner, Text) and not inner.citations:
                    if inner.text or self.own:
                        content.append({"text": inner.text})
                else:
                    self._part(_uncached(inner), number, content)
        words: Words = {"toolUseId": part.call_id if self.own else tool_id(part.call_id), "content": content}
        if part.is_error:
            words["status"] = "error"
        return words

    def _media(self, part: Image | Audio | Video | File, number: int, into: list[Block]) -> None:
        match part:
            case Image():
                if part.detail is not None and part.detail != "auto":
                    self.drop(number, "detail")
                name, feature = image_format(part.source.media_type, part.source.data), "images"
                words = self._bytes(part.source, "image", name, feature)
                cache = part.cache
            case Audio():
                name, cache = format_of(AUDIOS, part.source.media_type), None
                words = self._bytes(part.source, "audio", name, "audio")
            case Video():
                name, cache = format_of(VIDEOS, part.source.media_type), part.cache
                words = self._bytes(part.source, "video", name, "video")
            case File():
                words, cache = self._document(part), part.cache
        if words is not None:
            into.append(words)
            self._cache(cache, number, into)

    def _bytes(self, source: Source, kind: str, name: str | None, feature: str) -> Words | None:
        if name is None and self.own:
            name = (source.media_type or "").rpartition("/")[2]
        location = self._location(source, feature)
        if location is None:
            return None
        if name is None:
            self._refuse(feature, _SAID[feature])
            return None
        return {kind: {"format": name, "source": location}}

    def _location(self, source: Source, feature: str) -> Words | None:
        if source.data is not None:
            return {"bytes": source.data}
        if source.url is not None and source.url.startswith("s3://"):
            return {"s3Location": {"uri": source.url}}
        if source.text is not None:
            if self.own:
                return {"text": source.text}
            return {"bytes": base64.b64encode(source.text.encode(errors="replace")).decode()}
        noun = {"images": "images", "files": "documents"}.get(feature, feature)
        self._refuse(feature, f"takes {noun} as data only, not by {'URL' if source.url is not None else 'identifier'}")
        return None

    def _document(self, part: File) -> Words | None:
        location = self._location(part.source, "files")
        if location is None:
            return None
        media_type = part.source.media_type
        if media_type is None and part.source.text is not None and not self.own:
            media_type = "text/plain"
        name = document_format(media_type, part.name)
        if name is None and not self.own:
            self._refuse("files", _SAID["files"])
            return None
        if self.own and media_type is None:
            name = None
        elif name is None and media_type is not None:
            name = media_type.rpartition("/")[2]
        words: Words = {"name": self._name(part.name), "source": location}
        if name is not None:
            words["format"] = name
        if part.context is not None:
            words["context"] = part.context
        if part.citations:
            words["citations"] = {"enabled": True}
        return {"document": words}

    def _name(self, name: str | None) -> str:
        if self.own and name is not None:
            return name
        base = document_name(name, len(self.documents) + 1)
        fit, count = base, 1
        while fit in self.documents:
            count += 1
            fit = f"{base[:190]} ({count})"
        self.documents.add(fit)
        return fit

    def _refuse(self, feature: str, message: str) -> None:
        if self.refused is None:
            self.refused = Unsupported(feature, message)


def _json_of(part: ToolResult, *, own: bool) -> msgspec.Raw | None:
    """The document of a structured result; Bedrock takes objects only."""
    if len(part.parts) != 1 or not isinstance(part.parts[0], Text):
        return None
    text = part.parts[0].text
    try:
        _any(text) if own else _object(text)
    except UNREADABLE:
        return None
    return msgspec.Raw(text)


# --- citations ---


def cited(part: Text) -> Words:
    """A text with its citations."""
    return {"citationsContent": {"content": [{"text": part.text}], "citations": [citation(c) for c in part.citations]}}


def citation(told: Citation) -> Block:
    if told.dialect == "converse" and told.raw:
        return told.raw
    words: Words = {}
    if told.title is not None:
        words["title"] = told.title
    if told.quoted is not None:
        words["sourceContent"] = [{"text": told.quoted}]
    if told.url is not None:
        words["source"] = told.url
        words["location"] = {"web": {"url": told.url}}
    return words


# --- answers ---


def answer_blocks(parts: list[Part]) -> list[Block]:
    """The parts of an answer as a client of Converse is shown them."""
    blocks: list[Block] = []
    for part in parts:
        match part:
            case Text():
                if part.citations:
                    blocks.append(cited(part))
                elif part.text:
                    blocks.append({"text": part.text})
            case ToolCall():
                if part.signature is not None:
                    blocks.append(carried(part.signature))
                blocks.append(
                    {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments_of(part.arguments)}}
                )
            case Reasoning():
                blocks.extend(thoughts(part))
            case Refusal():
                if part.text:
                    blocks.append({"text": part.text})
            case Image():
                blocks.append(_shown_image(part))
            case Audio():
                blocks.extend(_shown_audio(part))
            case Opaque():
                if part.dialect == "converse":
                    blocks.append(part.raw)
            case Video() | File() | ToolResult():
                pass  # no model answers with them
    return blocks


def carried(signature: str) -> Words:
    """An empty thought that bears the signature of the call after it; only Gemini signs calls."""
    return {"reasoningContent": {"reasoningText": {"text": "", "signature": seals.seal_signature(signature, "gemini")}}}


def thoughts(part: Reasoning) -> list[Words]:
    blocks: list[Words] = []
    if part.text or part.signature is not None:
        signature = part.signature
        sealed = seals.unsigned(part.origin) if signature is None else seals.seal_signature(signature, part.origin)
        words: Words = {"text": part.text, "signature": sealed}
        blocks.append({"reasoningContent": {"reasoningText": words}})
    if part.redacted is not None:
        blocks.append({"reasoningContent": {"redactedContent": seals.wrap(part.redacted, part.origin)}})
    return blocks


def shown_image(part: Image) -> tuple[str, Words] | None:
    """The format and the source of a picture that the model made; None of one that is only linked to."""
    data = part.source.data
    return None if data is None else (image_format(part.source.media_type, data) or "png", {"bytes": data})


def _shown_image(part: Image) -> Words:
    shown = shown_image(part)
    if shown is None:
        return {"text": part.source.url or ""}
    return {"image": {"format": shown[0], "source": shown[1]}}


def _shown_audio(part: Audio) -> list[Words]:
    if part.source.data is None:
        return [{"text": part.transcript}] if part.transcript else []
    name = format_of(AUDIOS, part.source.media_type) or "wav"
    return [{"audio": {"format": name, "source": {"bytes": part.source.data}}}]
