"""What an answer that broke off leaves behind: bytes without an end, an honest record, and a lesson learnt.

A single failure opens the breaker here, so that what was learnt shows in where the next request goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import openai
import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Application, Apply, Provide, RunningGateway, Seen, Start
    from headway.simulated.provider import SimulatedProvider

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

Api = Literal["chat", "responses"]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: []}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: {{tiers: [["a/fast!{fault}"], ["b/fast"]]}}
resilience:
  timeouts: {{headers: 30s, first_token: 30s, stall: 200ms}}
  breaker: {{failures: 1}}
"""
NO_OTHER = 10.0
"""Seconds, less than any timeout but that for a stall."""

ILL = {
    "error_event_at=2t": "server_error",
    "error_event_at=2t,error.code=server_is_overloaded": "overloaded",
    "end_at=2t": "truncated",
    "end_at=6000b": "truncated",
    "eof_at=2t": "bad_reply",
    "eof_at=6000b": "bad_reply",
    "rst_at=2t": "bad_reply",
    "rst_at=6000b": "bad_reply",
    "stall_after=2t": "timeout",
    "stall_after=6000b": "timeout",
    "stall_after=2t,comments=20ms": "timeout",
    "stall_after=2t,pings=20ms": "timeout",
}
REFUSED = {
    "error_event_at=2t,error.code=rate_limit_exceeded": "rate_limited",
    "error_event_at=2t,error.code=insufficient_quota": "billing_exhausted",
}
"""The key's limits are no ill health, but the key rests."""
BLOCKED = {"error_event_at=2t,error.code=content_policy_violation": "content_blocked"}
BOTH_APIS: tuple[Api, ...] = ("chat", "responses")
ENDINGS = ("error_event_at=2t", "end_at=2t", "end_at=6000b", "eof_at=6000b", "rst_at=2t", "stall_after=6000b")
"""One of each way to end, in the middle of an event where it can be."""


async def start(gateway: Start, a: SimulatedProvider, b: SimulatedProvider, fault: str) -> RunningGateway:
    return await gateway(CONFIG.format(a=a.base_url, b=b.base_url, fault=fault))


async def see(client: Application, api: Api, model: str = "default") -> Seen:
    return await (client.chat(stream=True, model=model) if api == "chat" else client.respond(model=model))


def expect_no_end(seen: Seen, whole: str, api: Api) -> None:
    assert whole.startswith(seen.text)
    assert 0 < len(seen.text) < len(whole)
    assert seen.finish == []
    if api == "chat":
        assert isinstance(seen.error, openai.APIError)
    else:
        assert isinstance(seen.error, openai.APIError) or seen.types[-1] in ("response.failed", "error")


@pytest.mark.parametrize("api", BOTH_APIS)
@pytest.mark.parametrize(("fault", "outcome"), (ILL | REFUSED | BLOCKED).items(), ids=ILL | REFUSED | BLOCKED)
async def test_it_is_told_recorded_and_learnt_from(
    gateway: Start, simulated: Provide, application: Apply, fault: str, outcome: str, *, api: Api
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await start(gateway, a, b, fault)
    client = application(running)
    whole = (await see(client, api, "a/fast")).text
    expect_no_end(await see(client, api), whole, api)
    event = (await running.ended(2))[1]
    assert (event.outcome, event.broke, event.status) == (outcome, True, 200)
    assert [each.failure for each in event.attempts] == [outcome]
    assert event.attempts[0].duration < NO_OTHER
    assert (len(a.requests), len(b.requests)) == (2, 0)
    assert running.headway.gateway.registry.tripped() == (fault in ILL)

    following = await see(client, api)
    again = (await running.ended(3))[2].attempts
    if fault in BLOCKED:
        assert [each.target for each in again] == [event.attempts[0].target]
    else:
        assert "at beta" in following.text
        assert [each.target for each in again] == ["b/fast#none"]
        assert len(a.requests) == 2


@pytest.mark.parametrize("fault", ENDINGS)
async def test_its_bytes_hold_no_end_mark_of_any_kind(gateway: Start, simulated: Provide, fault: str):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await start(gateway, a, b, fault)
    chat = await running.chat(stream=True)
    assert (chat.status, chat.complete) == (200, True)
    assert b"[DONE]" not in chat.body
    assert b'"finish_reason":"' not in chat.body
    assert b'"error"' in chat.body.split(b"\n\n")[-2]
    assert chat.body.endswith(b"\n\n")


@pytest.mark.parametrize("fault", ENDINGS)
async def test_the_bytes_of_a_response_hold_no_end_mark_either(gateway: Start, simulated: Provide, fault: str):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await start(gateway, a, b, fault)
    response = await running.ask("/v1/responses", {"model": "default", "input": "hello", "stream": True})
    assert (response.status, response.complete) == (200, True)
    for mark in (b"response.completed", b"response.incomplete", b"output_text.done", b"[DONE]"):
        assert mark not in response.body
    last = response.body.split(b"\n\n")[-2]
    assert last.startswith((b"event: error\n", b"event: response.failed\n"))


@pytest.mark.parametrize("fault", ["end_at=200000b", "eof_at=200000b", "stall_after=350000b"])
async def test_an_event_too_long_to_be_held_is_not_taken_for_a_whole_one(
    gateway: Start, simulated: Provide, fault: str
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await start(gateway, a, b, f"chunk_bytes=50000,huge_event=400KB,{fault}")
    reply = await running.chat(stream=True)
    (event,) = await running.ended(1)
    if event.broke:
        assert b'"error"' in reply.body.split(b"\n\n")[-2]
        assert b"[DONE]" not in reply.body
        assert b"beta" not in reply.body
    else:
        assert reply.headers["x-headway-target"] == "b/fast"
        assert b"xxxx" not in reply.body


LARGE = {
    "eof_at=1500000b": "bad_reply",
    "stall_after=1500000b": "timeout",
    "end_at=1500000b": "bad_reply",
}


@pytest.mark.parametrize("api", BOTH_APIS)
@pytest.mark.parametrize(("fault", "outcome"), LARGE.items(), ids=LARGE)
async def test_a_whole_answer_too_large_to_be_held_that_breaks_off_is_recorded_as_broken(
    gateway: Start, simulated: Provide, application: Apply, fault: str, outcome: str, *, api: Api
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await start(gateway, a, b, f"huge_event=2MB,{fault}")
    client = application(running)
    seen = await (client.chat(stream=False) if api == "chat" else client.respond(stream=False))
    assert seen.error is not None
    (event,) = await running.ended(1)
    assert (event.outcome, event.broke) == (outcome, True)
    assert (len(a.requests), len(b.requests)) == (1, 0)
    assert running.headway.gateway.registry.tripped() == 1
