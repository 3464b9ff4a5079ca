"""The body of an error for a client of the Responses API: that of all of OpenAI's."""

from __future__ import annotations

from headway.wire.openai import errors


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    return errors.body(message, status=status, code=code, param=param)
