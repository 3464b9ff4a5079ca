"""Which of several ready candidates gets the next attempt.

Smooth weighted draw: every candidate earns its weight in credit, the richest is chosen and pays the sum. Shares hold
exactly over every few draws, not only in the long run, and draws of one candidate are spread out rather than bunched.
(The algorithm is nginx's.)
"""

from __future__ import annotations

from headway.core.candidates import Candidate, Pick
from headway.types import BalanceName

LONGEST_CYCLE = 256


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


def cycle(candidates: list[Candidate], pick: Pick) -> list[Candidate]:
    """The order in which a strategy draws while all are ready, until it repeats itself; empty if that takes too long.

    A draw from it costs nothing, and most of the time all are ready.
    """
    if any(candidate.credit for candidate in candidates) or not all(candidate.weight for candidate in candidates):
        return []
    order: list[Candidate] = []
    while candidates and len(order) < LONGEST_CYCLE:
        order.append(pick(candidates))
        if all(abs(candidate.credit) < 1e-9 for candidate in candidates):
            break
    else:
        order = []
    for candidate in candidates:
        candidate.credit = 0.0
    return order


STRATEGIES: dict[BalanceName, Pick] = {"weighted": weighted, "round_robin": round_robin}
