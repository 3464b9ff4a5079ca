"""Google's errors (google.rpc.Status), and the events of its streams, in the words of the real API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from headway.simulated.complaints import Complaint
from headway.simulated.quota import Short
from headway.simulated.reply import Events, Header, Json, Refusal, Voice, Written, encode, padded

_STATUSES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
        403: ("PERMISSION_DENIED", "The caller does not have permission"),
        404: ("NOT_FOUND", "Requested entity was not found."),
        408: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        409: ("ABORTED", "The operation was aborted."),
        413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit."),
        429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        499: ("CANCELLED", "The operation was cancelled."),
        500: ("INTERNAL", "An internal error has occurred. Please retry or report in https://developers.google.com/"),
        501: ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
        503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    }
)
_RPC = "type.googleapis.com/google.rpc."


def _status(code: int) -> tuple[str, str]:
    return _STATUSES.get(code) or _STATUSES[500 if code >= 500 or code < 400 else 400]


def _usual(status: int) -> Refusal:
    type_, message = _status(status)
    return Refusal(status=status, message=message, type=type_)


def _write(refusal: Refusal, told: Json, _headers: tuple[Header, ...]) -> Written:
    document = _document(refusal, told, refusal.status)
    return Written(encode(document), refusal.headers, "application/json; charset=UTF-8")


def _document(refusal: Refusal, told: Json, code: int) -> Json:
    """`type` is the status' name, `code` the reason in an ErrorInfo, `param` the field that was violated."""
    status = told.get("type") or refusal.type or _status(code)[0]
    reason, field = told.get("code") or refusal.code, told.get("param") or refusal.param
    message = told.get("message") or refusal.message
    details: list[Json] = []
    if reason is not None:
        info = {"reason": reason, "domain": "googleapis.com", "metadata": {"service": "simulated.googleapis.com"}}
        details.append({"@type": f"{_RPC}ErrorInfo", **info})
    if field is not None:
        violations = [{"field": field, "description": message}]
        details.append({"@type": f"{_RPC}BadRequest", "fieldViolations": violations})
    if status == "RESOURCE_EXHAUSTED" and refusal.wait is not None:
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{refusal.wait:.9f}".rstrip("0").rstrip(".") + "s"})
    error: Json = {"code": code, "message": message, "status": status}
    return {"error": {**error, **({"details": details} if details else {})}}


VOICE = Voice(_usual, _write)


def _error(told: Json) -> bytes:
    return encode(_document(_usual(503), told, 503))


def _broken_off(_sent: int, told: Json) -> bytes:
    return b"data: " + _error(told) + b"\r\n\r\n"


def _broken_off_array(sent: int, told: Json) -> bytes:
    return (b",\r\n" if sent > 1 else b"") + _error(told) + b"\r\n]"


_TORN = b'{"candidates": [{"content": {"parts": [{"te'
EVENTS = Events(
    broken_off=_broken_off,
    malformed=b"data: " + _TORN + b"\r\n\r\n",
    comment=b": keep-alive\r\n\r\n",
    padded=padded,
)
"""With `alt=sse`. There are no pings."""
ARRAY = Events(broken_off=_broken_off_array, malformed=b",\r\n" + _TORN, padded=padded)
"""Without: one JSON array, written piece by piece."""


def framed(document: object) -> bytes:
    """One event with `alt=sse`."""
    return b"data: " + encode(document) + b"\r\n\r\n"


def invalid(complaint: Complaint) -> Refusal:
    """What Google says of a body that has not the types it should have."""
    place = complaint.place.removeprefix("$").removeprefix(".")
    field = re.sub(r"(?<=[a-z])[A-Z]", lambda found: f"_{found[0].lower()}", place)
    within, _, name = field.rpartition(".")
    match complaint.kind:
        case "json":
            return Refusal(message="Invalid JSON payload received. Unexpected end of string. Expected a value.")
        case "missing":
            return Refusal(message=f"* GenerateContentRequest.{field}: {name} is not specified")
        case "unknown":
            at = f" at '{within}'" if within else ""
            message = (
                f'Invalid JSON payload received. Unknown name "{place.rpartition(".")[2]}"{at}: Cannot find field.'
            )
            return Refusal(message=message, param=within or None)
        case "type" | "enum":
            return Refusal(message=f"Invalid value at '{field}'", param=field or None)
        case "range":
            bound = "at least" if complaint.got == ">=" else "at most"
            return Refusal(message=f"* GenerateContentRequest.{field}: the value must be {bound} {complaint.said}.")
        case _:
            return Refusal(message=f"* GenerateContentRequest.{field}: {complaint.said or 'invalid value'}")


def limited(short: Short, model: str, organization: str) -> Refusal:
    metric = {"requests": "generate_content_requests", "tokens": "generate_content_input_token_count"}.get(
        short.unit, "generate_content_concurrent_requests"
    )
    again = "" if short.wait is None else f"\nPlease retry in {short.wait:.9f}s."
    message = (
        "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: "
        f"generativelanguage.googleapis.com/{metric}, limit: {short.limit}, model: {model}{again}"
    )
    return Refusal(status=429, message=message, wait=short.wait)
