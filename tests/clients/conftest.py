"""A gateway as it is run, before simulated providers of four dialects, for clients that know nothing of either.

The gateway is a process of its own, so that clients that block may be used in the tests' own process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import headway
from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Simulation
from headway.simulated.threaded import in_thread

PATIENCE = 20.0
UPSTREAMS = ("openai", "anthropic", "gemini", "bedrock")
CONFIG = """
providers:
  openai-like: {{base_url: "{root}/v1", dialect: openai_chat, keys: [k], apis: [chat]}}
  anthropic-like: {{base_url: "{root}/v1", dialect: anthropic, keys: [k]}}
  gemini-like: {{base_url: "{root}/v1beta", dialect: gemini, keys: [k]}}
  bedrock-like: {{base_url: "{root}", dialect: converse, keys: [k]}}
models:
  default: [openai-like/fast]
  openai: [openai-like/fast]
  anthropic: [anthropic-like/fast]
  gemini: [gemini-like/fast]
  bedrock: [bedrock-like/fast]
"""
"""A logical name for each dialect of upstreams; `default` is one that only OpenAI's clients could ask without us."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`upstream`: the logical name of a model in each dialect."""
    if "upstream" in metafunc.fixturenames:
        metafunc.parametrize("upstream", UPSTREAMS)


@pytest.fixture(scope="session")
def provider() -> Iterator[SimulatedProvider]:
    with in_thread(Simulation(models=("fast",))) as provider:
        yield provider


@pytest.fixture(scope="session")
def gateway(provider: SimulatedProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its base URL, without a path."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "headway.yaml").write_text(CONFIG.format(root=provider.base_url.removesuffix("/v1")))
    environment = {**os.environ, "PYTHONPATH": str(Path(headway.__file__).parents[1])}
    command = [sys.executable, "-m", "headway", "serve", "-c", "headway.yaml", "--port", "0"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
    try:
        yield _address(process, folder / "err")
    finally:
        process.kill()
        process.wait(PATIENCE)


def _address(process: subprocess.Popen[bytes], told: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"listening on (http://\S+:\d+)", told.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the gateway did not start: {told.read_text()}")
