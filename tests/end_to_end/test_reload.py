"""The configuration is written anew, again and again, while requests come: none of them notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Provide, Reply, RunningGateway, Start

pytestmark = pytest.mark.real

GOOD = """
providers:
  {name}: {{base_url: "{base_url}", keys: [sk-{name}]}}
models:
  default: [{name}/fast]
"""
BROKEN = [
    "providers: [",
    "models: {default: [nowhere/fast]}",
    "server: {prot: 1}",
    "\x00",
    "providers: {a: {base_url: 7}}",
]
RELOADS = 100
CLIENTS = 6


async def in_time(holds: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(10.0):
            while not holds():
                await asyncio.sleep(0.002)
    except TimeoutError:
        pytest.fail(f"not in time: {what}")


async def test_no_request_fails_in_a_hundred_reloads(gateway: Start, simulated: Provide, tmp_path: Path):
    file = tmp_path / "headway.yaml"
    good = [
        GOOD.format(name=name, base_url=(await simulated(name, token_delay=0.001)).base_url)
        for name in ("alpha", "beta")
    ]
    file.write_text(good[0])
    running = await gateway(file)
    replies: list[Reply] = []
    over = asyncio.Event()
    clients = [asyncio.ensure_future(keep_asking(running, over, replies, stream=n % 2 == 1)) for n in range(CLIENTS)]
    refused = 0
    for number in range(1, RELOADS + 1):
        if number % 10 == 0:
            refused += 1
            bad = BROKEN[refused % len(BROKEN)]
            await rewrite(running, file, bad, lambda n=refused: metric(running, "refused") == n)
            assert running.headway.last_config_error is not None
        await rewrite(running, file, good[number % 2], lambda n=number: running.headway.snapshot.generation == n + 1)
        assert running.headway.last_config_error is None
        answered = len(replies)
        await in_time(lambda n=answered: len(replies) > n, "a request is answered")
    over.set()
    await asyncio.gather(*clients)
    assert {reply.headers["x-headway-target"] for reply in replies} == {"alpha/fast", "beta/fast"}
    assert [reply for reply in replies if reply.status != 200 or not reply.complete] == []
    streamed = [reply for reply in replies if reply.headers["content-type"].startswith("text/event-stream")]
    assert [reply for reply in streamed if not reply.body.endswith(b"data: [DONE]\n\n")] == []
    assert metric(running, "ok") == RELOADS


async def keep_asking(running: RunningGateway, over: asyncio.Event, replies: list[Reply], *, stream: bool) -> None:
    """One connection, one request after another."""
    connection = await running.connect()
    body = {"model": "default", "stream": stream, "messages": [{"role": "user", "content": "tokens:20"}]}
    while not over.is_set():
        replies.append(await connection.ask("/v1/chat/completions", body))
    await connection.close()


async def rewrite(running: RunningGateway, file: Path, text: str, done: Callable[[], bool]) -> None:
    """As an editor does it, and a SIGHUP after it, so as not to wait for the file to be looked at."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)
    running.headway.reload()
    await in_time(done, f"the configuration {text!r} has been dealt with")


def metric(running: RunningGateway, result: str) -> int:
    wanted = f'headway_config_reloads_total{{result="{result}"}} '
    lines = running.headway.render_metrics().splitlines()
    return sum(int(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


async def test_a_change_of_the_file_is_noticed_without_being_told(gateway: Start, simulated: Provide, tmp_path: Path):
    alpha, beta = await simulated("alpha"), await simulated("beta")
    file = tmp_path / "headway.yaml"
    file.write_text(GOOD.format(name="alpha", base_url=alpha.base_url))
    running = await gateway(file)
    file.write_text(GOOD.format(name="beta", base_url=beta.base_url))
    await in_time(lambda: running.headway.snapshot.generation == 2, "the change is noticed")
    assert (await running.chat()).headers["x-headway-target"] == "beta/fast"


async def test_a_bad_edit_keeps_what_runs_and_is_told_where_it_is_looked_for(
    gateway: Start, simulated: Provide, tmp_path: Path
):
    provider = await simulated("alpha")
    file = tmp_path / "headway.yaml"
    good = GOOD.format(name="alpha", base_url=provider.base_url)
    file.write_text(good)
    running = await gateway(file)
    assert (await running.ask("/health/ready")).json()["config"]["error"] is None
    await rewrite(running, file, good.replace("providers:", "provders:"), lambda: metric(running, "refused") == 1)
    ready = await running.ask("/health/ready")
    assert ready.status == 200
    assert ready.json()["config"]["generation"] == 1
    assert f"{file}:2:1: provders" in ready.json()["config"]["error"]
    assert "did you mean 'providers'" in ready.json()["config"]["error"]
    assert (await running.chat()).status == 200
    await rewrite(running, file, good, lambda: running.headway.snapshot.generation == 2)
    assert (await running.ask("/health/ready")).json()["config"] == {
        "generation": 2,
        "source": str(file),
        "error": None,
    }
    running.headway.close()
    assert [line["event"] for line in running.log() if line["event"].startswith("config_")] == [
        "config_refused",
        "config_published",
    ]


async def test_a_stream_ends_at_the_upstream_where_it_began(gateway: Start, simulated: Provide, tmp_path: Path):
    alpha, beta = await simulated("alpha", token_delay=0.01), await simulated("beta")
    file = tmp_path / "headway.yaml"
    file.write_text(GOOD.format(name="alpha", base_url=alpha.base_url))
    running = await gateway(file)
    connection = await running.connect()
    body = {"model": "default", "stream": True, "messages": [{"role": "user", "content": "tokens:30"}]}
    connection.send("/v1/chat/completions", body)
    await connection.until(b'"content"')
    text = GOOD.format(name="beta", base_url=beta.base_url)
    await rewrite(running, file, text, lambda: running.headway.snapshot.generation == 2)
    reply = await connection.reply()
    assert reply.complete
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert reply.headers["x-headway-target"] == "alpha/fast"
    await connection.close()
    assert alpha.open_connections == 0
