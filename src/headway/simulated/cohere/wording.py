"""Cohere's errors, the events of its streams and its headers, in the words of the real API."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from headway.simulated.complaints import Complaint
from headway.simulated.quota import Level, Short
from headway.simulated.reply import Events, Header, Json, Refusal, Voice, Written, encode, event, padded

_MESSAGES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid request",
        401: "invalid api token",
        402: "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue",
        403: "you do not have permission to use this resource",
        404: "not found",
        413: "request body too large",
        422: "invalid request",
        429: "Please wait and try again later",
        498: "invalid token",
        499: "request cancelled",
        500: "internal server error",
        501: "not implemented",
        503: "service unavailable",
        504: "gateway timeout",
    }
)


def _usual(status: int) -> Refusal:
    message = _MESSAGES.get(status) or _MESSAGES[500 if status >= 500 or status < 400 else 400]
    return Refusal(status=status, message=message)


def _write(refusal: Refusal, told: Json, headers: tuple[Header, ...]) -> Written:
    """Nothing but a message, and an id of its own."""
    digits = dict(headers).get("x-debug-trace-id", "").ljust(32, "0")
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
    return Written(encode({"id": "-".join(parts), "message": told.get("message") or refusal.message}), refusal.headers)


def _broken_off(_sent: int, told: Json) -> bytes:
    """A stream that fails says so in its end."""
    message = told.get("message") or "internal server error"
    return event({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message}}, "message-end")


VOICE = Voice(_usual, _write)
EVENTS = Events(
    broken_off=_broken_off,
    malformed=b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"mess\n\n',
    comment=b": keep-alive\n\n",
    padded=padded,
)


def invalid(complaint: Complaint) -> Refusal:
    """What Cohere says of a body that has not the types it should have."""
    place, said = complaint.dotted, complaint.said
    match complaint.kind:
        case "json":
            return Refusal(message="invalid request: could not parse the request body as JSON")
        case "missing":
            return Refusal(message=f"invalid request: {place} is required")
        case "unknown":
            return Refusal(status=422, message=f"unknown field: parameter '{place}' is not a valid field")
        case "type":
            return Refusal(
                message=f"invalid type: parameter {place} is of type {complaint.got} but should be of type {said}."
            )
        case "range":
            bound = "at least" if complaint.got in {">=", ">"} else "at most"
            return Refusal(message=f"invalid request: {place} must be {bound} {said}")
        case _:
            return Refusal(message=f"invalid request: invalid value for {place or 'the body'}")


def limits(levels: tuple[Level, ...]) -> tuple[Header, ...]:
    """As trial keys are told: of requests alone."""
    told: list[Header] = []
    for level in levels:
        if level.unit == "requests":
            told += [
                ("x-endpoint-monthly-call-limit", "1000"),
                ("x-trial-endpoint-call-limit", str(level.limit)),
                ("x-trial-endpoint-call-remaining", str(level.remaining)),
            ]
    return tuple(told)


def limited(short: Short) -> Refusal:
    what = {"requests": "API calls / minute", "tokens": "tokens / minute"}.get(short.unit, "concurrent API calls")
    message = (
        f"You are past the per minute request limit, please wait and try again later: limited to {short.limit} {what}."
    )
    return Refusal(status=429, message=message)
