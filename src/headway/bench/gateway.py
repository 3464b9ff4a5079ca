"""Headway itself as the process under test: a logical model over four keys of one provider, which is the mock.

Everything that is on by default is on. The interpreter can be another one than the benchmark's own, to compare builds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import yaml

from headway.bench import processes
from headway.bench.payloads import UPSTREAM_MODEL

MODEL = "bench"
KEYS = 4
BACKGROUND = b"headway.storage.writer"
"""In the command line of the process that writes the request log: no request waits for it, so it is counted apart."""


def configuration(upstream: int, *, foreign: bool = False) -> str:
    """headway.yaml with the logical model `bench`: one tier, one target, four keys.

    `foreign`: the mock is asked in Anthropic's dialect, so that everything is translated.
    """
    keys = [{"name": f"key-{number}", "value": f"sk-bench-{number}"} for number in range(1, KEYS + 1)]
    mock = {
        "dialect": "anthropic" if foreign else "openai_chat",
        "base_url": f"http://127.0.0.1:{upstream}/v1",
        "keys": keys,
    }
    return yaml.safe_dump(
        {"providers": {"mock": mock}, "models": {MODEL: {"tiers": [[f"mock/{UPSTREAM_MODEL}"]]}}}, sort_keys=False
    )


def command(python: str, configured: Path, port: int) -> list[str]:
    return [python, "-m", "headway", "serve", "-c", str(configured), "--port", str(port)]


@contextmanager
def running(
    python: str, directory: Path, *, upstream: int, foreign: bool = False
) -> Generator[tuple[subprocess.Popen[bytes], int, Path]]:
    """A gateway in front of the mock on `upstream`; yields its process, its port and its log."""
    directory.mkdir()
    port = processes.free_port()
    configured = directory / "headway.yaml"
    configured.write_text(configuration(upstream, foreign=foreign))
    log = directory / "gateway.log"
    # Another interpreter brings its own installation of the package.
    env = processes.environment() if python == sys.executable else dict(os.environ)
    with processes.logged(command(python, configured, port), log, cwd=directory, env=env) as process:
        processes.await_answer(f"http://127.0.0.1:{port}/health/ready", process, log)
        yield process, port, log
