"""The load generator: `python -m headway.bench.load`, a process of its own that reads a `Plan` in JSON from standard
input.

It prints `begin` when the measured window opens, `end` when it closes, and then a `Result` in JSON. Whoever started it
takes the CPU time of the process under test at the two marks. In the open loop latency counts from the moment at which
a request should have left, so that a stall is charged to every request that it delayed.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from time import perf_counter

import msgspec
import uvloop

from headway.bench import latency, payloads
from headway.bench.drivers import Closed, Open, Streams, Tally
from headway.bench.plan import BenchError, Plan, Result, bounded, loopback

DRIVERS = {"closed": Closed, "open": Open, "streams": Streams}


def request_of(plan: Plan) -> bytes:
    target = loopback(plan.url)
    body = payloads.chat_body(plan.model, plan.prompt_bytes, stream=plan.shape == "streams")
    authority = f"{target.host}:{target.port}"
    path = f"{target.prefix}/v1/chat/completions"
    return payloads.chat_request(body, authority=authority, path=path, api_key=plan.api_key)


def mark(word: str) -> None:
    print(word, flush=True)


async def perform(driver: Closed | Open | Streams, plan: Plan, tally: Tally) -> float:
    """Makes the load and fills the tally; returns the length of the window in seconds."""
    loop = asyncio.get_running_loop()
    ready = loop.time() + plan.ramp
    await asyncio.wait_for(driver.start(), plan.ramp + plan.drain)
    await asyncio.sleep(max(0.0, ready - loop.time()))
    mark("begin")
    began = perf_counter()
    tally.open_window(began)
    while not driver.stopped and perf_counter() - began < plan.seconds:
        await asyncio.sleep(min(0.05, plan.seconds))
    seconds = perf_counter() - began
    tally.close_window()
    driver.stop()
    mark("end")
    give_up = loop.time() + plan.drain
    while driver.in_flight() and loop.time() < give_up:
        await asyncio.sleep(0.02)
    if driver.in_flight():
        tally.errors["no complete reply in time"] += driver.in_flight()
    return seconds


async def run(plan: Plan) -> Result:
    """One run in this process. Raises `BenchError` for a plan out of bounds and `OSError` where nobody listens."""
    tally = Tally()
    driver = DRIVERS[bounded(plan).shape](plan, tally, request_of(plan))
    try:
        seconds = await perform(driver, plan, tally)
    finally:
        driver.close()
        await asyncio.sleep(0)
    return Result(
        seconds=seconds,
        replies=tally.replies,
        chunks=tally.chunks,
        errors=dict(tally.errors),
        latency=latency.packed(tally.latency),
        first_token=latency.packed(tally.first_token),
        gaps=latency.packed(tally.gaps),
        behind=latency.packed(tally.behind),
    )


def main() -> int:
    gc.disable()  # a run is bounded; a collection in its middle would be taken for the gateway's latency
    try:
        plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
        result = uvloop.run(run(plan))
    except (BenchError, OSError, TimeoutError, msgspec.DecodeError) as error:
        print(f"load: {error or type(error).__name__}", file=sys.stderr)
        return 1
    print(msgspec.json.encode(result).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
