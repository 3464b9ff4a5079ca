"""Framing of server-sent events (WHATWG HTML §9.2), as far as a relay needs it.

Where events end, and what a finished event's `data` says. Lines end with LF or CRLF; the lone CR that the standard also
allows ends none. What the data means is the dialects' business.
"""

from __future__ import annotations

import re

_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n")


def complete_length(data: bytes) -> int:
    """How many leading bytes of `data` are whole events, the blank line included."""
    end = data.rfind(b"\n\n")
    end = end + 2 if end >= 0 else 0
    crlf = data.rfind(b"\r\n\r\n", end)
    return crlf + 4 if crlf >= 0 else end


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole events, each with the blank line that ends it, and the unfinished rest. Most often one event arrives."""
    if data.find(b"\n\n") == len(data) - 2 >= 0 and data.find(b"\r") < 0:
        return [data], b""
    events: list[bytes] = []
    start = 0
    for match in _BOUNDARY.finditer(data):
        events.append(data[start : match.end()])
        start = match.end()
    return events, data[start:]


def data_of(event: bytes) -> bytes | None:
    """The event's data, its lines joined by LF; None for comments and events without data."""
    lines: list[bytes] = []
    for line in event.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"data:"):
            value = line[5:]
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None


def encode(data: bytes, *, event: bytes | None = None) -> bytes:
    """One event; `data` must hold no line break, as compact JSON does not."""
    if event is None:
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (event, data)
