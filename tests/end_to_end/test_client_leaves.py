"""The client leaves, at every moment that it can: the upstream is let go at once, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Connection, Provide, RunningGateway, Start
    from headway.simulated.provider import SimulatedProvider

pytestmark = pytest.mark.real

CONFIG = """
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  default: [alpha/fast]
  stalling: [alpha/fast!stall_after=2]
  silent: [alpha/fast!delay_headers=60s]
  slow-to-begin: [alpha/fast!stall_after=0b]
  endless: [alpha/fast!huge_event=50MB]
  half-an-error: ["alpha/fast!status=500,stall_after=10b"]
"""
MODELS = ("stalling", "silent", "slow-to-begin", "half-an-error")
TIMES = 1000
AT_ONCE = 100


async def in_time(holds: Callable[[], bool], within: float, what: str) -> None:
    """Fails unless it holds within so many seconds."""
    try:
        async with asyncio.timeout(within):
            while not holds():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"after {within:g} s not yet: {what}")


def asked(model: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}


@asynccontextmanager
async def under_way(running: RunningGateway, provider: SimulatedProvider, model: str) -> AsyncGenerator[Connection]:
    """A client whose request has come as far as it gets."""
    connection = await running.connect()
    before = len(provider.requests)
    connection.send("/v1/chat/completions", asked(model))
    if model == "stalling":
        await connection.until(b'"content":"This')
    else:
        await in_time(lambda: len(provider.requests) > before, 5.0, "the upstream has the request")
    yield connection


@pytest.mark.parametrize("leaves", ["closes", "resets"])
@pytest.mark.parametrize("model", MODELS)
async def test_the_upstream_is_let_go_within_a_second(gateway: Start, simulated: Provide, model: str, leaves: str):
    provider = await simulated()
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    async with under_way(running, provider, model) as connection:
        assert (provider.open_connections, running.headway.in_flight) == (1, 1)
        await (connection.close() if leaves == "closes" else connection.reset())
    await in_time(lambda: provider.open_connections == 0, 1.0, "the upstream's connection is closed")
    assert running.headway.in_flight == 0
    assert running.headway.upstreams.connections() == 0
    assert 'outcome="cancelled"' in running.headway.render_metrics()


@pytest.mark.parametrize("leaves", ["closes", "resets"])
async def test_a_client_that_does_not_read_holds_the_upstream_back_until_it_leaves(
    gateway: Start, simulated: Provide, leaves: str
):
    provider = await simulated()
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    async with under_way(running, provider, "endless") as connection:
        await in_time(
            lambda: [each.paused for each in running.headway.gateway._in_flight] == [True], 5.0, "it is paused"
        )
        await (connection.close() if leaves == "closes" else connection.reset())
    await in_time(lambda: provider.open_connections == 0, 1.0, "the upstream's connection is closed")
    assert running.headway.in_flight == 0


async def test_a_connection_being_made_is_given_up(gateway: Start, nobody_accepts: str):
    running = await gateway(CONFIG.format(base_url=nobody_accepts))
    tasks = len(asyncio.all_tasks())
    connection = await running.connect()
    connection.send("/v1/chat/completions", asked("default"))
    await in_time(lambda: len(asyncio.all_tasks()) > tasks, 5.0, "the gateway is dialling")
    await connection.close()
    await in_time(lambda: len(asyncio.all_tasks()) == tasks, 1.0, "the dial has ended")
    assert running.headway.in_flight == 0


async def test_after_a_thousand_clients_that_left_nothing_is_left(gateway: Start, simulated: Provide):
    provider = await simulated(keep_requests=2 * TIMES)
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    await batch(running, provider, at_once=len(MODELS))
    await settled(running, provider)
    before, connections = held(running), provider.total_connections
    for _ in range(TIMES // AT_ONCE):
        await batch(running, provider, at_once=AT_ONCE)
    await settled(running, provider)
    assert held(running) == before
    assert provider.total_connections - connections >= TIMES * 3 // 4
    reply = await running.chat()
    assert (reply.status, reply.complete) == (200, True)


async def batch(running: RunningGateway, provider: SimulatedProvider, *, at_once: int) -> None:
    """So many clients, of which every fifth leaves at once, and the others when they have come as far as they get."""
    before = len(provider.requests)
    clients = await asyncio.gather(*(running.connect() for _ in range(at_once)))
    for number, client in enumerate(clients):
        client.send("/v1/chat/completions", asked(MODELS[number % len(MODELS)]))
    hasty = clients[4::5]
    patient = [client for client in clients if client not in hasty]
    await asyncio.gather(*(client.close() for client in hasty))
    await in_time(lambda: len(provider.requests) >= before + len(patient), 5.0, "the upstream has the requests")
    stalling = [client for number, client in enumerate(clients) if number % len(MODELS) == 0 and client in patient]
    await asyncio.gather(*(client.until(b'"content":"This') for client in stalling))
    await asyncio.gather(*(client.close() if number % 2 else client.reset() for number, client in enumerate(patient)))
    await in_time(lambda: running.headway.in_flight == 0, 5.0, "all exchanges have ended")


async def settled(running: RunningGateway, provider: SimulatedProvider) -> None:
    await in_time(lambda: provider.open_connections == 0, 1.0, "the upstream's connections are closed")
    await in_time(lambda: running.client_connections == 0, 1.0, "the clients' connections are closed")
    gc.collect()


def held(running: RunningGateway) -> dict[str, int]:
    """What could leak."""
    registry = running.headway.gateway.registry
    targets = [t for route in running.headway.snapshot.routes.values() for tier in route.tiers for t in tier.targets]
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "slots": sum(registry.in_flight(target) for target in targets),
        "in flight": running.headway.in_flight,
        "upstream connections": running.headway.upstreams.connections(),
        "connection objects": sum(
            type(each).__name__ in ("UpstreamConnection", "Dispatch") for each in gc.get_objects()
        ),
    }
