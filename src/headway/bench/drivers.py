"""Three ways to make load: closed loop, open loop, concurrent streams. Each sends requests and keeps what it sees in a
`Tally`.

How long a run lasts, and when its window opens and closes, is `load`'s decision.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import Counter, deque
from time import perf_counter

from headway.bench.connection import Connection, Dialer
from headway.bench.plan import Plan
from headway.bench.ticker import Ticker, ticker

ENOUGH_ERRORS = 100


class Tally:
    """What was seen, in seconds and counts.

    A reply counts when it arrives inside the window; its latency counts when its request was due inside the window,
    however late the reply, so that a stall at the end is not forgotten. Errors always count.
    """

    def __init__(self) -> None:
        self.open = False
        self.replies = 0
        self.chunks = 0
        self.errors: Counter[str] = Counter()
        self.latency = array("d")
        self.first_token = array("d")
        self.gaps = array("d")
        self.behind = array("d")
        self._opened = math.inf

    def open_window(self, now: float) -> None:
        self.open = True
        self._opened = now

    def close_window(self) -> None:
        self.open = False

    def sent(self, intended: float, now: float) -> None:
        if intended >= self._opened:
            self.behind.append(now - intended)

    def finished(self, began: float, now: float, fault: str) -> None:
        """A whole reply is in, or will never be."""
        if fault:
            self.errors[fault] += 1
            return
        if self.open:
            self.replies += 1
        if began >= self._opened:
            self.latency.append(now - began)

    @property
    def hopeless(self) -> bool:
        return self.errors.total() >= ENOUGH_ERRORS


class Closed:
    """As many requests in flight as connections, each reply answered by the next request."""

    def __init__(self, plan: Plan, tally: Tally, request: bytes) -> None:
        self._plan = plan
        self._tally = tally
        self._request = request
        self._dialer = Dialer(plan, self)
        self._sent = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopped = False

    async def start(self) -> None:
        for connection in await asyncio.gather(*[self._dialer.dial() for _ in range(self._plan.connections)]):
            self._next(connection, perf_counter())

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self._dialer.close()

    def in_flight(self) -> int:
        return self._dialer.busy()

    def arrived(self, connection: Connection, now: float) -> None:
        return

    def finished(self, connection: Connection, now: float, fault: str) -> None:
        self._tally.finished(connection.began, now, fault)
        self.stopped = self.stopped or self._tally.hopeless
        if connection.usable:
            self._next(connection, now)
        elif not self.stopped:
            task = asyncio.get_running_loop().create_task(self._replace())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self, connection: Connection, now: float) -> None:
        self.stopped = self.stopped or self._sent >= self._plan.max_requests
        if not self.stopped:
            self._sent += 1
            connection.send(self._request, now)

    async def _replace(self) -> None:
        try:
            connection = await self._dialer.dial()
        except OSError as error:
            self._tally.errors[f"no connection: {error.strerror}"] += 1
            return
        self._next(connection, perf_counter())


class Open:
    """Requests at a fixed rate, each on an idle connection; when none is idle it waits, and that is latency too."""

    def __init__(self, plan: Plan, tally: Tally, request: bytes) -> None:
        self._plan = plan
        self._tally = tally
        self._request = request
        self._dialer = Dialer(plan, self)
        self._idle: list[Connection] = []
        self._waiting: deque[float] = deque()
        self._began = 0.0
        self._due = 0
        self._ticker: Ticker | None = None
        self.stopped = False

    async def start(self) -> None:
        self._idle = list(await asyncio.gather(*[self._dialer.dial() for _ in range(self._plan.connections)]))
        self._began = perf_counter()
        self._ticker = ticker(1 / self._plan.rate, self._tick)

    def stop(self) -> None:
        self.stopped = True
        if self._ticker is not None:
            self._ticker.stop()

    def close(self) -> None:
        self.stop()
        self._dialer.close()

    def in_flight(self) -> int:
        return len(self._waiting) + self._dialer.busy()

    def arrived(self, connection: Connection, now: float) -> None:
        return

    def finished(self, connection: Connection, now: float, fault: str) -> None:
        self._tally.finished(connection.began, now, fault)
        self.stopped = self.stopped or self._tally.hopeless
        if connection.usable:
            self._idle.append(connection)
            self._dispatch(now)

    def _tick(self) -> None:
        if self.stopped:
            return
        now = perf_counter()
        due = min(int((now - self._began) * self._plan.rate), self._plan.max_requests)
        while self._due < due:
            self._due += 1
            self._waiting.append(self._began + self._due / self._plan.rate)
        self._dispatch(now)

    def _dispatch(self, now: float) -> None:
        while self._waiting and self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                self._tally.errors["an idle connection was closed"] += 1
                continue
            intended = self._waiting.popleft()
            self._tally.sent(intended, now)
            connection.send(self._request, intended)


class Streams:
    """A fixed number of streams, opened evenly over the ramp, each started once and read to its end."""

    def __init__(self, plan: Plan, tally: Tally, request: bytes) -> None:
        self._plan = plan
        self._tally = tally
        self._request = request
        self._dialer = Dialer(plan, self)
        self._seen: dict[Connection, int] = {}
        self.stopped = False

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        every = self._plan.ramp / self._plan.streams
        for number in range(self._plan.streams):
            await self._one()
            await asyncio.sleep(max(0.0, began + (number + 1) * every - loop.time()))

    async def _one(self) -> None:
        try:
            connection = await self._dialer.dial()
        except OSError as error:
            self._tally.errors[f"no connection: {error.strerror}"] += 1
            return
        self._seen[connection] = 0
        connection.send(self._request, perf_counter())

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self._dialer.close()

    def in_flight(self) -> int:
        return self._dialer.busy()

    def arrived(self, connection: Connection, now: float) -> None:
        tally = self._tally
        new = connection.events - self._seen[connection]
        if not new:
            return
        self._seen[connection] = connection.events
        if connection.last == 0.0:
            tally.first_token.append(now - connection.began)
        elif tally.open:
            tally.gaps.append(now - connection.last)
        connection.last = now
        if tally.open:
            tally.chunks += new

    def finished(self, connection: Connection, now: float, fault: str) -> None:
        if fault:
            self._tally.errors[fault] += 1
        else:
            self._tally.replies += 1
            self._tally.latency.append(now - connection.began)
        connection.close()
