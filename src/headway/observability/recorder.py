"""Takes events as exchanges end, and counts and logs them a little later, many at once.

Taking costs an append; the rest happens when the loop has come round, in bounded portions.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from headway.observability.log import content_lines, exchange_lines, notice_line
from headway.observability.metrics import Metrics
from headway.types import Change, Content, ExchangeEvent

FLUSH_AFTER = 0.1
"""Seconds that an event may wait."""
PORTION = 200
"""Events handled in one turn of the loop."""


CONTENTS = 20
"""Messages and replies handled in one turn."""
MOST_CONTENTS = 500
"""That may wait."""


class Follower(Protocol):
    """Who hears of everything, in portions."""

    def ended(self, events: Sequence[ExchangeEvent]) -> None: ...

    def changed(self, change: Change, at: float) -> None: ...


class Shipper(Protocol):
    """Takes the lines of exchanges to the request log."""

    @property
    def wanted(self) -> bool:
        """Is there a request log?"""
        ...

    def ship(self, lines: bytes, rows: int) -> None: ...

    def ship_contents(self, lines: bytes, contents: int) -> None: ...

    def lose_contents(self, contents: int) -> None:
        """They came too fast."""
        ...


Watcher = Callable[[ExchangeEvent], None]


class Recorder:
    """The gateway's `Sink`."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        loop: AbstractEventLoop,
        write: Callable[[bytes], None] | None,
        ship: Shipper | None = None,
        export: Callable[[list[ExchangeEvent]], None] | None = None,
    ) -> None:
        """`write` takes finished log lines; None logs nothing. `export` takes events, many at once. None of them may
        wait or raise.
        """
        self._metrics = metrics
        self._loop = loop
        self._write_lines = write
        self._ship = ship
        self._export = export
        self._events: deque[ExchangeEvent] = deque()
        self._contents: deque[Callable[[], Content]] = deque()
        self._scheduled = False
        self._watchers: list[Watcher] = []
        self._follower: Follower | None = None

    def record(self, event: ExchangeEvent) -> None:
        self._events.append(event)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_later(FLUSH_AFTER, self._flush)

    def keep_content(self, told: Callable[[], Content]) -> None:
        """What was asked and answered in an exchange that has just been recorded, for the request log and nobody
        else.
        """
        if len(self._contents) < MOST_CONTENTS:
            self._contents.append(told)
        elif self._ship is not None:
            self._ship.lose_contents(1)

    def changed(self, change: Change, at: float) -> None:
        self._metrics.changes.add((change.what, change.subject))
        if self._write_lines is not None:
            facts = (("subject", change.subject), ("seconds", round(change.seconds, 1)))
            self._write_lines(notice_line(at, change.what, change.message, facts))
        if self._follower is not None:
            self._follower.changed(change, at)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have every event shown to someone else too, such as a live view; what is returned ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def follow(self, follower: Follower) -> None:
        """Have events shown to someone else a portion at a time, and changes at once."""
        self._follower = follower

    def drain(self) -> None:
        """Handle everything that waits, now."""
        while self._events or self._contents:
            self._handle()

    def _flush(self) -> None:
        self._scheduled = len(self._events) > PORTION or len(self._contents) > CONTENTS
        if self._scheduled:  # before the work: what a watcher raises must not end the counting
            self._loop.call_soon(self._flush)
        self._handle()

    def _handle(self) -> None:
        events = [self._events.popleft() for _ in range(min(PORTION, len(self._events)))]
        count = self._metrics.count
        for event in events:
            count(event)
        if events:
            self._tell(events)
        if self._contents:
            self._tell_contents()
        if events and self._export is not None:
            self._export(events)
        if self._follower is not None and events:
            self._follower.ended(events)
        for watcher in tuple(self._watchers):
            for event in events:
                watcher(event)

    def _tell_contents(self) -> None:
        told = [self._contents.popleft() for _ in range(min(CONTENTS, len(self._contents)))]
        if self._ship is not None and self._ship.wanted:
            self._ship.ship_contents(content_lines([each() for each in told]), len(told))

    def _tell(self, events: list[ExchangeEvent]) -> None:
        """Whoever takes lines; they are made only if somebody does."""
        write, ship = self._write_lines, self._ship
        shipped = ship is not None and ship.wanted
        if write is None and not shipped:
            return
        lines = exchange_lines(events)
        if write is not None:
            write(lines)
        if ship is not None and shipped:
            ship.ship(lines, len(events))
