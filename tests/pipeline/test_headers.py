"""Header lines: what the client is told about its answer, what goes upstream, and what never passes either way."""

from __future__ import annotations

import msgspec
import pytest

from headway.types import Queue, Resilience

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
SECRETS = {
    "authorization": "Bearer sk-of-the-client",
    "cookie": "session=1",
    "x-api-key": "k",
    "proxy-authorization": "Basic eDp5",
    "connection": "keep-alive, x-hop",
    "x-hop": "1",
    "te": "trailers",
    "upgrade": "h2c",
    "host": "gateway.test",
    "user-agent": "someone/1",
    "x-forwarded-for": "10.0.0.1",
    "accept-encoding": "gzip",
    "expect": "100-continue",
}


def test_the_client_is_told_who_answered(world):
    client = world.ask()
    world.a.connect().answer(200, ANSWER)
    told = dict(client.fields)
    assert told.pop("x-request-id") == world.event.request_id
    assert told == {
        "content-type": "application/json",
        "x-headway-target": "a/m",
        "x-headway-key": "default",
        "x-headway-route": "default",
        "x-headway-attempts": "a/m#default=200",
    }


def test_a_stream_tells_the_same_before_its_first_event(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, WORD, kind="text/event-stream; charset=utf-8")
    assert client.field("content-type") == "text/event-stream; charset=utf-8"
    assert client.field("x-headway-attempts") == "a/m#default=200"
    peer.end(b"data: [DONE]\n\n")


def test_another_good_status_is_told_as_it_is(world):
    client = world.ask()
    world.a.connect().answer(202, ANSWER)
    assert client.status == 202
    assert client.field("x-headway-attempts") == "a/m#default=202"


def test_every_attempt_is_told_in_order_with_its_result(make_world):
    world = make_world([["a"], ["b"], ["c"], ["d"]], resilience=Resilience(attempts=4))
    client = world.ask()
    world.a.refuse()
    world.b.connect().answer(429, b"{}")
    world["c"].connect().answer(200, b"oops")
    world["d"].connect().answer(200, ANSWER)
    assert client.field("x-headway-attempts") == (
        "a/m#default=transport b/m#default=429 c/m#default=bad_reply d/m#default=200"
    )
    assert [(each.target, each.result) for each in world.event.attempts] == [
        ("a/m#default", "transport"),
        ("b/m#default", "429"),
        ("c/m#default", "bad_reply"),
        ("d/m#default", "200"),
    ]


def test_request_ids_are_never_the_same(world):
    ids = set[str]()
    for _ in range(50):
        client = world.ask()
        world.a.serving().answer(200, ANSWER)
        ids.add(client.field("x-request-id"))
    assert len(ids) == 50


def test_no_header_of_the_clients_goes_upstream_but_those_that_are_meant_to(world):
    world.ask(headers={**SECRETS, "openai-beta": "assistants=v2"})
    peer = world.a.connect()
    lines = peer.head.decode().split("\r\n")
    assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
    assert {line.partition(":")[0] for line in lines[1:] if line} == {
        "host",
        "authorization",
        "user-agent",
        "accept",
        "accept-encoding",
        "openai-beta",
        "content-type",
        "content-length",
    }
    assert "authorization: Bearer sk-a-default" in lines
    assert "host: a.test" in lines
    assert "accept-encoding: identity" in lines
    assert f"content-length: {len(peer.requests[0][1])}" in lines
    assert peer.head.endswith(b"\r\n\r\n")
    peer.answer(200, ANSWER)


def test_no_header_of_the_upstreams_reaches_the_client_but_those_that_are_meant_to(world):
    client = world.ask()
    world.a.connect().answer(
        200,
        ANSWER,
        set_cookie="a=b",
        connection="x-hop",
        x_hop="1",
        authorization="Bearer sk-a",
        openai_organization="org-ours",
        server="nginx",
        x_request_id="theirs",
        x_headway_target="lies",
        keep_alive="timeout=5",
        www_authenticate="Bearer",
    )
    assert {name for name, _ in client.fields} == {
        "content-type",
        "x-request-id",
        "x-headway-target",
        "x-headway-key",
        "x-headway-route",
        "x-headway-attempts",
    }
    assert client.field("x-headway-target") == "a/m"


@pytest.mark.parametrize(
    "model", ["a/x\r\nevil: 1", "a/x\nevil: 1", "a/x\0", "a/\u2028", "a/\x85", "a/x\u200b", "a/x\x7f"]
)
def test_a_model_name_cannot_end_a_header_line(model, world):
    client = world.ask(model=model)
    assert client.status == 400
    assert client.field("evil") is None
    assert world.a.dials == []


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("ü", "%C3%BC"),
        ("x y", "x y"),
        ("100%", "100%25"),
        ("<b>", "%3Cb%3E"),
        ('"', "%22"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("org/model:free@v1", "org/model:free@v1"),
    ],
)
def test_a_model_name_is_told_in_printable_ascii(model, told, world):
    client = world.ask(model=f"a/{model}")
    peer = world.a.connect()
    assert peer.sent["model"] == model
    peer.answer(200, ANSWER)
    assert client.field("x-headway-target") == f"a/{told}"
    assert world.event.model == f"a/{model}"


def test_a_name_in_a_body_cannot_reach_the_request_line_or_the_head(world):
    world.ask(b'{"model":"default","messages":[],"user":"\\r\\n\\r\\nGET / HTTP/1.1\\r\\n"}')
    peer = world.a.connect()
    head, body = peer.requests[0]
    assert head.count(b"\r\n\r\n") == 1
    assert b"\r\n" not in body
    peer.answer(200, ANSWER)


def test_of_two_models_in_one_request_none_is_smuggled_through(world):
    world.ask(b'{"model":"b/evil","messages":[],"model":"default"}')
    peer = world.a.connect()
    assert peer.requests[0][1] == b'{"model":"m","messages":[]}'
    peer.answer(200, ANSWER)


def test_a_form_keeps_its_bytes_but_for_the_model(world):
    form = (
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\x00\xff\r\n--XY\r\n\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\ndefault\r\n--XX--\r\n'
    )
    kind = "multipart/form-data; boundary=XX"
    world.ask(form, endpoint="audio.transcriptions", headers={"content-type": kind})
    peer = world.a.connect()
    head, body = peer.requests[0]
    assert body == form.replace(b"default", b"m")
    assert b"content-type: multipart/form-data; boundary=XX\r\n" in head
    assert b"content-length: %d\r\n" % len(body) in head
    peer.answer(200, b'{"text":"hi"}')


def test_the_event_tells_how_it_went_and_holds_no_content(world):
    client = world.ask(messages=[{"role": "user", "content": "secret words"}])
    world.wait(0.25)
    peer = world.a.connect()
    world.wait(0.5)
    peer.answer(200, b'{"object":"x","usage":{"prompt_tokens":5,"completion_tokens":6},"text":"secret words"}')
    event = world.event
    assert (event.endpoint, event.model, event.route, event.stream) == ("chat", "default", "default", False)
    assert (event.outcome, event.status) == ("ok", 200)
    assert event.duration == pytest.approx(0.75)
    assert event.first_byte == pytest.approx(0.75)
    assert event.reply_bytes == len(client.body)
    assert event.request_bytes == 73
    assert event.attempts[0].duration == pytest.approx(0.75)
    assert b"secret" not in msgspec.json.encode(event)
    assert b"sk-" not in msgspec.json.encode(event)


def test_the_first_byte_of_a_stream_is_when_the_client_saw_it(world):
    world.ask(stream=True)
    peer = world.a.connect()
    world.wait(0.5)
    peer.begin()
    world.wait(0.5)
    peer.data(WORD)
    world.wait(1.0)
    peer.end(b"data: [DONE]\n\n")
    assert world.event.first_byte == pytest.approx(1.0)
    assert world.event.duration == pytest.approx(2.0)


# Reload.


def test_a_request_in_flight_keeps_the_configuration_that_it_began_with(world):
    old = world.ask()
    world.gateway.publish(world.snapshot(Resilience(attempts=1)))
    new = world.ask()
    first, second = [dial.connect() for dial in world.a.dials]
    first.answer(500, b"{}")
    second.answer(500, b"{}")
    assert new.over, "the new configuration allows one attempt"
    world.b.connect().answer(200, ANSWER)
    assert old.status == 200


def test_slots_in_use_outlive_a_reload(make_world):
    world = make_world([["a"]], concurrency=1, queue=Queue(wait=0.0))
    world.ask()
    peer = world.a.connect()
    world.gateway.publish(world.snapshot(Resilience()))
    assert world.ask().status == 503
    peer.answer(200, ANSWER)
    world.ask()
    world.a.serving().answer(200, ANSWER)
