"""What a fault before the first word costs: the patience that is set for it, and nothing on top.

All timeouts are long but the one that the fault should run into, so that no other can be what ended it. What needs no
timeout to be noticed meets none at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Apply, Provide, RunningGateway, Seen, Start
    from headway.types import ExchangeEvent

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

Api = Literal["chat", "responses"]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: []}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: [a/fast, b/fast]
resilience:
  timeouts: {{{timeouts}}}
"""
PATIENCE = {"connect": 30.0, "headers": 30.0, "first_token": 30.0, "stall": 30.0}
SHORT = 0.2
"""Seconds; the sweep that looks at all deadlines comes round ten times a second."""
NO_OTHER = 10.0
"""Less than any other timeout."""

AT_ONCE = {
    "status=409": "server_error",
    "status=520,body=html": "server_error",
    "status=503,header.retry-after=5": "overloaded",
    "status=500,header.x-should-retry=false": "server_error",
    "status=429,header.retry-after=1": "rate_limited",
    "status=429,header.retry-after-ms=50": "rate_limited",
    "status=302,header.location=http://elsewhere/": "bad_reply",
    "html": "bad_reply",
    "json_error_200": "server_error",
    "json_error_200,error.code=rate_limit_exceeded": "rate_limited",
    "close_before_headers": "transport",
    "rst_before_headers": "transport",
    "end_at=0b": "bad_reply",
    "end_at=20b": "bad_reply",
    "eof_at=20b": "bad_reply",
    "rst_at=20b": "bad_reply",
}
AT_ONCE_WHOLE = {"malformed_json_at=20b": "bad_reply", "wrong_content_type": "bad_reply", "end_at=5t": "bad_reply"}
AT_ONCE_STREAMED = {
    "malformed_json_at=0t": "bad_reply",
    "wrong_content_type": "bad_reply",
    "error_event_at=0t": "server_error",
    "error_event_at=0b,error.code=rate_limit_exceeded": "rate_limited",
    "end_at=0t": "bad_reply",
    "eof_at=0t": "bad_reply",
    "rst_at=0t": "bad_reply",
}
IN_TIME = {"delay_headers=60s": "headers", "status=500,stall_after=10b": "stall"}
"""The fault, and the timeout that notices it."""
IN_TIME_WHOLE = {"stall_after=0b": "stall", "stall_after=20b": "stall"}
IN_TIME_STREAMED = {
    "delay_first_token=60s": "first_token",
    "delay_first_token=60s,comments=20ms": "first_token",
    "delay_first_token=60s,pings=20ms": "first_token",
    "stall_after=0b": "first_token",
    "stall_after=0t": "first_token",
}
ALSO_RESPONSES = {
    "status=503,header.retry-after=5",
    "html",
    "json_error_200",
    "close_before_headers",
    "end_at=20b",
    *AT_ONCE_STREAMED,
    "status=500,stall_after=10b",
    "stall_after=20b",
    "delay_first_token=60s,pings=20ms",
    "stall_after=0t",
}
"""Where the dialect may make a difference, or as samples of the rest."""
Case = tuple[str, str, bool, Api]


def cases(both: dict[str, str], whole: dict[str, str], streamed: dict[str, str]) -> Iterator[Case]:
    for stream in (False, True):
        for fault, told in (both | (streamed if stream else whole)).items():
            yield fault, told, stream, "chat"
            if fault in ALSO_RESPONSES:
                yield fault, told, stream, "responses"


def name_of(case: Case) -> str:
    return f"{case[0]}-{'streamed' if case[2] else 'whole'}-{case[3]}"


PROMPT = list(cases(AT_ONCE, AT_ONCE_WHOLE, AT_ONCE_STREAMED))
PATIENT = list(cases(IN_TIME, IN_TIME_WHOLE, IN_TIME_STREAMED))


def patience(**seconds: float) -> str:
    return ", ".join(f"{name}: {1000 * each:.0f}ms" for name, each in {**PATIENCE, **seconds}.items())


async def asked(application: Apply, running: RunningGateway, api: Api, *, stream: bool, text: str = "hello") -> Seen:
    client = application(running)
    return await (client.chat(stream=stream, text=text) if api == "chat" else client.respond(text, stream=stream))


def expect_one_failover(seen: Seen, event: ExchangeEvent, failure: str) -> None:
    assert seen.error is None
    assert "at beta" in seen.text
    assert seen.finish in (["stop"], ["completed"])
    first, second = event.attempts
    assert (first.failure, second.reason, second.result, event.broke) == (failure, "failover", "200", False)
    assert second.started == pytest.approx(first.started + first.duration, abs=1e-6), "a pause helps nobody here"
    assert first.duration < NO_OTHER


@pytest.mark.parametrize(("fault", "failure", "stream", "api"), PROMPT, ids=map(name_of, PROMPT))
async def test_what_can_be_seen_at_once_costs_no_patience(
    gateway: Start, simulated: Provide, application: Apply, fault: str, failure: str, *, stream: bool, api: Api
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, timeouts=patience()))
    seen = await asked(application, running, api, stream=stream)
    expect_one_failover(seen, (await running.ended(1))[0], failure)
    assert (len(a.requests), len(b.requests)) == (1, 1)


@pytest.mark.parametrize(("fault", "timeout", "stream", "api"), PATIENT, ids=map(name_of, PATIENT))
async def test_what_only_time_can_tell_costs_the_patience_that_is_set_for_it(
    gateway: Start, simulated: Provide, application: Apply, fault: str, timeout: str, *, stream: bool, api: Api
):
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, timeouts=patience(**{timeout: SHORT})))
    seen = await asked(application, running, api, stream=stream)
    (event,) = await running.ended(1)
    expect_one_failover(seen, event, "timeout")
    assert event.attempts[0].duration >= SHORT
    assert (len(a.requests), len(b.requests)) == (1, 1)


async def test_an_upstream_that_reads_too_slowly_is_left(gateway: Start, simulated: Provide, application: Apply):
    a, b = await simulated("alpha", fault="slow_read=16KB"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, timeouts=patience(headers=1.0)))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 8_000_000}}
    seen = await application(running).chat(stream=True, text=[picture])
    expect_one_failover(seen, (await running.ended(1))[0], "timeout")
    assert (len(a.requests), a.total_connections, len(b.requests)) == (0, 1, 1)
    assert running.headway.upstreams.connections() == 1


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_a_stream_that_is_slow_but_goes_on_is_healthy(
    gateway: Start, simulated: Provide, application: Apply, api: Api
):
    """It takes longer than any of the timeouts, and never so long at a time."""
    a, b = await simulated("alpha", token_delay=0.1), await simulated("beta")
    timeouts = patience(headers=1.0, first_token=1.0, stall=1.0)
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, timeouts=timeouts))
    seen = await asked(application, running, api, stream=True, text="tokens:14")
    (event,) = await running.ended(1)
    assert event.duration > 1.2
    assert (seen.error, event.outcome, len(event.attempts)) == (None, "ok", 1)
    assert (len(a.requests), len(b.requests)) == (1, 0)
