"""Errors in Cohere's form: `{"message": ...}`; the status says of what kind it is."""

from __future__ import annotations

import msgspec

_encode = msgspec.json.Encoder().encode


class _Body(msgspec.Struct):
    message: str


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    """Cohere has no place for a code or a parameter: its messages name them."""
    del status, code, param
    return _encode(_Body(message))
