"""Runs a scenario: what stands under test, in which order, round after round.

Every round shuffles the configurations and puts nginx before and after them. What the samples mean is decided in
`figures`.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from headway.bench import gateway, nginx, procfs
from headway.bench.figures import DIRECT, GATEWAY, NGINX, Round, Sample
from headway.bench.plan import BenchError, Plan, Result, loopback
from headway.bench.processes import Cores, allow_many_files, ended, environment, module, pinned, tail, usable_cores
from headway.bench.scenarios import Scenario

WATCH_SECONDS = 0.5
LEAST_SECONDS = 0.3
"""The kernel counts in ticks of 10 ms: over less than this, a share of a core means nothing."""

Tell = Callable[[str], None]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to measure. With `gateway_url` a running gateway is measured instead of one of our own; `gateway_pid` makes
    its CPU known.
    """

    rounds: int = 5
    quick: bool = False
    pin: bool = True
    with_gateway: bool = True
    python: str = sys.executable
    gateway_url: str | None = None
    gateway_pid: int | None = None
    model: str = gateway.MODEL
    api_key: str = "bench"
    upstream_port: int = 0
    openai_headers: bool = False
    seed: int | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration ready to be measured. `pid` is the process under test; for `direct` it is the mock.

    Not `ours` is a gateway that ran before the benchmark: what it should answer is unknown.
    """

    name: str
    url: str
    pid: int | None
    log: Path | None = None
    ours: bool = True


def order(names: Sequence[str], rng: Random) -> list[str]:
    """One round: nginx, if there, first and last, and the others shuffled between."""
    others = [name for name in names if name != NGINX]
    rng.shuffle(others)
    return [NGINX, *others, NGINX] if NGINX in names else others


@contextmanager
def mock(scenario: Scenario, options: Options) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """The mock upstream in a process of its own; yields it and its port."""
    arguments = ["--port", str(options.upstream_port), "--interval", str(scenario.interval)]
    arguments += ["--chunks", str(scenario.chunks(quick=options.quick))]
    if options.openai_headers:
        arguments.append("--openai-headers")
    command = module("headway.bench.upstream", *arguments)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
    with ended(process):
        assert process.stdout is not None
        port = process.stdout.readline()
        if not port.strip().isdigit():
            raise BenchError(f"the mock upstream did not start on port {options.upstream_port or '(any)'}")
        yield process, int(port)


@contextmanager
def standing(scenario: Scenario, options: Options, cores: Cores, directory: Path) -> Generator[list[Standing]]:
    """Everything that this scenario compares, started and ready."""
    with ExitStack() as stack:
        upstream, port = stack.enter_context(mock(scenario, options))
        found = [Standing(name=DIRECT, url=f"http://127.0.0.1:{port}", pid=upstream.pid)]
        program = nginx.installed()
        with pinned(cores.tested):
            if program:
                started = nginx.running(program, directory / "nginx", upstream=port, buffering=not scenario.streamed)
                process, at = stack.enter_context(started)
                found.append(Standing(name=NGINX, url=f"http://127.0.0.1:{at}", pid=process.pid))
            if options.gateway_url:
                target = loopback(options.gateway_url)
                found.append(Standing(name=GATEWAY, url=str(target), pid=options.gateway_pid, ours=False))
            elif options.with_gateway:
                started = gateway.running(
                    options.python, directory / "gateway", upstream=port, foreign=scenario.foreign
                )
                process, at, log = stack.enter_context(started)
                found.append(Standing(name=GATEWAY, url=f"http://127.0.0.1:{at}", pid=process.pid, log=log))
        yield found


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """One reading: the process under test, everything of this benchmark, and the whole machine."""

    tested: procfs.Usage | None
    own: float
    machine: float | None


def read_meter(under: Standing) -> Meter:
    tested = None if under.pid is None else procfs.usage(under.pid, beside=gateway.BACKGROUND)
    ours = procfs.usage(os.getpid())
    own = ours.cpu if ours else 0.0
    if tested and not under.ours:
        own += tested.cpu + tested.beside
    return Meter(tested=tested, own=own, machine=procfs.machine_busy())


def sample_of(under: Standing, scenario: Scenario, result: Result, readings: Sequence[Meter]) -> Sample:
    """From the first reading to the last; memory is the highest of all."""
    first, last = readings[0], readings[-1]
    bare = Sample(configuration=under.name, streamed=scenario.streamed, result=result)
    if not first.tested or not last.tested:
        return bare
    cpu = last.tested.cpu - first.tested.cpu
    rss = max(reading.tested.rss for reading in readings if reading.tested)
    foreign = None
    if first.machine is not None and last.machine is not None and result.seconds >= LEAST_SECONDS:
        foreign = max(0.0, last.machine - first.machine - (last.own - first.own)) / result.seconds
    beside = last.tested.beside - first.tested.beside
    return msgspec.structs.replace(bare, cpu=cpu, beside=beside, rss=rss, foreign=foreign)


def measure(under: Standing, scenario: Scenario, options: Options) -> Sample:
    """One run of the load generator against one configuration."""
    # a whole answer that was translated has another length than the mock's own
    known = under.ours and (scenario.streamed or not scenario.foreign or under.name != GATEWAY)
    plan = scenario.plan(under.url, quick=options.quick, verified=known)
    plan = msgspec.structs.replace(plan, model=options.model, api_key=options.api_key)
    command = module("headway.bench.load")
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, env=environment())
    with ended(process):
        hand_over(process, plan)
        give_up = time.monotonic() + plan.ramp + plan.seconds + 2 * plan.drain
        await_mark(process, b"begin", give_up)
        readings = [read_meter(under)]
        while not readable(process, WATCH_SECONDS) and time.monotonic() < give_up:
            readings.append(read_meter(under))
        await_mark(process, b"end", give_up)
        readings.append(read_meter(under))
        result = result_of(process, plan)
    taken = sample_of(under, scenario, result, readings)
    if under.log is not None:
        if result.errors:
            taken = msgspec.structs.replace(taken, said=tail(under.log))
        os.truncate(under.log, 0)
    return taken


def hand_over(process: subprocess.Popen[bytes], plan: Plan) -> None:
    """Through a pipe, since a command line is there for all to read and a plan carries a key."""
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan))
    process.stdin.close()
    process.stdin = None


def readable(process: subprocess.Popen[bytes], seconds: float) -> bool:
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], max(0.0, seconds))[0])


def await_mark(process: subprocess.Popen[bytes], word: bytes, give_up: float) -> None:
    assert process.stdout is not None
    if not readable(process, give_up - time.monotonic()) or process.stdout.readline().strip() != word:
        raise BenchError(f"the load generator stopped before its mark {word.decode()!r}; its own message is above")


def result_of(process: subprocess.Popen[bytes], plan: Plan) -> Result:
    try:
        output, _ = process.communicate(timeout=plan.drain + 10.0)
        result = msgspec.json.decode(output, type=Result)
    except (subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise BenchError(f"the load generator gave no result: {error}") from error
    if not result.replies and not result.chunks:
        errors = {**result.errors, "no reply at all": 1}
        return msgspec.structs.replace(result, errors=errors)
    return result


def run(scenario: Scenario, options: Options, tell: Tell) -> list[Round]:
    """All rounds of one scenario. Raises `BenchError` where something does not start; faults are in the samples."""
    rng = Random(options.seed)
    cores = usable_cores(pin=options.pin)
    allow_many_files()
    with TemporaryDirectory(prefix="headway-bench-") as directory, pinned(cores.shared):
        tell(f"{scenario.name}: starting")
        with standing(scenario, options, cores, Path(directory)) as found:
            return list(played(found, scenario, options, rng, tell))


def played(
    found: Sequence[Standing], scenario: Scenario, options: Options, rng: Random, tell: Tell
) -> Generator[list[Sample]]:
    by_name = {under.name: under for under in found}
    if scenario.once:
        last = found[-1]
        tell(f"{scenario.name}: {last.name}")
        yield [measure(last, scenario, options)]
        return
    for number in range(1, options.rounds + 1):
        samples: list[Sample] = []
        for name in order(list(by_name), rng):
            tell(f"{scenario.name}: round {number} of {options.rounds}, {name}")
            samples.append(measure(by_name[name], scenario, options))
        yield samples
