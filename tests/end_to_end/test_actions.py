"""What each refusal leads to: whom the request goes to next, what rests after it, and what is left as it was.

Provider a has two keys and comes first, b is the second tier.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Apply, Provide, RunningGateway, Start
    from headway.simulated.provider import SimulatedProvider

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: [{{name: one, value: sk-one}}, {{name: two, value: sk-two}}]}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: {{balance: round_robin, tiers: [[a/fast], [b/fast]]}}
"""
ALONE = """
providers:
  a: {{base_url: "{a}", keys: []}}
models:
  default: [a/fast]
"""
PATIENCE = 10.0

THE_CLIENTS = {
    "status=400": (400, "invalid_request"),
    "status=400,error.code=invalid_value": (400, "invalid_request"),
    "status=422": (422, "invalid_request"),
    "status=404": (404, "model_not_found"),
    "status=400,error.code=content_filter": (400, "content_blocked"),
    "status=400,error.code=context_length_exceeded": (400, "context_too_long"),
    "status=413": (413, "body_too_large"),
}
DAILY = "error.message=Rate limit reached on requests per day (RPD): Limit 200%2C Used 200"
TOO_LARGE = "error.message=Request too large for fast on tokens per min (TPM): Limit 30000%2C Requested 40000"
BOTH_KEYS, NEXT_TIER = 2, 1
"""Calls at a before b is asked: its other key may do, or would meet the same."""
REFUSALS = {
    "status=429": ("rate_limited", BOTH_KEYS),
    "status=429,header.retry-after=1": ("rate_limited", BOTH_KEYS),
    "status=429,header.retry-after=600": ("rate_limited", BOTH_KEYS),
    "status=429,error.code=insufficient_quota": ("billing_exhausted", BOTH_KEYS),
    f"status=429,{DAILY}": ("daily_quota", BOTH_KEYS),
    "status=402": ("billing_exhausted", BOTH_KEYS),
    "status=401": ("auth_invalid", BOTH_KEYS),
    "status=403,error.code=none": ("permission", BOTH_KEYS),
    "status=403": ("region_blocked", NEXT_TIER),
    "status=503,header.retry-after=30": ("overloaded", NEXT_TIER),
    "status=529,header.retry-after=30": ("overloaded", NEXT_TIER),
}
"""After these, what was refused rests."""
PASSING = {
    "status=529": ("overloaded", NEXT_TIER),
    "status=503": ("overloaded", NEXT_TIER),
    f"status=429,{TOO_LARGE}": ("too_large_for_bucket", BOTH_KEYS),
}
"""After these nothing rests yet: one failure is no outage, and a smaller request fits."""


async def _gateway(gateway: Start, a: SimulatedProvider, b: SimulatedProvider) -> RunningGateway:
    return await gateway(CONFIG.format(a=a.base_url, b=b.base_url))


def _expect_that_nothing_rests(running: RunningGateway) -> None:
    registry = running.headway.gateway.registry
    assert (registry.tripped(), registry.parked(running.headway.gateway.now())) == (0, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "status", "kind"), [(fault, *told) for fault, told in THE_CLIENTS.items()])
async def test_what_is_wrong_with_the_request_is_nobodys_fault(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, status: int, kind: str, stream: bool
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await _gateway(gateway, a, b)
    client = application(running)
    for _ in range(6):  # more than open a breaker
        error = (await client.chat(stream=stream)).error
        assert isinstance(error, openai.APIStatusError)
        assert error.status_code == status
    assert (len(a.requests), len(b.requests)) == (6, 0)
    assert {event.outcome for event in await running.ended(6)} == {kind}
    _expect_that_nothing_rests(running)
    a.set_fault(None)
    assert "at alpha" in (await client.chat(stream=stream)).text


@pytest.mark.parametrize("fault", ["delay_headers=60s", "stall_after=0t", "stall_after=2t"])
async def test_a_client_that_leaves_says_nothing_about_anybody(
    gateway: Start, simulated: Provide, application: Apply, fault: str
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await _gateway(gateway, a, b)
    client = application(running)
    for count in range(1, 7):
        asking = asyncio.ensure_future(client.chat(stream=True))
        async with asyncio.timeout(PATIENCE):
            while len(a.requests) < count:
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await running.ended(count))[-1].outcome == "cancelled"
    assert (len(a.requests), len(b.requests)) == (6, 0)
    _expect_that_nothing_rests(running)
    a.set_fault(None)
    assert "at alpha" in (await client.chat(stream=True)).text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "kind", "calls"), [(fault, *told) for fault, told in REFUSALS.items()])
async def test_what_was_refused_is_left_alone(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, kind: str, calls: int, stream: bool
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await _gateway(gateway, a, b)
    client = application(running)
    seen = [await client.chat(stream=stream) for _ in range(2)]
    assert all("at beta" in each.text and each.finish == ["stop"] for each in seen)
    assert (len(a.requests), len(b.requests)) == (calls, 2)
    first, second = await running.ended(2)
    assert [each.failure for each in first.attempts] == [kind] * calls + [None]
    assert len({each.target for each in first.attempts}) == calls + 1
    assert [each.target for each in second.attempts] == ["b/fast#none"]


@pytest.mark.parametrize(("fault", "kind", "calls"), [(fault, *told) for fault, told in PASSING.items()])
async def test_what_passes_rests_nobody(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, kind: str, calls: int
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await _gateway(gateway, a, b)
    client = application(running)
    assert "at beta" in (await client.chat(stream=False)).text
    assert (len(a.requests), len(b.requests)) == (calls, 1)
    (event,) = await running.ended(1)
    assert [each.failure for each in event.attempts] == [kind] * calls + [None]
    _expect_that_nothing_rests(running)
    a.set_fault(None)
    assert "at alpha" in (await client.chat(stream=False)).text


async def test_one_refused_key_leaves_its_provider_to_the_other(gateway: Start, simulated: Provide, application: Apply):
    a, b = await simulated("alpha", keys=("sk-two",)), await simulated("beta")
    running = await _gateway(gateway, a, b)
    client = application(running)
    seen = [await client.chat(stream=False) for _ in range(4)]
    assert all("at alpha" in each.text for each in seen)
    events = await running.ended(4)
    refused = [each for event in events for each in event.attempts if each.failure is not None]
    assert [(each.target, each.failure) for each in refused] == [("a/fast#one", "auth_invalid")]
    assert not b.requests


async def test_where_nobody_else_is_a_short_limit_is_waited_for(gateway: Start, simulated: Provide, application: Apply):
    a = await simulated("alpha")
    a.set_fault("status=429,header.retry-after-ms=150")
    running = await gateway(ALONE.format(a=a.base_url))
    asking = asyncio.ensure_future(application(running).chat(stream=False))
    async with asyncio.timeout(PATIENCE):
        while not a.requests:
            await asyncio.sleep(0.002)
    a.set_fault(None)
    seen = await asking
    assert "at alpha" in seen.text
    assert len(a.requests) == 2
    first, second = (await running.ended(1))[0].attempts
    assert (first.failure, second.result, second.reason) == ("rate_limited", "200", "retry")
    assert second.started - (first.started + first.duration) >= 0.15


@pytest.mark.parametrize(
    "fault",
    ["status=429,header.retry-after=600", f"status=429,{DAILY}", "status=402", "status=401"],
)
async def test_where_nobody_else_is_a_long_rest_is_told_without_a_call(
    gateway: Start, simulated: Provide, application: Apply, fault: str
):
    a = await simulated("alpha", fault=fault)
    running = await gateway(ALONE.format(a=a.base_url))
    client = application(running)
    errors = [(await client.chat(stream=False)).error for _ in range(2)]
    assert len(a.requests) == 1
    assert all(isinstance(error, openai.APIStatusError) for error in errors)
    assert (await running.ended(2))[1].attempts == ()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "status"), {"refuse": 502, "status=503": 503}.items())
async def test_when_all_are_down_the_error_is_clear_and_nothing_is_amplified(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, status: int, stream: bool
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta", fault=fault)
    running = await _gateway(gateway, a, b)
    client = application(running)
    asked = 0
    while running.headway.gateway.registry.tripped() < 2:
        await client.chat(stream=stream)
        asked += 1
        assert asked <= 10
    async with asyncio.timeout(PATIENCE):
        errors = [(await client.chat(stream=stream)).error for _ in range(60)]
    for error in errors:
        assert isinstance(error, openai.APIStatusError)
        assert error.status_code == status
        assert isinstance(error.body, dict)
        assert set(error.body) == {"message", "type", "param", "code"}
    events = (await running.ended(asked + 60))[asked:]
    assert sum(len(event.attempts) for event in events) <= 66
