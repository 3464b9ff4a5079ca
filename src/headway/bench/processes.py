"""Starts and ends the processes of a benchmark, and says on which core each runs.

The process under test has a core of its own; load generator, mock and the benchmark itself share another. Every process
started here is ended here, and only those.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

import headway
from headway.bench.plan import BenchError
from headway.config.load import DATABASE_VARIABLE

START_SECONDS = 20.0
STOP_SECONDS = 5.0
FILES = 65_536


class Cores(msgspec.Struct, frozen=True):
    """Where processes are pinned; empty sets leave them to the scheduler."""

    shared: frozenset[int] = frozenset()
    tested: frozenset[int] = frozenset()


def cores_of(available: Sequence[int]) -> Cores:
    """The last core for the process under test, all others for the rest; no pinning on a single core."""
    if len(available) < 2:
        return Cores()
    *shared, tested = sorted(available)
    return Cores(frozenset(shared), frozenset({tested}))


def usable_cores(*, pin: bool) -> Cores:
    if not pin or not hasattr(os, "sched_setaffinity"):
        return Cores()
    return cores_of(sorted(os.sched_getaffinity(0)))


@contextmanager
def pinned(cores: frozenset[int]) -> Generator[None]:
    """Inside, this process and all that it starts run on `cores`; afterwards it has its own cores back."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environment() -> dict[str, str]:
    """The environment in which this very package, installed or not, can be imported by our own interpreter. A request
    log that is kept elsewhere is none of a benchmark's business: it has its own, or none if there is to be none.
    """
    source = str(Path(headway.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    found = {**os.environ, "PYTHONPATH": os.pathsep.join([source, inherited]) if inherited else source}
    if found.get(DATABASE_VARIABLE) != "off":
        found.pop(DATABASE_VARIABLE, None)
    return found


def module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Generator[subprocess.Popen[bytes]]:
    """Ends the process on the way out: politely, then not."""
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def logged(command: Sequence[str], log: Path, *, cwd: Path, env: dict[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """A process whose output goes to `log`; the file may be truncated while it runs."""
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, env=env
            )
        except OSError as error:
            raise BenchError(f"{command[0]} does not start: {error}") from error
    with ended(process):
        yield process


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_answer(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = START_SECONDS) -> None:
    """Returns once a GET of `url` answers 200; raises `BenchError` with the end of the log when the process ends or
    time is up.
    """
    give_up = time.monotonic() + seconds
    while not answers(url):
        if process.poll() is not None:
            raise BenchError(
                f"{command_of(process)} ended with status {process.returncode} before it was ready:\n{tail(log)}"
            )
        if time.monotonic() > give_up:
            raise BenchError(f"{command_of(process)} is not ready after {seconds:g} s (GET {url}):\n{tail(log)}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a GET of a loopback URL is answered by 200 within a second. An HTTP client would cost every command's
    start.
    """
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=1.0) as connection:
            connection.sendall(request.encode())
            return connection.recv(1024).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def command_of(process: subprocess.Popen[bytes]) -> str:
    arguments = process.args
    return " ".join(map(str, arguments)) if isinstance(arguments, list | tuple) else str(arguments)


def tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def allow_many_files() -> None:
    """Raises this process's limit of open files, and so its children's, as far as it may go up to `FILES`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
