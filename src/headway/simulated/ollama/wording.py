"""Ollama's errors and the lines of its streams."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from headway.simulated.complaints import Complaint
from headway.simulated.reply import Events, Header, Json, Refusal, Voice, Written, encode, padded

LINES = "application/x-ndjson"
_MESSAGES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid request",
        401: "unauthorized",
        403: "forbidden",
        404: "model not found",
        429: "too many requests",
        500: "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error",
        502: "bad gateway",
        503: "server busy, please try again.  maximum pending requests exceeded",
    }
)


def _usual(status: int) -> Refusal:
    return Refusal(
        status=status, message=_MESSAGES.get(status) or _MESSAGES[500 if status >= 500 or status < 400 else 400]
    )


def _write(refusal: Refusal, told: Json, _headers: tuple[Header, ...]) -> Written:
    body = encode({"error": told.get("message") or refusal.message})
    return Written(body, refusal.headers, "application/json; charset=utf-8")


def _broken_off(_sent: int, told: Json) -> bytes:
    return encode({"error": told.get("message") or _MESSAGES[500]}) + b"\n"


VOICE = Voice(_usual, _write)
EVENTS = Events(broken_off=_broken_off, malformed=b'{"model":"m","message":{"role":"assis\n', padded=padded)
"""Lines of JSON; there is no line that says nothing."""


def invalid(complaint: Complaint) -> Refusal:
    """What a program in Go says of a body that has not the types it should have."""
    match complaint.kind:
        case "json":
            return Refusal(message="invalid character 'x' looking for beginning of value")
        case "missing":
            return Refusal(message=f"{complaint.dotted} is required")
        case "type":
            place = f"Go struct field {complaint.dotted} of type {complaint.said}"
            return Refusal(message=f"json: cannot unmarshal {complaint.got} into {place}")
        case _:
            return Refusal(message=f"invalid {complaint.dotted or 'request'}")
