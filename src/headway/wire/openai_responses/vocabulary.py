"""Words of the Responses API and what they mean: how answers end, usage, service tiers, efforts.

Whole answers and streams use the same tables.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.types import Dialect, Usage
from headway.wire.form.abilities import AUDIO, VIDEO
from headway.wire.form.reply import Stop

DIALECT: Dialect = "openai_responses"
LACKS = frozenset({AUDIO, VIDEO})
NULL = msgspec.Raw(b"null")
TRUE = msgspec.Raw(b"true")

NAMES = {
    "messages": "input",
    "output": "text.format",
    "verbosity": "text.verbosity",
    "thinking": "reasoning",
    "thinking.budget": "reasoning",
    "thinking.effort": "reasoning.effort",
    "thinking.summary": "reasoning.summary",
    "max_output": "max_output_tokens",
    "cache_key": "prompt_cache_key",
    "logprobs": "include",
}
"""What this dialect calls the form's fields, where the names differ."""

SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
SUMMARIES = frozenset({"auto", "concise", "detailed"})
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
"""Values of `include`."""

LEAST_OUTPUT = 16
"""The smallest bound on an answer that the API accepts."""
MOST_USER = 64
"""Characters of `user`."""

Status = Literal["completed", "incomplete", "failed"]

_STOPS = {"max_output_tokens": Stop.LENGTH, "max_messages": Stop.LENGTH, "content_filter": Stop.FILTER}
_ENDS: dict[Stop, tuple[Status, str | None]] = {
    Stop.LENGTH: ("incomplete", "max_output_tokens"),
    Stop.CONTEXT: ("incomplete", "max_output_tokens"),
    Stop.PAUSE: ("incomplete", "max_output_tokens"),
    Stop.FILTER: ("incomplete", "content_filter"),
    Stop.FAULT: ("failed", None),
}


def stop_of(status: str, reason: str | None, *, calls: bool, refused: bool) -> Stop:
    """Why an answer ended that is `completed` or `incomplete`. `calls`: it calls a tool of the client's; `refused`: it
    declines and says nothing else.
    """
    if status == "incomplete":
        return _STOPS.get(reason or "", Stop.PAUSE)
    if calls:
        return Stop.TOOLS
    return Stop.REFUSAL if refused else Stop.END


def end_of(stop: Stop | None, *, refused: bool) -> tuple[Status, str | None]:
    """Status, and the reason of an incomplete answer. `refused`: the answer holds a refusal in the model's own words,
    which is complete; one that was withheld without a word is not.
    """
    if stop is None:
        return "completed", None
    if stop is Stop.REFUSAL and not refused:
        return "incomplete", "content_filter"
    return _ENDS.get(stop, ("completed", None))


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Searches(msgspec.Struct, gc=False):
    num_requests: int | None = None


class ToolUsage(msgspec.Struct):
    web_search: _Searches | None = None


class Action(msgspec.Struct, gc=False):
    type: str | None = None


_NO_DETAILS = _Details()
_MOST_COUNTED = 2**53


def _count(number: int | None) -> int:
    return number if number and 0 < number < _MOST_COUNTED else 0


def usage_of(wire: WireUsage | None, tools: ToolUsage | None = None, searches: int = 0) -> Usage | None:
    """`searches`: how many were seen in the answer, for providers that do not count them."""
    if wire is None or (wire.input_tokens is None and wire.output_tokens is None):
        return None
    sent = wire.input_tokens_details or _NO_DETAILS
    answered = wire.output_tokens_details or _NO_DETAILS
    counted = None if tools is None or tools.web_search is None else tools.web_search.num_requests
    return Usage(
        input_tokens=_count(wire.input_tokens),
        output_tokens=_count(wire.output_tokens),
        cached_input_tokens=_count(sent.cached_tokens),
        reasoning_tokens=_count(answered.reasoning_tokens),
        cache_write_tokens=_count(sent.cache_write_tokens),
        audio_input_tokens=_count(sent.audio_tokens),
        audio_output_tokens=_count(answered.audio_tokens),
        image_input_tokens=_count(sent.image_tokens),
        image_output_tokens=_count(answered.image_tokens),
        searches=searches if counted is None else _count(counted),
    )


class _SentDetails(msgspec.Struct, gc=False):
    cache_write_tokens: int
    cached_tokens: int


class _AnsweredDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int


class ToldUsage(msgspec.Struct):
    """Usage as clients read it."""

    input_tokens: int
    input_tokens_details: _SentDetails
    output_tokens: int
    output_tokens_details: _AnsweredDetails
    total_tokens: int


def told(usage: Usage) -> ToldUsage:
    return ToldUsage(
        usage.input_tokens,
        _SentDetails(usage.cache_write_tokens, usage.cached_input_tokens),
        usage.output_tokens,
        _AnsweredDetails(usage.reasoning_tokens),
        usage.input_tokens + usage.output_tokens,
    )


def effort_for(budget: int) -> str | None:
    """The effort that comes closest to a budget of tokens. None where the model decides, and for no thinking at all,
    which most models that think have no word for.
    """
    if budget <= 0:
        return None
    if budget <= 2048:
        return "low"
    return "medium" if budget <= 16_384 else "high"
