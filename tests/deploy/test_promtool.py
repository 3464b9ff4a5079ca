"""Prometheus' own tool has nothing against the rules, the dashboard's queries and what the gateway tells."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from events import made_event
from headway.app import Headway, Settings
from headway.config.load import load_text
from headway.types import AttemptRecord, Change

if TYPE_CHECKING:
    from deploy.conftest import Query

BESIDE = Path(sys.prefix) / "bin" / "promtool"
"""Where `make services` puts it."""
PROMTOOL = str(BESIDE) if BESIDE.exists() else shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: `make services` fetches it")

CONFIG = """
providers: {x: {base_url: "http://127.0.0.1:9/v1", keys: [{name: k, value: v, limits: {rpm: 10}}]}}
models: {default: [x/m]}
"""
Promtool = Callable[..., str]


@pytest.fixture
def promtool(folder: Path) -> Promtool:
    """What it says. It ends well, or the test fails."""

    def run(*args: object, stdin: str = "") -> str:
        command = [str(PROMTOOL), *map(str, args)]
        ran = subprocess.run(
            command,
            cwd=folder / "prometheus",
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout.decode()
        return ran.stdout.decode()

    return run


@pytest.fixture
async def scraped() -> str:
    """/metrics of a gateway to which something of every kind has happened."""
    headway = Headway(load_text(CONFIG, name="x", folder=Path(), environ={}), Settings(worker=0), {}, io.BytesIO())
    failed, well = AttemptRecord("x/m#k", "503", 0.0, 0.1), AttemptRecord("x/m#k", "200", 0.1, 0.1, "failover")
    usual: dict[str, Any] = {"first_byte": 0.2, "attempts": (failed, well), "queued": 0.2, "broke": True}
    for route in ("default", 'a "quoted\\ model\n', "modèle 模型 \x00\x7f"):
        for stream in (True, False):
            headway.recorder.record(made_event(route=route, stream=stream, **usual))
    headway.recorder.changed(Change(what="breaker_opened", subject="x/m", message="it kept failing"), 1_750_000_000.0)
    headway.publish(load_text(CONFIG, name="x", folder=Path(), environ={}, generation=2))
    try:
        return headway.render_metrics()
    finally:
        headway.close()


def test_the_rules_are_well_formed(promtool: Promtool):
    assert "SUCCESS" in promtool("check", "rules", "headway.rules.yml")


def test_the_example_configuration_is_valid(promtool: Promtool):
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_alerts_fire_when_they_should_and_not_else(promtool: Promtool):
    assert "SUCCESS" in promtool("test", "rules", "headway.rules.test.yml")


def test_the_queries_of_the_dashboard_are_well_formed(promtool: Promtool, queries: list[Query], tmp_path: Path):
    recorded = [{"record": f"panel:{number}", "expr": query.expr} for number, query in enumerate(queries)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", file)


async def test_what_the_gateway_tells_has_nothing_to_object_to(promtool: Promtool, scraped: str):
    assert 'route="a \\"quoted\\\\ model\\n"' in scraped
    assert promtool("check", "metrics", stdin=scraped) == ""
