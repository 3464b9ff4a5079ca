"""Latency histograms: recorded in microseconds, merged over runs, sent between processes as text.

HdrHistogram comes with the extra `bench`; everything else in the package works without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

from headway.bench.plan import BenchError

try:
    import hdrh.histogram as hdr
except ModuleNotFoundError:
    hdr = None

LOWEST_US, HIGHEST_US, DIGITS = 1, 100_000_000, 3


class Histogram(Protocol):
    """What is used of an HdrHistogram."""

    def record_value(self, value: int, count: int = 1) -> bool: ...
    def get_value_at_percentile(self, percentile: float) -> int: ...
    def get_total_count(self) -> int: ...
    def decode_and_add(self, encoded_histogram: str) -> None: ...
    def encode(self) -> bytes: ...


def histogram() -> Histogram:
    """An empty one. Raises `BenchError` where the library is missing."""
    if hdr is None:
        raise BenchError("latencies need the package hdrhistogram: pip install 'headway[bench]'")
    return cast("Histogram", hdr.HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))


def packed(seconds: Iterable[float]) -> str:
    """Durations as a histogram's text; the empty string for none."""
    recorded = histogram()
    for value in seconds:
        recorded.record_value(min(max(round(value * 1e6), LOWEST_US), HIGHEST_US))
    return recorded.encode().decode("ascii") if recorded.get_total_count() else ""


def merged(texts: Iterable[str]) -> Histogram:
    """One histogram of several; empty texts add nothing."""
    total = histogram()
    for text in texts:
        if text:
            total.decode_and_add(text)
    return total


def percentile(recorded: Histogram, percent: float) -> float | None:
    """Microseconds at or below which `percent` per cent of the values lie; None of an empty histogram."""
    return float(recorded.get_value_at_percentile(percent)) if recorded.get_total_count() else None
