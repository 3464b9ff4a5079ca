"""Errors as Anthropic tells them: a type for each status, and a sentence."""

from __future__ import annotations

import msgspec

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_NO_THREADS = {"error_code": "thread_unsupported_request"}
"""For clients that let the provider keep the conversation: they begin again, and send all of it themselves."""
_encode = msgspec.json.Encoder().encode


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    """The dialect has no place for a code of ours, nor for a parameter's name but in the sentence."""
    found = _TYPES.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")
    if param and param not in message:
        message = f"{param}: {message}"
    error: dict[str, object] = {"type": found, "message": message}
    if param == "thread" and code == "unsupported_feature":
        error["details"] = _NO_THREADS
    return _encode({"type": "error", "error": error})
