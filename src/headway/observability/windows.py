"""How many requests of each subject there were of late, and how many of them went badly.

A window moves on in steps of a tenth of its length. The sums are made anew only when a step has fallen out of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

MOST_SUBJECTS = 1000
"""Names come in part from clients; what is beyond this is counted under `other`."""
OTHER = "other"
STEPS = 10

Tally = list[int]
"""Requests, and how many of them went badly. A list, since it is added to for each request."""


def tally(counts: dict[str, Tally], subject: str) -> Tally:
    """That of a subject, begun if there is none yet."""
    found = counts.get(subject)
    if found is None:
        found = counts.setdefault(subject if len(counts) < MOST_SUBJECTS else OTHER, [0, 0])
    return found


class Window:
    """The sums of the last `length` seconds, by subject."""

    def __init__(self, length: float) -> None:
        self.length = length
        self._sums: dict[str, Tally] = {}
        self._steps: deque[tuple[float, dict[str, Tally]]] = deque()
        """When each began, and what was counted in it."""

    def add(self, counts: Mapping[str, Tally], at: float) -> None:
        """What was counted since the last time, which may be nothing."""
        self._move(at)
        if not counts:
            return
        if not self._steps or at - self._steps[-1][0] >= self.length / STEPS:
            self._steps.append((at, {}))
        _add(self._steps[-1][1], counts)
        _add(self._sums, counts)

    def sums(self) -> Iterator[tuple[str, int, int]]:
        """Subject, requests, and how many of them went badly."""
        for subject, (requests, bad) in self._sums.items():
            yield subject, requests, bad

    def _move(self, at: float) -> None:
        steps = self._steps
        if steps and at < steps[-1][0]:  # the clock was set back: when anything was is not known any more
            steps.clear()
        while steps and at - steps[0][0] >= self.length:
            steps.popleft()
            self._sums.clear()
        if not self._sums:
            for _, counts in steps:
                _add(self._sums, counts)
        if not steps:
            self._sums.clear()


def _add(sums: dict[str, Tally], counts: Mapping[str, Tally]) -> None:
    for subject, (requests, bad) in counts.items():
        sum_of = tally(sums, subject)
        sum_of[0] += requests
        sum_of[1] += bad
