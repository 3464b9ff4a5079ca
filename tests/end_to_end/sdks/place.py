"""A gateway and its upstreams on a thread of their own, for clients that block."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Generator, Mapping
from typing import Any

import uvloop

from end_to_end.conftest import RunningGateway, running
from end_to_end.sdks.seen import Document
from end_to_end.sdks.upstreams import AWS_KEY, KEY, UPSTREAMS, Upstream
from headway.simulated.provider import SimulatedProvider
from headway.simulated.received import ReceivedRequest
from headway.simulated.settings import Simulation


class Place:
    """`url` is the gateway's. Models are called by the upstream that has them: `to-anthropic`."""

    def __init__(self, gateway: RunningGateway, providers: Mapping[str, SimulatedProvider]) -> None:
        self.url = f"http://127.0.0.1:{gateway.port}"
        self.providers = providers

    def requests(self, upstream: Upstream) -> list[ReceivedRequest]:
        """All that came there so far."""
        return list(self.providers[upstream.name].requests)

    def last(self, upstream: Upstream) -> tuple[str, Any]:
        """Path and body of what came there last."""
        request = self.providers[upstream.name].requests[-1]
        return request.path, json.loads(request.body)


Faults = Mapping[str, tuple[str, str]]
"""For each logical model: the upstream that has it and the fault that befalls it."""


@contextlib.contextmanager
def opened(faults: Faults) -> Generator[Place]:
    """Every fault has a provider of its own, so that none suffers for another."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = contextlib.AsyncExitStack()
    try:
        yield asyncio.run_coroutine_threadsafe(_start(stack, faults), loop).result(timeout=60)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _start(stack: contextlib.AsyncExitStack, faults: Faults) -> Place:
    providers: dict[str, SimulatedProvider] = {}
    for upstream in UPSTREAMS:
        simulation = Simulation(name=upstream.name, keys=(KEY, AWS_KEY.partition(":")[0]), unique_ids=True)
        providers[upstream.name] = await stack.enter_async_context(SimulatedProvider(simulation))
    config = configuration({name: provider.root_url for name, provider in providers.items()}, faults)
    environ = {"AWS_REGION": "us-east-1"}
    gateway = await stack.enter_async_context(running(json.dumps(config), environ))
    return Place(gateway, providers)


def configuration(roots: Mapping[str, str], faults: Faults) -> Document:
    """Each upstream as it is, then once for each fault."""
    sections: Document = {}
    models: Document = {}
    for upstream in UPSTREAMS:
        name = upstream.name
        sections[name] = _section(upstream, roots[name])
        models[f"to-{name}"] = [f"{name}/{upstream.model}"]
        jobs = {"think": upstream.thinker, "look": upstream.looker or upstream.model, "embed": upstream.embedder}
        models |= {f"{job}-{name}": [f"{name}/{model}"] for job, model in jobs.items() if model}
    by_name = {upstream.name: upstream for upstream in UPSTREAMS}
    for logical, (name, fault) in faults.items():
        sections[logical] = _section(by_name[name], roots[name])
        models[logical] = [f"{logical}/{by_name[name].model}!{fault}"]
    resilience = {"attempts": 1, "timeouts": {"headers": "10s"}}
    return {"providers": sections, "models": models, "resilience": resilience}


def _section(upstream: Upstream, root: str) -> Document:
    key = AWS_KEY if upstream.kind == "bedrock" else KEY
    return {"kind": upstream.kind, "base_url": root + upstream.base, "keys": [key], **upstream.settings}
