"""What says nothing about a provider: a request that is wrong, a policy, a client that leaves, a limit of our own.

A single failure would open the breaker here, and the second target would be glad to answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import openai
import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Application, Apply, Provide, RunningGateway, Seen, Start

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

Api = Literal["chat", "responses"]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: [sk-a], limits: {{concurrency: {concurrency}}}}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: [a/fast, b/fast]
  alone: {{queue: {{wait: 0}}, tiers: [[a/fast]]}}
  generous:
    tiers: [[a/fast], [b/fast]]
    fallback: [{{on: [context_too_long, content_blocked], to: [b/large]}}]
resilience:
  breaker: {{failures: 1}}
"""
PATIENCE = 10.0

WRONG = {
    "status=400": "invalid_request",
    "status=400,body=html": "invalid_request",
    "status=422,body=text": "invalid_request",
    "status=404": "model_not_found",
    "status=413": "body_too_large",
    "status=400,error.code=unsupported_parameter": "unsupported_feature",
    "status=400,error.code=context_length_exceeded": "context_too_long",
    "status=400,error.code=content_policy_violation": "content_blocked",
    "status=400,error.code=content_filter": "content_blocked",
    "status=400,error.code=invalid_prompt": "content_blocked",
    "json_error_200,error.code=content_policy_violation": "content_blocked",
}
WRONG_STREAMED = {
    "error_event_at=0t,error.code=content_policy_violation": "content_blocked",
    "error_event_at=0t,error.code=context_length_exceeded": "context_too_long",
}


def expect_no_mark(running: RunningGateway) -> None:
    gateway = running.headway.gateway
    assert (gateway.registry.tripped(), gateway.registry.parked(gateway.now())) == (0, 0)
    (target,) = running.headway.snapshot.routes["alone"].tiers[0].targets
    assert gateway.registry.rests_until(target) <= gateway.now()
    assert gateway.registry.in_flight(target) == 0


async def see(client: Application, api: Api, *, stream: bool) -> Seen:
    return await (client.chat(stream=stream) if api == "chat" else client.respond(stream=stream))


@pytest.mark.parametrize(
    ("fault", "kind", "stream", "api"),
    [
        *((fault, kind, stream, "chat") for fault, kind in WRONG.items() for stream in (False, True)),
        *((fault, kind, True, api) for fault, kind in WRONG_STREAMED.items() for api in ("chat", "responses")),
    ],
)
async def test_a_request_that_is_refused_for_its_own_sake_is_sent_once(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, kind: str, stream: bool, api: Api
):
    """The SDK's own retries are on: it must not be led to repeat it either."""
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, concurrency=9))
    client = application(running, retries=2)
    seen = await see(client, api, stream=stream)
    assert isinstance(seen.error, openai.APIStatusError)
    assert 400 <= seen.error.status_code < 500
    assert seen.error.response.headers["x-should-retry"] == "false"
    (event,) = await running.ended(1)
    assert (event.outcome, event.broke, len(event.attempts)) == (kind, False, 1)
    expect_no_mark(running)
    a.set_fault(None)
    assert "at alpha" in (await see(client, api, stream=stream)).text
    assert (len(a.requests), len(b.requests)) == (2, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("code", ["context_length_exceeded", "content_policy_violation"])
async def test_unless_its_route_says_where_else_it_may_go(
    gateway: Start, simulated: Provide, application: Apply, code: str, *, stream: bool
):
    a, b = await simulated("alpha", fault=f"status=400,error.code={code}"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, concurrency=9))
    seen = await application(running).chat(stream=stream, model="generous")
    assert (seen.error, seen.finish) == (None, ["stop"])
    assert "large at beta" in seen.text
    assert [each.reason for each in (await running.ended(1))[0].attempts] == ["first", "fallback"]
    expect_no_mark(running)


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_an_application_that_closes_its_stream_half_way(
    gateway: Start, simulated: Provide, application: Apply, api: Api
):
    a, b = await simulated("alpha", fault="delay_token=20ms"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, concurrency=9))
    client = application(running)
    sdk = client.sdk
    stream = (
        await sdk.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "tokens:400"}], stream=True
        )
        if api == "chat"
        else await sdk.responses.create(model="default", input="tokens:400", stream=True)
    )
    async for _ in stream:
        break
    await stream.close()
    (event,) = await running.ended(1)
    assert (event.outcome, len(event.attempts)) == ("cancelled", 1)
    expect_no_mark(running)
    a.set_fault(None)
    assert "at alpha" in (await see(client, api, stream=True)).text
    assert (len(a.requests), len(b.requests)) == (2, 0)


async def test_an_application_that_gives_up_while_a_rate_limit_is_waited_for(
    gateway: Start, simulated: Provide, application: Apply
):
    """The rate limit stands; but nobody is called for a client that has left."""
    a = await simulated("alpha", fault="status=429,header.retry-after-ms=300")
    running = await gateway(CONFIG.format(a=a.base_url, b=a.base_url, concurrency=9))
    client = application(running)
    asking = asyncio.ensure_future(client.chat(stream=True, model="alone"))
    async with asyncio.timeout(PATIENCE):
        while not a.requests or running.headway.upstreams.connections() == 0:
            await asyncio.sleep(0.002)
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (event,) = await running.ended(1)
    assert (event.outcome, [each.failure for each in event.attempts]) == ("cancelled", ["rate_limited"])
    await asyncio.sleep(0.5)
    assert len(a.requests) == 1


async def test_a_limit_of_our_own_is_nobody_s_fault(gateway: Start, simulated: Provide, application: Apply):
    a, b = await simulated("alpha", fault="delay_headers=300ms"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, concurrency=1))
    client = application(running)
    first = asyncio.ensure_future(client.chat(stream=True))
    async with asyncio.timeout(PATIENCE):
        while not a.requests:
            await asyncio.sleep(0.002)
    refused = (await client.chat(stream=True, model="alone")).error
    assert isinstance(refused, openai.InternalServerError)
    assert refused.status_code == 503
    assert "at beta" in (await client.chat(stream=True)).text
    assert "at alpha" in (await first).text
    assert [len(event.attempts) for event in await running.ended(3)] == [0, 1, 1]
    expect_no_mark(running)
