"""What is kept of messages and replies: nothing unless it is switched on; then what came, and what the client got."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from headway.pipeline.overheard import SEEN_BEYOND
from headway.types import Content, ContentRules, Idempotency

ON = ContentRules(enabled=True)
MESSAGES = [{"role": "user", "content": "What is a gateway?"}]
ANSWER = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "A door."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }
)
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"A door."},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "A door."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 8, "output_tokens": 3},
}
Make = Callable[..., Any]


def only(world: Any) -> Content:
    (content,) = world.contents
    assert content.request_id == world.event.request_id
    assert content.at == world.event.at
    return content


def test_nothing_is_kept_unless_it_is_switched_on(world: Any):
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    world.ask(messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200, CHUNK)
    peer.end(LAST)
    assert world.contents == []


def test_a_whole_answer_is_kept_with_what_was_asked(make_world: Make):
    world = make_world(content=ON)
    client = world.ask(messages=MESSAGES, headers={"authorization": "Bearer sk-never-kept"})
    world.a.serving().answer(200, ANSWER)
    content = only(world)
    assert content.request is not None
    assert content.reply is not None
    assert msgspec.json.decode(content.request.start)["messages"] == MESSAGES
    assert content.request.size == world.event.request_bytes
    assert (content.reply.start, content.reply.size) == (client.body, world.event.reply_bytes)
    assert b"never-kept" not in msgspec.json.encode(content), "headers are no part of it"


def test_a_stream_is_kept_as_its_client_got_it(make_world: Make):
    world = make_world(content=ON)
    client = world.ask(messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200, CHUNK)
    peer.data(CHUNK)
    peer.end(LAST)
    reply = only(world).reply
    assert reply is not None
    assert (reply.start, reply.kind) == (client.body, "text/event-stream")


def test_an_answer_in_another_dialect_is_kept_in_the_clients(make_world: Make):
    world = make_world(content=ON, dialects={"a": "anthropic"})
    client = world.ask(messages=MESSAGES)
    world.a.serving().answer(200, msgspec.json.encode(MESSAGE))
    reply = only(world).reply
    assert reply is not None
    assert reply.start == client.body
    assert b"chat.completion" in reply.start


def test_a_client_that_leaves_has_what_it_got_kept(make_world: Make):
    world = make_world(content=ON)
    client = world.ask(messages=MESSAGES, stream=True)
    world.a.serving().begin(200, CHUNK)
    client.leave()
    content = only(world)
    assert content.reply is not None
    assert content.reply.start == CHUNK


def test_an_error_is_a_reply_too(make_world: Make):
    world = make_world([["a"]], content=ON)
    client = world.ask(messages=MESSAGES)
    world.a.serving().answer(400, b'{"error": {"message": "no such thing", "type": "invalid_request_error"}}')
    reply = only(world).reply
    assert reply is not None
    assert reply.start == client.body
    assert b"no such thing" in reply.start


def test_what_breaks_off_is_kept_with_its_ending(make_world: Make):
    world = make_world([["a"]], content=ON)
    client = world.ask(messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200, CHUNK)
    peer.lose()
    reply = only(world).reply
    assert reply is not None
    assert reply.start == client.body


@pytest.mark.parametrize(("rules", "keeps"), [(ON, True), (ContentRules(), True), (ON, None)])
def test_a_model_may_switch_it_on(make_world: Make, rules: ContentRules, keeps: bool | None):
    world = make_world(content=rules, keeps=keeps)
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    assert only(world).request


def test_a_model_may_switch_it_off(make_world: Make):
    world = make_world(content=ON, keeps=False)
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    assert world.contents == []


KEY = {"authorization": "Bearer sk-1"}
NAME = "key-" + sha256(b"sk-1").hexdigest()[:8]
OTHER = "key-00000000"


@pytest.mark.parametrize(
    ("enabled", "model", "client", "is_kept"),
    [
        (False, None, True, True),
        (True, None, False, False),
        (True, None, None, True),
        (False, None, None, False),
        (False, True, False, False),
        (True, False, True, False),
        (False, True, None, True),
    ],
)
def test_a_client_may_be_chosen_and_who_differs_from_the_model_is_not_kept(
    make_world: Make, enabled: bool, model: bool | None, client: bool | None, is_kept: bool
):
    principals = {OTHER: True} if client is None else {NAME: client}
    world = make_world(content=ContentRules(enabled=enabled, principals=principals), keeps=model)
    world.ask(messages=MESSAGES, headers=KEY)
    world.a.serving().answer(200, ANSWER)
    assert len(world.contents) == is_kept
    assert world.event.principal == NAME


def test_those_without_a_key_are_called_anonymous(make_world: Make):
    world = make_world(content=ContentRules(enabled=True, principals={"anonymous": False}))
    world.ask(messages=MESSAGES, headers={"authorization": None})
    world.a.serving().answer(200, ANSWER)
    assert world.contents == []
    assert world.event.principal is None
    world.ask(messages=MESSAGES, headers=KEY)
    world.a.serving().answer(200, ANSWER)
    assert len(world.contents) == 1


def test_a_model_that_is_not_configured_goes_by_the_general_setting(make_world: Make):
    world = make_world(content=ON, keeps=False)
    world.ask(model="a/m", messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    assert only(world).request


@pytest.mark.parametrize("side", ["requests", "replies"])
def test_one_side_alone_may_be_kept(make_world: Make, side: str):
    world = make_world(content=ContentRules(enabled=True, requests=side == "requests", replies=side == "replies"))
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    content = only(world)
    assert (content.request is not None, content.reply is not None) == (side == "requests", side == "replies")


def test_what_is_held_is_bounded(make_world: Make):
    world = make_world(content=ContentRules(enabled=True, cap=1024))
    client = world.ask(messages=[{"role": "user", "content": "long " * 100_000}], stream=True)
    peer = world.a.serving()
    peer.begin(200, CHUNK)
    for _ in range(2000):
        peer.data(CHUNK)
    peer.end(LAST)
    content = only(world)
    assert content.request is not None
    assert content.reply is not None
    assert len(content.request.start) == len(content.reply.start) == 1024 + SEEN_BEYOND
    assert content.request.size == world.event.request_bytes
    assert content.reply.size == len(client.body)
    assert client.body.startswith(content.reply.start)


def test_what_is_no_text_is_not_kept(make_world: Make):
    world = make_world(content=ON)
    world.ask(endpoint="audio.speech", input="Hello", voice="x")
    world.a.serving().answer(200, b"\x00\x01sound", kind="audio/mpeg")
    assert only(world).reply is None
    assert only(world).request


def test_an_answer_that_is_packed_is_not_kept(make_world: Make):
    world = make_world(content=ON)
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, b"\x1f\x8bpacked", content_encoding="gzip")
    assert only(world).reply is None


def test_an_answer_that_several_clients_read_is_kept_once(make_world: Make):
    world = make_world(content=ON)
    assert world.gateway.snapshot.idempotency == Idempotency()
    for _ in range(2):
        world.ask(messages=MESSAGES, headers={"idempotency-key": "k1"})
    world.a.serving().answer(200, ANSWER)
    world.wait(1.0)
    assert len(world.events) == 2
    (content,) = world.contents
    assert content.reply is not None
    assert content.reply.start == ANSWER


def test_without_a_database_nothing_is_held(make_world: Make):
    world = make_world(content=ON)
    snapshot = world.gateway.snapshot
    storage = msgspec.structs.replace(snapshot.storage, url=None)
    world.gateway.publish(msgspec.structs.replace(snapshot, storage=storage, generation=9))
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    assert world.contents == []


def test_a_new_configuration_holds_from_then_on(make_world: Make):
    world = make_world(content=ON)
    world.ask(messages=MESSAGES)
    observability = msgspec.structs.replace(world.gateway.snapshot.observability, content=ContentRules())
    world.gateway.publish(msgspec.structs.replace(world.gateway.snapshot, observability=observability, generation=9))
    world.a.serving().answer(200, ANSWER)
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, ANSWER)
    assert [content.request_id for content in world.contents] == [world.events[0].request_id]
