"""What the outcomes of a workload say in figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from headway.failures import FailureKind
from sim.capacity import Allowed
from sim.clients import Wish
from sim.workloads import Outcome

LIMITED = frozenset({FailureKind.RATE_LIMITED.value, FailureKind.RAMP_LIMITED.value})


def percentile(values: Iterable[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def served(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [each for each in outcomes if each.ok]


def success(outcomes: Sequence[Outcome]) -> float:
    return len(served(outcomes)) / len(outcomes)


def limited(outcomes: Iterable[Outcome]) -> float:
    """Of all upstream calls, the part that an upstream refused because of a quota."""
    failures = Counter(record.failure in LIMITED for each in outcomes for record in each.attempts)
    return failures[True] / max(failures.total(), 1)


def limited_clients(outcomes: Iterable[Outcome]) -> int:
    return sum(each.status == 429 for each in outcomes)


def use(outcomes: Iterable[Outcome], quotas: Sequence[Allowed]) -> list[float]:
    """Of each key `k0`, `k1` and so on: the answers that it gave, as minutes of its quota, by requests or tokens,
    whichever is more.
    """
    given, tokens = Counter[str](), Counter[str]()
    for each in served(outcomes):
        given[each.key()] += 1
        tokens[each.key()] += each.tokens
    return [
        max(given[f"k{place}"] / quota.requests, tokens[f"k{place}"] / quota.tokens)
        for place, quota in enumerate(quotas)
    ]


def share_errors(outcomes: Iterable[Outcome], quotas: Sequence[Allowed]) -> list[float]:
    """By key: how much more or less of its quota was used than of all of them on the average, as a part of that."""
    used = use(outcomes, quotas)
    usual = sum(used) / len(used)
    return [each / usual - 1.0 for each in used]


def calls(outcomes: Iterable[Outcome], begin: float, end: float) -> list[tuple[float, str]]:
    """Moment and provider of each upstream call, in order."""
    found = [
        (each.at + record.started, record.target.partition("/")[0]) for each in outcomes for record in each.attempts
    ]
    return sorted(call for call in found if begin <= call[0] < end)


def share(of: str, made: Sequence[tuple[float, str]]) -> float:
    return sum(name == of for _, name in made) / max(len(made), 1)


def stayed(outcomes: Iterable[Outcome], conversation: Callable[[Wish], str]) -> float:
    """Of all turns but the first of each conversation, the part that went to where the one before went."""
    turns: dict[str, list[Outcome]] = defaultdict(list)
    for each in served(outcomes):
        turns[conversation(each.wish)].append(each)
    same = Counter[bool]()
    for each in turns.values():
        each.sort(key=lambda outcome: outcome.at)
        same.update(turn.key() == before.key() for before, turn in pairwise(each))
    return same[True] / max(same.total(), 1)
