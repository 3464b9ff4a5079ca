"""One gateway process: it starts, listens to signals, drains, and says goodbye with code 0."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Connection, Provide
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

CONFIG = """
server: {{limits: {{drain: {drain}}}}}
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  default: [alpha/fast]
  slow: ["alpha/fast!delay_token=20ms"]
  stalling: ["alpha/fast!stall_after=2"]
"""


def asked(model: str, text: str = "tokens:30", *, stream: bool = True) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}


async def started(serve: Serve, simulated: Provide, folder: Path, *args: object, drain: str = "10s") -> GatewayProcess:
    provider = await simulated()
    file = folder / "headway.yaml"
    file.write_text(CONFIG.format(base_url=provider.base_url, drain=drain))
    return await serve("-c", file, *args)


async def streaming(connect: Connect, process: GatewayProcess, model: str) -> Connection:
    """A client that has seen the first token."""
    connection = await connect(process.port)
    connection.send("/v1/chat/completions", asked(model))
    await connection.until(b'"delta":{"content"')
    return connection


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_finishes_what_is_under_way_and_exits_with_0(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path, sig: signal.Signals
):
    process = await started(serve, simulated, tmp_path)
    await connect(process.port)  # an idle one, which must not hold it up
    busy = await streaming(connect, process, "slow")
    process.signal(sig)
    await process.reaches(lambda: '"event":"draining"' in process.out, "it drains")
    reply = await busy.reply()
    assert reply.complete
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert await process.ended() == 0
    assert "Traceback" not in process.told
    with pytest.raises(ConnectionRefusedError):
        await connect(process.port)
    lines = [json.loads(line) for line in process.out.splitlines()]
    assert [line["outcome"] for line in lines if line["event"] == "exchange"] == ["ok"]


async def test_what_takes_longer_than_the_drain_is_broken_off(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    process = await started(serve, simulated, tmp_path, drain="1s")
    busy = await streaming(connect, process, "stalling")
    process.signal(signal.SIGTERM)
    reply = await busy.reply()
    assert not reply.complete
    assert b"[DONE]" not in reply.body
    assert await process.ended() == 0


async def test_what_was_broken_off_is_logged_too(serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path):
    process = await started(serve, simulated, tmp_path, drain="1s")
    await streaming(connect, process, "stalling")
    process.signal(signal.SIGTERM)
    assert await process.ended() == 0
    lines = [json.loads(line) for line in process.out.splitlines()]
    assert [line["model"] for line in lines if line["event"] == "exchange"] == ["stalling"]


async def test_a_second_signal_ends_it_at_once(serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path):
    process = await started(serve, simulated, tmp_path, drain="5m")
    busy = await streaming(connect, process, "stalling")
    process.signal(signal.SIGTERM)
    await process.reaches(lambda: '"event":"draining"' in process.out, "it drains")
    process.signal(signal.SIGTERM)
    assert await process.ended() in (0, -signal.SIGTERM)
    assert not (await busy.reply()).complete


async def test_sighup_reads_the_configuration_again(serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path):
    process = await started(serve, simulated, tmp_path)
    process.signal(signal.SIGHUP)
    await process.reaches(lambda: '"event":"config_published"' in process.out, "the configuration is published")
    ready = await (await connect(process.port)).ask("/health/ready")
    assert ready.json()["config"]["generation"] == 2


async def test_a_file_that_is_wrong_keeps_it_from_starting(serve: Serve, tmp_path: Path):
    file = tmp_path / "headway.yaml"
    file.write_text("provders: {}\n")
    with pytest.raises(AssertionError, match="did you mean 'providers'"):
        await serve("-c", file)
    assert await serve.started[0].ended() == 2


async def test_a_port_that_is_taken_keeps_it_from_starting(serve: Serve, simulated: Provide, tmp_path: Path):
    process = await started(serve, simulated, tmp_path)
    with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{process.port}"):
        await serve("-c", tmp_path / "headway.yaml", "--port", process.port)
    assert await serve.started[1].ended() == 1


async def test_each_exchange_is_one_line_of_json(serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path):
    process = await started(serve, simulated, tmp_path)
    connection = await connect(process.port)
    await connection.ask("/v1/chat/completions", asked("default", stream=False))
    await connection.ask("/v1/chat/completions", asked("nowhere"))
    await process.reaches(lambda: process.out.count('"event":"exchange"') == 2, "both are logged")
    good, bad = (json.loads(line) for line in process.out.splitlines() if '"exchange"' in line)
    assert (good["outcome"], good["status"], good["attempts"][0]["target"]) == ("ok", 200, "alpha/fast#default")
    assert (bad["outcome"], bad["status"]) == ("no_target", 404)


async def test_without_a_log_it_writes_nothing(serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path):
    process = await started(serve, simulated, tmp_path, "--no-log")
    connection = await connect(process.port)
    await connection.ask("/v1/chat/completions", asked("default"))
    process.signal(signal.SIGTERM)
    assert await process.ended() == 0
    assert process.out == ""
