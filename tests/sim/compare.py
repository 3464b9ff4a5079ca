"""The strategies beside each other: the same requests to the same upstreams, in figures and in a picture.

`python -m sim.compare` prints tables in Markdown; `--plot FILE` also writes a picture of one endpoint's bad day,
`--write FILE` puts the tables into a document. All of it follows from `--seed`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from os import cpu_count
from pathlib import Path

import msgspec

from headway.types import BalanceName
from sim import figures, workloads
from sim.plot import Curve, plot
from sim.settings import Setting
from sim.workloads import ENDS, FAILING, QUOTAS, SLOWER, WELL_AGAIN, Outcome

STRATEGIES: tuple[BalanceName, ...] = ("adaptive", "weighted", "round_robin", "least_busy", "latency", "cost")
BEGIN, END = "<!-- strategies -->", "<!-- /strategies -->"
BIN = 6.0
"""Seconds that one point of the picture stands for."""
Make = Callable[[BalanceName], Setting]
Column = tuple[str, Callable[[Sequence[Outcome]], str]]


class Comparison(msgspec.Struct, frozen=True):
    title: str
    about: str
    make: Make
    columns: tuple[Column, ...]


def percent(part: float, digits: int = 1) -> str:
    return f"{100.0 * part:.{digits}f} %"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def _durations(outcomes: Sequence[Outcome]) -> list[float]:
    return [each.duration for each in figures.served(outcomes)]


def _first_words(outcomes: Sequence[Outcome]) -> list[float]:
    return [each.began - each.at for each in figures.served(outcomes)]


def _failed(outcomes: Sequence[Outcome]) -> str:
    return percent(1.0 - figures.success(outcomes))


def _share(begin: float, end: float, outcomes: Sequence[Outcome]) -> str:
    return percent(figures.share("a", figures.calls(outcomes, begin, end)))


FAILED: Column = "clients that failed", _failed
LIMITED: Column = "429s of all calls", lambda outcomes: percent(figures.limited(outcomes), 2)
SHARES: Column = (
    "use of each key's quota, against the average",
    lambda outcomes: ", ".join(f"{100.0 * error:+.0f} %" for error in figures.share_errors(outcomes, QUOTAS)),
)
HALF: Column = "p50", lambda outcomes: seconds(figures.percentile(_durations(outcomes), 0.5))
SLOWEST: Column = "p99", lambda outcomes: seconds(figures.percentile(_durations(outcomes), 0.99))
HALF_FIRST: Column = "p50 to first token", lambda outcomes: seconds(figures.percentile(_first_words(outcomes), 0.5))
SLOWEST_FIRST: Column = "p99 to first token", lambda outcomes: seconds(figures.percentile(_first_words(outcomes), 0.99))

COMPARISONS = (
    Comparison(
        "Four keys of unequal quotas",
        "Ten minutes at 90 % of what the keys bear together, in bursts of five; the provider tells what is left.",
        workloads.four_keys,
        (LIMITED, FAILED, SHARES, HALF, SLOWEST),
    ),
    Comparison(
        "The same, and nothing is told",
        "Replies have no headers about quotas, and refusals do not say when to come again.",
        partial(workloads.four_keys, tells=False),
        (LIMITED, FAILED, SHARES, HALF, SLOWEST),
    ),
    Comparison(
        "Three servers of unequal size",
        "Of 4, 8 and 20 workers, at 80 % of what they can do; what comes while all are busy waits at the server.",
        workloads.servers,
        (FAILED, HALF_FIRST, SLOWEST_FIRST, ("share of the smallest", partial(_share, 60.0, ENDS))),
    ),
    Comparison(
        "One of three has a bad day",
        "For a minute it is five times as slow, for a minute it fails at once, then it is well again. Its share:",
        workloads.bad_day,
        (
            FAILED,
            SLOWEST_FIRST,
            ("before", partial(_share, 0.0, SLOWER)),
            ("while slow", partial(_share, SLOWER + 5.0, FAILING)),
            ("while failing", partial(_share, FAILING, WELL_AGAIN)),
            ("a minute after", partial(_share, WELL_AGAIN + 60.0, ENDS)),
        ),
    ),
    Comparison(
        "Conversations over eight keys",
        "A hundred, of twenty turns each, known by how they begin.",
        partial(workloads.conversations, named=False),
        (
            FAILED,
            ("turns that stay with their key", lambda each: percent(figures.stayed(each, workloads.conversation))),
        ),
    ),
)


def measured(place: int, strategy: BalanceName, seed: int) -> tuple[list[str], list[float]]:
    """The cells of one row, and the curve of one endpoint's share."""
    comparison = COMPARISONS[place]
    outcomes = workloads.play(comparison.make(strategy), seed)
    return [cell(outcomes) for _, cell in comparison.columns], curve(outcomes)


def curve(outcomes: Sequence[Outcome]) -> list[float]:
    """The first endpoint's share of the calls, over time."""
    count = round(ENDS / BIN)
    return [figures.share("a", figures.calls(outcomes, BIN * place, BIN * (place + 1))) for place in range(count)]


def table(comparison: Comparison, rows: Sequence[tuple[str, list[str]]]) -> str:
    names = ["strategy", *(name for name, _ in comparison.columns)]
    lines = [names, ["---"] * len(names), *([strategy, *cells] for strategy, cells in rows)]
    told = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"### {comparison.title}\n\n{comparison.about}\n\n{told}\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="sim.compare", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="write the picture there")
    parser.add_argument("--write", type=Path, help="put the tables into this document, between its marks")
    asked = parser.parse_args()
    tables: list[str] = []
    with ProcessPoolExecutor(cpu_count()) as pool:
        jobs = {
            (place, strategy): pool.submit(measured, place, strategy, asked.seed)
            for place in range(len(COMPARISONS))
            for strategy in STRATEGIES
        }
        for place, comparison in enumerate(COMPARISONS):
            rows = [(strategy, jobs[place, strategy].result()[0]) for strategy in STRATEGIES]
            tables.append(table(comparison, rows))
            print(tables[-1], flush=True)
        if asked.plot is not None:
            day = next(place for place, each in enumerate(COMPARISONS) if each.make is workloads.bad_day)
            curves = [Curve(strategy, jobs[day, strategy].result()[1]) for strategy in STRATEGIES]
            asked.plot.write_text(picture(curves), encoding="utf-8")
    if asked.write is not None:
        text = asked.write.read_text(encoding="utf-8")
        asked.write.write_text(with_tables(text, "\n".join(tables)), encoding="utf-8")
    return 0


def with_tables(document: str, tables: str) -> str:
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the document lacks {BEGIN} or {END}")
    return f"{before}{begin}\n{tables}{end}{after}"


def picture(curves: Sequence[Curve]) -> str:
    return plot(
        "Share of the traffic that one of three endpoints gets",
        curves,
        every=BIN,
        highest=1.0,
        spans=[(SLOWER, FAILING, "five times as slow"), (FAILING, WELL_AGAIN, "fails at once")],
    )


if __name__ == "__main__":
    sys.exit(main())
