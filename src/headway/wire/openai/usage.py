"""How many tokens an answer took, in the words of Chat Completions, of Responses, and of those that speak likewise."""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE


class CachedDetails(msgspec.Struct, gc=False):
    """As OpenAI has it where answers are spoken."""

    audio_tokens: int | None = None


class InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens_details: CachedDetails | None = None


class OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class ServerTools(msgspec.Struct, gc=False):
    web_search_requests: int | None = None


class WireUsage(msgspec.Struct):
    """Usage as it is sent, with the cached tokens of DeepSeek, Mistral and Moonshot, the searches of OpenRouter and
    Perplexity, and what these two say that it cost.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    num_cached_tokens: int | None = None
    cached_tokens: int | None = None
    server_tool_use_details: ServerTools | None = None
    server_tool_use: ServerTools | None = None
    num_search_queries: int | None = None
    seconds: float | None = None
    """Of sound that was written down."""
    cost: msgspec.Raw = msgspec.Raw()


class _Cost(msgspec.Struct):
    total_cost: float | None = None


_NO_INPUT = InputDetails()
_NO_OUTPUT = OutputDetails()
_NO_SERVER_TOOLS = ServerTools()
_decode_cost = msgspec.json.Decoder(float | _Cost | None).decode
MOST_COST = 1e6
"""Dollars; what is said to cost more is not believed."""


def usage_of(wire: WireUsage) -> Usage | None:
    """None where nothing was counted. Counters only ever grow, so below zero is none."""
    prompt = wire.prompt_tokens if wire.prompt_tokens is not None else wire.input_tokens
    completion = wire.completion_tokens if wire.completion_tokens is not None else wire.output_tokens
    if prompt is None and completion is None:
        return None if not wire.seconds or wire.seconds < 0.0 else Usage(seconds=wire.seconds)
    sent = prompt if prompt and prompt > 0 else 0
    written = completion if completion and completion > 0 else 0
    details = wire.prompt_tokens_details or wire.input_tokens_details or _NO_INPUT
    produced = wire.completion_tokens_details or wire.output_tokens_details or _NO_OUTPUT
    reasoning = produced.reasoning_tokens or 0
    total = wire.total_tokens
    if total is not None and total > sent + written:  # Gemini and xAI leave what was thought out of the completion
        beyond = total - sent - written
        written += beyond
        reasoning = max(reasoning, beyond)
    cached = details.cached_tokens or wire.prompt_cache_hit_tokens or wire.num_cached_tokens or wire.cached_tokens
    plain = Usage(sent, written, cached if cached and cached > 0 else 0, reasoning if reasoning > 0 else 0)
    return plain if _is_plain(wire, details, produced) else _in_full(plain, wire, details, produced)


def _in_full(plain: Usage, wire: WireUsage, details: InputDetails, produced: OutputDetails) -> Usage:
    spoken = details.cached_tokens_details
    tools = wire.server_tool_use_details or wire.server_tool_use or _NO_SERVER_TOOLS
    return msgspec.structs.replace(
        plain,
        cache_write_tokens=_count(details.cache_write_tokens),
        audio_input_tokens=_count(details.audio_tokens),
        audio_output_tokens=_count(produced.audio_tokens),
        cached_audio_input_tokens=0 if spoken is None else _count(spoken.audio_tokens),
        image_input_tokens=_count(details.image_tokens),
        image_output_tokens=_count(produced.image_tokens),
        searches=_count(tools.web_search_requests or wire.num_search_queries),
        told_cost=_told(wire.cost) if wire.cost else None,
    )


def _is_plain(wire: WireUsage, details: InputDetails, produced: OutputDetails) -> bool:
    """Is there nothing to it but text, as nearly always?"""
    return not (
        details.audio_tokens
        or produced.audio_tokens
        or details.cache_write_tokens
        or details.image_tokens
        or produced.image_tokens
        or wire.server_tool_use
        or wire.server_tool_use_details
        or wire.num_search_queries
        or wire.cost
    )


def _count(tokens: int | None) -> int:
    return tokens if tokens is not None and tokens > 0 else 0


def _told(raw: msgspec.Raw) -> int | None:
    """Micro-dollars, of what the provider says itself in dollars."""
    try:
        cost = _decode_cost(raw)
    except UNREADABLE:
        return None
    if isinstance(cost, _Cost):
        cost = cost.total_cost
    return round(cost * 1e6) if cost is not None and 0.0 <= cost <= MOST_COST else None
