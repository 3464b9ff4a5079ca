"""What operators are told of: keys that are parked, deployments that are left alone and come back, errors of no known
kind. And what follows for the requests after it.
"""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import Breaker, Resilience

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
SECRET = b'{"error":{"message":"Incorrect API key provided: sk-a-def***","type":"x","code":"invalid_api_key"}}'
MONEY = (
    b'{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}'
)
UNHEARD = b'data: {"error":{"message":"the frobnicator is unhappy","code":"frob_17"}}\n\n'


def served_by_b(world: Any, answer: Any) -> Any:
    """A request that `a` answers badly and `b` well; `a` is not asked if it is left alone."""
    client = world.ask()
    if any(dial.pending for dial in world.a.dials) or any(peer.waiting for peer in world.a.peers):
        answer(world.a.serving())
    world.b.serving().answer(200, ANSWER)
    assert client.status == 200
    return client


def told(world: Any) -> list[tuple[str, str]]:
    return [(change.what, change.subject) for change in world.changes]


@pytest.mark.parametrize(("status", "body", "says"), [(401, SECRET, "refused"), (429, MONEY, "no credit left")])
def test_a_key_that_is_parked_is_told_of_once_and_left_alone(status, body, says, world):
    for _ in range(3):
        served_by_b(world, lambda peer: peer.answer(status, body))
    assert world.a.asked == 1
    assert told(world) == [("key_parked", "a#default")]
    (change,) = world.changes
    assert says in change.message
    assert change.seconds > 0.0
    assert "sk-a" not in change.message


def test_a_parked_key_leaves_its_neighbour_in_use(make_world):
    world = make_world([["a#one", "a#two"]])
    for _ in range(4):
        client = world.ask()
        peer = world.a.serving()
        if b"sk-a-one" in peer.head:
            peer.answer(401, SECRET)
            peer = world.a.serving()
        peer.answer(200, ANSWER)
        assert client.field("x-headway-key") == "two"
    assert told(world) == [("key_parked", "a#one")]
    assert world.a.asked == 5


def test_a_parked_key_is_tried_again_after_a_while(world):
    served_by_b(world, lambda peer: peer.answer(401, SECRET))
    world.wait(61.0)
    client = world.ask()
    world.a.serving().answer(200, ANSWER)
    assert client.field("x-headway-target") == "a/m"


def test_when_every_key_is_parked_the_client_is_told_so_at_once(make_world):
    world = make_world([["a"]])
    world.ask()
    world.a.connect().answer(401, SECRET)
    client = world.ask()
    assert client.status == 401
    assert client.error["code"] == "upstream_key_refused"
    assert client.field("x-should-retry") == "false"
    assert world.a.asked == 1
    assert world.events[-1].attempts == ()


def test_a_deployment_that_fails_again_and_again_is_left_alone_and_told_of(world):
    for _ in range(8):
        served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    assert world.a.asked == 5
    assert told(world) == [("breaker_opened", "a/m")]
    (change,) = world.changes
    assert 4.0 <= change.seconds <= 6.0
    assert "a/m is left alone" in change.message
    assert "500" in change.message


def test_a_deployment_that_answers_again_is_told_of_too(world):
    for _ in range(5):
        served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    world.wait(6.1)
    for _ in range(2):
        world.ask()
        world.a.serving().answer(200, ANSWER)
    assert told(world) == [("breaker_opened", "a/m"), ("breaker_closed", "a/m")]


def test_one_request_at_a_time_tries_out_whether_a_deployment_is_well(world):
    for _ in range(5):
        served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    world.wait(6.1)
    clients = [world.ask() for _ in range(3)]
    assert sum(peer.waiting for peer in world.a.peers) == 1
    world.a.serving().answer(200, ANSWER)
    for peer in [dial.connect() for dial in world.b.dials if dial.pending] + [p for p in world.b.peers if p.waiting]:
        if peer.waiting:
            peer.answer(200, ANSWER)
    assert [client.status for client in clients] == [200] * 3


def test_a_client_that_leaves_the_trial_makes_room_for_another(world):
    for _ in range(5):
        served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    world.wait(6.1)
    client = world.ask()
    world.a.serving()
    client.leave()
    world.ask()
    world.a.serving().answer(200, ANSWER)
    assert world.events[-1].attempts[0].target == "a/m#default"


def test_a_stream_that_begins_has_passed_the_trial(world):
    for _ in range(5):
        served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    world.wait(6.1)
    word = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    clients = [world.ask(stream=True)]
    world.a.serving().begin(200, word)
    clients.append(world.ask(stream=True))
    busy = [peer for peer in world.a.peers if peer.waiting] + [dial.connect() for dial in world.a.dials if dial.pending]
    assert len(busy) == 2
    busy[1].begin(200, word)
    for client in clients:
        client.leave()
    assert told(world)[-1] == ("breaker_closed", "a/m")


def test_the_last_target_is_asked_though_it_is_left_alone(make_world):
    world = make_world([["a"]], resilience=Resilience(attempts=1))
    for _ in range(5):
        world.ask()
        world.a.serving().answer(500, b"{}")
    assert told(world) == [("breaker_opened", "a/m")]
    client = world.ask()
    world.a.serving().answer(200, ANSWER)
    assert client.status == 200
    assert world.events[-1].attempts[0].reason == "last_resort"


def test_the_last_target_that_is_asked_though_it_is_left_alone_may_fail(make_world):
    world = make_world([["a"]], resilience=Resilience(attempts=1))
    for _ in range(6):
        client = world.ask()
        world.a.serving().answer(500, b"{}")
        assert client.status == 500
    assert [event.attempts[0].reason for event in world.events] == ["first"] * 5 + ["last_resort"]


def test_a_breaker_follows_its_configuration_after_a_reload(make_world):
    world = make_world(breaker=Breaker(failures=2))
    served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    world._breaker = Breaker(failures=3)
    world.gateway.publish(world.snapshot(Resilience()))
    served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    assert world.changes == []
    served_by_b(world, lambda peer: peer.answer(500, b"{}"))
    assert told(world) == [("breaker_opened", "a/m")]


def test_an_error_of_no_known_kind_is_told_of(world):
    client = world.ask(stream=True)
    world.a.connect().begin(200, UNHEARD)
    world.b.connect().answer(500, b"{}")
    client.leave()
    assert told(world) == [("unknown_error", "a/m")]
    assert "frobnicator" in world.changes[0].message
    assert world.event.attempts[0].rule == "unknown"


def test_a_key_that_an_unknown_error_quotes_is_not_told(world):
    client = world.ask(stream=True)
    world.a.connect().begin(200, UNHEARD.replace(b"unhappy", b"unhappy with sk-a-default"))
    client.leave()
    assert "sk-a-default" not in world.changes[0].message


@pytest.mark.parametrize("status", [400, 404, 413, 422, 429, 408])
def test_nothing_is_told_of_a_single_ordinary_failure(status, world):
    client = world.ask()
    world.a.connect().answer(status, b"{}")
    if not client.over:
        world.b.connect().answer(200, ANSWER)
    assert world.changes == []


def test_a_change_is_told_once_the_exchange_that_saw_it_is_over(world):
    client = world.ask()
    world.a.connect().answer(401, SECRET)
    assert world.changes == []
    world.b.connect().answer(200, ANSWER)
    assert client.over
    assert told(world) == [("key_parked", "a#default")]
    assert world.gateway.changes == []
