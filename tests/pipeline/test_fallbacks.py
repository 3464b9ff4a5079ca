"""Routes that say where requests go which failed for a reason of their own, and no other route does so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headway.failures import FailureKind
from headway.types import Resilience

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
STREAM = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
CODES = {
    FailureKind.CONTEXT_TOO_LONG: (400, "context_length_exceeded"),
    FailureKind.CONTENT_BLOCKED: (400, "content_policy_violation"),
    FailureKind.UNSUPPORTED_FEATURE: (400, "unsupported_parameter"),
    FailureKind.BODY_TOO_LARGE: (413, None),
    FailureKind.MODEL_NOT_FOUND: (404, "model_not_found"),
    FailureKind.INVALID_REQUEST: (400, None),
}
TOO_LONG = FailureKind.CONTEXT_TOO_LONG


def error(kind: FailureKind) -> bytes:
    return msgspec.json.encode({"error": {"message": "no", "type": None, "param": None, "code": CODES[kind][1]}})


def refuse(peer: Any, kind: FailureKind) -> None:
    peer.answer(CODES[kind][0], error(kind))


def answer(peer: Any, stream: bool) -> None:
    if stream:
        peer.answer(200, STREAM, kind="text/event-stream")
    else:
        peer.answer(200, ANSWER)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", CODES)
def test_a_request_goes_where_its_failure_is_sent(kind, stream, make_world):
    world = make_world(fallbacks=[({kind}, [["c"]])])
    client = world.ask(stream=stream)
    refuse(world.a.connect(), kind)
    assert not client.begun
    answer(world["c"].connect(), stream)
    assert client.status == 200
    assert client.field("x-headway-target") == "c/m"
    assert world.b.dials == []
    assert world.tried == [("a", str(CODES[kind][0]), "first"), ("c", "200", "fallback")]


@pytest.mark.parametrize("kind", CODES)
def test_without_a_place_of_its_own_it_goes_to_the_routes_other_deployments(kind, make_world):
    world = make_world([["a#one", "a#two"], ["b"]], fallbacks=[({kind}, [])])
    client = world.ask()
    refuse(world.a.connect(), kind)
    world.b.connect().answer(200, ANSWER)
    assert client.status == 200
    assert [reason for _, _, reason in world.tried] == ["first", "fallback"]


@pytest.mark.parametrize("kind", set(CODES) - {TOO_LONG})
def test_a_failure_of_another_kind_stays_where_it_is(kind, make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])])
    client = world.ask()
    refuse(world.a.connect(), kind)
    assert client.status == CODES[kind][0]
    assert client.body == error(kind)
    assert world["c"].dials == []


def test_an_outage_still_fails_over_inside_the_route(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])])
    client = world.ask()
    world.a.connect().answer(500, b"{}")
    world.b.connect().answer(200, ANSWER)
    assert client.status == 200
    assert [reason for _, _, reason in world.tried] == ["first", "failover"]


def test_a_failure_of_the_second_target_is_sent_there_too(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])])
    client = world.ask()
    world.a.connect().answer(500, b"{}")
    refuse(world.b.connect(), TOO_LONG)
    world["c"].connect().answer(200, ANSWER)
    assert client.status == 200
    assert [reason for _, _, reason in world.tried] == ["first", "failover", "fallback"]


def test_a_place_that_refuses_it_too_ends_the_request(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"], ["d"]])], resilience=Resilience(attempts=5))
    client = world.ask()
    refuse(world.a.connect(), TOO_LONG)
    refuse(world["c"].connect(), TOO_LONG)
    assert client.status == 400
    assert world["d"].dials == []
    assert world.event.outcome == "context_too_long"


def test_a_place_that_is_out_hands_on_to_the_next_one_there(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"], ["d"]])])
    client = world.ask()
    refuse(world.a.connect(), TOO_LONG)
    world["c"].connect().answer(503, b"{}")
    world["d"].connect().answer(200, ANSWER)
    assert client.status == 200
    assert world.b.dials == [], "a smaller context would not help"


def test_each_kind_has_its_own_place(make_world):
    blocked = FailureKind.CONTENT_BLOCKED
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]]), ({blocked}, [["d"]])])
    long, rude = world.ask(), world.ask()
    first, second = [dial.connect() for dial in world.a.dials]
    refuse(first, TOO_LONG)
    refuse(second, blocked)
    world["c"].connect().answer(200, ANSWER)
    world["d"].connect().answer(200, ANSWER)
    assert long.field("x-headway-target") == "c/m"
    assert rude.field("x-headway-target") == "d/m"


def test_attempts_are_counted_for_this_too(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])], resilience=Resilience(attempts=1))
    client = world.ask()
    refuse(world.a.connect(), TOO_LONG)
    assert client.status == 400
    assert client.body == error(TOO_LONG)
    assert world["c"].dials == []


def test_an_error_event_before_any_word_goes_there_too(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])])
    client = world.ask(stream=True)
    world.a.connect().begin(200, b"data: " + error(TOO_LONG) + b"\n\n")
    answer(world["c"].connect(), stream=True)
    assert client.body == STREAM


def test_an_error_event_after_a_word_stays_where_it_is(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])])
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, STREAM[: STREAM.index(b"\n\n") + 2])
    peer.data(b"data: " + error(TOO_LONG) + b"\n\n")
    assert client.ended
    assert world["c"].dials == []
    assert world.event.broke


def test_a_model_that_is_not_there_is_gone_round_for_a_while(make_world):
    world = make_world(fallbacks=[({FailureKind.MODEL_NOT_FOUND}, [])])
    for _ in range(3):
        client = world.ask()
        if not world.a.peers:
            refuse(world.a.connect(), FailureKind.MODEL_NOT_FOUND)
        world.b.serving().answer(200, ANSWER)
        assert client.status == 200
    assert world.a.asked == 1


def test_a_lone_model_that_is_not_there_leaves_the_fallback_open(make_world):
    """It rests, and who would have been sent elsewhere after it is sent there now."""
    world = make_world([["a"]], fallbacks=[({FailureKind.MODEL_NOT_FOUND}, [["c"]])])
    for _ in range(3):
        client = world.ask()
        if any(dial.pending for dial in world.a.dials) or any(peer.waiting for peer in world.a.peers):
            refuse(world.a.serving(), FailureKind.MODEL_NOT_FOUND)
        assert not client.over, client.body
        world["c"].serving().answer(200, ANSWER)
        assert client.status == 200


def test_a_fallback_teaches_nothing_bad_about_the_first_target(make_world):
    world = make_world(fallbacks=[({TOO_LONG}, [["c"]])])
    for _ in range(20):
        world.ask()
        refuse(world.a.serving(), TOO_LONG)
        world["c"].serving().answer(200, ANSWER)
    assert world.a.asked == 20
    assert world.changes == []
