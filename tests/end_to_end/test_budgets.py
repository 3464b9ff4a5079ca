"""Budgets on a running gateway: what is spent at a provider with prices is told by page, log, webhook and metric."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Provide, RunningGateway, ScriptedUpstream, Start

pytestmark = pytest.mark.real

CONFIG = """
storage: {{url: "sqlite:///{folder}/log.db"}}
providers:
  alpha: {{base_url: "{alpha}", keys: [sk-good], prices: {{fast: {{per_request: 0.3}}}}}}
models:
  default: [alpha/fast]
observability:
  alerts:
    webhooks: [{{url: "{watcher}/alerts"}}]
    budgets:
      - {{name: search, amount: 1, per: month, tag: search}}
      - {{name: plenty, amount: 1000, per: month, target: alpha/fast}}
"""
HURRIED = "from headway.storage import spending, writer; spending.LOOKS_EVERY = writer.TELL_EVERY = 0.05; writer.main()"
"""The process that writes the log, which looks at what is spent all the time."""


@pytest.fixture
async def running(
    gateway: Start, simulated: Provide, scripted: ScriptedUpstream, tmp_path: Path
) -> AsyncIterator[RunningGateway]:
    provider = await simulated()
    scripted.answer = lambda _: [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]
    config = CONFIG.format(folder=tmp_path, alpha=provider.base_url, watcher=scripted.base_url)
    running = await gateway(config)
    running.headway.request_log._command = [sys.executable, "-c", HURRIED]
    running.headway.request_log.begin()
    yield running
    await running.headway.request_log.close()


async def reaches(running: RunningGateway, holds: Callable[[], bool]) -> None:
    """Wait for it, while the alarm looks."""
    async with asyncio.timeout(15):
        while not holds():
            running.headway.recorder.drain()
            running.headway.alarm.look()
            await asyncio.sleep(0.02)


async def spend(running: RunningGateway, requests: int) -> None:
    """30 cents each."""
    for _ in range(requests):
        path, body = "/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": "hello"}]}
        reply = await running.ask(path, body, headers={"x-headway-tags": "search"})
        assert (reply.status, reply.headers["x-headway-cost"]) == (200, "0.300000")


def part(running: RunningGateway, budget: str) -> float | None:
    name = f'headway_spent_ratio{{budget="{budget}"}} '
    found = [line for line in running.headway.render_metrics().splitlines() if line.startswith(name)]
    return float(found[0].removeprefix(name)) if found else None


def posted(scripted: ScriptedUpstream) -> list[tuple[str, str, str]]:
    told: list[dict[str, Any]] = [json.loads(request.body) for request in scripted.requests]
    return [(each["kind"], each["subject"], each["severity"]) for each in told]


async def listed(running: RunningGateway) -> list[Any]:
    return (await running.ask("/api/alerts", headers={"host": "localhost"})).json()["alerts"]


async def test_what_is_spent_is_told_at_four_fifths_and_at_all_of_it(
    running: RunningGateway, scripted: ScriptedUpstream
):
    await reaches(running, lambda: part(running, "search") == 0.0)
    await spend(running, 2)
    await reaches(running, lambda: part(running, "search") == 0.6)
    assert await listed(running) == []
    await spend(running, 1)
    await reaches(running, lambda: posted(scripted) == [("budget", "search", "warning")])
    (alert,) = await listed(running)
    assert (alert["kind"], alert["subject"], alert["severity"]) == ("budget", "search", "warning")
    assert alert["message"].startswith("search has spent $0.90 of its $1.00 for ")
    await spend(running, 1)
    await reaches(running, lambda: posted(scripted)[1:] == [("budget", "search", "critical")])
    (alert,) = await listed(running)
    assert (alert["severity"], alert["resolved_at"]) == ("critical", None)
    assert "$1.20 of its $1.00" in alert["message"]
    assert part(running, "plenty") == 0.0012
    running.headway.close()
    told = [line for line in running.log() if line["event"] == "alert_firing"]
    assert [(each["kind"], each["subject"], each["severity"]) for each in told] == posted(scripted)
    assert "(120%)" in told[1]["message"]
