"""What can go wrong upstream: the vocabulary, and for each fault the kinds that it may rightly be taken for.

Error replies are real ones of several providers; with which kinds they are to be met is written here by hand, from
what the provider documents, and not asked of the tables under test.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec

from headway.failures import FailureKind as K

Kinds = frozenset[K]


class ErrorReply(msgspec.Struct, frozen=True):
    """`who` answers like this; empty: anybody."""

    kind: K
    status: int
    body: bytes
    who: tuple[str, ...] = ()
    content_type: str = "application/json"
    hints: bool = False
    """It often comes with a Retry-After."""


def _error(kind: K, status: int, *who: str, hints: bool = False, body: Any = None, **fields: Any) -> ErrorReply:
    document = {"error": fields} if body is None else body
    return ErrorReply(kind, status, json.dumps(document).encode(), who, hints=hints)


def _page(kind: K, status: int) -> ErrorReply:
    body = f"<html><head><title>{status}</title></head><body><hr>edge</body></html>".encode()
    return ErrorReply(kind, status, body, (), "text/html")


def _anthropic(kind: K, status: int, name: str, message: str, *, hints: bool = False) -> ErrorReply:
    body = {"type": "error", "error": {"type": name, "message": message}}
    return _error(kind, status, "anthropic", hints=hints, body=body)


LIMITED = (
    _error(K.RATE_LIMITED, 429, hints=True, code="rate_limit_exceeded", type="requests", message="Rate limit reached."),
    _error(
        K.RATE_LIMITED, 429, "groq", code="rate_limit_exceeded", type="tokens", message="Please try again in 4.77s."
    ),
    _anthropic(K.RATE_LIMITED, 429, "rate_limit_error", "This would exceed your rate limit.", hints=True),
    _error(K.RAMP_LIMITED, 429, "openai", code="slow_down", type="rate_limit_error", message="Slow down.", hints=True),
)
DAILY = (
    _error(K.DAILY_QUOTA, 429, "groq", code="rate_limit_exceeded", message="Limit on requests per day (RPD) reached."),
)
DOWN = (
    _error(K.SERVER_ERROR, 500, type="server_error", message="The server had an error."),
    _error(K.OVERLOADED, 503, code="server_is_overloaded", message="Our servers are busy.", hints=True),
    _anthropic(K.OVERLOADED, 529, "overloaded_error", "Overloaded", hints=True),
    _anthropic(K.SERVER_ERROR, 500, "api_error", "Internal server error"),
    _page(K.SERVER_ERROR, 502),
    _page(K.OVERLOADED, 503),
    _page(K.TIMEOUT, 504),
    ErrorReply(K.SERVER_ERROR, 500, b"", ()),
    ErrorReply(K.BAD_REPLY, 302, b"", (), "text/html"),
)
KEY = (
    _error(K.AUTH_INVALID, 401, code="invalid_api_key", message="Incorrect API key provided: sk-abc***xyz."),
    _anthropic(K.AUTH_INVALID, 401, "authentication_error", "invalid x-api-key"),
    _error(K.PERMISSION, 403, message="You may not use this model."),
)
MONEY = (
    _error(K.BILLING_EXHAUSTED, 429, code="insufficient_quota", type="insufficient_quota", message="No more."),
    _error(K.BILLING_EXHAUSTED, 402, message="Payment required"),
    _anthropic(K.BILLING_EXHAUSTED, 400, "invalid_request_error", "Your credit balance is too low to go on."),
)
REQUEST = (
    _error(K.INVALID_REQUEST, 400, type="invalid_request_error", message="Invalid 'temperature'."),
    _error(K.CONTEXT_TOO_LONG, 400, code="context_length_exceeded", message="The maximum context length is 8192."),
    _anthropic(K.CONTEXT_TOO_LONG, 400, "invalid_request_error", "prompt is too long: 215000 tokens"),
    _error(K.CONTENT_BLOCKED, 400, code="content_policy_violation", message="Your request was rejected."),
    _error(K.UNSUPPORTED_FEATURE, 400, code="unsupported_parameter", message="Unsupported parameter: 'n'."),
    _page(K.BODY_TOO_LARGE, 413),
)
MODEL = (
    _error(K.MODEL_NOT_FOUND, 404, code="model_not_found", message="The model `x` does not exist."),
    _anthropic(K.MODEL_NOT_FOUND, 404, "not_found_error", "model: x"),
)
EVENTS = (
    _error(K.SERVER_ERROR, 200, type="server_error", message="The server had an error while processing."),
    _error(K.OVERLOADED, 200, code="server_is_overloaded", message="Busy."),
    _error(K.RATE_LIMITED, 200, code="rate_limit_exceeded", message="Too many."),
    _anthropic(K.OVERLOADED, 200, "overloaded_error", "Overloaded"),
    _error(K.CONTENT_BLOCKED, 200, code="content_filter", message="Filtered."),
)
"""Errors in a stream, or under a status that says all is well."""

UNAVAILABLE = (_error(K.OVERLOADED, 503, message="Service unavailable"),)

REPLIES: dict[str, tuple[ErrorReply, ...]] = {
    "unavailable": UNAVAILABLE,
    "limited": LIMITED,
    "daily": DAILY,
    "down": DOWN,
    "key": KEY,
    "money": MONEY,
    "request": REQUEST,
    "model": MODEL,
}

DIALS: dict[str, Kinds] = {
    "refuse": frozenset({K.TRANSPORT}),
    "dial_hang": frozenset({K.TIMEOUT}),
    "dial_slow": frozenset({K.TIMEOUT}),
}
_BROKEN = frozenset({K.BAD_REPLY})
_CUT = frozenset({K.BAD_REPLY, K.TRANSPORT, K.TRUNCATED})
EITHER: dict[str, Kinds] = {
    "no_head": frozenset({K.TIMEOUT}),
    "reset_first": frozenset({K.TRANSPORT}),
    "half_head": frozenset({K.TRANSPORT, K.TIMEOUT}),
    "bad_http": _BROKEN,
    "html": _BROKEN,
    "error_200": frozenset(),
    "wrong_type": _BROKEN,
    "cut": _CUT,
    "slow": frozenset({K.TIMEOUT}),
}
WHOLE: dict[str, Kinds] = {
    "bad_json": _BROKEN,
    "no_choices": _BROKEN,
    "model_fault": frozenset({K.MODEL_FAULT}),
    "stream_instead": _BROKEN,
}
STREAM: dict[str, Kinds] = {
    "whole_instead": _BROKEN,
    "stall_first": frozenset({K.TIMEOUT}),
    "stall": frozenset({K.TIMEOUT}),
    "pause": frozenset({K.TIMEOUT}),
    "cut_clean": _CUT,
    "error_first": frozenset(),
    "error_later": frozenset(),
    "malformed": _BROKEN,
    "half_call": frozenset({K.TRUNCATED}),
    "only_done": _BROKEN,
    "double_done": frozenset(),
}
"""`error_*` stand for the kind of the error that they send."""

HARMLESS = frozenset({"slow", "pause", "double_done", "dial_slow"})
"""May end well."""

FAULTS = (*DIALS, *EITHER, *WHOLE, *STREAM, *REPLIES)


class Fault(msgspec.Struct, frozen=True):
    """One occurrence. `kinds` are what it may be taken for."""

    name: str
    kinds: Kinds
    error: ErrorReply | None = None
    retry_after: float | None = None
    """Seconds, as the reply's head says."""


WELL = Fault("well", frozenset())


def occurring(name: str, who: str, rng: Random, hints: tuple[float, ...]) -> Fault:
    """`who` is the kind of provider, `hints` what it may ask for in a Retry-After."""
    if name in REPLIES:
        fitting = [reply for reply in REPLIES[name] if not reply.who or who in reply.who]
        error = rng.choice(fitting or REPLIES["down"])
        asks = error.hints and rng.random() < 0.6
        return Fault(name, frozenset({error.kind}), error, rng.choice(hints) if asks else None)
    if name.startswith("error_"):
        error = rng.choice([event for event in EVENTS if not event.who or who in event.who])
        return Fault(name, frozenset({error.kind}), error)
    for table in (DIALS, EITHER, WHOLE, STREAM):
        if name in table:
            return Fault(name, table[name])
    raise ValueError(f"no such fault: {name}")


def applies(name: str, *, stream: bool, tools: bool, chat: bool) -> bool:
    """Can this happen to such a request?"""
    if name in DIALS:
        return False
    if name in EITHER or name in REPLIES:
        return chat or name not in ("html", "error_200", "wrong_type")
    if name == "half_call":
        return stream and tools
    return stream if name in STREAM else (chat and not stream)
