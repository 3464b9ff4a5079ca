"""Metrics that are read from live state when somebody asks for them: targets, quotas, lines.

Nothing is counted here while requests run. `look` is called once before each rendering, so that all numbers are of one
moment. A target that several routes use is told as the first of them sees it, but for its share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headway.observability.metrics import Counter, Gauge, ReadCounter, Samples
from headway.types import Overview, RouteRecord, TargetRecord

NOTHING = Overview(lag=0.0, routes=())


class LiveMetrics:
    """`overview` tells how everything stands."""

    def __init__(self, overview: Callable[[], Overview]) -> None:
        self._overview = overview
        self._seen = NOTHING

    def look(self) -> None:
        self._seen = self._overview()

    def families(self) -> list[Gauge | Counter]:
        return [
            Gauge(
                "headway_target_share_ratio",
                "A target's part of what its tier is asked just now.",
                ("route", "target"),
                self._shares,
            ),
            self._of_targets(
                "headway_target_expected_seconds",
                "What a target is expected to take to begin an answer.",
                lambda target: target.seconds,
            ),
            self._of_targets(
                "headway_target_reliability_ratio",
                "The part of a target's requests that go well.",
                lambda target: target.reliability,
            ),
            self._of_targets(
                "headway_target_in_flight_requests", "Attempts under way.", lambda target: target.in_flight
            ),
            self._of_targets(
                "headway_target_concurrency_limit",
                "Requests in flight that a target copes with, once it was overloaded.",
                lambda target: target.limit,
            ),
            Gauge(
                "headway_target_quota_left_ratio",
                "What is left of the quota that has least left.",
                ("target", "dimension", "window"),
                self._left,
            ),
            self._of_routes("headway_queued_requests", "Requests that wait for room.", lambda r: r.queue.length),
            ReadCounter(
                "headway_queue_refused_total",
                "Requests that would have waited for room for too long.",
                ("route",),
                lambda: [((route.model,), route.queue.refused) for route in self._seen.routes],
            ),
            Gauge(
                "headway_loop_lag_seconds", "By how much the event loop is late.", (), lambda: [((), self._seen.lag)]
            ),
        ]

    def _of_targets(self, name: str, meaning: str, read: Callable[[TargetRecord], float | None]) -> Gauge:
        return Gauge(name, meaning, ("target",), lambda: [((each.target,), read(each)) for each in self._targets()])

    def _of_routes(self, name: str, meaning: str, read: Callable[[RouteRecord], float]) -> Gauge:
        return Gauge(name, meaning, ("route",), lambda: [((each.model,), read(each)) for each in self._seen.routes])

    def _targets(self) -> Iterator[TargetRecord]:
        for route in self._seen.routes:
            yield from route.targets

    def _shares(self) -> Samples:
        for route in self._seen.routes:
            for each in route.targets:
                yield (route.model, each.target), each.share

    def _left(self) -> Samples:
        """A key's and its provider's quotas, configured and told, may be of the same dimension and window."""
        for each in self._targets():
            least: dict[tuple[str, str], float] = {}
            for quota in each.quotas:
                if quota.limit <= 0.0:
                    continue
                kind = (quota.dimension, f"{quota.window:.15g}")
                least[kind] = min(least.get(kind, 1.0), max(quota.left, 0.0) / quota.limit)
            for (dimension, window), ratio in least.items():
                yield (each.target, dimension, window), ratio
