"""From samples to figures: ratios within a round, medians and ranges over rounds, merged latencies.

Pure. nginx runs before and after everything else in each round, and what stood between is set against the mean of the
two, because a shared machine drifts by more than the differences looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean, median

import msgspec

from headway.bench import latency
from headway.bench.plan import Result

DIRECT, NGINX, GATEWAY = "direct", "nginx", "gateway"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one configuration. `cpu` is CPU seconds of the process under test during the window, `beside` that of
    its processes in the background, `rss` the peak of both in bytes.

    `foreign` is how many cores anything else on the machine used meanwhile; `said` is the end of the log of a process
    that gave wrong replies.
    """

    configuration: str
    streamed: bool
    result: Result
    cpu: float | None = None
    beside: float | None = None
    rss: int | None = None
    foreign: float | None = None
    said: str = ""

    @property
    def units(self) -> int:
        return self.result.chunks if self.streamed else self.result.replies

    @property
    def cpu_us(self) -> float | None:
        """CPU microseconds per request, or per chunk of a stream."""
        return None if self.cpu is None or not self.units else self.cpu / self.units * 1e6

    @property
    def beside_us(self) -> float | None:
        """The same in the background; None if there is nothing."""
        return self.beside / self.units * 1e6 if self.beside and self.units else None

    @property
    def per_second(self) -> float:
        return self.units / self.result.seconds if self.result.seconds else 0.0

    @property
    def busy(self) -> float | None:
        """Share of one core that the process under test used: near 1, and the figure is one at saturation."""
        return None if self.cpu is None or not self.result.seconds else self.cpu / self.result.seconds

    @property
    def waits(self) -> str:
        """The histogram a user feels first: the whole reply, or the first token of a stream."""
        return self.result.first_token if self.streamed else self.result.latency


Round = Sequence[Sample]


class Spread(msgspec.Struct, frozen=True):
    """Median and range over rounds."""

    median: float
    low: float
    high: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration over all rounds; microseconds and bytes. None where a figure can't be had.

    For `direct` the CPU is the mock's own. `wait` is the whole reply, or the first token of a stream; `added` is a
    round's difference to `direct`, `over_nginx` to nginx.
    """

    configuration: str
    rounds: int
    cpu_us: Spread | None
    beside_us: Spread | None
    ratio: Spread | None
    per_second: Spread
    busy: Spread | None
    wait_p50: float | None
    wait_p99: float | None
    added_p50: Spread | None
    added_p99: Spread | None
    over_nginx_p50: Spread | None
    over_nginx_p99: Spread | None
    gap_p50: float | None
    gap_p99: float | None
    behind_p99: float | None
    rss: int | None
    foreign: Spread | None
    errors: dict[str, int]
    said: str


def spread(values: Iterable[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known)) if known else None


def floor(samples: Round) -> float | None:
    """nginx's CPU per unit in this round: the mean of before and after."""
    known = [sample.cpu_us for sample in samples if sample.configuration == NGINX and sample.cpu_us is not None]
    return fmean(known) if known else None


def ratio(sample: Sample, samples: Round) -> float | None:
    """CPU per unit against nginx in the same round."""
    base = floor(samples)
    return sample.cpu_us / base if base and sample.cpu_us is not None else None


def wait(samples: Round, configuration: str, percent: float) -> float | None:
    """A percentile of one configuration's wait in this round."""
    texts = [sample.waits for sample in samples if sample.configuration == configuration]
    return latency.percentile(latency.merged(texts), percent)


def added(samples: Round, configuration: str, base: str, percent: float) -> float | None:
    """By how much a percentile of the wait exceeds that of `base` in this round; None where either is missing or both
    are one.
    """
    mine, theirs = wait(samples, configuration, percent), wait(samples, base, percent)
    return None if configuration == base or mine is None or theirs is None else mine - theirs


def summary(configuration: str, rounds: Sequence[Round]) -> Summary:
    """All figures of one configuration. It must occur in at least one round."""
    mine = [sample for samples in rounds for sample in samples if sample.configuration == configuration]
    ratios = [ratio(s, samples) for samples in rounds for s in samples if s.configuration == configuration]
    waits = latency.merged(sample.waits for sample in mine)
    gaps = latency.merged(sample.result.gaps for sample in mine)
    behind = latency.merged(sample.result.behind for sample in mine)
    errors: Counter[str] = Counter()
    for sample in mine:
        errors.update(sample.result.errors)
    return Summary(
        configuration=configuration,
        rounds=len(rounds),
        cpu_us=spread(sample.cpu_us for sample in mine),
        beside_us=spread(sample.beside_us for sample in mine),
        ratio=None if configuration == DIRECT else spread(ratios),
        per_second=spread(sample.per_second for sample in mine) or Spread(0.0, 0.0, 0.0),
        busy=spread(sample.busy for sample in mine),
        wait_p50=latency.percentile(waits, 50),
        wait_p99=latency.percentile(waits, 99),
        added_p50=spread(added(samples, configuration, DIRECT, 50) for samples in rounds),
        added_p99=spread(added(samples, configuration, DIRECT, 99) for samples in rounds),
        over_nginx_p50=spread(added(samples, configuration, NGINX, 50) for samples in rounds),
        over_nginx_p99=spread(added(samples, configuration, NGINX, 99) for samples in rounds),
        gap_p50=latency.percentile(gaps, 50),
        gap_p99=latency.percentile(gaps, 99),
        behind_p99=latency.percentile(behind, 99),
        rss=max((sample.rss for sample in mine if sample.rss is not None), default=None),
        foreign=spread(sample.foreign for sample in mine),
        errors=dict(errors),
        said=next((sample.said for sample in mine if sample.said), ""),
    )


def summaries(rounds: Sequence[Round]) -> list[Summary]:
    """One summary a configuration, from the cheapest to the one in question."""
    present = {sample.configuration for samples in rounds for sample in samples}
    return [summary(name, rounds) for name in (DIRECT, NGINX, GATEWAY) if name in present]
