"""Errors as Replicate writes them: a problem document (RFC 9457)."""

from __future__ import annotations

import msgspec

_encode = msgspec.json.Encoder().encode


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    del param
    return _encode({"title": code, "detail": message, "status": status})
