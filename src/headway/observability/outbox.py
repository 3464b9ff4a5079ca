"""Events on their way to somebody slow: a bounded queue, and a thread that hands them over, many at once.

Whoever puts events in never waits: what finds no room is lost and counted. What handing over means is the `deliver` of
whoever makes the outbox.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from headway.types import ExchangeEvent

MOST = 10_000
"""Events that may wait, those being handed over among them."""

Deliver = Callable[[list[ExchangeEvent]], int]
"""Returns how many of them were lost."""


class Outbox:
    """`put` belongs to one thread, the loop's; `deliver` is called by the outbox's own. `closing` is set when time has
    come to hurry.
    """

    def __init__(self, name: str, deliver: Deliver, *, portion: int, wait: float, most: int = MOST) -> None:
        """At most `portion` events are handed over at once; they wait `wait` seconds for others."""
        self._deliver = deliver
        self._portion = portion
        self._wait = wait
        self._most = most
        self._queue: SimpleQueue[list[ExchangeEvent] | None] = SimpleQueue()
        # each number has one thread that writes it
        self._put = 0
        self._refused = 0
        self._done = 0
        self._failed = 0
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"headway-{name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        return self._refused + self._failed

    def put(self, events: list[ExchangeEvent]) -> None:
        room = self._most - (self._put - self._done)
        if room < len(events):
            self._refused += len(events) - max(room, 0)
            events = events[: max(room, 0)]
        if events:
            self._put += len(events)
            self._queue.put(events)

    def close(self, timeout: float) -> None:
        """Hand over what is waiting, for at most `timeout` seconds; the rest is lost."""
        self.closing.set()
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._refused += self._put - self._done

    def _run(self) -> None:
        more = True
        while more:
            events, more = self._gather()
            for start in range(0, len(events), self._portion):
                portion = events[start : start + self._portion]
                self._failed += self._deliver(portion)
                self._done += len(portion)

    def _gather(self) -> tuple[list[ExchangeEvent], bool]:
        """What has come together, and whether more may come."""
        first = self._queue.get()
        if first is None:
            return [], False
        events = list(first)
        until = time.monotonic() + self._wait
        while len(events) < self._portion and not self.closing.is_set():
            try:
                further = self._queue.get(timeout=max(until - time.monotonic(), 0.0))
            except Empty:
                break
            if further is None:
                return events, False
            events += further
        return events, True
