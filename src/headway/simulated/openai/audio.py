"""`/v1/audio/*`: silence for speech, and a few sentences for whatever was recorded."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Literal

import msgspec

from headway.simulated import prose, tokens
from headway.simulated.openai.wording import EVENTS
from headway.simulated.reply import Context, Json, Piece, Refusal, Reply, event, stream, whole

_RATE = 24_000
_MP3_FRAME = b"\xff\xfb\x90\xc4" + bytes(413)
"""One silent frame of MPEG 1 layer III: 128 kbit/s, 44.1 kHz, 26 ms."""
_PCM_FRAME = bytes(2 * _RATE // 40)
_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
TextFormat = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]


class SpeechAsk(msgspec.Struct):
    """One frame of silence for each token. Formats other than `wav` and `pcm` get MP3 frames."""

    model: str
    input: str
    voice: str | Json
    response_format: SpeechFormat | None = None
    stream_format: Literal["audio", "sse"] | None = None

    def need(self) -> int:
        return tokens.count(self.input)

    def answer(self, context: Context) -> Reply | Refusal:
        format_ = self.response_format or "mp3"
        if self.stream_format == "sse":
            return stream(self._events(format_), EVENTS)
        pieces = (Piece(frame, 1) for frame in self._frames(format_))
        return Reply(content_type=_TYPES[format_], pieces=pieces, streamed=True)

    def _frames(self, format_: SpeechFormat) -> Iterator[bytes]:
        count = max(1, tokens.count(self.input))
        frame = _PCM_FRAME if format_ in {"wav", "pcm"} else _MP3_FRAME
        if format_ == "wav":
            yield _wav_head(count * len(frame)) + frame
            count -= 1
        for _ in range(count):
            yield frame

    def _events(self, format_: SpeechFormat) -> Iterator[Piece]:
        for frame in self._frames(format_):
            audio = base64.b64encode(frame).decode()
            yield Piece(event({"type": "speech.audio.delta", "audio": audio}), 1)
        spent = tokens.count(self.input)
        usage = {"input_tokens": spent, "output_tokens": spent, "total_tokens": 2 * spent}
        yield Piece(event({"type": "speech.audio.done", "usage": usage}), 0, terminal=True)


class TranscriptionAsk(msgspec.Struct):
    """Read from a form. `audio` is the recording itself."""

    model: str
    audio: bytes
    task: Literal["transcribe", "translate"] = "transcribe"
    response_format: TextFormat = "json"
    stream: bool = False
    language: str = "english"

    def need(self) -> int:
        return self._audio_tokens()

    def answer(self, context: Context) -> Reply | Refusal:
        identity = context.identity(self.task, self.audio)
        text = prose.compose(context.model, context.provider, identity)
        if self.stream:
            return stream(self._events(text), EVENTS)
        duration = self._duration()
        match self.response_format:
            case "text":
                return _plain(text + "\n")
            case "srt":
                return _plain(f"1\n00:00:00,000 --> {_clock(duration, ',')}\n{text}\n\n")
            case "vtt":
                return _plain(f"WEBVTT\n\n00:00:00.000 --> {_clock(duration, '.')}\n{text}\n\n")
            case "verbose_json":
                return whole(self._verbose(text, duration), tokens=tokens.count(text))
            case "json" | "diarized_json":
                usage = {} if self.task == "translate" else {"usage": self._usage(text)}
                return whole({"text": text, **usage}, tokens=tokens.count(text))

    def _audio_tokens(self) -> int:
        """Ten for each second."""
        return max(1, int(10 * self._duration()))

    def _duration(self) -> float:
        """Seconds, as if every recording had 32 kB of them."""
        return round(max(0.1, len(self.audio) / 32_000), 2)

    def _usage(self, text: str) -> Json:
        heard, written = self._audio_tokens(), tokens.count(text)
        return {
            "type": "tokens",
            "input_tokens": heard,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            "output_tokens": written,
            "total_tokens": heard + written,
        }

    def _verbose(self, text: str, duration: float) -> Json:
        segment = {
            "id": 0,
            "seek": 0,
            "start": 0.0,
            "end": duration,
            "text": text,
            "tokens": list(range(tokens.count(text))),
            "temperature": 0.0,
            "avg_logprob": -0.1,
            "compression_ratio": 1.0,
            "no_speech_prob": 0.0,
        }
        language = "english" if self.task == "translate" else self.language
        usage = {"type": "duration", "seconds": duration}
        return {
            "task": self.task,
            "language": language,
            "duration": duration,
            "text": text,
            "segments": [segment],
            "usage": usage,
        }

    def _events(self, text: str) -> Iterator[Piece]:
        for token in tokens.tokens(text):
            yield Piece(event({"type": "transcript.text.delta", "delta": token}), 1)
        done = {"type": "transcript.text.done", "text": text, "usage": self._usage(text)}
        yield Piece(event(done), 0, terminal=True)


def _plain(text: str) -> Reply:
    spent = tokens.count(text)
    return Reply(content_type="text/plain; charset=utf-8", pieces=(Piece(text.encode(), spent),), tokens=spent)


def _clock(seconds: float, mark: str) -> str:
    whole_seconds, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole_seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}{mark}{milliseconds:03d}"


def _wav_head(length: int) -> bytes:
    """One channel of 16 bits."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + length, b"WAVE", b"fmt ", 16, 1, 1, _RATE, 2 * _RATE, 2, 16, b"data", length
    )
