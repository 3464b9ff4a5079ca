"""Streams without `alt=sse`: one JSON array, its elements the answers that would otherwise be events.

A frame is an element with what stands before it, or the bracket that ends the array.
"""

from __future__ import annotations

import re

from headway.wire.form.codec import SeesAll, Show
from headway.wire.form.reply import Event
from headway.wire.gemini import errors
from headway.wire.gemini.stream_read import Reader
from headway.wire.gemini.stream_write import Writer

MEDIA_TYPE = b"application/json; charset=UTF-8"

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|"|[{}\]]', re.DOTALL)
_BETWEEN = b"[,] \t\r\n"


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole elements and the unfinished rest. The array's last bracket is a frame of its own."""
    frames: list[bytes] = []
    start = depth = 0
    for token in _TOKEN.finditer(data):
        match token[0]:
            case b"{":
                depth += 1
            case b"}":
                depth -= 1
                if depth == 0:
                    frames.append(data[start : token.end()])
                    start = token.end()
            case b"]" if depth == 0:
                frames.append(data[start : token.end()])
                start = token.end()
            case b'"':  # a text that has not ended yet
                break
            case _:
                pass
    return frames, data[start:]


class ArrayReader(Reader):
    def read(self, frame: bytes, into: list[Event]) -> None:
        element = frame.lstrip(_BETWEEN)
        if element:
            self.take(element, into)


class ArrayWriter(SeesAll):
    def __init__(self, show: Show) -> None:
        self._writer = Writer(show)
        self._before = b"["

    def write(self, events: list[Event]) -> bytes:
        told = self._writer.payload(events)
        return b"" if told is None else self._next(told)

    def end(self) -> bytes:
        return self._next(self._writer.last()) + b"]"

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return self._next(errors.error_body(message, status, code, None)) + b"]"

    def _next(self, element: bytes) -> bytes:
        before, self._before = self._before, b",\r\n"
        return before + element
