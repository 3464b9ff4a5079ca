"""What ends just now, for whoever wants to watch: exchanges as they are counted, to any number of listeners.

A listener that reads too slowly misses some, and is told how many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from headway.types import ExchangeEvent

MOST_WAITING = 1000
"""Events that wait for one listener."""
MOST_LISTENERS = 64

Watch = Callable[[Callable[[ExchangeEvent], None]], Callable[[], None]]
"""Has every event shown to somebody; returns what ends that."""


class _Listener:
    def __init__(self) -> None:
        self.waiting: deque[ExchangeEvent] = deque()
        self.some = asyncio.Event()
        self.missed = 0

    def take(self, event: ExchangeEvent) -> None:
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.popleft()
            self.missed += 1
        self.waiting.append(event)
        self.some.set()


class Feed:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._listeners: set[_Listener] = set()
        self._unwatch: Callable[[], None] | None = None

    @property
    def full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS

    async def listen(self, *, every: float) -> AsyncGenerator[tuple[list[ExchangeEvent], int]]:
        """What has ended since, and how many were missed; after `every` seconds without any an empty list."""
        listener = _Listener()
        self._listeners.add(listener)
        if self._unwatch is None:
            self._unwatch = self._watch(self._show)
        try:
            while True:
                try:
                    async with asyncio.timeout(every):
                        await listener.some.wait()
                except TimeoutError:
                    pass
                listener.some.clear()
                events, missed = list(listener.waiting), listener.missed
                listener.waiting.clear()
                listener.missed = 0
                yield events, missed
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._unwatch is not None:
                self._unwatch()
                self._unwatch = None

    def _show(self, event: ExchangeEvent) -> None:
        for listener in self._listeners:
            listener.take(event)
