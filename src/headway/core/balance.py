"""Which of several ready candidates gets the next attempt.

Smooth weighted draw: every candidate earns its weight in credit, the richest is chosen and pays the sum. Shares hold
exactly over every few draws, not only in the long run, and draws of one candidate are spread out rather than bunched.
(The algorithm is nginx's.)
"""

from __future__ import annotations

from collections.abc import Callable

from headway.core.candidates import Candidate
from headway.types import BalanceName

Pick = Callable[[list[Candidate]], Candidate]
"""Chooses one of at least one ready candidates."""


def weighted(ready: list[Candidate]) -> Candidate:
    total = 0.0
    best = ready[0]
    highest = float("-inf")
    for candidate in ready:
        weight = candidate.weight
        total += weight
        credit = candidate.credit = candidate.credit + weight
        if credit > highest:
            best = candidate
            highest = credit
    best.credit = highest - total
    return best


def round_robin(ready: list[Candidate]) -> Candidate:
    best = ready[0]
    highest = float("-inf")
    for candidate in ready:
        credit = candidate.credit = candidate.credit + 1.0
        if credit > highest:
            best = candidate
            highest = credit
    best.credit = highest - len(ready)
    return best


STRATEGIES: dict[BalanceName, Pick] = {"weighted": weighted, "round_robin": round_robin}
