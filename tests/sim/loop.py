"""Virtual time: a heap of timers, and chance where two of them are due at the same moment.

Nothing here waits. A run is as long as its timers are many, whatever time passes in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

KEPT = 400
"""Lines of the trace."""


class Violation(BaseException):
    """A promise was broken. No handler of exceptions in the code under test catches it."""


class Timer:
    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        self.call = None


class Loop:
    """The gateway's event loop and both its clocks. `after_step` looks at the world after each thing that happens."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._now = 1000.0
        self._wall = 1_700_000_000.0 - 1000.0
        self._heap: list[tuple[float, float, int, Timer]] = []
        self._count = 0
        self.suspended = 0.0
        """Seconds for which the process stood still so far."""
        self.steps = 0
        self.after_step: Callable[[], None] | None = None
        self._trace: deque[tuple[float, tuple[object, ...]]] = deque(maxlen=KEPT)

    # --- what the gateway is given ---

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._wall

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        return self.at(self._now + max(delay, 0.0), callback)

    # --- what happens to the machine ---

    def at(self, moment: float, callback: Callable[[], object]) -> Timer:
        timer = Timer(callback)
        self._count += 1
        heappush(self._heap, (moment, self._rng.random(), self._count, timer))
        return timer

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._wall += seconds

    def suspend(self, seconds: float) -> None:
        """The process stands still, and all that was due meanwhile is late."""
        self._now += seconds
        self.suspended += seconds

    # --- running ---

    @property
    def pending(self) -> int:
        return sum(timer.call is not None for *_, timer in self._heap)

    def run(self, until: float) -> None:
        """Let everything happen that is due before that moment."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            moment, _, _, timer = heappop(heap)
            call = timer.call
            if call is None:
                continue
            self._now = max(self._now, moment)
            timer.call = None
            self.steps += 1
            call()
            if self.after_step is not None:
                self.after_step()
        self._now = max(self._now, until)

    # --- the trace ---

    def note(self, *words: object) -> None:
        self._trace.append((self._now, words))

    def trace(self, last: int = KEPT) -> list[str]:
        """The last lines of what happened."""
        told = list(self._trace)[-last:]
        return [f"{now - 1000.0:9.3f}  {' '.join(map(str, words))}" for now, words in told]
