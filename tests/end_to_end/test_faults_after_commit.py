"""A stream that breaks after the application has seen part of it: the SDK raises, and nothing looked finished."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Apply, Provide, RunningGateway, Seen, Start
    from headway.simulated.provider import SimulatedProvider

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: []}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: {{tiers: [["a/fast!{fault}"], ["b/fast"]]}}
resilience:
  timeouts: {{headers: 5s, first_token: 5s, stall: 200ms}}
"""

ANYWHERE = {
    "eof_at=3t": "bad_reply",
    "rst_at=3t": "bad_reply",
    "end_at=3t": "truncated",
    "stall_after=3t": "timeout",
    "stall_after=3t,comments=20ms": "timeout",
    "stall_after=3t,pings=20ms": "timeout",
    "error_event_at=3t": "server_error",
    "error_event_at=3t,error.code=rate_limit_exceeded": "rate_limited",
}
UNMARKED = {
    "end_at=5t": "truncated",
    "end_at=5t,framing=close": "truncated",
    "end_at=5t,http10": "truncated",
}
"""All five tokens of the text are there; neither a finish reason nor the end mark is."""
HALF_A_CALL = ANYWHERE | {"omit_after=3t": "truncated", "omit_after=2t,no_done": "truncated"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


async def _broken(gateway: Start, a: SimulatedProvider, b: SimulatedProvider, fault: str) -> RunningGateway:
    return await gateway(CONFIG.format(a=a.base_url, b=b.base_url, fault=fault))


async def _expect_an_honest_end(
    running: RunningGateway, a: SimulatedProvider, b: SimulatedProvider, outcome: str
) -> None:
    (event,) = await running.ended(1)
    assert (event.outcome, event.broke, event.status) == (outcome, True, 200)
    assert [each.failure for each in event.attempts] == [outcome]
    assert (len(a.requests), len(b.requests)) == (1, 0)


def _expect_that_it_raised(seen: Seen) -> None:
    assert isinstance(seen.error, openai.APIError)
    assert seen.finish == []


@pytest.mark.parametrize(("fault", "outcome"), ANYWHERE.items(), ids=ANYWHERE)
async def test_a_text_that_breaks_off(gateway: Start, simulated: Provide, application: Apply, fault: str, outcome: str):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await _broken(gateway, a, b, fault)
    seen = await application(running).chat(stream=True)
    _expect_that_it_raised(seen)
    assert seen.text == "This is fast"
    await _expect_an_honest_end(running, a, b, outcome)


@pytest.mark.parametrize(("fault", "outcome"), UNMARKED.items(), ids=UNMARKED)
async def test_a_text_that_ends_without_saying_so(
    gateway: Start, simulated: Provide, application: Apply, fault: str, outcome: str
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await _broken(gateway, a, b, fault)
    seen = await application(running).chat(stream=True, text="tokens:5")
    _expect_that_it_raised(seen)
    assert seen.text
    await _expect_an_honest_end(running, a, b, outcome)


@pytest.mark.parametrize(("fault", "outcome"), HALF_A_CALL.items(), ids=HALF_A_CALL)
async def test_a_tool_call_that_breaks_off(
    gateway: Start, simulated: Provide, application: Apply, fault: str, outcome: str
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await _broken(gateway, a, b, fault)
    seen = await application(running).chat(stream=True, text="call:weather", tools=[WEATHER])
    _expect_that_it_raised(seen)
    assert seen.arguments.startswith("{")
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.arguments)
    await _expect_an_honest_end(running, a, b, outcome)


async def test_an_event_that_is_no_json_reaches_the_sdk_which_raises(
    gateway: Start, simulated: Provide, application: Apply
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await _broken(gateway, a, b, "malformed_json_at=3t")
    seen = await application(running).chat(stream=True)
    assert isinstance(seen.error, json.JSONDecodeError)
    assert (seen.text, seen.finish) == ("This is fast", [])
    assert not b.requests


@pytest.mark.parametrize(("fault", "outcome"), ANYWHERE.items(), ids=ANYWHERE)
async def test_a_response_that_breaks_off(
    gateway: Start, simulated: Provide, application: Apply, fault: str, outcome: str
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await _broken(gateway, a, b, fault)
    seen = await application(running).respond()
    assert isinstance(seen.error, openai.APIError) or seen.types[-1] in ("response.failed", "error")
    assert seen.types.count("response.output_text.delta") == 3
    assert not {"response.completed", "response.incomplete", "response.output_text.done"} & set(seen.types)
    await _expect_an_honest_end(running, a, b, outcome)


async def test_a_response_that_ends_without_its_last_event(gateway: Start, simulated: Provide, application: Apply):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await _broken(gateway, a, b, "no_done")
    seen = await application(running).respond()
    assert isinstance(seen.error, openai.APIError) or seen.types[-1] in ("response.failed", "error")
    assert not {"response.completed", "response.incomplete"} & set(seen.types)
    await _expect_an_honest_end(running, a, b, "truncated")
