"""ElevenLabs: speech from text, and text from speech.

The voice and the format of the sound stand in the path. Sound is sent as it is made, where the format allows. A
transcript always has the times of its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported
from headway.wire.media.form import Recording, Sent, Speech, Transcript, Word
from headway.wire.media.voices import OF_OPENAI
from headway.wire.multipart import Form

_FORMATS: Mapping[str, tuple[str, bytes]] = MappingProxyType(
    {
        "mp3": ("mp3_44100_128", b"audio/mpeg"),
        "opus": ("opus_48000_128", b"audio/ogg"),
        "wav": ("wav_24000", b"audio/wav"),
        "pcm": ("pcm_24000", b"audio/pcm"),
    }
)
"""The provider's name, and the content type, of each format."""
_AS_MADE = frozenset({"mp3", "opus", "pcm"})
"""Formats without a length in front, which may be sent while they are made."""
_SLOWEST, _FASTEST = 0.7, 1.2
_MOST_KEYWORDS = 1000
_NONE = "has no voice of this name: voices are ElevenLabs' own ids"


class _Said(msgspec.Struct):
    text: str
    type: str = "word"
    start: float | None = None
    end: float | None = None
    speaker_id: str | None = None
    logprob: float | None = None


class _Heard(msgspec.Struct):
    text: str
    language_code: str | None = None
    words: list[_Said] | None = None
    audio_duration_secs: float | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Heard).decode


def write_speech(speech: Speech, toward: Toward) -> Sent | Unsupported:
    if speech.events:
        return Unsupported("stream_format", "sends sound, and no events")
    found = _FORMATS.get(speech.format)
    if found is None:
        return Unsupported("response_format", f"does not speak {speech.format}")
    if speech.voice.lower() in OF_OPENAI or not speech.voice.strip("."):
        return Unsupported("voice", _NONE)
    dropped = list(speech.others)
    body: dict[str, object] = {"text": speech.text, "model_id": toward.model}
    if speech.speed is not None and speech.speed != 1.0:
        speed = min(max(speech.speed, _SLOWEST), _FASTEST)
        if speed != speech.speed:
            dropped.append("speed")
        body["voice_settings"] = {"speed": speed}
    if speech.instructions is not None:
        dropped.append("instructions")
    form, content_type = found
    voice = quote(speech.voice, safe="", errors="replace")
    return Sent(
        _encode(body),
        tuple(dropped),
        fills=(("{voice}", f"{voice}/stream" if speech.format in _AS_MADE else voice), ("{format}", form)),
        answers=content_type,
        usage=Usage(characters=len(speech.text)),
    )


def write_recording(recording: Recording, form: Form, content_type: bytes, toward: Toward) -> Sent | Unsupported:
    if recording.stream:
        return Unsupported("stream", "writes down sound only as a whole")
    dropped = list(recording.others)
    told: list[tuple[str, str]] = [("model_id", toward.model), ("tag_audio_events", "false")]
    if recording.language is not None:
        told.append(("language_code", recording.language))
    if recording.temperature is not None:
        told.append(("temperature", str(recording.temperature)))
    if recording.format == "diarized_json":
        told.append(("diarize", "true"))
    told += [("keyterms", each) for each in recording.keywords[:_MOST_KEYWORDS]]
    if len(recording.keywords) > _MOST_KEYWORDS:
        dropped.append("keywords")
    if recording.prompt is not None:
        dropped.append("prompt")
    body = form.rewritten([(name, value.encode("utf-8", "replace")) for name, value in told], "file")
    if body is None:
        return Unsupported("file", "cannot be told all of this form")
    return Sent(body, tuple(dropped), content_type=content_type)


def read_transcript(body: bytes) -> Transcript | NoReply:
    try:
        heard = _decode(body)
    except UNREADABLE:
        return NoReply("it is no transcript")
    words: list[Word] = []
    space = ""
    for said in heard.words or ():
        if said.type == "spacing":
            space += said.text
        elif said.start is not None and said.end is not None:
            words.append(Word(said.text, said.start, said.end, said.speaker_id, said.logprob, space))
            space = ""
    seconds = heard.audio_duration_secs
    if seconds is None and words:
        seconds = words[-1].end
    return Transcript(
        text=heard.text,
        words=tuple(words),
        language=heard.language_code,
        seconds=seconds,
        usage=None if seconds is None else Usage(seconds=seconds),
    )
