"""Several workers behind one port: they serve together, outlive each other, and stop together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from events import made_event
from headway.storage.database import Database
from headway.storage.migrations import migrate
from storage.made import Kept, logged

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Provide
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

CONFIG = """
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  default: [alpha/fast]
  slow: ["alpha/fast!delay_token=20ms"]
"""


def asked(model: str, *, stream: bool = False) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "tokens:30"}]}


async def started(serve: Serve, simulated: Provide, folder: Path) -> GatewayProcess:
    provider = await simulated()
    file = folder / "headway.yaml"
    file.write_text(CONFIG.format(base_url=provider.base_url))
    process = await serve("-c", file, "--workers", 2)
    await process.reaches(lambda: process.out.count('"event":"started"') == 2, "both workers have started")
    return process


async def test_a_killed_worker_is_replaced_and_missed_by_nobody(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    process = await started(serve, simulated, tmp_path)
    before = process.children
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    for _ in range(20):
        reply = await (await connect(process.port)).ask("/v1/chat/completions", asked("default"))
        assert (reply.status, reply.complete) == (200, True)
    await process.says("worker 0 ended with code -9; starting it again")
    await process.reaches(lambda: process.out.count('"event":"started"') == 3, "another has started")
    assert before[0] not in process.children
    assert before[1] in process.children


async def test_told_to_stop_all_finish_what_is_under_way(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    process = await started(serve, simulated, tmp_path)
    workers = process.children
    clients = [await connect(process.port) for _ in range(8)]
    for client in clients:
        client.send("/v1/chat/completions", asked("slow", stream=True))
    for client in clients:
        await client.until(b'"delta":{"content"')
    process.signal(signal.SIGTERM)
    for client in clients:
        reply = await client.reply()
        assert (reply.complete, reply.body[-14:]) == (True, b"data: [DONE]\n\n")
    assert await process.ended() == 0
    await process.gone(workers)


async def test_all_read_the_configuration_again(serve: Serve, simulated: Provide, tmp_path: Path):
    process = await started(serve, simulated, tmp_path)
    process.signal(signal.SIGHUP)
    await process.reaches(lambda: process.out.count('"event":"config_published"') == 2, "both have published it")


async def test_workers_do_not_outlive_the_one_that_started_them(serve: Serve, simulated: Provide, tmp_path: Path):
    process = await started(serve, simulated, tmp_path)
    workers = process.children
    process.popen.kill()
    process.popen.wait()
    try:
        await process.gone(workers)
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


async def test_a_scrape_may_reach_another_worker_each_time(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    process = await started(serve, simulated, tmp_path)
    reply = await (await connect(process.port)).ask("/metrics")
    assert (reply.status, reply.headers["connection"]) == (200, "close")


async def spent_before(url: str) -> None:
    """Ten dollars in a log that gateways find."""
    database = Database(url)
    await migrate(database.engine)
    await Kept(database).log.store(logged(made_event(at=time.time(), cost=10_000_000)))
    await database.close()


async def test_of_a_budget_that_all_see_the_first_tells_and_each_lists_it(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path, connections_ended: None
):
    provider, url = await simulated(), f"sqlite:///{tmp_path}/log.db"
    await spent_before(url)
    file = tmp_path / "headway.yaml"
    budgets = (
        f"storage: {{url: '{url}'}}\nobservability: {{alerts: {{budgets: [{{name: all, amount: 5, per: month}}]}}}}"
    )
    file.write_text(CONFIG.format(base_url=provider.base_url) + budgets)
    process = await serve("-c", file, "--workers", 2)
    seen: set[str] = set()
    async with asyncio.timeout(15):
        while len(seen) < 2:
            metrics = (await (await connect(process.port)).ask("/metrics")).body.decode()
            seen.update(re.findall(r'headway_alerts\{kind="budget",worker="(\d)"\} 1', metrics))
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)  # another look of the alarm
    assert process.out.count('"event":"alert_firing"') == 1
