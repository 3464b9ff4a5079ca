"""What it costs to tell of requests: metrics, log and request log against a gateway that tells nobody.

`python -m headway.bench.telling` runs three gateways in turn under the same load: as it is by default, without the
request log, and with a sink that forgets every event. CPU is that of the gateway's process; the writer of the request
log, which no request waits for, is shown beside it.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal
from unittest.mock import patch

from headway.bench import gateway, processes
from headway.bench.figures import Sample
from headway.bench.rounds import Options, Standing, measure, mock
from headway.bench.scenarios import named
from headway.observability.recorder import Recorder
from headway.types import ExchangeEvent

Kind = Literal["everything", "no request log", "nobody is told"]
KINDS: tuple[Kind, ...] = ("everything", "no request log", "nobody is told")


class Forgetful(Recorder):
    def record(self, event: ExchangeEvent) -> None:
        """Nobody hears of it."""


@contextmanager
def running(kind: Kind, directory: Path, upstream: int) -> Generator[Standing]:
    directory.mkdir()
    port = processes.free_port()
    configured = directory / "headway.yaml"
    configured.write_text(gateway.configuration(upstream))
    command = gateway.command(sys.executable, configured, port)
    env = processes.environment()
    if kind != "everything":
        env["HEADWAY_DATABASE_URL"] = "off"
    if kind == "nobody is told":
        command = [*processes.module("headway.bench.telling", "--forgetful"), *command[3:]]
    log = directory / "gateway.log"
    with processes.logged(command, log, cwd=directory, env=env) as process:
        processes.await_answer(f"http://127.0.0.1:{port}/health/ready", process, log)
        yield Standing(name=kind, url=f"http://127.0.0.1:{port}", pid=process.pid, log=log)


def measured(rounds: int, name: str) -> dict[str, list[Sample]]:
    scenario, options = named(name), Options(with_gateway=False)
    cores = processes.usable_cores(pin=True)
    samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
    with TemporaryDirectory(prefix="headway-bench-") as directory, processes.pinned(cores.shared), ExitStack() as stack:
        _, port = stack.enter_context(mock(scenario, options))
        with processes.pinned(cores.tested):
            found = [stack.enter_context(running(kind, Path(directory) / kind.split()[0], port)) for kind in KINDS]
        for number in range(rounds):
            for under in found[number % len(found) :] + found[: number % len(found)]:
                samples[under.name].append(measure(under, scenario, options))
    return samples


def shown(samples: dict[str, list[Sample]]) -> str:
    """A line for each kind: medians, and by how much it exceeds the last one, round by round."""
    base = samples[KINDS[-1]]
    lines: list[str] = []
    for kind in KINDS:
        taken = samples[kind]
        cpu = median(each.cpu_us or 0.0 for each in taken)
        beside = median(each.beside_us or 0.0 for each in taken)
        over = median((each.cpu_us or 0.0) / (bare.cpu_us or 1.0) for each, bare in zip(taken, base, strict=True)) - 1
        errors = sum(sum(each.result.errors.values()) for each in taken)
        lines.append(f"{kind:15} {cpu:7.1f} us a request ({over:+.1%}), writer {beside:6.1f} us, {errors} errors")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--forgetful"]:
        with patch("headway.app.Recorder", Forgetful):
            sys.argv[1:] = arguments[1:]
            runpy.run_module("headway", run_name="__main__", alter_sys=True)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scenario", default="small", choices=["small", "10k", "latency"])
    wanted = parser.parse_args(arguments)
    sys.stdout.write(shown(measured(wanted.rounds, wanted.scenario)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
