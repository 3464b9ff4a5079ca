"""A PostgreSQL of the tests' own.

It is started from the binaries that Debian or anybody else has put on the machine; where there are none, its tests are
skipped. It listens on a unix socket alone, and is gone at the end.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 20.0


def postgres_binaries() -> Path | None:
    """The newest there are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def server_user() -> str | None:
    """PostgreSQL does not run as root. None: as whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


class Postgres:
    """A server with its data in `folder`. It may be stopped and started again."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user = server_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in itertools.count())
        if self._user is not None:
            shutil.chown(folder, self._user)

    def prepare(self) -> None:
        done = self._run(
            "initdb", "-D", "data", "-U", "headway", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        assert done.returncode == 0, done.stderr.decode()

    def start(self) -> None:
        settings = ("fsync=off", "listen_addresses=", f"unix_socket_directories={self._folder}", "max_connections=60")
        options = [part for setting in settings for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *options],
                cwd=self._folder,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while self.run_sql("SELECT 1", check=False):
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is its fast shutdown: clients are cut off, and what they have committed is kept."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def run_sql(self, statement: str, *, check: bool = True) -> int:
        done = self._run("psql", "-h", str(self._folder), "-U", "headway", "-d", "postgres", "-qtc", statement)
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.returncode

    def new_database(self) -> str:
        """A URL of one that is empty."""
        name = next(self._names)
        self.run_sql(f"CREATE DATABASE {name}")
        return f"postgresql://headway@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [self._binaries / program, *arguments]
        return subprocess.run(command, cwd=self._folder, user=self._user, capture_output=True, timeout=60, check=False)


def new_server() -> Iterator[Postgres]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL is installed (`make services` installs it on Debian)")
    folder = Path(tempfile.mkdtemp(prefix="hw-pg-", dir="/tmp"))  # a socket's path must be short
    server = Postgres(binaries, folder)
    try:
        server.prepare()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
