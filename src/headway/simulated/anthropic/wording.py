"""Anthropic's errors, the events of its streams and its headers, in the words of the real API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from headway.simulated.complaints import Complaint
from headway.simulated.quota import Level, Short
from headway.simulated.reply import Events, Header, Json, Refusal, Voice, Written, encode, event, padded

_TYPES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        409: "conflict_error",
        413: "request_too_large",
        422: "invalid_request_error",
        429: "rate_limit_error",
        500: "api_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "invalid_request_error": "There was an issue with the format or content of your request.",
        "authentication_error": "invalid x-api-key",
        "billing_error": "Your credit balance is too low to access the Anthropic API.",
        "permission_error": "Your API key does not have permission to use the specified resource.",
        "not_found_error": "Not found",
        "conflict_error": "Conflict",
        "request_too_large": "Request exceeds the maximum size",
        "rate_limit_error": "This request would exceed your account's rate limit. Please try again later.",
        "api_error": "Internal server error",
        "timeout_error": "Request timed out",
        "overloaded_error": "Overloaded",
    }
)
_CLOSED = "Extra inputs are not permitted"


def _type(status: int) -> str:
    return _TYPES.get(status, "api_error" if status >= 500 or status < 400 else "invalid_request_error")


def _usual(status: int) -> Refusal:
    type_ = _type(status)
    return Refusal(status=status, message=_MESSAGES[type_], type=type_)


def _write(refusal: Refusal, told: Json, headers: tuple[Header, ...]) -> Written:
    error = {"type": refusal.type or _type(refusal.status), "message": refusal.message, **_own(told)}
    own = () if refusal.wait is None else (("retry-after", str(math.ceil(refusal.wait))),)
    document = {"type": "error", "error": error, "request_id": dict(headers).get("request-id")}
    return Written(encode(document), (*refusal.headers, *own))


def _own(told: Json) -> Json:
    """An error of Anthropic's has neither a parameter nor a code."""
    return {name: value for name, value in told.items() if name in {"type", "message"}}


def _broken_off(_sent: int, told: Json) -> bytes:
    error = {"details": None, "type": "overloaded_error", "message": "Overloaded", **_own(told)}
    return event({"type": "error", "error": error}, "error")


VOICE = Voice(_usual, _write)
EVENTS = Events(
    broken_off=_broken_off,
    malformed=b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"typ\n\n',
    comment=b": keep-alive\n\n",
    ping=b'event: ping\ndata: {"type": "ping"}\n\n',
    padded=padded,
)


def invalid(complaint: Complaint) -> Refusal:
    """What Anthropic says of a body that has not the types it should have."""
    place, said = complaint.dotted, complaint.said
    match complaint.kind:
        case "json":
            return Refusal(message="The request body is not valid JSON")
        case "missing":
            return Refusal(message=f"{place}: Field required")
        case "unknown":
            return Refusal(message=f"{place}: {_CLOSED}")
        case "type":
            shown = "dictionary" if said == "object" else "list" if said == "array" else said
            return Refusal(message=f"{place or 'body'}: Input should be a valid {shown}")
        case "range":
            sign = {">=": "greater than or equal to", "<=": "less than or equal to"}[complaint.got]
            return Refusal(message=f"{place}: Input should be {sign} {said}")
        case "enum":
            return Refusal(
                message=f"{place}: Input should be {_OPTIONS.get(place.rpartition('.')[2], 'another value')}"
            )
        case _:
            return Refusal(message=f"{place}: {said or 'Invalid input'}")


_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "role": "'user' or 'assistant'",
        "effort": "'low', 'medium', 'high', 'xhigh' or 'max'",
        "service_tier": "'auto' or 'standard_only'",
    }
)


def limits(levels: tuple[Level, ...], today: float) -> tuple[Header, ...]:
    """Requests and tokens; tokens also as those of the input, which they are."""
    told: list[Header] = []
    for level in levels:
        for unit in ("requests",) if level.unit == "requests" else ("tokens", "input-tokens"):
            told += [
                (f"anthropic-ratelimit-{unit}-limit", str(level.limit)),
                (f"anthropic-ratelimit-{unit}-remaining", str(level.remaining)),
                (f"anthropic-ratelimit-{unit}-reset", moment(today + level.reset)),
            ]
    return tuple(told)


def moment(time: float) -> str:
    """RFC 3339, in whole seconds, rounded up."""
    return datetime.fromtimestamp(math.ceil(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def limited(short: Short, model: str, organization: str) -> Refusal:
    what = {"requests": "requests per minute", "tokens": "input tokens per minute"}.get(short.unit)
    if what is None:
        message = "Number of concurrent connections has exceeded your rate limit. Please try again later."
    else:
        message = (
            f"This request would exceed your organization's rate limit of {short.limit:,} {what} (org: {organization}, "
            f"model: {model}). For details, refer to: https://docs.claude.com/en/api/rate-limits."
        )
    return Refusal(status=429, message=message, wait=short.wait)
