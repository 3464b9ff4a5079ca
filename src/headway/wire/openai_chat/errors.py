"""Errors for a client of Chat Completions, which are those of all of OpenAI's API."""

from __future__ import annotations

from headway.wire.openai import errors


def error_body(message: str, status: int, code: str, param: str | None) -> bytes:
    """The body of an error."""
    return errors.body(message, status=status, code=code, param=param)


def error_event(message: str, *, status: int, code: str) -> bytes:
    """What ends a stream that broke after it had begun."""
    return errors.event(message, status=status, code=code)
