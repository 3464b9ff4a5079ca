"""Metrics as plain numbers, rendered in Prometheus' text format when asked for.

Label values come in part from clients (a model's name), so the number of series is bounded: what is beyond the bound
is counted under `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from math import isfinite, isnan

from headway.types import ExchangeEvent

MAX_SERIES = 2000
"""Label sets of one metric."""

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

Labels = tuple[str, ...]


class Family:
    """What every metric has: a name, what it means, and label names."""

    def __init__(self, name: str, meaning: str, labels: Labels) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.other: Labels = ("other",) * len(labels)


class Counter(Family):
    kind = "counter"

    def __init__(self, name: str, meaning: str, labels: Labels) -> None:
        super().__init__(name, meaning, labels)
        self.values: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        values = self.values
        if labels in values:
            values[labels] += amount
            return
        if len(values) >= MAX_SERIES:
            labels = self.other
        values[labels] = values.get(labels, 0) + amount

    def lines(self, constant: str) -> Iterable[str]:
        for labels, value in self.values.items():
            yield f"{self.name}{_labels(self.labels, labels, constant)} {value}"


Samples = Iterable[tuple[Labels, float | None]]
"""Values by their labels. None: not known, and not told."""


class Gauge(Family):
    """Asked for its values when rendered. Of those with the same labels the first counts."""

    kind = "gauge"

    def __init__(self, name: str, meaning: str, labels: Labels, read: Callable[[], Samples]) -> None:
        super().__init__(name, meaning, labels)
        self._read = read

    def lines(self, constant: str) -> Iterable[str]:
        return _sample_lines(self, self._read(), constant)


class ReadCounter(Counter):
    """A counter that somebody else keeps, and that is asked for like a gauge."""

    def __init__(self, name: str, meaning: str, labels: Labels, read: Callable[[], Samples]) -> None:
        super().__init__(name, meaning, labels)
        self._read = read

    def lines(self, constant: str) -> Iterable[str]:
        return _sample_lines(self, self._read(), constant)


class Series:
    """One histogram with its labels fixed."""

    __slots__ = ("_buckets", "counts", "sum")

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self._buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._buckets, value)] += 1
        self.sum += value


class Histogram(Family):
    kind = "histogram"

    def __init__(self, name: str, meaning: str, labels: Labels, buckets: tuple[float, ...] = DURATION_BUCKETS) -> None:
        super().__init__(name, meaning, labels)
        self.buckets = buckets
        self._series: dict[Labels, Series] = {}

    def series(self, labels: Labels) -> Series:
        series = self._series.get(labels)
        if series is None:
            if len(self._series) >= MAX_SERIES:
                labels = self.other
            series = self._series.setdefault(labels, Series(self.buckets))
        return series

    def lines(self, constant: str) -> Iterable[str]:
        for labels, series in self._series.items():
            total = 0
            for bound, count in zip((*map(_number, self.buckets), "+Inf"), series.counts, strict=True):
                total += count
                yield f"{self.name}_bucket{_labels((*self.labels, 'le'), (*labels, bound), constant)} {total}"
            yield f"{self.name}_sum{_labels(self.labels, labels, constant)} {series.sum!r}"
            yield f"{self.name}_count{_labels(self.labels, labels, constant)} {total}"


class _Kind:
    """Everything that exchanges of one kind have in common, so that counting one looks up a single key."""

    __slots__ = ("attempt_duration", "duration", "exchanges", "first_token", "input_tokens", "output_tokens")

    def __init__(self, duration: Series, attempt_duration: Series | None, first_token: Series | None) -> None:
        self.duration = duration
        self.attempt_duration = attempt_duration
        self.first_token = first_token
        self.exchanges = 0
        self.input_tokens = 0
        self.output_tokens = 0


_Key = tuple[str, bool, str, str, int, str, str]
"""Endpoint, stream, route, outcome, status, last target, last result."""


class Metrics:
    """Everything that is counted. Each metric is described in docs/metrics.md."""

    def __init__(self, *, constant: str = "") -> None:
        """`constant` is a label pair that every series carries, `worker="0"` where there are several."""
        self._constant = constant
        self._kinds: dict[_Key, _Kind] = {}
        self._bytes_in = 0
        self._bytes_out = 0
        self.requests = Counter(
            "headway_requests_total",
            "Exchanges that ended, by what the client got.",
            ("endpoint", "route", "outcome", "status"),
        )
        self.attempts = Counter(
            "headway_attempts_total", "Upstream attempts, by target and result.", ("target", "result")
        )
        self.further_attempts = Counter(
            "headway_further_attempts_total", "Attempts after the first of their exchange, by reason.", ("reason",)
        )
        self.broken = Counter(
            "headway_broken_answers_total",
            "Answers that broke off after the client had seen part of them.",
            ("route", "outcome"),
        )
        self.changes = Counter(
            "headway_changes_total",
            "Keys parked, breakers opened and closed, errors of no known kind.",
            ("what", "subject"),
        )
        self.tokens = Counter("headway_tokens_total", "Tokens as providers counted them.", ("target", "direction"))
        self.bytes = Counter("headway_bytes_total", "Body bytes from and to clients.", ("direction",))
        self.duration = Histogram(
            "headway_request_duration_seconds",
            "From the request's last byte to the answer's last.",
            ("endpoint", "stream"),
        )
        self.first_token = Histogram(
            "headway_time_to_first_token_seconds",
            "From the request's last byte to a stream's first event.",
            ("target",),
        )
        self.attempt_duration = Histogram("headway_attempt_duration_seconds", "How long attempts took.", ("target",))
        self.queue_wait = Histogram(
            "headway_queue_wait_seconds", "How long requests waited for room that had to.", ("route",)
        )
        self.log_dropped = Counter("headway_log_lines_dropped_total", "Log lines lost because nothing took them.", ())
        self.reloads = Counter("headway_config_reloads_total", "Configuration reloads, by result.", ("result",))
        self.alert_posts = Counter(
            "headway_alert_posts_total", "Alerts sent to webhooks, by what became of them.", ("result",)
        )
        self.live: list[Gauge | Counter] = []
        """Read from live state."""
        self.log_dropped.add((), 0)  # what begins at 1 has not risen, to Prometheus: an alert would miss the first
        self.reloads.add(("ok",), 0)
        self.reloads.add(("refused",), 0)

    @property
    def lines_lost(self) -> int:
        return self.log_dropped.values.get((), 0)

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        self.live.append(Gauge(name, meaning, (), lambda: [((), read())]))

    def families(self) -> list[Counter | Gauge | Histogram]:
        return [
            self.requests,
            self.attempts,
            self.further_attempts,
            self.broken,
            self.changes,
            self.tokens,
            self.bytes,
            self.duration,
            self.first_token,
            self.attempt_duration,
            self.queue_wait,
            self.log_dropped,
            self.reloads,
            self.alert_posts,
            *self.live,
        ]

    def count(self, event: ExchangeEvent) -> None:
        attempts = event.attempts
        last = attempts[-1] if attempts else None
        key = (
            event.endpoint,
            event.stream,
            event.route,
            event.outcome,
            event.status,
            "" if last is None else last.target,
            "" if last is None else last.result,
        )
        kind = self._kinds.get(key) or self._kind(key)
        kind.exchanges += 1
        kind.duration.observe(event.duration)
        self._bytes_in += event.request_bytes
        self._bytes_out += event.reply_bytes
        if event.queued:
            self.queue_wait.series((event.route,)).observe(event.queued)
        if last is None:
            return
        if kind.attempt_duration is not None:
            kind.attempt_duration.observe(last.duration)
        if kind.first_token is not None and event.first_byte is not None:
            kind.first_token.observe(event.first_byte)
        usage = event.usage
        if usage is not None:
            kind.input_tokens += usage.input_tokens
            kind.output_tokens += usage.output_tokens
        if event.broke:
            self.broken.add((event.route, event.outcome))
        if len(attempts) == 1:
            return
        for attempt in attempts[1:]:
            self.further_attempts.add((attempt.reason,))
        for attempt in attempts[:-1]:
            self.attempts.add((attempt.target, attempt.result))
            self.attempt_duration.series((attempt.target,)).observe(attempt.duration)

    def render(self) -> str:
        self._settle()
        lines: list[str] = []
        for family in self.families():
            lines.append(f"# HELP {family.name} {family.meaning}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines.extend(family.lines(self._constant))
        return "\n".join(lines) + "\n"

    def _kind(self, key: _Key) -> _Kind:
        endpoint, stream, _, _, _, target, _ = key
        if len(self._kinds) >= MAX_SERIES:
            self._settle()
        kind = self._kinds[key] = _Kind(
            self.duration.series((endpoint, "true" if stream else "false")),
            self.attempt_duration.series((target,)) if target else None,
            self.first_token.series((target,)) if target and stream else None,
        )
        return kind

    def _settle(self) -> None:
        """Add what each kind has counted to the counters that people see."""
        for (endpoint, _, route, outcome, status, target, result), kind in self._kinds.items():
            self.requests.add((endpoint, route, outcome, str(status)), kind.exchanges)
            if target:
                self.attempts.add((target, result), kind.exchanges)
                self.tokens.add((target, "input"), kind.input_tokens)
                self.tokens.add((target, "output"), kind.output_tokens)
        self._kinds.clear()
        self.bytes.add(("in",), self._bytes_in)
        self.bytes.add(("out",), self._bytes_out)
        self._bytes_in = self._bytes_out = 0


def _sample_lines(family: Family, samples: Samples, constant: str) -> Iterator[str]:
    first: dict[Labels, float] = {}
    for labels, value in samples:
        if value is not None:
            first.setdefault(labels, value)
    for labels, value in islice(first.items(), MAX_SERIES):
        yield f"{family.name}{_labels(family.labels, labels, constant)} {_number(value)}"


def _labels(names: Labels, values: Labels, constant: str) -> str:
    pairs = [f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True)]
    if constant:
        pairs.append(constant)
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if not isfinite(value):
        return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
