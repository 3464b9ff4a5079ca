"""Sound and pictures between OpenAI's clients and providers with an API of their own.

What a request means is read once and kept with it; how each provider is asked is `wire.media`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from headway.pipeline.asked import Asked
from headway.pipeline.translation import WRONG_KIND, Read, Translation, fields_of
from headway.wire.endpoints import Endpoint
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.http_head import Head
from headway.wire.malformed import Malformed
from headway.wire.media import elevenlabs, gemini, imagen
from headway.wire.media.asking import read_picture, read_recording, read_speech
from headway.wire.media.form import Picture, Pictures, Recording, Sent, Shown, Speech, Transcript
from headway.wire.media.showing import show_pictures, show_transcript
from headway.wire.openai.peek import MultipartRequest


class Speaking:
    """Speech. Without `read`, sound passes as it comes."""

    __slots__ = ("_read", "_write")

    codec = None

    def __init__(
        self,
        write: Callable[[Speech, Toward], Sent | Unsupported],
        read: Callable[[bytes, Speech], Shown | NoReply] | None = None,
    ) -> None:
        self._write = write
        self._read = read

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        speech = _speech_in(asked)
        return speech if isinstance(speech, Malformed) else self._write(speech, toward)

    def verb(self, asked: Asked) -> str:
        return ""

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        speech = _speech_in(asked)
        if isinstance(speech, Malformed) or self._read is None:
            return NoReply("it is no sound")
        return _as_read(self._read(body, speech))


class WritingDown:
    """Transcription."""

    __slots__ = ("_read", "_write")

    codec = None

    def __init__(
        self,
        write: Callable[[Recording, MultipartRequest, Toward], Sent | Unsupported],
        read: Callable[[bytes], Transcript | NoReply],
    ) -> None:
        self._write = write
        self._read = read

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        facts = asked.facts
        recording = _recording_in(asked)
        if isinstance(recording, Malformed) or not isinstance(facts, MultipartRequest):
            return recording if isinstance(recording, Malformed) else WRONG_KIND
        return self._write(recording, facts, toward)

    def verb(self, asked: Asked) -> str:
        return ""

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        recording = _recording_in(asked)
        if isinstance(recording, Malformed):
            return NoReply(recording.message)
        found = self._read(body)
        return found if isinstance(found, NoReply) else _as_read(show_transcript(found, recording))


class Drawing:
    """Pictures."""

    __slots__ = ("_read", "_write")

    codec = None

    def __init__(
        self, write: Callable[[Picture], Sent | Unsupported], read: Callable[[bytes], Pictures | NoReply]
    ) -> None:
        self._write = write
        self._read = read

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        fields = fields_of(asked)
        picture = fields if isinstance(fields, Malformed) else read_picture(fields)
        if isinstance(picture, Malformed):
            return picture
        if picture.as_url:
            return Unsupported("response_format", "gives pictures only as data, not under a URL")
        if picture.stream:
            return Unsupported("stream", "gives pictures only as a whole")
        return self._write(picture)

    def verb(self, asked: Asked) -> str:
        return ""

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        found = self._read(body)
        return found if isinstance(found, NoReply) else _as_read(show_pictures(found, int(at)))


def _speech_in(asked: Asked) -> Speech | Malformed:
    fields = fields_of(asked)
    return fields if isinstance(fields, Malformed) else read_speech(fields)


def _recording_in(asked: Asked) -> Recording | Malformed:
    facts = asked.facts
    return read_recording(facts.form, facts.stream) if isinstance(facts, MultipartRequest) else WRONG_KIND


def _as_read(shown: Shown | NoReply) -> Read | NoReply:
    if isinstance(shown, NoReply):
        return shown
    return Read(shown.body, shown.usage, content_type=shown.content_type)


def _to_elevenlabs(recording: Recording, facts: MultipartRequest, toward: Toward) -> Sent | Unsupported:
    return elevenlabs.write_recording(recording, facts.form, facts.content_type, toward)


def _to_gemini(recording: Recording, facts: MultipartRequest, toward: Toward) -> Sent | Unsupported:
    del facts, toward
    return gemini.write_recording(recording)


_BETWEEN: Mapping[tuple[str, str], Translation] = MappingProxyType(
    {
        ("audio.speech", "elevenlabs"): Speaking(elevenlabs.write_speech),
        ("audio.speech", "gemini"): Speaking(gemini.write_speech, gemini.read_speech),
        ("audio.transcriptions", "elevenlabs"): WritingDown(_to_elevenlabs, elevenlabs.read_transcript),
        ("audio.transcriptions", "gemini"): WritingDown(_to_gemini, gemini.read_transcript),
        ("images.generations", "gemini"): Drawing(gemini.write_picture, gemini.read_pictures),
        ("images.generations", "imagen"): Drawing(imagen.write_picture, imagen.read_pictures),
    }
)


def media_between(endpoint: Endpoint, form: str) -> Translation | None:
    """From an endpoint for sound or pictures to a target's form; None where there is no way."""
    return _BETWEEN.get((endpoint.name, form))
