"""What rests after a refusal, and what does not: the key, the key for one model, or the deployment. Nobody is called
while it rests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Application, Apply, Provide, RunningGateway, ScriptedUpstream, Start

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

CONFIG = """
providers:
  a: {{base_url: "{a}", kind: {kind}, dialect: openai_chat, keys: [sk-a]}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: {{tiers: [["a/fast!{fault}"], [b/fast]]}}
  other: [a/other, b/other]
"""
ALONE = """
providers:
  a: {{base_url: "{a}", kind: {kind}, dialect: openai_chat, keys: [sk-a]}}
models:
  default: ["a/fast!{fault}"]
"""

TOO_LARGE = (
    "error.type=tokens,error.code=rate_limit_exceeded,error.message=Request too large for fast in organization org-1 "
    "on tokens per min (TPM): Limit 30000%2C Requested 60000."
)
KEY, PAIR, DEPLOYMENT, NOTHING = "the key", "the key for this model", "the deployment", "nothing"
RESTING = {
    "status=401": ("auth_invalid", KEY),
    "status=402": ("billing_exhausted", KEY),
    "status=429,error.code=insufficient_quota,error.type=insufficient_quota": ("billing_exhausted", KEY),
    "status=429,error.code=project_spend_limit_exceeded": ("billing_exhausted", KEY),
    "status=429": ("rate_limited", PAIR),
    "status=429,header.retry-after=30": ("rate_limited", PAIR),
    "status=429,error.code=slow_down": ("ramp_limited", PAIR),
    "status=503,error.code=slow_down": ("ramp_limited", PAIR),
    "status=429,error.message=Limit reached on requests per day (RPD): Limit 200": ("daily_quota", PAIR),
    "status=403,error.code=permission_denied": ("permission", PAIR),
    "status=403": ("region_blocked", DEPLOYMENT),
    "status=503,header.retry-after=30": ("overloaded", DEPLOYMENT),
    "status=529,header.retry-after=30": ("overloaded", DEPLOYMENT),
    "status=500,header.retry-after=30": ("server_error", DEPLOYMENT),
    f"status=429,{TOO_LARGE}": ("too_large_for_bucket", NOTHING),
    "status=529": ("overloaded", NOTHING),
    "status=503": ("overloaded", NOTHING),
    "status=409": ("server_error", NOTHING),
}


def of_model(fault: str) -> str:
    """A fault as it may stand in a model's name."""
    return fault.replace(" ", "%20")


@pytest.mark.parametrize(("fault", "kind", "resting"), [(fault, *told) for fault, told in RESTING.items()])
async def test_what_was_refused_rests_and_nothing_beside_it(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, kind: str, resting: str
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, kind="custom", fault=of_model(fault)))
    client = application(running)
    assert "at beta" in (await client.chat(stream=True)).text
    assert [each.failure for each in (await running.ended(1))[0].attempts] == [kind, None]
    elsewhere = await client.chat(stream=True, model="other")
    assert ("at beta" in elsewhere.text) == (resting == KEY)
    again = await client.chat(stream=True)
    assert "at beta" in again.text
    tried = [each.target.split("#")[0] for each in (await running.ended(3))[2].attempts]
    assert tried == (["b/fast"] if resting != NOTHING else [f"a/fast!{of_model(fault)}", "b/fast"])


PER_DAY = b"""[{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
 "message": "You exceeded your current quota, please check your plan and billing details.",
 "details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
   {"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
    "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250"}]},
  {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36000s"}]}}]"""
PER_MINUTE = PER_DAY.replace(b"PerDay", b"PerMinute").replace(b"36000s", b"0.4s")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_quota_of_the_day_at_gemini_rests_until_it_says_and_the_request_goes_elsewhere(
    gateway: Start,
    simulated: Provide,
    application: Apply,
    scripted: ScriptedUpstream,
    reply_bytes: Callable[..., bytes],
    *,
    stream: bool,
):
    scripted.answer = lambda _: [reply_bytes(429, PER_DAY)]
    b = await simulated("beta")
    running = await gateway(CONFIG.format(a=scripted.base_url, b=b.base_url, kind="gemini", fault="none"))
    client = application(running)
    for _ in range(3):
        assert "at beta" in (await client.chat(stream=stream)).text
    events = await running.ended(3)
    assert [each.failure for each in events[0].attempts] == ["daily_quota", None]
    assert [len(event.attempts) for event in events] == [2, 1, 1]
    assert len(scripted.requests) == 1
    (target,) = running.headway.snapshot.routes["default"].tiers[0].targets
    rests = running.headway.gateway.registry.rests_until(target) - running.headway.gateway.now()
    assert 35000 < rests <= 36000


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_quota_of_the_minute_at_gemini_is_waited_for_where_nobody_else_is(
    gateway: Start,
    application: Apply,
    scripted: ScriptedUpstream,
    reply_bytes: Callable[..., bytes],
    *,
    stream: bool,
):
    answer = (
        b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    )
    answer += b'"message":{"role":"assistant","content":"there you are"}}]}'
    chunk = answer.replace(b'"message"', b'"delta"')
    good = (
        reply_bytes(200, b"data: " + chunk + b"\n\ndata: [DONE]\n\n", "text/event-stream")
        if stream
        else reply_bytes(200, answer)
    )
    scripted.answer = lambda _: [reply_bytes(429, PER_MINUTE) if len(scripted.requests) == 1 else good]
    running = await gateway(ALONE.format(a=scripted.base_url, kind="gemini", fault="none"))
    seen = await application(running).chat(stream=stream)
    assert (seen.error, seen.text) == (None, "there you are")
    first, second = (await running.ended(1))[0].attempts
    assert (first.failure, second.reason, len(scripted.requests)) == ("rate_limited", "retry", 2)
    assert second.started - first.started >= 0.4


async def hammered(client: Application, seconds: float) -> list[str]:
    """One request after the other for so long: what the application saw of each."""
    texts: list[str] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen = await client.chat(stream=True)
        assert seen.error is None
        texts.append(seen.text)
    return texts


@pytest.mark.parametrize("header", ["retry-after-ms=400", "x-ratelimit-reset-requests=400ms"])
async def test_nobody_is_called_while_it_asked_to_be_left_alone_and_then_it_is_asked_again(
    gateway: Start, simulated: Provide, application: Apply, header: str
):
    fault = f"status=429,header.{header},header.x-ratelimit-remaining-requests=0,header.x-ratelimit-limit-requests=9"
    a, b = await simulated("alpha"), await simulated("beta", keep_requests=100_000)
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, kind="custom", fault=fault))
    texts = await hammered(application(running), 1.4)
    assert all("at beta" in text for text in texts)
    arrivals = [request.at for request in a.requests]
    assert len(arrivals) >= 2, "it is not forgotten"
    assert min(later - earlier for earlier, later in pairwise(arrivals)) >= 0.4
    assert len(b.requests) == len(texts)


async def test_a_burst_that_is_refused_is_one_refusal(gateway: Start, simulated: Provide, application: Apply):
    """All come back refused; one rest follows, as long as was asked for, and nobody calls before it is over."""
    a, b = await simulated("alpha"), await simulated("beta")
    fault = "status=429,header.retry-after=30,delay_headers=100ms"
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, kind="custom", fault=fault))
    client = application(running)
    burst = await asyncio.gather(*(client.chat(stream=True) for _ in range(12)))
    assert all("at beta" in seen.text for seen in burst)
    calls = len(a.requests)
    for _ in range(5):
        assert "at beta" in (await client.chat(stream=True)).text
    assert len(a.requests) == calls <= 12
    (target,) = running.headway.snapshot.routes["default"].tiers[0].targets
    assert running.headway.gateway.registry.rests_until(target) - running.headway.gateway.now() <= 30


async def test_a_new_key_of_the_same_name_does_not_rest_for_the_old_one(
    gateway: Start, simulated: Provide, application: Apply
):
    a, b = await simulated("alpha", keys=("sk-new",)), await simulated("beta")
    config = CONFIG.format(a=a.base_url, b=b.base_url, kind="custom", fault="none")
    running = await gateway(config)
    client = application(running)
    assert "at beta" in (await client.chat(stream=False)).text
    renewed = await gateway(config.replace("sk-a", "sk-new"))
    running.headway.publish(renewed.headway.snapshot)
    assert "at alpha" in (await client.chat(stream=False)).text


POINTLESS = {
    "status=401": openai.AuthenticationError,
    "status=402": openai.APIStatusError,
    "status=429,error.code=insufficient_quota": openai.APIStatusError,
    "status=429,error.message=Limit reached on requests per day": openai.RateLimitError,
    f"status=429,{TOO_LARGE}": openai.RateLimitError,
    "status=404": openai.NotFoundError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "error"), POINTLESS.items(), ids=POINTLESS)
async def test_the_sdk_is_told_not_to_repeat_what_would_fail_again(
    gateway: Start, simulated: Provide, application: Apply, fault: str, error: type[Exception], *, stream: bool
):
    """With its usual retries, it would send any 429 three times."""
    a = await simulated("alpha")
    running: RunningGateway = await gateway(ALONE.format(a=a.base_url, kind="custom", fault=of_model(fault)))
    seen = await application(running, retries=2).chat(stream=stream)
    assert isinstance(seen.error, error)
    await running.ended(1)
    assert len(a.requests) == 1
