"""Pictures, sounds, films and documents: as bytes (`inlineData`) or by address (`fileData`)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from headway.wire.form.media import data_in, kind_in
from headway.wire.form.parts import Audio, File, Image, Source, Video
from headway.wire.gemini.signatures import standard

Media = Image | Audio | Video | File

_HELD = ("https://generativelanguage.googleapis.com/", "gs://", "files/")
"""Addresses of files that Google keeps, which nobody else can read."""

_BY_EXTENSION: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "avif": "image/avif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "css": "text/css",
    "csv": "text/csv",
    "xml": "text/xml",
    "json": "application/json",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mov": "video/mov",
    "webm": "video/webm",
    "mpeg": "video/mpeg",
    "mpg": "video/mpg",
    "avi": "video/avi",
    "wmv": "video/wmv",
    "3gp": "video/3gpp",
}
_OTHERWISE: Mapping[type[Media], str] = {
    Image: "image/jpeg",
    Audio: "audio/wav",
    Video: "video/mp4",
    File: "application/octet-stream",
}


def of_data(mime_type: str | None, data: str, signature: str | None = None) -> Media:
    return _of(mime_type or "", Source(media_type=mime_type, data=standard(data)), signature)


def of_uri(mime_type: str | None, uri: str, signature: str | None = None) -> Media:
    kind = mime_type or _guessed(uri)
    if uri.startswith(("https://", "http://")) and not uri.startswith(_HELD):
        return _of(kind or "", Source(media_type=kind, url=uri), signature)
    return _of(kind or "", Source(media_type=kind, file_id=uri), signature)


def _of(kind: str, source: Source, signature: str | None) -> Media:
    match kind.partition("/")[0]:
        case "image":
            return Image(source, signature=signature)
        case "audio":
            return Audio(source)
        case "video":
            return Video(source)
        case _:
            return File(source)


def written(part: Media, *, own: bool) -> dict[str, Any] | None:
    """The part, without what belongs beside it; None: the file is kept by a provider that is not Google."""
    source = part.source
    data, kind = source.data, source.media_type
    if source.text is not None:
        data, kind = base64.b64encode(source.text.encode(errors="replace")).decode(), kind or "text/plain"
    elif source.url is not None and (held := data_in(source.url)) is not None:
        kind, data = kind or held[0], held[1]
    if data is not None:
        return {"inlineData": {"mimeType": kind or kind_in(data) or _OTHERWISE[type(part)], "data": data}}
    uri = source.url or source.file_id
    if uri is None or (source.url is None and not own and not uri.startswith(_HELD)):
        return None
    kind = kind or _guessed(uri)
    if kind is None and not own:
        kind = _OTHERWISE[type(part)]
    return {"fileData": {"fileUri": uri} if kind is None else {"mimeType": kind, "fileUri": uri}}


def _guessed(uri: str) -> str | None:
    path = uri.partition("?")[0].partition("#")[0]
    if "youtube.com/" in path or "youtu.be/" in path:
        return "video/mp4"
    return _BY_EXTENSION.get(path.rpartition(".")[2].lower())
