"""OpenAI's errors, the events of its streams and its headers, in the words of the real API."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from headway.simulated.notation import go_duration
from headway.simulated.quota import Level, Short
from headway.simulated.reply import Events, Header, Json, Refusal, Voice, Written, encode, event, padded

DONE = b"data: [DONE]\n\n"

_INVALID = "invalid_request_error"
_USUAL: Mapping[int, tuple[str, str, str | None]] = MappingProxyType(
    {
        400: ("The request is invalid.", _INVALID, None),
        401: ("Incorrect API key provided: ***.", _INVALID, "invalid_api_key"),
        402: ("The balance of this account is used up.", "insufficient_quota", "insufficient_quota"),
        403: ("This key may not do that.", _INVALID, "unsupported_country_region_territory"),
        404: ("The model does not exist or you do not have access to it.", _INVALID, "model_not_found"),
        408: ("The request timed out.", "timeout", None),
        409: ("The request conflicts with another.", _INVALID, None),
        413: ("The request is too large.", _INVALID, None),
        422: ("The request could not be processed.", _INVALID, None),
        429: ("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
        500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
        502: ("Bad gateway.", "server_error", None),
        503: (
            "The engine is currently overloaded, please try again later.",
            "service_unavailable_error",
            "server_overloaded",
        ),
        504: ("The upstream did not answer in time.", "server_error", None),
        529: ("Overloaded.", "overloaded_error", "overloaded"),
    }
)


def error_document(message: str, type_: str, param: str | None = None, code: str | None = None) -> Json:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def _usual(status: int) -> Refusal:
    message, type_, code = _USUAL.get(status, _USUAL[500 if status >= 500 or status < 400 else 400])
    return Refusal(status=status, message=message, type=type_, code=code)


def _write(refusal: Refusal, told: Json, _headers: tuple[Header, ...]) -> Written:
    document = error_document(refusal.message, refusal.type or _INVALID, refusal.param, refusal.code)
    return Written(encode({"error": {**document["error"], **told}}), refusal.headers)


VOICE = Voice(_usual, _write)


def _broken_off(_sent: int, told: Json) -> bytes:
    document = error_document("The server had an error while processing your request.", "server_error")
    return event({"error": {**document["error"], **told}})


def events(broken_off: Callable[[int, Json], bytes]) -> Events:
    return Events(
        broken_off=broken_off,
        malformed=b'data: {"id": "chatcmpl-", "choices": [{"index": 0, "delta": {"con\n\n',
        comment=b": keep-alive\n\n",
        ping=b'event: ping\ndata: {"type":"ping"}\n\n',
        padded=padded,
    )


EVENTS = events(_broken_off)


def limits(levels: tuple[Level, ...]) -> tuple[Header, ...]:
    """As OpenAI orders them: both limits, what remains of both, both resets."""
    told = [
        (
            (f"x-ratelimit-limit-{level.unit}", str(level.limit)),
            (f"x-ratelimit-remaining-{level.unit}", str(level.remaining)),
            (f"x-ratelimit-reset-{level.unit}", go_duration(level.reset)),
        )
        for level in levels
    ]
    return tuple(header for row in zip(*told, strict=True) for header in row)


def limited(short: Short, model: str, organization: str) -> Refusal:
    """What was short, and when to come back; a request larger than the limit never passes, and has no such moment."""
    what = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}.get(
        short.unit, "concurrent requests"
    )
    type_ = "tokens" if short.unit == "tokens" else "requests"
    place = f"for {model} in organization {organization} on {what}: Limit {short.limit}"
    if short.wait is None:
        message = f"Request too large {place}, Requested {short.requested}. The input or output tokens must be reduced."
        return Refusal(status=429, message=message, type=type_, code="rate_limit_exceeded")
    milliseconds = max(1, math.ceil(short.wait * 1000 - 1e-6))
    return Refusal(
        status=429,
        message=f"Rate limit reached {place}, Used {short.used}, Requested {short.requested}. "
        f"Please try again in {go_duration(milliseconds / 1000)}.",
        type=type_,
        code="rate_limit_exceeded",
        headers=(("retry-after", str(math.ceil(milliseconds / 1000))), ("retry-after-ms", str(milliseconds))),
        wait=short.wait,
    )
