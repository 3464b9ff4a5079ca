"""What is asked for in sound and pictures, and what comes back, whoever is asked.

Clients speak OpenAI's words, so what a provider is not told of a request is named in these.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.form.request import Written

JSON = b"application/json"


class Sent(Written, frozen=True, kw_only=True):
    """A request in a provider's words, as `Written`. `fills` are placeholders in its path and what stands there,
    quoted. `answers` is the content type of an answer that passes as it is, `usage` what is charged for it.
    """

    content_type: bytes = JSON
    fills: tuple[tuple[str, str], ...] = ()
    answers: bytes = b""
    usage: Usage | None = None


class Shown(msgspec.Struct, frozen=True):
    """A whole answer as a client is sent it. Without a `content_type` it is JSON."""

    body: bytes
    usage: Usage | None
    content_type: bytes = JSON


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """A text to be spoken. `others` are fields that no provider of another dialect takes."""

    text: str
    voice: str
    format: str
    """mp3, opus, aac, flac, wav or pcm (24 kHz, 16 bits)."""
    speed: float | None
    instructions: str | None
    events: bool
    """The sound is to come in events."""
    others: tuple[str, ...]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Sound to be written down. `format` is json, text, verbose_json, srt, vtt or diarized_json."""

    sound: bytes
    media_type: str
    """Of the sound, as its part says or as its name suggests."""
    format: str
    language: str | None
    prompt: str | None
    temperature: float | None
    keywords: tuple[str, ...]
    words: bool
    """Times are wanted of words."""
    segments: bool
    """And of what lies between pauses."""
    stream: bool
    others: tuple[str, ...]


class Word(msgspec.Struct, frozen=True):
    """`text` has no space around it; `space` is what stands before it. Seconds."""

    text: str
    start: float
    end: float
    speaker: str | None = None
    logprob: float | None = None
    space: str = " "


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """What was said. `words` is empty where their times are not told; `seconds` is how long the sound is."""

    text: str
    words: tuple[Word, ...] = ()
    language: str | None = None
    seconds: float | None = None
    usage: Usage | None = None


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures to be made of a description. `size` is `WIDTHxHEIGHT`, None for whatever is usual."""

    prompt: str
    n: int
    size: tuple[int, int] | None
    output_format: str | None
    compression: int | None
    as_url: bool
    stream: bool
    others: tuple[str, ...]


class Made(msgspec.Struct, frozen=True):
    """A picture that was made: base64, and the prompt if it was rewritten."""

    data: str
    media_type: str | None = None
    prompt: str | None = None


class Pictures(msgspec.Struct, frozen=True):
    made: tuple[Made, ...]
    usage: Usage | None = None
