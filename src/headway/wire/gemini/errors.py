"""Errors in Google's form: `{"error": {"code", "message", "status", "details"}}`."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def status_of(status: int) -> str:
    """The name that google.rpc.Code has for an HTTP status."""
    return _STATUSES.get(status) or ("INVALID_ARGUMENT" if status < 500 else "INTERNAL")


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.upper(), "domain": "headway"}
    ]
    if param is not None:
        violation = {"field": param, "description": message}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    error = {"code": status, "message": message, "status": status_of(status), "details": details}
    return _encode({"error": error})
