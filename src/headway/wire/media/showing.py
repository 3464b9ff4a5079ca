"""Transcripts and pictures as OpenAI's clients read them.

What was not told is left out: a transcript without the times of its words cannot be subtitles, and nobody makes up
figures of a model that was not asked.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.form.reply import NoReply
from headway.wire.media.form import Pictures, Recording, Shown, Transcript
from headway.wire.media.segments import Segment, segments_of, subtitles

_TEXT, _SUBRIP, _VTT = b"text/plain; charset=utf-8", b"application/x-subrip; charset=utf-8", b"text/vtt; charset=utf-8"
_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}

_encode = msgspec.json.Encoder().encode


def show_transcript(found: Transcript, recording: Recording) -> Shown | NoReply:
    form, usage = recording.format, found.usage
    if form == "text":
        return Shown(f"{found.text}\n".encode(errors="replace"), usage, _TEXT)
    if form == "json":
        return Shown(_encode({"text": found.text, **_usage(found)}), usage)
    segments = segments_of(found.words)
    if not segments and found.text.strip():
        return NoReply("it does not tell the times of what was said")
    if form in ("srt", "vtt"):
        return Shown(
            subtitles(segments, vtt=form == "vtt").encode(errors="replace"), usage, _VTT if form == "vtt" else _SUBRIP
        )
    told: dict[str, object] = {"task": "transcribe", "duration": found.seconds or 0.0, "text": found.text}
    if form == "diarized_json":
        told["segments"] = [_spoken(number, each) for number, each in enumerate(segments)]
        return Shown(_encode({**told, **_usage(found)}), usage)
    if found.language is not None:
        told["language"] = found.language
    if recording.words:
        told["words"] = [{"word": each.text, "start": each.start, "end": each.end} for each in found.words]
    if recording.segments:
        told["segments"] = [_timed(number, each) for number, each in enumerate(segments)]
    return Shown(_encode({**told, **_usage(found)}), usage)


def _timed(number: int, segment: Segment) -> dict[str, object]:
    told: dict[str, object] = {"id": number, "start": segment.start, "end": segment.end, "text": segment.text}
    if segment.logprob is not None:
        told["avg_logprob"] = segment.logprob
    return told


def _spoken(number: int, segment: Segment) -> dict[str, object]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number}",
        "start": segment.start,
        "end": segment.end,
        "speaker": segment.speaker or "",
        "text": segment.text,
    }


def _usage(found: Transcript) -> dict[str, object]:
    usage = found.usage
    if usage is None:
        return {}
    if usage.seconds:
        return {"usage": {"type": "duration", "seconds": usage.seconds}}
    told = {
        "type": "tokens",
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_token_details": {
            "audio_tokens": usage.audio_input_tokens,
            "text_tokens": usage.input_tokens - usage.audio_input_tokens,
        },
    }
    return {"usage": told}


def show_pictures(found: Pictures, created: int) -> Shown:
    """`created` is Unix time."""
    data = [
        {"b64_json": each.data} if each.prompt is None else {"b64_json": each.data, "revised_prompt": each.prompt}
        for each in found.made
    ]
    told: dict[str, object] = {"created": created, "data": data}
    form = _FORMATS.get(found.made[0].media_type or "")
    if form is not None:
        told["output_format"] = form
    if found.usage is not None:
        told["usage"] = _picture_usage(found.usage)
    return Shown(_encode(told), found.usage)


def _picture_usage(usage: Usage) -> dict[str, object]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "image_tokens": usage.image_input_tokens,
            "text_tokens": usage.input_tokens - usage.image_input_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {
            "image_tokens": usage.image_output_tokens,
            "text_tokens": usage.output_tokens - usage.image_output_tokens,
        },
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
