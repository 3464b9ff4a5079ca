"""What a client of OpenAI's asks for in sound and pictures, read from its request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headway.wire.embedding.fields import Fields
from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed
from headway.wire.media.form import Picture, Recording, Speech
from headway.wire.multipart import Form

SPEECH_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
TRANSCRIPT_FORMATS = ("json", "text", "verbose_json", "srt", "vtt", "diarized_json")
MOST_PICTURES = 10

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_CONTENT_TYPE = re.compile(rb"(?im)^content-type:[ \t]*([\w!#$&^.+-]+/[\w!#$&^.+-]+)")
_EXTENSION = re.compile(rb"(?i)filename=\"?[^\"\r\n]*\.([a-z0-9]{1,5})\"?")
_TYPES: Mapping[bytes, str] = MappingProxyType(
    {
        b"flac": "audio/flac",
        b"mp3": "audio/mpeg",
        b"mpga": "audio/mpeg",
        b"mpeg": "audio/mpeg",
        b"mp4": "audio/mp4",
        b"m4a": "audio/mp4",
        b"ogg": "audio/ogg",
        b"oga": "audio/ogg",
        b"opus": "audio/ogg",
        b"wav": "audio/wav",
        b"webm": "audio/webm",
    }
)
_SPOKEN = frozenset({"model", "stream"})
_FULFILLED: Mapping[str, frozenset[bytes]] = MappingProxyType(
    {
        "quality": frozenset({b'"auto"', b'"standard"'}),
        "background": frozenset({b'"auto"', b'"opaque"'}),
        "moderation": frozenset({b'"auto"'}),
        "style": frozenset({b'"natural"'}),
        "partial_images": frozenset({b"0"}),
    }
)
"""Values that ask for nothing special."""
_TOLD = ("file", "model", "language", "prompt", "response_format", "temperature", "stream")
_LISTS = ("timestamp_granularities", "keywords", "include")

_decode_number = msgspec.json.Decoder(float | None).decode
_decode_voice = msgspec.json.Decoder(str | dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


def read_speech(sent: Mapping[str, msgspec.Raw]) -> Speech | Malformed:
    fields = Fields(sent)
    text, instructions = fields.text("input"), fields.text("instructions")
    form = fields.text("response_format") or "mp3"
    speed = _number(fields, "speed")
    events = fields.text("stream_format") == "sse"
    voice = _voice(fields)
    if fields.wrong is not None:
        return fields.wrong
    if not text:
        return Malformed("input must be a text that is not empty", "input")
    if not voice:
        return Malformed("voice must name a voice", "voice")
    if form not in SPEECH_FORMATS:
        return Malformed(f"response_format must be one of {', '.join(SPEECH_FORMATS)}", "response_format")
    return Speech(
        text=text,
        voice=voice,
        format=form,
        speed=speed,
        instructions=instructions or None,
        events=events,
        others=tuple([name for name in fields.rest() if name not in _SPOKEN]),
    )


def read_picture(sent: Mapping[str, msgspec.Raw]) -> Picture | Malformed:
    fields = Fields(sent)
    prompt, n, size = fields.text("prompt"), fields.integer("n"), fields.text("size")
    form, response = fields.text("output_format"), fields.text("response_format")
    compression, stream = fields.integer("output_compression"), fields.flag("stream")
    if fields.wrong is not None:
        return fields.wrong
    if not prompt:
        return Malformed("prompt must be a text that is not empty", "prompt")
    if n is not None and not 1 <= n <= MOST_PICTURES:
        return Malformed(f"n must be between 1 and {MOST_PICTURES}", "n")
    found = None if size is None or size == "auto" else _SIZE.fullmatch(size)
    if size not in (None, "auto") and found is None:
        return Malformed("size must be auto or WIDTHxHEIGHT", "size")
    return Picture(
        prompt=prompt,
        n=n or 1,
        size=None if found is None else (int(found[1]), int(found[2])),
        output_format=form,
        compression=compression,
        as_url=response == "url",
        stream=bool(stream),
        others=tuple([name for name, raw in fields.rest().items() if name != "model" and _asks(name, raw)]),
    )


def read_recording(form: Form, stream: bool) -> Recording | Malformed:
    files = form.files("file")
    if len(files) != 1:
        return Malformed("file must be one file", "file")
    texts: dict[str, str] = {}
    for name in ("language", "prompt", "response_format", "temperature"):
        found = _last(form, name)
        if isinstance(found, Malformed):
            return found
        if found:
            texts[name] = found
    shape = texts.get("response_format", "json")
    if shape not in TRANSCRIPT_FORMATS:
        return Malformed(f"response_format must be one of {', '.join(TRANSCRIPT_FORMATS)}", "response_format")
    heat = _heat(texts.get("temperature"))
    if isinstance(heat, Malformed):
        return heat
    grains = _list(form, "timestamp_granularities")
    head, sound = files[0]
    return Recording(
        sound=sound,
        media_type=_type_of(head),
        format=shape,
        language=texts.get("language"),
        prompt=texts.get("prompt"),
        temperature=heat,
        keywords=tuple([each for each in _list(form, "keywords") if each]),
        words="word" in grains,
        segments="segment" in grains or not grains,
        stream=stream,
        others=_unread(form),
    )


def _voice(fields: Fields) -> str | None:
    """A name; or an object with an id, for a voice of the client's own."""
    raw = fields.take("voice")
    if raw is None:
        return None
    try:
        voice = _decode_voice(raw)
        return voice if isinstance(voice, str) else _decode_text(voice.get("id", b"null"))
    except UNREADABLE:
        fields.refuse("voice", "a string, or an object with an id")
        return None


def _number(fields: Fields, name: str) -> float | None:
    raw = fields.take(name)
    if raw is None:
        return None
    try:
        return _decode_number(raw)
    except UNREADABLE:
        fields.refuse(name, "a number")
        return None


def _asks(name: str, raw: msgspec.Raw) -> bool:
    """Does the field ask for anything special?"""
    return bytes(raw) not in _FULFILLED.get(name, ())


def _last(form: Form, name: str) -> str | Malformed | None:
    values = form.values(name)
    if not values:
        return None
    try:
        return values[-1].decode()
    except UnicodeDecodeError:
        return Malformed(f"{name} must be UTF-8 text", name)


def _list(form: Form, name: str) -> list[str]:
    return [each.decode("utf-8", "replace") for each in form.values(f"{name}[]") or form.values(name)]


def _heat(text: str | None) -> float | Malformed | None:
    if text is None:
        return None
    try:
        heat = float(text)
    except ValueError:
        heat = -1.0
    return heat if 0 <= heat <= 1 else Malformed("temperature must be a number between 0 and 1", "temperature")


def _unread(form: Form) -> tuple[str, ...]:
    names = [name.decode("utf-8", "replace").removesuffix("[]") for name in form.names]
    left = [name for name in names if name not in _TOLD and name not in ("timestamp_granularities", "keywords")]
    return tuple(dict.fromkeys(left))


def _type_of(head: bytes) -> str:
    told = _CONTENT_TYPE.search(head)
    if told is not None and told[1].lower() != b"application/octet-stream":
        return told[1].decode("ascii", "replace").lower()
    named = _EXTENSION.search(head)
    return _TYPES.get(named[1].lower() if named else b"", "audio/mpeg")
