"""What many events amount to: sums by minute, hour and day, and by tag, so that no dashboard has to look at
single requests.

Sums of a batch are made in memory, and added to those that are stored.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from headway.storage.rows import Row, amount, fit, microseconds, tags_of, target_of
from headway.storage.tables import BOUNDS, COUNTED, DIMENSIONS, SUMS, TAG_SUMS, TIMES
from headway.types import ExchangeEvent, Usage

_AT_FIRST = len(SUMS)
_FIRSTS = _AT_FIRST + len(TIMES)
_NO_USAGE = Usage()

Key = tuple[int, str, str, str, str, str]
"""Minute, hour or day, then the dimensions."""


class Sums:
    """Of one batch."""

    def __init__(self) -> None:
        self.minutes: dict[Key, list[int]] = {}
        self.hours: dict[Key, list[int]] = {}
        self.days: dict[Key, list[int]] = {}
        self.tags: dict[tuple[int, str], list[int]] = {}

    def add(self, event: ExchangeEvent) -> None:
        usage = event.usage or _NO_USAGE
        cost, sent, got = amount(event.cost or 0), amount(usage.input_tokens), amount(usage.output_tokens)
        amounts = (
            1,
            int(event.stream),
            len(event.attempts),
            int(event.broke),
            sent,
            got,
            amount(usage.cached_input_tokens),
            amount(usage.reasoning_tokens),
            cost,
            int(event.cost is None and sent + got > 0),
            microseconds(event.duration),
        )
        _, target, key = target_of(event)
        route, endpoint, outcome = (fit(name, getattr(event, name)) for name in ("route", "endpoint", "outcome"))
        dimensions = (route, target, key, endpoint, outcome)
        minute = int(event.at // 60)
        lasted = _AT_FIRST + bisect_left(BOUNDS, event.duration)
        began = None
        if event.stream and event.first_byte is not None:
            began = _FIRSTS + bisect_left(BOUNDS, event.first_byte)
        for sums, at in ((self.minutes, minute), (self.hours, minute // 60), (self.days, minute // 1440)):
            found = sums.get((at, *dimensions))
            if found is None:
                found = sums[(at, *dimensions)] = [0] * len(COUNTED)
            for number, more in enumerate(amounts):
                found[number] += more
            found[lasted] += 1
            if began is not None:
                found[began] += 1
        for tag in tags_of(event):
            tagged = self.tags.setdefault((minute // 60, tag), [0] * len(TAG_SUMS))
            values = (1, int(event.outcome != "ok"), sent, got, cost)
            for number, more in enumerate(values):
                tagged[number] += more


def rows_of(sums: dict[Key, list[int]]) -> list[Row]:
    """In order, so that several writers never wait for one another in a circle."""
    return [
        dict(zip(("at", *DIMENSIONS, *COUNTED), (*key, *values), strict=True)) for key, values in sorted(sums.items())
    ]


def tag_rows_of(sums: dict[tuple[int, str], list[int]]) -> list[Row]:
    return [dict(zip(("at", "tag", *TAG_SUMS), (*key, *values), strict=True)) for key, values in sorted(sums.items())]


def percentile(counts: Iterable[int], part: float) -> float | None:
    """Seconds below which this part of all lies, read off a histogram over `BOUNDS`. None: it is empty. What lies
    beyond the last bound counts as that.
    """
    found = list(counts)
    total = sum(found)
    if not total:
        return None
    wanted, below = part * total, 0
    for number, count in enumerate(found):
        if count and below + count >= wanted:
            if number == len(BOUNDS):
                return BOUNDS[-1]
            lower = BOUNDS[number - 1] if number else 0.0
            return lower + (BOUNDS[number] - lower) * (wanted - below) / count
        below += count
    return BOUNDS[-1]
