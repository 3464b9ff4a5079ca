"""How an exchange that failed looks to its client: status, message, headers."""

from __future__ import annotations

from math import ceil

from headway.types import Failure, FailureKind
from headway.wire.openai import errors

_STATUS: dict[FailureKind, int] = {
    FailureKind.TRANSPORT: 502,
    FailureKind.TIMEOUT: 504,
    FailureKind.RATE_LIMITED: 429,
    FailureKind.OVERLOADED: 503,
    FailureKind.SERVER_ERROR: 502,
    FailureKind.BAD_REPLY: 502,
    FailureKind.AUTH_INVALID: 401,
    FailureKind.REQUEST_REFUSED: 400,
    FailureKind.CANCELLED: 499,
    FailureKind.DEADLINE: 504,
    FailureKind.SATURATED: 503,
    FailureKind.NO_TARGET: 404,
    FailureKind.INTERNAL: 500,
    FailureKind.INTERRUPTED: 502,
}

_CODE: dict[FailureKind, str] = {
    FailureKind.TRANSPORT: "upstream_unreachable",
    FailureKind.TIMEOUT: "upstream_timeout",
    FailureKind.RATE_LIMITED: "rate_limit_exceeded",
    FailureKind.OVERLOADED: "upstream_overloaded",
    FailureKind.SERVER_ERROR: "upstream_error",
    FailureKind.BAD_REPLY: "upstream_bad_reply",
    FailureKind.AUTH_INVALID: "upstream_key_refused",
    FailureKind.REQUEST_REFUSED: "invalid_request",
    FailureKind.CANCELLED: "client_closed_request",
    FailureKind.DEADLINE: "deadline_exceeded",
    FailureKind.SATURATED: "gateway_saturated",
    FailureKind.NO_TARGET: "model_not_found",
    FailureKind.INTERNAL: "internal_error",
    FailureKind.INTERRUPTED: "stream_interrupted",
}

_POINTLESS = frozenset({FailureKind.AUTH_INVALID, FailureKind.REQUEST_REFUSED, FailureKind.NO_TARGET})
"""Failures that the same request would meet again."""


class Ending:
    """`body` is an error in the client's dialect; `fields` are header lines."""

    __slots__ = ("body", "fields", "message", "status")

    def __init__(self, status: int, fields: bytes, body: bytes, message: str) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.message = message


def code_of(kind: FailureKind) -> str:
    return _CODE[kind]


def ending(failure: Failure, tried: list[Failure], *, param: str | None = None) -> Ending:
    """`tried` are the failures of all attempts, in order; `failure` is the one that ended the exchange."""
    status = _status_of(failure)
    message = _message(failure, tried)
    fields = b""
    waits = [f.retry_after for f in (*tried, failure) if f.retry_after is not None]
    if waits and status in (429, 503):
        fields += b"retry-after: %d\r\n" % max(1, ceil(min(waits)))
    if failure.kind in _POINTLESS:
        fields += b"x-should-retry: false\r\n"
    body = errors.body(message, status=status, code=_CODE[failure.kind], param=param)
    return Ending(status, fields, body, message)


def _status_of(failure: Failure) -> int:
    if failure.kind is FailureKind.REQUEST_REFUSED and failure.status is not None:
        return failure.status
    return _STATUS[failure.kind]


def _message(failure: Failure, tried: list[Failure]) -> str:
    if len(tried) < 2:
        return (
            failure.message
            if not tried or tried[0] is failure
            else f"{failure.message}; before that {tried[0].message}"
        )
    told = "; ".join(f"{number}. {each.message}" for number, each in enumerate(tried, 1))
    first = f"{failure.message}. " if failure is not tried[-1] else ""
    return f"{first}All {len(tried)} attempts failed: {told}"
