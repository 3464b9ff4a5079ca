"""Shows the figures: a table for the terminal, JSON, or the block of docs/performance.md between its two markers."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.table import Table

from headway.bench import nginx
from headway.bench.figures import DIRECT, Round, Spread, Summary, summaries
from headway.bench.inprocess import Figure
from headway.bench.plan import BenchError, Shape
from headway.bench.scenarios import Scenario

BEGIN, END = "<!-- figures: written by headway bench -->", "<!-- end of figures -->"
NOTABLE_CORES = 0.1

IN_PROCESS = "in-process"
IN_PROCESS_TITLE = "the gateway's own steps on fake transports, CPU us of a request or chunk"
IN_PROCESS_COLUMNS = ["step", "10th percentile", "median", "slices"]


class Machine(msgspec.Struct, frozen=True):
    """Where the figures were taken; they hold nowhere else."""

    cpu: str
    cores: int
    system: str
    python: str
    nginx: str | None
    pinned: bool
    at: str


class Measured(msgspec.Struct, frozen=True):
    """One scenario's figures."""

    name: str
    title: str
    shape: Shape
    unit: str
    summaries: list[Summary]


class Report(msgspec.Struct, frozen=True):
    machine: Machine
    scenarios: list[Measured]
    failed: bool
    in_process: list[Figure] = []


def machine(*, pinned: bool, python: str, now: datetime | None = None) -> Machine:
    program = nginx.installed()
    at = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=_said([python, "-V"]) or platform.python_version(),
        nginx=_said([program, "-v"]) if program else None,
        pinned=pinned,
        at=at,
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _said(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip().removeprefix("nginx version: ")


def measured(scenario: Scenario, rounds: Sequence[Round]) -> Measured:
    unit = "chunk" if scenario.streamed else "request"
    return Measured(scenario.name, scenario.title, scenario.shape, unit, summaries(rounds))


def failed(scenarios: Sequence[Measured]) -> bool:
    return any(found.errors for scenario in scenarios for found in scenario.summaries)


def columns(scenario: Measured) -> list[str]:
    wait = "first token" if scenario.shape == "streams" else "reply"
    return [
        "",
        f"CPU us/{scenario.unit}",
        "ratio to nginx",
        f"{scenario.unit}s/s",
        "core busy",
        f"{wait} ms",
        *(["added us", "over nginx us"] if scenario.shape != "closed" else []),
        *(["gap ms"] if scenario.shape == "streams" else []),
        "RSS MB",
        "errors",
    ]


def row(scenario: Measured, found: Summary) -> list[str]:
    """The cells of one configuration, under `columns`."""
    beside = "" if found.beside_us is None else f" + {found.beside_us.median:.1f} in the background"
    cpu = _ranged(found.cpu_us, "{:.1f}") + beside
    plain = found.configuration == DIRECT
    return [
        "direct (CPU: the mock's)" if plain else found.configuration,
        cpu,
        _ranged(found.ratio, "{:.2f}"),
        f"{found.per_second.median:,.0f}",
        "-" if found.busy is None else f"{found.busy.median:.0%}",
        _pair(found.wait_p50, found.wait_p99),
        *([_medians(found.added_p50, found.added_p99)] if scenario.shape != "closed" else []),
        *(
            ["-" if plain else _medians(found.over_nginx_p50, found.over_nginx_p99)]
            if scenario.shape != "closed"
            else []
        ),
        *([_pair(found.gap_p50, found.gap_p99)] if scenario.shape == "streams" else []),
        "-" if found.rss is None else f"{found.rss / 1e6:.0f}",
        "; ".join(f"{count} x {reason}" for reason, count in found.errors.items()) or "0",
    ]


def disturbance(scenario: Measured) -> str:
    """A warning when the machine was not the benchmark's own, else the empty string."""
    foreign = max((found.foreign.median for found in scenario.summaries if found.foreign), default=0.0)
    if foreign < NOTABLE_CORES:
        return ""
    return f"Other processes used {foreign:.1f} cores meanwhile: take the figures, ratios included, with care."


def _ranged(found: Spread | None, form: str) -> str:
    if found is None:
        return "-"
    return f"{form.format(found.median)} ({form.format(found.low)}-{form.format(found.high)})"


def _pair(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low / 1000:.2f} / {high / 1000:.2f}"


def _medians(low: Spread | None, high: Spread | None) -> str:
    return "-" if low is None or high is None else f"{low.median:+.0f} / {high.median:+.0f}"


def table(scenario: Measured) -> Table:
    caption = disturbance(scenario) or None
    shown = Table(title=f"{scenario.name}: {scenario.title}; p50 / p99", caption=caption, title_justify="left")
    for number, column in enumerate(columns(scenario)):
        shown.add_column(column, justify="right" if number else "left")
    for found in scenario.summaries:
        shown.add_row(*row(scenario, found), style="red" if found.errors else None)
    return shown


def markdown(report: Report) -> str:
    """The block that `--write` puts between the markers."""
    where = report.machine
    pinned = "pinned" if where.pinned else "not pinned"
    proxy = where.nginx or "no nginx"
    lines = [
        f"Taken {where.at} on {where.cores} cores of {where.cpu} ({pinned}), {where.system}, {where.python}, {proxy}."
    ]
    if report.failed:
        lines += ["", "**This run had errors; its figures do not count.**"]
    for scenario in report.scenarios:
        heads = columns(scenario)
        rounds = max((found.rounds for found in scenario.summaries), default=0)
        what = (
            f"**{scenario.name}**: {scenario.title}; {rounds} rounds; latencies as p50 / p99. {disturbance(scenario)}"
        )
        lines += ["", what.rstrip(), ""]
        lines += [_line(heads), _line(["---"] * len(heads))]
        lines += [_line(row(scenario, found)) for found in scenario.summaries]
    if report.in_process:
        lines += ["", f"**{IN_PROCESS}**: {IN_PROCESS_TITLE}.", ""]
        lines += [_line(IN_PROCESS_COLUMNS), _line(["---"] * len(IN_PROCESS_COLUMNS))]
        lines += [_line(in_process_row(figure)) for figure in report.in_process]
    return "\n".join(lines)


def in_process_table(figures: Sequence[Figure]) -> Table:
    shown = Table(title=f"{IN_PROCESS}: {IN_PROCESS_TITLE}", title_justify="left")
    for number, column in enumerate(IN_PROCESS_COLUMNS):
        shown.add_column(column, justify="right" if number else "left")
    for figure in figures:
        shown.add_row(*in_process_row(figure))
    return shown


def in_process_row(figure: Figure) -> list[str]:
    return [figure.scenario, f"{figure.p10:.1f}", f"{figure.median:.1f}", str(figure.slices)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def written(document: str, block: str) -> str:
    """The document with its block of figures replaced. Raises `BenchError` where it has no such block."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"the document has no lines {BEGIN!r} and {END!r} to write between")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"
