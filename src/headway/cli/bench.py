"""`headway bench`: measures what the gateway costs on this machine, and says when the figures do not count.

It parses options and shows results; what is measured is decided in `headway.bench`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from headway.bench import report, scenarios
from headway.bench.inprocess import SECONDS, Figure
from headway.bench.latency import histogram
from headway.bench.plan import BenchError, loopback
from headway.bench.processes import environment, pinned, usable_cores
from headway.bench.rounds import Options, run

EXAMPLE = """\b
Examples:
  headway bench --quick
  headway bench --scenario small --scenario stream --rounds 9
  headway bench --gateway-url http://127.0.0.1:8080 --gateway-pid 4711 --scenario latency
"""


@click.command("bench", epilog=EXAMPLE)
@click.option("--quick", is_flag=True, help="Shorter runs and two rounds: a first look, not a measurement.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Rounds per scenario.  [default: 5, or 2 with --quick]")
@click.option(
    "--scenario",
    "names",
    type=click.Choice([*(scenario.name for scenario in scenarios.ALL), report.IN_PROCESS]),
    multiple=True,
    help="What to measure; may be repeated.  [default: all]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--gateway-url", metavar="URL", help="Measure a gateway that already runs on loopback.")
@click.option("--gateway-pid", type=int, metavar="PID", help="Its process, so that CPU and memory can be measured.")
@click.option("--model", default="bench", show_default=True, help="The model to ask the gateway for.")
@click.option("--api-key", default="bench", envvar="HEADWAY_BENCH_API_KEY", help="The client key to ask it with.")
@click.option("--upstream-port", type=click.IntRange(0, 65535), default=0, help="A fixed port for the mock upstream.")
@click.option("--openai-headers", is_flag=True, help="The mock answers with 24 headers, as OpenAI does.")
@click.option("--no-gateway", is_flag=True, help="Only the floor: the mock directly, and through nginx.")
@click.option("--python", default=sys.executable, metavar="PATH", help="The interpreter that runs the gateway.")
@click.option("--pin/--no-pin", default=True, show_default=True, help="Give the process under test a core of its own.")
@click.option("--seed", type=int, help="Makes the order of configurations repeatable.")
@click.option(
    "--write",
    type=click.Path(exists=True, dir_okay=False, writable=True, path_type=Path),
    help="Write the figures into the marked block of this document.",
)
def bench(
    *,
    quick: bool,
    rounds: int | None,
    names: tuple[str, ...],
    as_json: bool,
    gateway_url: str | None,
    gateway_pid: int | None,
    model: str,
    api_key: str,
    upstream_port: int,
    openai_headers: bool,
    no_gateway: bool,
    python: str,
    pin: bool,
    seed: int | None,
    write: Path | None,
) -> None:
    """Measure added latency, throughput and CPU per request on this machine.

    A mock upstream and a load generator run as processes of their own on loopback. Each round measures the mock
    directly, through nginx (where installed) and through the gateway; ratios are to nginx in the same round. Wrong or
    missing replies make the run fail. The in-process scenario runs the gateway's own code on fake transports.
    """
    options = Options(
        rounds=rounds or (2 if quick else 5),
        quick=quick,
        pin=pin,
        with_gateway=not no_gateway,
        python=python,
        gateway_url=gateway_url,
        gateway_pid=gateway_pid,
        model=model,
        api_key=api_key,
        upstream_port=upstream_port,
        openai_headers=openai_headers,
        seed=seed,
    )
    chosen = [scenarios.named(name) for name in names if name != report.IN_PROCESS]
    inside = report.IN_PROCESS in names or not names
    chosen = chosen if names else list(scenarios.ALL)
    document = checked(options, write)
    try:
        found = measured(chosen, options, as_json=as_json, inside=inside)
        if write is not None:
            write.write_text(report.written(document, report.markdown(found)))
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    if found.failed:
        for said in (summary.said for scenario in found.scenarios for summary in scenario.summaries if summary.said):
            click.echo(f"The end of its log:\n{said}\n", err=True)
        click.echo("The run had errors: its figures do not count.", err=True)
        sys.exit(1)


def checked(options: Options, write: Path | None) -> str:
    """Everything that can be wrong before a run is made; returns the text of the document to write to."""
    try:
        histogram()
        if options.gateway_url:
            loopback(options.gateway_url)
        document = write.read_text() if write else ""
        if write:
            report.written(document, "")
    except BenchError as error:
        raise click.UsageError(str(error)) from error
    return document


def measured(chosen: list[scenarios.Scenario], options: Options, *, as_json: bool, inside: bool) -> report.Report:
    """Runs the scenarios with progress on stderr, and shows a table after each unless JSON was asked for."""
    progress = Console(stderr=True)
    tables = Console(width=None if sys.stdout.isatty() else 180)
    has_own_core = bool(usable_cores(pin=options.pin).tested)
    done: list[report.Measured] = []
    with progress.status("starting") as status:
        for scenario in chosen:
            samples = run(scenario, options, status.update)
            done.append(report.measured(scenario, samples))
            if not as_json:
                tables.print(report.table(done[-1]))
        figures: list[Figure] = []
        if inside:
            status.update(report.IN_PROCESS)
            figures = in_process(options)
            if not as_json:
                tables.print(report.in_process_table(figures))
    machine = report.machine(pinned=has_own_core, python=options.python)
    return report.Report(machine, done, report.failed(done), figures)


def in_process(options: Options) -> list[Figure]:
    """Measured by a process of its own, on the core that processes under test have."""
    cores = usable_cores(pin=options.pin)
    with pinned(cores.tested):
        said = subprocess.run(
            [options.python, "-m", "headway.bench.inprocess", str(SECONDS / 4 if options.quick else SECONDS)],
            env=environment(),
            stdout=subprocess.PIPE,
            check=False,
        )
    if said.returncode != 0:
        raise BenchError("the in-process instrument failed")
    return msgspec.json.decode(said.stdout, type=list[Figure])
