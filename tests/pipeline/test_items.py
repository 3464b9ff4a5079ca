"""What clients of the Responses API refer to, where the target keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.pipeline import items
from headway.pipeline.items import LASTS, Items

Make = Callable[..., Any]
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-test",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good day."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
}
CHUNK = {"id": "chatcmpl-2", "choices": [{"index": 0, "delta": {"content": "Good day."}, "finish_reason": "stop"}]}
ALICE, BOB = {"authorization": "Bearer alice"}, {"authorization": "Bearer bob"}


def encoded(document: object) -> bytes:
    return msgspec.json.encode(document)


@pytest.fixture
def world(make_world: Make) -> Any:
    """`a` speaks Cohere's dialect, so that every answer is translated; `b` speaks Responses itself."""
    return make_world(dialects={"a": "cohere", "b": "openai_responses"})


COHERE = {
    "id": "c-1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Good day."}]},
    "usage": {"tokens": {"input_tokens": 5, "output_tokens": 3}},
}


def first(world: Any, headers: dict[str, str] = ALICE, **fields: Any) -> Any:
    client = world.ask(endpoint="responses", model="a/m", input="Hello!", headers=headers, **fields)
    world.a.serving().answer(200, encoded(COHERE))
    return client.json


def reference(answer: Any) -> dict[str, str]:
    return {"type": "item_reference", "id": answer["output"][0]["id"]}


def test_an_item_may_be_referred_to(world: Any):
    answer = first(world)
    turns = [{"role": "user", "content": "Hello!"}, reference(answer), {"role": "user", "content": "And now?"}]
    client = world.ask(endpoint="responses", model="a/m", input=turns, headers=ALICE)
    peer = world.a.serving()
    assert [message["role"] for message in peer.sent["messages"]] == ["user", "assistant", "user"]
    assert b"Good day." in encoded(peer.sent["messages"][1])
    peer.answer(200, encoded(COHERE))
    assert client.status == 200


def test_a_whole_response_may_be_referred_to(world: Any):
    answer = first(world)
    second = world.ask(
        endpoint="responses", model="a/m", input="Really?", previous_response_id=answer["id"], headers=ALICE
    )
    world.a.serving().answer(200, encoded({**COHERE, "id": "c-2"}))
    third = world.ask(
        endpoint="responses", model="a/m", input="Sure?", previous_response_id=second.json["id"], headers=ALICE
    )
    peer = world.a.serving()
    assert [message["role"] for message in peer.sent["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    peer.answer(200, encoded(COHERE))
    assert third.status == 200


def test_what_a_stream_answered_may_be_referred_to(world: Any):
    client = world.ask(endpoint="responses", model="a/m", input="Hello!", stream=True, headers=ALICE)
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "c-3", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Good day."}}}},
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COHERE["usage"]}},
    ]
    peer = world.a.serving()
    peer.begin(200, b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), encoded(each)) for each in events))
    peer.end()
    answer = client.events[-1]["response"]
    world.ask(
        endpoint="responses", model="a/m", input=[reference(answer), {"role": "user", "content": "?"}], headers=ALICE
    )
    peer = world.a.serving()
    assert b"Good day." in peer.requests[-1][1]
    peer.answer(200, encoded(COHERE))


def test_a_target_of_the_same_dialect_is_sent_what_it_cannot_know(world: Any):
    answer = first(world)
    turns = [reference(answer), {"role": "user", "content": "And now?"}]
    world.ask(endpoint="responses", model="b/m", input=turns, headers=ALICE)
    peer = world.b.serving()
    assert b"item_reference" not in peer.requests[-1][1]
    assert b"Good day." in peer.requests[-1][1]
    peer.answer(200, b'{"id":"resp_1","object":"response","output":[],"status":"completed"}')


def test_references_of_which_nothing_is_known_pass_to_a_target_of_the_same_dialect(world: Any):
    world.ask(
        endpoint="responses", model="b/m", input=[{"type": "item_reference", "id": "msg_of_theirs"}], headers=ALICE
    )
    peer = world.b.serving()
    assert peer.sent["input"] == [{"type": "item_reference", "id": "msg_of_theirs"}]
    peer.answer(200, b'{"id":"resp_1","object":"response","output":[],"status":"completed"}')


def test_references_of_which_nothing_is_known_are_refused_by_others(world: Any):
    client = world.ask(endpoint="responses", model="a/m", input=[{"type": "item_reference", "id": "msg_x"}])
    assert client.status == 400
    assert "item_reference" in client.error["message"]


def test_nobody_is_told_what_another_client_was(world: Any):
    answer = first(world)
    client = world.ask(endpoint="responses", model="a/m", input=[reference(answer)], headers=BOB)
    assert client.status == 400
    assert world.a.asked == 1


def test_an_answer_that_is_not_to_be_stored_is_not(world: Any):
    answer = first(world, store=False)
    client = world.ask(endpoint="responses", model="a/m", input=[reference(answer)], headers=ALICE)
    assert client.status == 400


def test_an_answer_is_forgotten_after_a_while(world: Any):
    answer = first(world)
    world.wait(LASTS + 1.0)
    client = world.ask(endpoint="responses", model="a/m", input=[reference(answer)], headers=ALICE)
    assert client.status == 400


def test_memory_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(items, "MEMORY", 10_000)
    kept = Items()
    asked = {"input": msgspec.Raw(b'"x"')}
    for number in range(50):
        output = [{"type": "message", "id": f"msg_{number}", "content": "y" * 500}]
        kept.keep(b"who", asked, encoded({"id": f"resp_{number}", "output": output}), 0.0)
    assert len(kept) < 50
    assert kept.refers(b"who", {"previous_response_id": msgspec.Raw(b'"resp_49"')}, 1.0)
    assert not kept.refers(b"who", {"previous_response_id": msgspec.Raw(b'"resp_0"')}, 1.0)


def test_an_answer_that_would_take_much_of_the_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(items, "MEMORY", 1000)
    kept = Items()
    output = [{"type": "message", "id": "msg_1", "content": "y" * 500}]
    kept.keep(b"who", {}, encoded({"id": "resp_1", "output": output}), 0.0)
    assert len(kept) == 0


@pytest.mark.parametrize("answer", [b"", b"[]", b"{", b'{"id": 7}', b"event: response.completed\ndata: {\n\n"])
def test_what_is_no_response_is_not_kept(answer: bytes):
    kept = Items()
    kept.keep(b"who", {}, answer, 0.0)
    assert len(kept) == 0
