"""One upstream fails in every way that upstreams have been seen to fail: the client sees the other one's answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Provide, ScriptedUpstream, Start

pytestmark = pytest.mark.real

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: []}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: [a/fast, b/fast]
resilience:
  timeouts: {{connect: 200ms, headers: 200ms, first_token: 200ms, stall: 2s}}
"""

BOTH = {
    "refuse": "transport",
    "delay_headers=30s": "timeout",
    "status=500": "500",
    "status=502,body=html": "502",
    "status=503": "503",
    "status=504,body=empty": "504",
    "status=429": "429",
    "status=408": "408",
    "status=529,body=text": "529",
    "status=401": "401",
    "html": "bad_reply",
    "json_error_200": "server_error",
    "close_before_headers": "transport",
    "rst_before_headers": "transport",
    "bare_lf": "bad_reply",
    "cl_te": "bad_reply",
    "status=302,header.location=http://elsewhere/": "302",
}
WHOLE = {
    "malformed_json_at=3t": "bad_reply",
    "eof_at=20b": "bad_reply",
    "rst_at=20b": "bad_reply",
    "end_at=20b": "bad_reply",
}
STREAM = {
    "malformed_json_at=0b": "bad_reply",
    "wrong_content_type": "bad_reply",
    "eof_at=20b": "bad_reply",
    "rst_at=20b": "bad_reply",
    "end_at=20b": "bad_reply",
    "stall_after=0b": "timeout",
    "error_event_at=0b": "server_error",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "result"), BOTH.items(), ids=BOTH)
async def test_the_other_upstream_answers(gateway: Start, simulated: Provide, fault: str, result: str, stream: bool):
    await _expect_the_other(gateway, simulated, fault, result, stream=stream)


@pytest.mark.parametrize(("fault", "result"), WHOLE.items(), ids=WHOLE)
async def test_a_whole_answer_that_breaks_off_is_replaced(gateway: Start, simulated: Provide, fault: str, result: str):
    await _expect_the_other(gateway, simulated, fault, result, stream=False)


@pytest.mark.parametrize(("fault", "result"), STREAM.items(), ids=STREAM)
async def test_a_stream_that_fails_before_its_first_event_is_replaced(
    gateway: Start, simulated: Provide, fault: str, result: str
):
    await _expect_the_other(gateway, simulated, fault, result, stream=True)


async def _expect_the_other(gateway: Start, simulated: Provide, fault: str, result: str, *, stream: bool) -> None:
    a, b = await simulated("alpha", fault=fault), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    wanted = await running.chat("b/fast", stream=stream)
    reply = await running.chat(stream=stream)
    assert reply.complete
    assert (reply.status, reply.body) == (200, wanted.body)
    assert reply.headers["x-headway-target"] == "b/fast"
    assert reply.attempts == f"a/fast#none={result} b/fast#none=200"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_reset_in_the_middle_of_the_head_is_no_answer(
    gateway: Start, simulated: Provide, scripted: ScriptedUpstream, stream: bool
):
    scripted.answer = lambda _: [b"HTTP/1.1 200 OK\r\ncontent-ty"]
    scripted.reset_after = True
    b = await simulated("beta")
    running = await gateway(CONFIG.format(a=scripted.base_url, b=b.base_url))
    reply = await running.chat(stream=stream)
    assert reply.status == 200
    assert reply.attempts == "a/fast#none=transport b/fast#none=200"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_upstream_that_cannot_be_connected_to_in_time_is_left(
    gateway: Start, simulated: Provide, nobody_accepts: str, stream: bool
):
    b = await simulated("beta")
    running = await gateway(CONFIG.format(a=nobody_accepts, b=b.base_url))
    reply = await running.chat(stream=stream)
    assert reply.status == 200
    assert reply.attempts == "a/fast#none=timeout b/fast#none=200"


async def test_a_form_is_sent_elsewhere_too_with_the_name_that_the_model_has_there(gateway: Start, simulated: Provide):
    a, b = await simulated("alpha", fault="status=503"), await simulated("beta")
    config = CONFIG.replace("[a/fast, b/fast]", "[a/fast, b/a-longer-name]")
    running = await gateway(config.format(a=a.base_url, b=b.base_url))
    form = b'--x\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    file = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n%b\r\n--x--\r\n' % bytes(9000)
    body = form % (b"model", b"default") + form % (b"language", b"de") + file
    kind = {"content-type": "multipart/form-data; boundary=x"}
    reply = await running.ask("/v1/audio/transcriptions", body, headers=kind)
    assert reply.status == 200
    assert reply.attempts == "a/fast#none=503 b/a-longer-name#none=200"
    assert a.requests[0].body == body.replace(b"default", b"fast")
    assert b.requests[0].body == body.replace(b"default", b"a-longer-name")


async def test_an_upstream_that_closes_its_connections_after_each_answer_costs_nothing(
    gateway: Start, scripted: ScriptedUpstream, reply_bytes: Callable[..., bytes]
):
    scripted.answer = lambda _: [reply_bytes(200, b'{"object": "chat.completion"}')]
    scripted.close_after = True
    running = await gateway(CONFIG.format(a=scripted.base_url, b="http://127.0.0.1:9/v1"))
    replies = [await running.chat() for _ in range(20)]
    assert {(reply.status, reply.headers["x-headway-target"]) for reply in replies} == {(200, "a/fast")}
    assert len(scripted.requests) == 20


async def test_a_stream_that_breaks_after_its_first_token_ends_with_an_error_and_without_its_end_mark(
    gateway: Start, simulated: Provide
):
    a, b = await simulated("alpha", fault="rst_at=3t"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    reply = await running.chat(stream=True)
    events = reply.body.split(b"\n\n")
    assert reply.complete
    assert reply.status == 200
    assert reply.headers["x-headway-target"] == "a/fast"
    assert b'"code":"stream_interrupted"' in events[-2]
    assert b"[DONE]" not in reply.body
    assert not b.requests


async def test_a_request_that_the_client_got_wrong_is_not_sent_to_another(gateway: Start, simulated: Provide):
    a, b = await simulated("alpha", models=("fast",)), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    reply = await running.chat(temperature=99)
    assert reply.status == 400
    assert reply.json()["error"]["param"] == "temperature"
    assert reply.attempts == "a/fast#none=400"
    assert not b.requests


async def test_when_all_fail_the_error_tells_what_was_tried(gateway: Start, simulated: Provide):
    a, b = await simulated("alpha", fault="refuse"), await simulated("beta", fault="status=503,header.retry-after=120")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url))
    reply = await running.chat()
    error = reply.json()["error"]
    assert reply.status == 503
    assert reply.headers["retry-after"] == "120"
    assert error["code"] == "upstream_overloaded"
    assert "connection refused" in error["message"]
    assert "b/fast#none answered 503" in error["message"]
    assert reply.attempts == "a/fast#none=transport b/fast#none=503"


CHUNK = b'data: {"choices":[{"index":%d,"delta":{"content":"%b"},"finish_reason":%b}]}\n\n'
UNFINISHED = {
    "content that looks like the end mark": [(0, b"It ends with [DONE]", b"null")],
    "one of two choices finished": [
        (0, b"one", b"null"),
        (1, b"two", b"null"),
        (1, b"", b'"stop"'),
        (0, b"mo", b"null"),
    ],
}


@pytest.mark.parametrize("chunks", UNFINISHED.values(), ids=UNFINISHED)
async def test_a_stream_that_ends_without_its_end_mark_does_not_pass_for_a_finished_one(
    gateway: Start, scripted: ScriptedUpstream, chunks: list[tuple[int, bytes, bytes]]
):
    body = b"".join(CHUNK % chunk for chunk in chunks)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body)
    scripted.answer = lambda _: [head, body]
    running = await gateway(CONFIG.format(a=scripted.base_url, b="http://127.0.0.1:9/v1"))
    reply = await running.chat(stream=True, n=2)
    assert reply.body.startswith(body)
    assert b'"code":"stream_interrupted"' in reply.body
