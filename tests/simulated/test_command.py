"""`python -m headway.simulated`."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from headway.simulated.cli import main


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fault", "statuss=1"], "did you mean 'status'"),
        (["--schedule", "tomorrow"], "cannot read 'tomorrow'"),
        (["--latency", "soon"], "no duration"),
        (["--rpm", "0"], "--rpm"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(arguments: list[str], complaint: str):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_help_shows_an_example():
    assert "Example: python -m headway.simulated" in CliRunner().invoke(main, ["--help"]).output


@pytest.mark.real
def test_it_serves_until_it_is_told_to_stop():
    command = [sys.executable, "-m", "headway.simulated", "--port", "0", "--models", "fast,smart", "--name", "alpha"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("alpha answers at http://127.0.0.1:")
            with urllib.request.urlopen(line.split()[-1] + "/models", timeout=5) as reply:
                assert b'"smart"' in reply.read()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
