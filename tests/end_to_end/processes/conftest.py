"""A gateway as it is run: a process of its own, started from the command line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import headway
from storage.postgres import Postgres, new_server

PATIENCE = 10.0


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class GatewayProcess:
    """`headway serve` with its output in files. `port` is where it listens."""

    def __init__(self, popen: subprocess.Popen[bytes], folder: Path) -> None:
        self.popen = popen
        self.port = 0
        self._folder = folder

    @property
    def out(self) -> str:
        """Standard output so far: the log."""
        return (self._folder / "out").read_text()

    @property
    def told(self) -> str:
        """Standard error so far: what is meant for a person."""
        return (self._folder / "err").read_text()

    @property
    def children(self) -> list[int]:
        pid = self.popen.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, sig: signal.Signals) -> None:
        self.popen.send_signal(sig)

    async def says(self, text: str) -> re.Match[str]:
        """Wait until it has told this (a pattern)."""
        await self.reaches(lambda: re.search(text, self.told) is not None, f"it says {text!r}")
        found = re.search(text, self.told)
        assert found is not None
        return found

    async def reaches(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds, while the process runs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not holds() and self.popen.poll() is None:
                    await asyncio.sleep(0.01)
        assert holds(), f"not in time: {what}; code {self.popen.poll()}, it told {self.told!r}"

    async def gone(self, pids: list[int]) -> None:
        """Wait until none of these processes exists any more, but for what nobody has waited for."""
        async with asyncio.timeout(PATIENCE):
            while any(is_running(pid) for pid in pids):
                await asyncio.sleep(0.01)

    async def ended(self) -> int:
        """Its exit code, once it has one."""
        async with asyncio.timeout(PATIENCE):
            while (code := self.popen.poll()) is None:
                await asyncio.sleep(0.01)
        return code


class Serve:
    """Call it with the arguments of `headway serve`; it comes back when the gateway has said where it listens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[GatewayProcess] = []

    async def __call__(self, *args: object, environ: Mapping[str, str] | None = None) -> GatewayProcess:
        folder = self._folder / f"process-{len(self.started)}"
        folder.mkdir()
        environment = {**os.environ, "PYTHONPATH": str(Path(headway.__file__).parents[1]), **(environ or {})}
        command = [sys.executable, "-m", "headway", "serve", "--port", "0", *map(str, args)]
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            popen = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        process = GatewayProcess(popen, folder)
        self.started.append(process)
        process.port = int((await process.says(r"listening on http://[^:]+:(\d+)"))[1])
        return process


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts gateways, and ends those that still run."""
    serve = Serve(tmp_path)
    yield serve
    for process in serve.started:
        if process.popen.poll() is None:
            children = process.children
            process.popen.kill()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        process.popen.wait(PATIENCE)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that the test may stop."""
    yield from new_server()
