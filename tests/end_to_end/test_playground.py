"""`/api/playground` on a running gateway: the answer is the one that a client would get."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Provide, Reply, RunningGateway, Start

pytestmark = pytest.mark.real

CONFIG = """
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  default: [alpha/fast]
  ill: ["alpha/fast!status=500"]
  ill-at-first: ["alpha/fast!status=500", alpha/fast]
  stalling: ["alpha/fast!stall_after=2"]
  broken: ["alpha/fast!end_at=3t"]
"""
HELLO = [{"role": "user", "content": "hello"}]
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": HELLO},
    "openai_responses": {"input": "hello"},
    "anthropic": {"messages": HELLO, "max_tokens": 50},
    "gemini": {"contents": [{"parts": [{"text": "hello"}]}]},
    "converse": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    "cohere": {"messages": HELLO},
}


@pytest.fixture
async def running(gateway: Start, simulated: Provide) -> RunningGateway:
    provider = await simulated()
    return await gateway(CONFIG.format(base_url=provider.base_url))


async def play(running: RunningGateway, headers: dict[str, str] | None = None, **asked: Any) -> Reply:
    return await running.ask("/api/playground", asked, headers={"host": "localhost", **(headers or {})})


async def test_a_whole_answer_tells_who_gave_it(running: RunningGateway):
    reply = await play(running, model="default", messages=HELLO)
    asked = await running.chat()
    assert reply.status == 200
    assert reply.json()["choices"] == asked.json()["choices"]
    assert set(asked.headers) <= set(reply.headers)
    assert reply.headers["x-headway-target"] == "alpha/fast"


async def test_attempts_that_failed_are_told(running: RunningGateway):
    reply = await play(running, model="ill-at-first", messages=HELLO)
    assert reply.status == 200
    assert "=500 alpha/fast" in reply.attempts


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", BODIES)
async def test_every_dialect_is_spoken(running: RunningGateway, dialect: str, stream: bool):
    reply = await play(running, model="default", dialect=dialect, stream=stream, body=BODIES[dialect])
    assert (reply.status, reply.complete) == (200, True)
    (event,) = await running.ended(1)
    assert (event.outcome, event.stream, event.tags) == ("ok", stream, ("playground",))
    kind = reply.headers["content-type"]
    assert ("stream" in kind) == stream, kind


async def test_an_error_is_in_the_words_of_the_dialect(running: RunningGateway):
    reply = await play(running, model="nobody", dialect="anthropic", body=BODIES["anthropic"])
    assert (reply.status, reply.json()["type"]) == (404, "error")
    reply = await play(running, model="ill", messages=HELLO)
    assert reply.status == 500
    assert "error" in reply.json()


async def test_a_stream_comes_as_it_is_made_and_ends_when_its_reader_leaves(running: RunningGateway):
    connection = await running.connect()
    asked = {"model": "stalling", "messages": HELLO, "stream": True}
    connection.send("/api/playground", asked, headers={"host": "localhost"})
    await connection.until(b'"content":"This')
    assert running.headway.in_flight == 1
    await connection.reset()
    (event,) = await running.ended(1)
    assert event.outcome == "cancelled"
    assert running.headway.in_flight == 0


@pytest.mark.parametrize(("dialect", "said"), [("openai_chat", b"stream_interrupted"), ("cohere", b"")])
async def test_a_stream_that_breaks_is_not_taken_for_a_whole_one(running: RunningGateway, dialect: str, said: bytes):
    reply = await play(running, model="broken", dialect=dialect, stream=True, body=BODIES[dialect])
    assert reply.status == 200
    assert b"[DONE]" not in reply.body
    assert said in reply.body
    assert reply.complete == bool(said), "where the dialect has no word for it the connection breaks"


async def test_one_who_leaves_before_there_is_an_answer_is_noticed(running: RunningGateway):
    connection = await running.connect()
    asked = {"model": "alpha/fast!delay_headers=60s", "messages": HELLO}
    connection.send("/api/playground", asked, headers={"host": "localhost"})
    async with asyncio.timeout(10):
        while running.headway.in_flight == 0:
            await asyncio.sleep(0.005)
    await connection.reset()
    (event,) = await running.ended(1)
    assert event.outcome == "cancelled"
