"""What it costs to tell of requests: metrics, log and request log against a gateway that tells nobody.

`python -m headway.bench.telling` runs four gateways in turn under the same load: as it is by default; with a writer of
the request log that throws everything away; without a request log; and with a sink that forgets every event. CPU is
that of the gateway's process; the writer's, which no request waits for, is shown beside it. Both are pinned to one
core: what the first costs beyond the second is what the writer's work on that core does to the gateway.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal
from unittest.mock import patch

import msgspec

from headway.bench import gateway, processes, procfs
from headway.bench.figures import Sample
from headway.bench.rounds import Options, Standing, measure, mock
from headway.bench.scenarios import Scenario, named
from headway.config.load import DATABASE_VARIABLE
from headway.observability.recorder import Recorder
from headway.observability.shipping import Shipments
from headway.types import ExchangeEvent

Kind = Literal["everything", "nothing written", "no request log", "nobody is told"]
KINDS: tuple[Kind, ...] = ("everything", "nothing written", "no request log", "nobody is told")
PAUSE = 1.0
"""Seconds in which a writer that is done uses next to nothing."""
LITTLE = 0.02
"""CPU seconds: two of the kernel's ticks."""
_THROW_AWAY = "import os\nwhile os.read(0, 1 << 20): pass"


class Forgetful(Recorder):
    def record(self, event: ExchangeEvent) -> None:
        """Nobody hears of it."""


def _wasteful(_command: Sequence[str], failed: Callable[[str | None], None]) -> Shipments:
    """The request log's way as it is, but for its end."""
    return Shipments([sys.executable, "-c", _THROW_AWAY, gateway.BACKGROUND.decode()], failed)


REPLACED: dict[str, tuple[str, object]] = {
    "nothing written": ("headway.app.Shipments", _wasteful),
    "nobody is told": ("headway.app.Recorder", Forgetful),
}
"""What of a gateway is another in which kind."""


@contextmanager
def running(kind: Kind, directory: Path, upstream: int) -> Generator[Standing]:
    directory.mkdir()
    port = processes.free_port()
    configured = directory / "headway.yaml"
    configured.write_text(gateway.configuration(upstream))
    command = gateway.command(sys.executable, configured, port)
    env = processes.environment()
    written = kind in ("everything", "nothing written")
    env[DATABASE_VARIABLE] = f"sqlite:///{directory / 'headway.db'}" if written else "off"
    if kind in REPLACED:
        command = [*processes.module("headway.bench.telling", "--as", kind), *command[3:]]
    log = directory / "gateway.log"
    with processes.logged(command, log, cwd=directory, env=env) as process:
        processes.await_answer(f"http://127.0.0.1:{port}/health/ready", process, log)
        yield Standing(name=kind, url=f"http://127.0.0.1:{port}", pid=process.pid, log=log)


def measured(rounds: int, scenario: Scenario) -> dict[str, list[Sample]]:
    options = Options(with_gateway=False)
    cores = processes.usable_cores(pin=True)
    samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
    with TemporaryDirectory(prefix="headway-bench-") as directory, processes.pinned(cores.shared), ExitStack() as stack:
        _, port = stack.enter_context(mock(scenario, options))
        with processes.pinned(cores.tested):
            found = [stack.enter_context(running(kind, Path(directory) / kind.split()[-1], port)) for kind in KINDS]
        for number in range(rounds):
            for under in found[number % len(found) :] + found[: number % len(found)]:
                settle(found)
                samples[under.name].append(measure(under, scenario, options))
    return samples


def settle(gateways: Sequence[Standing]) -> None:
    """Wait until no writer has anything left to do, which would be measured with the next gateway."""
    before = -1.0
    while (used := _written(gateways)) - before > LITTLE:
        before = used
        time.sleep(PAUSE)


def _written(gateways: Sequence[Standing]) -> float:
    """CPU seconds of all writers so far."""
    found = [procfs.usage(each.pid, beside=gateway.BACKGROUND) for each in gateways if each.pid is not None]
    return sum(each.beside for each in found if each is not None)


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
    if arguments[:1] == ["--as"]:
        with patch(*REPLACED[arguments[1]]):
            sys.argv[1:] = arguments[2:]
            runpy.run_module("headway", run_name="__main__", alter_sys=True)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--scenario", default="small", choices=["small", "10k", "latency"])
    parser.add_argument("--rate", type=float, help="requests/s, in the open loop of the scenario 'latency'")
    wanted = parser.parse_args(arguments)
    scenario = named(wanted.scenario)
    if wanted.rate is not None:
        scenario = msgspec.structs.replace(named("latency"), rate=wanted.rate, connections=32)
    sys.stdout.write(shown(measured(wanted.rounds, scenario)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
