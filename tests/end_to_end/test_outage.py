"""Everybody is down: the client hears so at once and clearly, and the outage is not made worse by asking more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Apply, Provide, Start
    from headway.types import ExchangeEvent

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: [sk-a]}}
  b: {{base_url: "{b}", keys: [sk-b]}}
models:
  default: {{tiers: [[a/fast], [b/fast]]}}
"""
REQUESTS = 60
DOWN = {
    "refuse": ("transport", "upstream_unreachable"),
    "close_before_headers": ("transport", "upstream_unreachable"),
    "status=503": ("overloaded", "server_overloaded"),
    "json_error_200": ("server_error", "upstream_error"),
}
"""What the records call it, and the code that the client is told in the end."""


def calls(events: list[ExchangeEvent]) -> int:
    return sum(len(event.attempts) for event in events)


@pytest.mark.parametrize(
    ("fault", "kind", "code", "stream"),
    [*((fault, *told, True) for fault, told in DOWN.items()), ("refuse", *DOWN["refuse"], False)],
)
async def test_a_request_costs_one_call_once_the_breakers_are_open(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, kind: str, code: str, stream: bool
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta", fault=fault)
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    client = application(running)
    open_from = REQUESTS
    errors: list[Exception | None] = []
    while len(errors) < REQUESTS:
        errors.append((await client.chat(stream=stream)).error)
        if running.headway.gateway.registry.tripped() == 2:
            open_from = min(open_from, len(errors))
    for error in errors:
        assert isinstance(error, openai.InternalServerError)
        assert isinstance(error.body, dict)
        assert set(error.body) == {"message", "type", "param", "code"}
    assert getattr(errors[-1], "code", None) == code
    events = await running.ended(REQUESTS)
    assert {each.failure for event in events for each in event.attempts} == {kind}
    assert open_from <= 5, "a request or two each are enough to know"
    assert calls(events[open_from:]) <= 1.1 * (REQUESTS - open_from)
    assert calls(events) <= 1.2 * REQUESTS
    if fault != "refuse":
        assert len(a.requests) + len(b.requests) == calls(events)


async def test_once_the_breakers_are_open_nothing_is_waited_for(gateway: Start, simulated: Provide, application: Apply):
    a, b = await simulated("alpha", fault="status=503"), await simulated("beta", fault="status=503")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    client = application(running)
    for _ in range(20):
        await client.chat(stream=True)
    for event in (await running.ended(20))[6:]:
        (only,) = event.attempts
        assert (only.started, only.reason) == (0.0, "last_resort")
        assert event.duration == pytest.approx(only.duration, abs=1e-3)


async def test_providers_that_asked_to_be_left_alone_are_not_asked_at_all(
    gateway: Start, simulated: Provide, application: Apply
):
    fault = "status=503,header.retry-after=30"
    a, b = await simulated("alpha", fault=fault), await simulated("beta", fault=fault)
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    client = application(running)
    errors = [(await client.chat(stream=True)).error for _ in range(20)]
    assert (len(a.requests), len(b.requests)) == (1, 1)
    for error in errors:
        assert isinstance(error, openai.InternalServerError)
        assert error.status_code == 503
        assert 25 <= int(error.response.headers["retry-after"]) <= 33


async def test_the_first_that_recovers_takes_the_traffic_once_its_rest_is_over(
    gateway: Start, simulated: Provide, application: Apply
):
    """What tries it out is a client's request, and it is answered."""
    a, b = await simulated("alpha", fault="refuse"), await simulated("beta", fault="status=503")
    config = CONFIG + "resilience:\n  breaker: {{rest: 50ms, longest_rest: 100ms, ramp: 0s}}\n"
    running = await gateway(config.format(a=a.base_url, b=b.base_url))
    client = application(running)
    for _ in range(10):
        assert (await client.chat(stream=True)).error is not None
    assert running.headway.gateway.registry.tripped() == 2
    b.set_fault(None)
    await asyncio.sleep(0.2)
    seen = [await client.chat(stream=True) for _ in range(10)]
    assert [each.error for each in seen] == [None] * 10
    assert all("at beta" in each.text for each in seen)
    assert running.headway.gateway.registry.tripped() == 1
