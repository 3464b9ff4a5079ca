"""The log: one JSON object a line, written by a thread, so that a slow reader never holds up a request.

Lines wait in a bounded queue; when nothing takes them they are dropped and counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Protocol

import msgspec

from headway.types import Content, ExchangeEvent

MAX_BATCHES = 256
"""Batches that may wait for the writer."""

_encoder = msgspec.json.Encoder()


class Out(Protocol):
    """What takes lines, or raises `OSError` or `ValueError`."""

    def write(self, lines: bytes, /) -> object: ...

    def flush(self) -> object: ...


class LogWriter:
    """Takes batches of finished lines. `dropped` hears how many were lost, from the thread that calls `write`."""

    def __init__(self, out: Out, dropped: Callable[[int], None]) -> None:
        self._out = out
        self._dropped = dropped
        self._failed = 0
        """Lines that the thread could not write. Only the thread counts here."""
        self._told = 0
        """How many of them `dropped` has been told of. Only the loop counts here."""
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="headway-log", daemon=True)
        self._thread.start()

    def write(self, lines: bytes) -> None:
        """Whole lines, each ended by LF."""
        if self._failed != self._told:
            self._tell_failed()
        if self._queue.qsize() < MAX_BATCHES:
            self._queue.put(lines)
        else:
            self._dropped(lines.count(b"\n"))

    def close(self, timeout: float = 2.0) -> None:
        """Write what is waiting, for at most `timeout` seconds."""
        self._queue.put(None)
        self._thread.join(timeout)
        self._tell_failed()

    def _tell_failed(self) -> None:
        failed = self._failed
        if failed != self._told:
            self._dropped(failed - self._told)
            self._told = failed

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            try:
                self._out.write(batch)
                self._out.flush()
            except (OSError, ValueError):
                self._failed += batch.count(b"\n")


def exchange_lines(events: list[ExchangeEvent]) -> bytes:
    """One line an event, each ended by LF."""
    return _encoder.encode_lines(events)


def content_lines(contents: list[Content]) -> bytes:
    """The same of messages and replies, which never stand in the log itself."""
    return _encoder.encode_lines(contents)


def notice_line(at: float, event: str, message: str, facts: Iterable[tuple[str, object]] = ()) -> bytes:
    """A line about the gateway itself: started, reloaded, refused a configuration."""
    return _encoder.encode({"event": event, "at": round(at, 3), "message": message, **dict(facts)}) + b"\n"
