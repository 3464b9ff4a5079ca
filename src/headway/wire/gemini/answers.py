"""The shapes of an answer, which a whole one and each piece of a stream share, and its parts."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, assert_never

import msgspec

from headway.types import Dialect
from headway.wire.form.parts import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.gemini import media, signatures
from headway.wire.gemini.parts import call_id
from headway.wire.gemini.turns import arguments_of

_YEAR_10000 = 253_402_300_800


class Call(msgspec.Struct, gc=False):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class Blob(msgspec.Struct, rename="camel", gc=False):
    mime_type: str | None = None
    data: str | None = None


class FileData(msgspec.Struct, rename="camel", gc=False):
    mime_type: str | None = None
    file_uri: str | None = None


class AnswerPart(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: Call | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None


class Content(msgspec.Struct):
    parts: list[AnswerPart] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: msgspec.Raw = msgspec.Raw()
    citation_metadata: msgspec.Raw = msgspec.Raw()
    logprobs_result: msgspec.Raw = msgspec.Raw()


class Feedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: str | None = None


class Answer(msgspec.Struct, rename="camel"):
    candidates: list[Candidate] | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    prompt_feedback: Feedback | None = None
    error: msgspec.Raw = msgspec.Raw()


class _RawContent(msgspec.Struct):
    parts: list[msgspec.Raw] | None = None


class _RawCandidate(msgspec.Struct):
    content: _RawContent | None = None


class _RawAnswer(msgspec.Struct):
    candidates: list[_RawCandidate] | None = None


decode = msgspec.json.Decoder(Answer).decode
_decode_raw = msgspec.json.Decoder(_RawAnswer).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def created_of(time: str | None) -> int | None:
    """Seconds since 1970 of an RFC 3339 time in UTC."""
    if time is None or len(time) < 19 or not time.isascii():
        return None
    try:
        year, month, day, hour, minute, second = (
            int(time[start:end]) for start, end in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
        )
        return calendar.timegm((year, month, day, hour, minute, second))
    except (ValueError, OverflowError):
        return None


def time_of(created: int) -> str | None:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if 0 <= created < _YEAR_10000 else None


def opaque_part(payload: bytes, candidate: int, part: int) -> Opaque | None:
    """A part as it came; None if it is a signature and nothing else. The payload has been read before, and holds it."""
    content = (_decode_raw(payload).candidates or [])[candidate].content
    raw = ((content or _RawContent()).parts or [])[part]
    kinds = (name for name in _decode_object(raw) if name not in {"thought", "thoughtSignature"})
    kind = next(kinds, None)
    return None if kind is None else Opaque("gemini", kind, raw)


def call_of(part: AnswerPart, call: Call, number: int, response_id: str | None, choice: int) -> ToolCall:
    """`number` counts the calls of a choice."""
    arguments = bytes(call.args).decode(errors="replace") if call.args else "{}"
    id = call.id  # noqa: A001
    if not id:
        within = response_id or sha256(f"{call.name}({arguments})".encode(errors="replace")).hexdigest()[:20]
        id = call_id(number, f"{choice}_{within}" if choice else within)  # noqa: A001
    return ToolCall(
        id=id,
        name=call.name,
        arguments="{}" if arguments == "null" else arguments,
        signature=part.thought_signature,
    )


def held_of(part: AnswerPart) -> media.Media | None:
    """A picture or another file that the model made; what it only thought of is none."""
    if part.thought:
        return None
    inline, file = part.inline_data, part.file_data
    if inline is not None and inline.data is not None:
        return media.of_data(inline.mime_type, inline.data, part.thought_signature)
    if file is not None and file.file_uri is not None:
        return media.of_uri(file.mime_type, file.file_uri, part.thought_signature)
    return None


# --- written ---


def shown(part: Part) -> dict[str, Any] | None:
    """A part as a Gemini client is shown it; None: it has no place there."""
    match part:
        case Text():
            made: dict[str, Any] = {"text": part.text}
            if part.signature is not None:
                made["thoughtSignature"] = part.signature
            return made
        case Refusal():
            return {"text": part.text}
        case Reasoning():
            return shown_reasoning(part.text, part.signature, part.redacted, part.id, part.origin)
        case ToolCall():
            return shown_call(part.id, part.name, part.arguments, part.signature)
        case Image() | Audio() | Video() | File():
            return _shown_media(part)
        case Opaque():
            return _decode_object(part.raw) if part.dialect == "gemini" else None
        case ToolResult():
            return None
        case _:
            assert_never(part)


def _shown_media(part: media.Media) -> dict[str, Any] | None:
    held = media.written(part, own=True)
    if held is None:
        return {"text": part.transcript} if isinstance(part, Audio) and part.transcript else None
    if isinstance(part, Image) and part.signature is not None:
        held["thoughtSignature"] = part.signature
    return held


def shown_call(id: str, name: str, arguments: str, signature: str | None) -> dict[str, Any]:  # noqa: A002
    made: dict[str, Any] = {"functionCall": {"id": id, "name": name, "args": arguments_of(arguments)}}
    if signature is not None:
        made["thoughtSignature"] = signature
    return made


def shown_reasoning(
    text: str,
    signature: str | None,
    redacted: str | None,
    id: str | None,  # noqa: A002
    origin: Dialect | None,
) -> dict[str, Any] | None:
    sealed = signatures.shown(signature, redacted, id, origin)
    if sealed is not None:
        return {"text": text, "thought": True, "thoughtSignature": sealed}
    return {"text": text, "thought": True} if text else None
