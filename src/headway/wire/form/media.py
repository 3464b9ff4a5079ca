"""Pictures, sounds and files in a request: the data URLs they come in, and what kind of thing they are.

Which kinds a dialect takes, and what it calls them, is the dialects' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from headway.wire.form.parts import Source

# RFC 2397, as far as base64 goes
_DATA_URL = re.compile(r"data:([^;,\s]{0,100})((?:;[^;,\s]{0,100}){0,10}),", re.IGNORECASE)
_BEGINNINGS = (
    ("iVBORw", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
_USUAL: Mapping[str, str] = MappingProxyType(
    {
        "image/jpg": "image/jpeg",
        "audio/mp3": "audio/mpeg",
        "audio/wave": "audio/wav",
        "audio/x-wav": "audio/wav",
        "audio/vnd.wave": "audio/wav",
        "audio/x-flac": "audio/flac",
        "audio/x-m4a": "audio/m4a",
        "audio/l16": "audio/pcm",
        "video/mov": "video/quicktime",
        "video/wmv": "video/x-ms-wmv",
        "text/x-markdown": "text/markdown",
        "application/csv": "text/csv",
        "application/x-yaml": "application/yaml",
    }
)
_TEXTUAL = frozenset({"application/json", "application/xml", "application/yaml", "application/javascript"})


def data_in(url: str) -> tuple[str | None, str] | None:
    """Media type and base64 of a data URL; None for any other URL."""
    found = _DATA_URL.match(url) if url[:5].lower() == "data:" else None
    if found is None or not found[2].lower().endswith(";base64"):
        return None
    return found[1].lower() or None, url[found.end() :]


def source_of(url: str) -> Source:
    """A data URL gives up what it holds; any other URL stays one."""
    found = data_in(url)
    return Source(url=url) if found is None else Source(media_type=found[0], data=found[1])


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def url_of(source: Source, otherwise: str) -> str | None:
    """Data as a data URL, and else the URL, if there is one. `otherwise`: the media type of data that nobody named one
    for.
    """
    return source.url if source.data is None else data_url(source.media_type or otherwise, source.data)


def kind_in(data: str) -> str | None:
    """The media type that the beginning of base64 tells, for senders who do not name it."""
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), None)


def usual(media_type: str) -> str:
    """A media type by its usual name, without parameters."""
    plain = media_type.partition(";")[0].strip().lower()
    return _USUAL.get(plain, plain)


def is_text(usual_type: str) -> bool:
    """Does a file of this type hold text that a model can read as it stands?"""
    return usual_type.startswith("text/") or usual_type in _TEXTUAL
