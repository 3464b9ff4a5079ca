"""A stream of events as the array that a client without `alt=sse` wants: each answer stays the bytes that it was."""

from __future__ import annotations

from headway.wire import sse
from headway.wire.gemini import errors


class Reframer:
    """One stream. It answers as a `StreamWriter` does, but takes frames in place of events."""

    def __init__(self) -> None:
        self._before = b"["

    def frames(self, frames: list[bytes]) -> bytes:
        told: list[bytes] = []
        for frame in frames:
            data = sse.data_of(frame)
            if data is not None:
                told.append(self._next(data))
        return b"".join(told)

    def end(self) -> bytes:
        return b"]" if self._before != b"[" else b"[]"

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return self._next(errors.error_body(message, status, code, None)) + b"]"

    def _next(self, element: bytes) -> bytes:
        before, self._before = self._before, b",\r\n"
        return before + element
