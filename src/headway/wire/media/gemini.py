"""Gemini's models that speak, listen or draw, asked through generateContent.

Speech comes as plain sound, which is passed on as such or as a WAV file; nothing here can compress it. A transcript has
no times. Pictures come one at a time.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from headway.types import Usage
from headway.wire.form.parts import Audio, Image, Part, Text
from headway.wire.form.reply import NoReply, Reply, Stop
from headway.wire.form.request import Toward, Unsupported
from headway.wire.gemini.response import read_reply
from headway.wire.media.form import Made, Picture, Pictures, Recording, Sent, Shown, Speech, Transcript
from headway.wire.media.sizes import GEMINI_SIDES, shape_of
from headway.wire.media.voices import OF_GEMINI, OF_OPENAI
from headway.wire.media.wav import wav_of

PCM_RATE = 24_000
"""Samples a second of what OpenAI's clients know as pcm."""
_USUAL_VOICE = "Kore"
_RATE = re.compile(r"rate=(\d{1,6})")
_PLAIN = re.compile(r"(?i)audio/(l16|pcm|raw)\b")
_WAV = re.compile(r"(?i)audio/(x-)?wav(e)?\b")
_WRITE_DOWN = "Write down what is said in this recording, word for word. Answer with the transcript alone."
_RATIOS = frozenset({"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"})

_encode = msgspec.json.Encoder().encode


# --- speech ---


def write_speech(speech: Speech, toward: Toward) -> Sent | Unsupported:
    if speech.events:
        return Unsupported("stream_format", "sends sound, and no events")
    if speech.format not in ("wav", "pcm"):
        return Unsupported("response_format", "speaks wav and pcm only, which response_format has to ask for")
    dropped = list(speech.others)
    name = speech.voice
    if name.lower() in OF_OPENAI:
        dropped.append("voice")
        name = _USUAL_VOICE
    text = speech.text
    if speech.instructions is not None:  # how to say it stands before what to say
        text = f"{speech.instructions.rstrip().rstrip(':')}:\n{text}"
    if speech.speed is not None and speech.speed != 1.0:
        dropped.append("speed")
    voice = {"prebuiltVoiceConfig": {"voiceName": OF_GEMINI.get(name.lower(), name)}}
    config = {"responseModalities": ["AUDIO"], "speechConfig": {"voiceConfig": voice}}
    return Sent(_encode({"contents": [_turn({"text": text})], "generationConfig": config}), tuple(dropped))


def read_speech(body: bytes, speech: Speech) -> Shown | NoReply:
    found = read_reply(body)
    if isinstance(found, NoReply):
        return found
    pieces: list[bytes] = []
    rate = PCM_RATE
    for part in _parts(found):
        if not isinstance(part, Audio) or part.source.data is None:
            continue
        kind = part.source.media_type or ""
        if _WAV.match(kind) and speech.format == "wav":
            return _wav_as_it_is(part.source.data, _with_characters(found.usage, speech))
        if _PLAIN.match(kind) is None:
            return NoReply("its sound is not plain PCM")
        told = _RATE.search(kind)
        rate = int(told[1]) if told is not None else rate
        try:
            pieces.append(base64.b64decode(part.source.data))
        except (binascii.Error, ValueError):
            return NoReply("its sound is not base64")
    sound = b"".join(pieces)
    if not sound:
        return NoReply(_why_nothing(found, "sound"))
    usage = _with_characters(found.usage, speech)
    if speech.format == "pcm":
        if rate != PCM_RATE:
            return NoReply(f"its sound has {rate} samples a second, and pcm must have {PCM_RATE}")
        return Shown(sound, usage, b"audio/pcm")
    file = wav_of(sound, rate)
    return NoReply("its sound is too long for a WAV file") if file is None else Shown(file, usage, b"audio/wav")


def _wav_as_it_is(data: str, usage: Usage) -> Shown | NoReply:
    try:
        return Shown(base64.b64decode(data), usage, b"audio/wav")
    except (binascii.Error, ValueError):
        return NoReply("its sound is not base64")


def _with_characters(usage: Usage | None, speech: Speech) -> Usage:
    return msgspec.structs.replace(usage or Usage(), characters=len(speech.text))


# --- transcripts ---


def write_recording(recording: Recording) -> Sent | Unsupported:
    if recording.stream:
        return Unsupported("stream", "writes down sound only as a whole")
    if recording.format not in ("json", "text"):
        return Unsupported("response_format", "does not tell the times of what was said")
    asked = _WRITE_DOWN
    if recording.language is not None:
        asked += f" Its language is {recording.language}."
    if recording.keywords:
        asked += f" These words may occur: {', '.join(recording.keywords)}."
    if recording.prompt is not None:
        asked += f" This helps to understand it: {recording.prompt}"
    sound = base64.b64encode(recording.sound).decode("ascii")
    parts = [{"text": asked}, {"inlineData": {"mimeType": recording.media_type, "data": sound}}]
    body: dict[str, object] = {"contents": [_turn(*parts)]}
    if recording.temperature is not None:
        body["generationConfig"] = {"temperature": recording.temperature}
    return Sent(_encode(body), recording.others)


def read_transcript(body: bytes) -> Transcript | NoReply:
    found = read_reply(body)
    if isinstance(found, NoReply):
        return found
    texts = [part.text for part in _parts(found) if isinstance(part, Text)]
    if not texts:
        return NoReply(_why_nothing(found, "transcript"))
    return Transcript(text="".join(texts).strip(), usage=found.usage)


# --- pictures ---


def write_picture(picture: Picture) -> Sent | Unsupported:
    if picture.n > 1:
        return Unsupported("n", "makes one picture at a time")
    dropped = list(picture.others)
    config: dict[str, object] = {"responseModalities": ["TEXT", "IMAGE"]}
    shape = shape_of(picture.size, _RATIOS, GEMINI_SIDES)
    if not shape.exact:
        dropped.append("size")
    image = {"aspectRatio": shape.ratio, "imageSize": shape.side}
    image = {name: value for name, value in image.items() if value is not None}
    if image:
        config["imageConfig"] = image
    if picture.output_format is not None:
        dropped.append("output_format")
    if picture.compression is not None:
        dropped.append("output_compression")
    body = {"contents": [_turn({"text": picture.prompt})], "generationConfig": config}
    return Sent(_encode(body), tuple(dropped))


def read_pictures(body: bytes) -> Pictures | NoReply:
    found = read_reply(body)
    if isinstance(found, NoReply):
        return found
    made = [
        Made(part.source.data, part.source.media_type)
        for part in _parts(found)
        if isinstance(part, Image) and part.source.data is not None
    ]
    return Pictures(tuple(made), found.usage) if made else NoReply(_why_nothing(found, "picture"))


def _turn(*parts: object) -> dict[str, object]:
    return {"role": "user", "parts": list(parts)}


def _parts(reply: Reply) -> list[Part]:
    return reply.choices[0].parts if reply.choices else []


def _why_nothing(reply: Reply, wanted: str) -> str:
    withheld = bool(reply.choices) and reply.choices[0].stop in (Stop.FILTER, Stop.REFUSAL)
    return f"its provider withheld the {wanted}" if withheld else f"it holds no {wanted}"
