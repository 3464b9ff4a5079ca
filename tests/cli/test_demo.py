"""`headway demo`, run as a user would."""

from __future__ import annotations

import re
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.real


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headway", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_demo_answers_its_own_requests_and_tells_each_ones_story():
    done = run("--port", "0", "--rate", "40", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    *stories, summary = done.stdout.splitlines()
    assert stories
    assert all(re.match(r"\d{3} +\d+ ms  (north|south|backup)/", story) for story in stories)
    total, answered = map(int, re.findall(r"(\d+) requests, (\d+) answered", summary)[0])
    assert total == len(stories)
    assert answered > 0


def test_the_demo_without_traffic_of_its_own_serves_and_ends():
    done = run("--port", "0", "--rate", "0", "--seconds", "0.3")
    assert (done.returncode, done.stdout) == (
        0,
        "0 requests, 0 answered, 0 of them by a target other than the first\n",
    )


def test_a_port_that_is_taken_is_named():

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", str(port), "--seconds", "0.1")
    assert done.returncode == 1
    assert f"cannot listen on port {port}" in done.stderr
    assert "Traceback" not in done.stderr
