"""The words of Chat Completions for what the form knows: stop reasons, usage, kinds of media.

Whole and streamed answers share them. It also holds what providers of this dialect say beyond OpenAI's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2s
from types import MappingProxyType
from typing import Literal

import msgspec

from headway.types import Dialect, Usage
from headway.wire.form.media import usual
from headway.wire.form.reply import Stop
from headway.wire.openai.response import is_fault

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]

_STOPS: Mapping[str, Stop] = MappingProxyType(
    {
        "stop": Stop.END,
        "eos": Stop.END,
        "eos_token": Stop.END,
        "end_turn": Stop.END,
        "stop_sequence": Stop.SEQUENCE,
        "length": Stop.LENGTH,
        "max_tokens": Stop.LENGTH,
        "model_length": Stop.CONTEXT,  # Mistral
        "model_context_window_exceeded": Stop.CONTEXT,
        "tool_calls": Stop.TOOLS,
        "tool_use": Stop.TOOLS,
        "function_call": Stop.TOOLS,
        "content_filter": Stop.FILTER,
        "sensitive": Stop.FILTER,  # Z.ai
        "refusal": Stop.REFUSAL,
        "error": Stop.FAULT,  # Mistral, OpenRouter
        "network_error": Stop.FAULT,  # Z.ai
        "insufficient_system_resource": Stop.FAULT,  # DeepSeek
    }
)
_FINISH_REASONS: Mapping[Stop, FinishReason] = MappingProxyType(
    {
        Stop.END: "stop",
        Stop.SEQUENCE: "stop",
        Stop.LENGTH: "length",
        Stop.CONTEXT: "length",
        Stop.TOOLS: "tool_calls",
        Stop.FILTER: "content_filter",
        Stop.REFUSAL: "content_filter",
        Stop.PAUSE: "stop",
        Stop.FAULT: "content_filter",
    }
)


def is_null(raw: msgspec.Raw) -> bool:
    return len(raw) == 4 and bytes(raw) == b"null"


def stop_of(reason: str, *, calls: bool, refused: bool) -> Stop | None:
    """What a finish reason means in an answer with or without tool calls and a refusal; None where it is empty.

    OpenAI ends with `stop` where the client made the model call a tool, and where the model declined.
    """
    if not reason:
        return None
    stop = _STOPS.get(reason)
    if stop is None:
        stop = _foreign_stop(reason)
    if stop is Stop.END:
        return Stop.TOOLS if calls else Stop.REFUSAL if refused else stop
    return stop


def _foreign_stop(reason: str) -> Stop:
    if is_fault(reason):
        return Stop.FAULT
    if reason.lower().startswith("content_filter"):  # Gemini adds its own reason behind a colon
        return Stop.FILTER
    return _STOPS.get(reason.lower(), Stop.END)


def finish_reason(stop: Stop | None, *, calls: bool, refused: bool, legacy: bool) -> FinishReason:
    """The finish reason for a client. `refused`: it has read the refusal itself. `legacy`: it knows functions, and no
    tools.
    """
    if stop is None:
        reason: FinishReason = "tool_calls" if calls else "stop"
    elif stop is Stop.REFUSAL and refused:
        reason = "stop"
    else:
        reason = _FINISH_REASONS[stop]
    return "function_call" if legacy and reason == "tool_calls" else reason


# --- usage ---


def shown_usage(usage: Usage) -> dict[str, object]:
    """The usage object for a client."""
    sent: dict[str, object] = {
        "cached_tokens": usage.cached_input_tokens,
        "audio_tokens": usage.audio_input_tokens,
    }
    written: dict[str, object] = {
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_tokens": usage.audio_output_tokens,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }
    if usage.cache_write_tokens:
        sent["cache_write_tokens"] = usage.cache_write_tokens
    if usage.cached_audio_input_tokens:
        sent["cached_tokens_details"] = {"audio_tokens": usage.cached_audio_input_tokens}
    if usage.image_input_tokens:
        sent["image_tokens"] = usage.image_input_tokens
    if usage.image_output_tokens:
        written["image_tokens"] = usage.image_output_tokens
    shown: dict[str, object] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": sent,
        "completion_tokens_details": written,
    }
    if usage.searches:
        shown["server_tool_use_details"] = {"web_search_requests": usage.searches}
    return shown


# --- media ---

_SOUNDS: Mapping[str, str] = MappingProxyType({"mp3": "audio/mpeg"})
_FORMATS: Mapping[str, str] = MappingProxyType({"audio/wav": "wav", "audio/mpeg": "mp3"})


def sound_type(form: str) -> str:
    """The media type of a sound's format."""
    return _SOUNDS.get(form, f"audio/{form}")


def sound_format(media_type: str | None) -> str | None:
    """OpenAI's name for a kind of sound that it takes."""
    return _FORMATS.get(usual(media_type or ""))


# --- ids ---


def made_id(*known: str | None) -> str:
    """An id for a tool call that came without one: the same for the same call of the same reply. 29 characters of
    those that every provider takes.
    """
    digest = blake2s("\x00".join(each or "" for each in known).encode(errors="replace"), digest_size=12)
    return f"call_{digest.hexdigest()}"


BREAKPOINT = "prompt_cache_breakpoint"
"""OpenAI's own mark of what is to be cached; other providers of this dialect have Anthropic's `cache_control`."""

# --- signatures ---

_SIGNATURE_FORMATS: Mapping[Dialect, str] = MappingProxyType(
    {
        "anthropic": "anthropic-claude-v1",
        "converse": "anthropic-claude-v1",
        "openai_responses": "openai-responses-v1",
        "gemini": "google-gemini-v1",
    }
)


def signature_format(origin: Dialect | None) -> str:
    """OpenRouter's name for whose signature it is."""
    return "unknown" if origin is None else _SIGNATURE_FORMATS.get(origin, "unknown")
