"""The reply that a fault puts in the place of the answer: another status, kind of body, or wording of the error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from headway.simulated.faults import Fault
from headway.simulated.reply import Json, Piece, Reply, encode

_ERRORS: Mapping[int, tuple[str, str, str | None]] = MappingProxyType(
    {
        400: ("The request is invalid.", "invalid_request_error", None),
        401: ("Incorrect API key provided: ***.", "invalid_request_error", "invalid_api_key"),
        402: ("The balance of this account is used up.", "insufficient_quota", "insufficient_quota"),
        403: ("This key may not do that.", "invalid_request_error", "unsupported_country_region_territory"),
        404: ("The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
        408: ("The request timed out.", "timeout", None),
        409: ("The request conflicts with another.", "invalid_request_error", None),
        413: ("The request is too large.", "invalid_request_error", None),
        422: ("The request could not be processed.", "invalid_request_error", None),
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


def with_fault(reply: Reply, fault: Fault) -> Reply:
    """The reply that the fault puts in this one's place: another status, another body. Rate-limit headers stay. With
    `error_event_at`, the wording is the event's.
    """
    worded = bool(fault.error) and fault.error_event_at is None
    if fault.status is None and fault.body is None and not fault.json_error_200 and not worded:
        return reply
    status = fault.status or (200 if fault.json_error_200 or fault.body else reply.status)
    message, type_, code = _ERRORS.get(status, _ERRORS[500 if status >= 500 or status < 400 else 400])
    error: Json = {"message": message, "type": type_, "param": None, "code": code, **dict(fault.error)}
    match fault.body:
        case "html":
            page = f"<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
            content_type, body = "text/html; charset=utf-8", page.encode()
        case "text":
            content_type, body = "text/plain; charset=utf-8", message.encode()
        case "empty":
            content_type, body = "application/json", b""
        case _:
            content_type, body = "application/json", encode({"error": error})
    return Reply(status=status, content_type=content_type, headers=reply.headers, pieces=(Piece(body),))
