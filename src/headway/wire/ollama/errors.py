"""Errors in Ollama's form: `{"error": ...}`; the same within a stream."""

from __future__ import annotations

import msgspec

_encode = msgspec.json.Encoder().encode


class _Body(msgspec.Struct):
    error: str


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    """Ollama has no place for a code or a parameter: its messages name them."""
    del status, code, param
    return _encode(_Body(message))
