"""Reads one reply after the other from bytes split anywhere, and says what is wrong with each.

It trusts nothing: status, framing, length and terminal marker are all checked, since a benchmark of wrong answers is
worth nothing. What the expected length or number of events is comes from the plan.
"""

from __future__ import annotations

import re

CONTENT_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength:[ \t]*(\d+)")
CHUNKED = re.compile(rb"\r\n[Tt]ransfer-[Ee]ncoding:[ \t]*chunked", re.IGNORECASE)
EVENTS = re.compile(rb"\r\n[Cc]ontent-[Tt]ype:[ \t]*text/event-stream", re.IGNORECASE)
TERMINAL = b"data: [DONE]"
TAIL = 64


class ReplyReader:
    """The state of one connection's reading side.

    `feed` returns True when a reply is complete; `fault` then says what is wrong with it, empty if nothing. `events`
    counts the server-sent events so far. `reset` makes it ready for the next reply; bytes past the end of a reply are a
    fault.
    """

    __slots__ = ("_chunked", "_expect", "_head", "_held", "_length", "_seen", "_sse", "_tail", "events", "fault")

    def __init__(self, expect: int | None) -> None:
        self._expect = expect
        self.fault: str = ""
        self.events: int = 0
        self._head = False
        self._held: bytes = b""
        self._chunked = False
        self._sse = False
        self._length: int = 0
        self._seen: int = 0
        self._tail: bytes = b""

    def reset(self) -> None:
        self.fault = ""
        self.events = 0
        self._head = False
        self._held = b""
        self._chunked = False
        self._sse = False
        self._seen = 0
        self._tail = b""

    def feed(self, data: bytes) -> bool:
        if not self._head:
            data = self._held + data if self._held else data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._held = data
                return False
            self._held = b""
            if not self._read_head(data, end):
                return True
            data = data[end + 4 :]
        return self._read_chunks(data) if self._chunked else self._read_body(data)

    def _read_head(self, data: bytes, end: int) -> bool:
        self._head = True
        status = data[9:12]
        if status != b"200" or not data.startswith(b"HTTP/1.1 "):
            self.fault = f"status {status.decode('latin-1')}"
            return False
        length = CONTENT_LENGTH.search(data, 0, end)
        if length is not None:
            self._length = int(length[1])
            return True
        self._chunked = CHUNKED.search(data, 0, end) is not None
        self._sse = EVENTS.search(data, 0, end) is not None
        if not self._chunked:
            self.fault = "neither content-length nor chunked"
        return self._chunked

    def _read_body(self, data: bytes) -> bool:
        self._seen += len(data)
        if self._seen < self._length:
            return False
        if self._seen > self._length:
            self.fault = "bytes after the reply"
        elif not data.endswith(b"}"):
            self.fault = "the body is not the JSON that was asked for"
        elif self._expect is not None and self._length != self._expect:
            self.fault = f"a body of {self._length} bytes instead of {self._expect}"
        return True

    def _read_chunks(self, data: bytes) -> bool:
        if self._held:
            data = self._held + data
        at = 0
        while True:
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                break
            try:
                size = int(data[at:line_end].partition(b";")[0], 16)
            except ValueError:
                self.fault = "a chunk without a size"
                return True
            stop = line_end + 2 + size
            if len(data) < stop + 2:
                break
            if data[stop : stop + 2] != b"\r\n":
                self.fault = "a chunk longer than its size"
                return True
            if size == 0:
                return self._end_of_chunks(rest=len(data) - stop - 2)
            self._payload(data[line_end + 2 : stop])
            at = stop + 2
        self._held = data[at:]
        return False

    def _payload(self, payload: bytes) -> None:
        self._seen += len(payload)
        self.events += payload.count(b"\n\n")
        if self._tail[-1:] == b"\n" and payload[:1] == b"\n":
            self.events += 1
        self._tail = payload[-TAIL:] if len(payload) >= TAIL else (self._tail + payload)[-TAIL:]

    def _end_of_chunks(self, rest: int) -> bool:
        if rest:
            self.fault = "bytes after the reply"
        elif not self._sse:
            if self._expect is not None and self._seen != self._expect:
                self.fault = f"a body of {self._seen} bytes instead of {self._expect}"
        elif not self._tail.rstrip().endswith(TERMINAL):
            self.fault = "a stream without its terminal marker"
        elif self._expect is not None and self.events != self._expect:
            self.fault = f"a stream of {self.events} events instead of {self._expect}"
        return True
