"""Anthropic's words for why an answer ended, what it cost and which service it was given.

One table for whole and streamed answers. What the words of a request mean is the business of the modules that read and
write requests.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.types import Usage
from headway.wire.form.reply import Stop

STOPS: dict[str, Stop] = {
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOLS,
    "pause_turn": Stop.PAUSE,
    "refusal": Stop.REFUSAL,
    "model_context_window_exceeded": Stop.CONTEXT,
    "compaction": Stop.END,
}
REASONS: dict[Stop, str] = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.SEQUENCE: "stop_sequence",
    Stop.TOOLS: "tool_use",
    Stop.PAUSE: "pause_turn",
    Stop.REFUSAL: "refusal",
    Stop.FILTER: "refusal",
    Stop.CONTEXT: "model_context_window_exceeded",
    Stop.FAULT: "end_turn",  # there is no word for it
}


def reason_of(stop: Stop | None, *, calls: bool) -> str:
    """A message that is complete has a reason, whatever its provider said."""
    if stop is None:
        return "tool_use" if calls else "end_turn"
    return REASONS[stop]


# The form speaks of tiers in OpenAI's words.
TIERS_ASKED = {"standard_only": "default", "auto": "auto"}
TIERS_TO_ASK = {"default": "standard_only", "auto": "auto"}
_TIERS_GIVEN = {"standard": "default"}
_TIERS_TO_GIVE = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}


class CacheCreation(msgspec.Struct, gc=False):
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class ServerTools(msgspec.Struct, gc=False):
    web_search_requests: int | None = None


class WireUsage(msgspec.Struct):
    """As it is on the wire. None: not said, which in a stream means that what was said before still holds."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerTools | None = None
    service_tier: str | None = None


def later(first: WireUsage | None, last: WireUsage) -> WireUsage:
    """What holds after both were told: the counts of a stream are totals so far."""
    if first is None:
        return last
    return WireUsage(
        input_tokens=_or(last.input_tokens, first.input_tokens),
        output_tokens=_or(last.output_tokens, first.output_tokens),
        cache_creation_input_tokens=_or(last.cache_creation_input_tokens, first.cache_creation_input_tokens),
        cache_read_input_tokens=_or(last.cache_read_input_tokens, first.cache_read_input_tokens),
        cache_creation=last.cache_creation or first.cache_creation,
        output_tokens_details=last.output_tokens_details or first.output_tokens_details,
        server_tool_use=last.server_tool_use or first.server_tool_use,
        service_tier=last.service_tier or first.service_tier,
    )


def _or(last: int | None, first: int | None) -> int | None:
    return first if last is None else last


def usage_of(told: WireUsage) -> Usage:
    """Anthropic counts what was read from and written to the cache beside the input, not in it."""
    written, cached = told.cache_creation_input_tokens or 0, told.cache_read_input_tokens or 0
    creation, details, tools = told.cache_creation, told.output_tokens_details, told.server_tool_use
    return Usage(
        input_tokens=(told.input_tokens or 0) + written + cached,
        output_tokens=told.output_tokens or 0,
        cached_input_tokens=cached,
        reasoning_tokens=(details.thinking_tokens or 0) if details is not None else 0,
        cache_write_tokens=written,
        cache_write_1h_tokens=(creation.ephemeral_1h_input_tokens or 0) if creation is not None else 0,
        searches=(tools.web_search_requests or 0) if tools is not None else 0,
    )


def tier_given(told: WireUsage | None) -> str | None:
    tier = None if told is None else told.service_tier
    return None if tier is None else _TIERS_GIVEN.get(tier, tier)


def write_usage(usage: Usage) -> dict[str, Any]:
    """The counts of `message_delta`; `write_full_usage` is those of a message."""
    written, cached = usage.cache_write_tokens, usage.cached_input_tokens
    found: dict[str, Any] = {
        "input_tokens": max(usage.input_tokens - written - cached, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        found["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.searches:
        found["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    return found


def write_full_usage(usage: Usage, tier: str | None) -> dict[str, Any]:
    found = write_usage(usage)
    if usage.cache_write_tokens:
        hour = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
        found["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - hour,
            "ephemeral_1h_input_tokens": hour,
        }
    given = None if tier is None else _TIERS_TO_GIVE.get(tier)
    if given is not None:
        found["service_tier"] = given
    return found
