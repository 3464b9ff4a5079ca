"""The command as users type it; the short runs are real: mock, nginx where installed, load generator."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from headway.bench import latency, processes, rounds
from headway.bench.plan import BenchError
from headway.bench.scenarios import Scenario, named
from headway.cli import bench as command


def test_a_target_off_this_machine_is_a_usage_error() -> None:
    done = CliRunner().invoke(command.bench, ["--gateway-url", "http://192.0.2.1:80"])
    assert done.exit_code == 2
    assert "loads only this machine" in done.output


def test_a_document_without_the_block_is_a_usage_error_before_any_run(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("no block here")
    done = CliRunner().invoke(command.bench, ["--write", str(document)])
    assert done.exit_code == 2
    assert document.read_text() == "no block here"


def test_a_missing_histogram_library_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "hdr", None)
    done = CliRunner().invoke(command.bench, [])
    assert done.exit_code == 2
    assert "pip install 'headway[bench]'" in done.output


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """The small scenario, made as short as can be."""
    scenario = Scenario(
        name="small", title="a few requests", shape="closed", connections=2, ramp=0.02, seconds=0.05, quick_seconds=0.05
    )
    monkeypatch.setattr(command.scenarios, "ALL", (scenario,))
    return scenario


@pytest.mark.real
def test_figures_come_as_json(brief: Scenario) -> None:
    done = CliRunner().invoke(command.bench, ["--no-gateway", "--rounds", "1", "--json", "--scenario", brief.name])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["failed"] is False
    [scenario] = found["scenarios"]
    assert scenario["summaries"][0]["configuration"] == "direct"
    assert scenario["summaries"][0]["per_second"]["median"] > 0


@pytest.mark.real
def test_wrong_replies_fail_the_run(brief: Scenario) -> None:
    """The mock itself stands in for a gateway that answers 404 under this prefix."""
    port = processes.free_port()
    arguments = ["--rounds", "1", "--upstream-port", str(port), "--gateway-url", f"http://127.0.0.1:{port}/nowhere"]
    done = CliRunner().invoke(command.bench, arguments)
    assert done.exit_code == 1
    assert "status 404" in done.output
    assert "do not count" in done.output


@pytest.mark.real
def test_a_gateway_that_does_not_start_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    failing = [sys.executable, "-c", "import sys; sys.exit('the reason')"]
    with (
        processes.logged(failing, log, cwd=tmp_path, env=processes.environment()) as process,
        pytest.raises(BenchError, match="the reason"),
    ):
        processes.await_answer("http://127.0.0.1:9/health/ready", process, log)


@pytest.mark.real
def test_streams_2000_runs_once_and_only_against_the_last_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def measure(under: rounds.Standing, scenario: Scenario, options: rounds.Options) -> str:
        measured.append(under.name)
        return under.name

    monkeypatch.setattr(rounds, "measure", measure)
    found = [rounds.Standing(name=name, url="", pid=None) for name in ("direct", "nginx", "gateway")]
    options = rounds.Options(rounds=5)
    played = list(rounds.played(found, named("streams2000"), options, rounds.Random(1), lambda _: None))
    assert (measured, played) == (["gateway"], [["gateway"]])
