"""The words of Converse and those of the form: stop reasons, formats, usage, tiers.

One mapping each, for whole answers and streams, and for both directions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType

import msgspec

from headway.types import Usage
from headway.wire.converse.shapes import TokenUsage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.media import is_text, kind_in, usual
from headway.wire.form.reply import Stop

STOPS: Mapping[str, Stop] = MappingProxyType(
    {
        "end_turn": Stop.END,
        "tool_use": Stop.TOOLS,
        "max_tokens": Stop.LENGTH,
        "stop_sequence": Stop.SEQUENCE,
        "guardrail_intervened": Stop.FILTER,
        "content_filtered": Stop.FILTER,
        "malformed_model_output": Stop.FAULT,
        "malformed_tool_use": Stop.FAULT,
        "model_context_window_exceeded": Stop.CONTEXT,
        "refusal": Stop.REFUSAL,  # of Claude, which Bedrock passes on
        "pause_turn": Stop.PAUSE,
    }
)
REASONS: Mapping[Stop, str] = MappingProxyType(
    {
        Stop.END: "end_turn",
        Stop.TOOLS: "tool_use",
        Stop.LENGTH: "max_tokens",
        Stop.SEQUENCE: "stop_sequence",
        Stop.FILTER: "content_filtered",
        Stop.REFUSAL: "content_filtered",
        Stop.FAULT: "malformed_model_output",
        Stop.CONTEXT: "model_context_window_exceeded",
        Stop.PAUSE: "end_turn",
    }
)


def reason_of(stop: Stop | None, *, calls: bool) -> str:
    """An answer that is complete has a reason, whatever its provider said."""
    if stop is None:
        return "tool_use" if calls else "end_turn"
    return REASONS[stop]


def stop_of(reason: str | None) -> Stop | None:
    """Why the model stopped. A reason that we do not know is an end all the same."""
    return None if reason is None else STOPS.get(reason, Stop.END)


PATHS = "additionalModelResponseFieldPaths"
"""The field in which a client asks for more of what the model told, by JSON pointers."""
SEQUENCE = "/stop_sequence"
_paths = msgspec.json.Decoder(list[str]).decode


def wants_sequence(raw: msgspec.Raw) -> bool:
    """Does a client ask which stop sequence ended the answer?"""
    try:
        return SEQUENCE in _paths(raw)
    except UNREADABLE:
        return False


def wants_sequence_only(raw: msgspec.Raw) -> bool:
    try:
        return _paths(raw) == [SEQUENCE]
    except UNREADABLE:
        return False


# --- formats ---

IMAGES = MappingProxyType({"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"})
DOCUMENTS = MappingProxyType(
    {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    }
)
VIDEOS = MappingProxyType(
    {
        "mkv": "video/x-matroska",
        "mov": "video/quicktime",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    }
)
AUDIOS = MappingProxyType(
    {
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "mp4": "audio/mp4",
        "ogg": "audio/ogg",
        "mkv": "audio/mkv",
        "mka": "audio/x-matroska",
        "x-aac": "audio/x-aac",
        "m4a": "audio/m4a",
        "mpga": "audio/mpga",
        "pcm": "audio/pcm",
        "webm": "audio/webm",
    }
)
_FORMATS: Mapping[str, str] = MappingProxyType(
    {kind: name for table in (IMAGES, DOCUMENTS, VIDEOS, AUDIOS) for name, kind in table.items()}
)


def media_type_of(table: Mapping[str, str], format_: str, family: str) -> str | None:
    """What IANA calls a format of Converse; one that we do not know keeps its name."""
    if "/" in format_:  # some clients give the media type instead, and Bedrock takes it
        return format_
    return table.get(format_) or (f"{family}/{format_}" if format_ else None)


def format_of(table: Mapping[str, str], media_type: str | None) -> str | None:
    """Converse's name of a media type; None if it has none."""
    if media_type is None:
        return None
    found = _FORMATS.get(usual(media_type))
    return found if found in table else None


def image_format(media_type: str | None, data: str | None) -> str | None:
    """Converse's name of a picture's format, read from its first bytes where nobody says what it is."""
    if media_type is None and data is not None:
        media_type = kind_in(data)
    return format_of(IMAGES, media_type)


def document_format(media_type: str | None, name: str | None) -> str | None:
    """Converse's name of a document's format. Text of any other kind is plain text."""
    if media_type is None:
        ending = (name or "").rpartition(".")[2].lower()
        return ending if ending in DOCUMENTS else None
    return format_of(DOCUMENTS, media_type) or ("txt" if is_text(usual(media_type)) else None)


_UNFIT_IN_NAME = re.compile(r"[^0-9A-Za-z\-()\[\] ]+")
_SPACES = re.compile(r" {2,}")


def document_name(name: str | None, number: int) -> str:
    """A name that Bedrock accepts: letters, digits, single spaces, hyphens, parentheses and brackets, 200 at most. Of
    several documents none may have the name of another, so that `number` stands in where there is none.
    """
    fit = _SPACES.sub(" ", _UNFIT_IN_NAME.sub(" ", name or "")).strip()[:200].strip()
    return fit or f"Document {number}"


_TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}").fullmatch


def tool_id(identifier: str) -> str:
    """The identifier of a call as Bedrock accepts it: itself, or always the same stand-in for it."""
    return (
        identifier if _TOOL_ID(identifier) else "call_" + sha256(identifier.encode(errors="replace")).hexdigest()[:32]
    )


# --- tiers ---

TIERS: Mapping[str, str] = MappingProxyType(
    {
        "default": "default",
        "standard": "default",
        "standard_only": "default",
        "priority": "priority",
        "flex": "flex",
        "reserved": "reserved",
    }
)

_METADATA_TEXT = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]*").fullmatch


def fits_metadata(metadata: Mapping[str, str]) -> bool:
    """May Bedrock be given this as metadata of a request?"""
    return 1 <= len(metadata) <= 16 and all(
        1 <= len(name) <= 256 and len(value) <= 256 and _METADATA_TEXT(name) and _METADATA_TEXT(value)
        for name, value in metadata.items()
    )


# --- usage ---

_MOST = 2**31 - 1
"""AWS counts tokens in 32 bits."""
_usage: Callable[[msgspec.Raw], TokenUsage | None] = msgspec.json.Decoder(TokenUsage | None).decode


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Bedrock counts what it read from a cache or wrote to it apart from the input. What it counts oddly is not worth
    an answer that is good otherwise, and is as if it had not been counted.
    """
    if not raw:
        return None
    try:
        told = _usage(raw)
    except UNREADABLE:
        return None
    if told is None:
        return None
    read = max(0, told.cache_read_input_tokens or 0)
    written = max(0, told.cache_write_input_tokens or 0)
    hour = sum(max(0, each.input_tokens) for each in told.cache_details or () if each.ttl == "1h")
    return Usage(
        input_tokens=max(0, told.input_tokens or 0) + read + written,
        output_tokens=max(0, told.output_tokens or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(hour, written),
    )


def usage_words(usage: Usage | None) -> dict[str, object]:
    """Usage as Converse tells it."""
    if usage is None:
        return {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    read, written = min(usage.cached_input_tokens, _MOST), min(usage.cache_write_tokens, _MOST)
    fresh, output = min(max(0, usage.input_tokens - read - written), _MOST), min(usage.output_tokens, _MOST)
    words: dict[str, object] = {
        "inputTokens": fresh,
        "outputTokens": output,
        "totalTokens": fresh + read + written + output,
    }
    if read or written:
        words["cacheReadInputTokens"] = read
        words["cacheWriteInputTokens"] = written
    if written:
        hour = min(usage.cache_write_1h_tokens, written)
        by_ttl = (("1h", hour), ("5m", written - hour))
        words["cacheDetails"] = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in by_ttl if tokens > 0]
    return words
