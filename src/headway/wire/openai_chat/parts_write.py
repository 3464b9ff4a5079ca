"""Parts of the form as content of a Chat Completions message, or why they cannot be.

A request of this dialect's own may hold what only some providers of it take (sounds of other formats, videos, documents
by address), and gets it back as it was.
"""

from __future__ import annotations

import base64

from headway.wire.form.media import url_of
from headway.wire.form.parts import Audio, Cache, File, Image, Part, Source, Text, Video
from headway.wire.form.request import Unsupported
from headway.wire.openai_chat.vocabulary import BREAKPOINT, sound_format

Wire = dict[str, object]
"""An object of a request, about to be encoded."""


class UnableError(Exception):
    """A request cannot be put into this dialect. Raised while it is written and turned into its value by
    `request_write`; nobody else sees it.
    """

    def __init__(self, feature: str, message: str) -> None:
        super().__init__(message)
        self.unsupported = Unsupported(feature, message)


class PartWriter:
    """Writes the parts of one request. `own`: it was read from this dialect, `marks` with OpenAI's own marks of what
    is to be cached. `same_files`: ids of files mean the same
    to whom it is written to. `plain_sound`: sounds are base64 alone, whatever their format.
    """

    __slots__ = ("_documents", "_dropped", "_marks", "_own", "_plain_sound", "_same_files")

    def __init__(
        self,
        dropped: list[str],
        *,
        own: bool,
        marks: bool,
        same_files: bool,
        documents: bool,
        plain_sound: bool = False,
    ) -> None:
        self._plain_sound = plain_sound
        self._dropped = dropped
        self._own = own
        self._marks = marks
        self._same_files = same_files
        self._documents = documents

    def content(self, part: Part, place: str) -> Wire | None:
        """A part of content; None where the part is none. `place` names its message in what was dropped."""
        match part:
            case Text():
                return self._cached({"type": "text", "text": part.text}, part.cache, place)
            case Image():
                return self._cached(self._image(part), part.cache, place)
            case File():
                return self._cached(self._file(part, place), part.cache, place)
            case Audio():
                return self._audio(part)
            case Video():
                return self._cached(self._video(part), part.cache, place)
            case _:
                return None

    def _cached(self, wire: Wire, cache: Cache | None, place: str) -> Wire:
        if cache is not None:
            if self._own and self._marks:
                mode = {"mode": "explicit"}
                wire[BREAKPOINT] = mode if cache.ttl is None else {**mode, "ttl": "12h"}
            elif self._own:
                wire["cache_control"] = cache_control(cache)
            else:
                self._dropped.append(f"{place}.cache")
        return wire

    def _image(self, part: Image) -> Wire:
        url = url_of(part.source, "image/png")
        if url is None:
            raise UnableError("images", "takes no images by the id of a file")
        image: Wire = {"url": url}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _audio(self, part: Audio) -> Wire:
        source = part.source
        if self._plain_sound and source.data is not None:
            return {"type": "input_audio", "input_audio": source.data}
        form = sound_format(source.media_type)
        if form is None and self._own:
            form = (source.media_type or "").removeprefix("audio/")
        if source.data is None or not form:
            raise UnableError("audio", "takes sounds as wav or mp3 only, within the request")
        return {"type": "input_audio", "input_audio": {"data": source.data, "format": form}}

    def _video(self, part: Video) -> Wire:
        source = part.source
        if not self._own or (source.url is None and source.data is None):
            raise UnableError("video", "takes no video")
        return {"type": "video_url", "video_url": {"url": _address(source)}}

    def _file(self, part: File, place: str) -> Wire:
        if part.citations:
            self._dropped.append(f"{place}.citations")
        source = part.source
        text = _text_of(source, part.name is not None and self._own)
        if text is not None:
            heads = [each for each in (part.name, part.context) if each]
            return {"type": "text", "text": "\n\n".join([*heads, text])}
        if part.context is not None:
            self._dropped.append(f"{place}.context")
        if source.file_id is not None:
            if not self._same_files:
                raise UnableError("files", "knows no files that are kept at another provider")
            file: Wire = {"file_id": source.file_id}
            return {"type": "file", "file": file if part.name is None else {**file, "filename": part.name}}
        if self._documents or (self._own and part.name is None and (source.url or source.media_type)):
            wire: Wire = {"type": "document_url", "document_url": _address(source)}
            return wire if part.name is None else {**wire, "document_name": part.name}
        if source.url is not None and not self._own:
            raise UnableError("files", "takes no files by their address")
        if self._own and source.media_type is None and source.data is not None:
            address = source.data
        else:
            address = _address(source)
        return {"type": "file", "file": {"filename": part.name or _name_for(source), "file_data": address}}


def cache_control(cache: Cache) -> Wire:
    """Anthropic's mark, as OpenRouter takes it."""
    return {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}


def _address(source: Source) -> str:
    return url_of(source, "application/pdf") or ""


def _name_for(source: Source) -> str:
    kind = (source.media_type or "application/pdf").rpartition("/")[2]
    return f"document.{kind}" if kind.isalnum() else "document"


def _text_of(source: Source, as_file: bool) -> str | None:
    """A document that is plain text; None for any other, and for one that is to stay a file."""
    if source.text is not None:
        return source.text
    if as_file or source.data is None or not (source.media_type or "").startswith("text/"):
        return None
    try:
        return base64.b64decode(source.data, validate=True).decode()
    except ValueError:
        return None
