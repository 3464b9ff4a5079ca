"""A second attempt at a stream that is slow to begin: whichever begins first is passed on, and nobody is blamed."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import Hedge, Resilience, Timeouts

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
A = b'data: {"choices":[{"index":0,"delta":{"content":"from a"}}]}\n\n'
B = b'data: {"choices":[{"index":0,"delta":{"content":"from b"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
REFUSED = b'{"error":{"message":"too many max_tokens","type":"invalid_request_error","param":null,"code":null}}'
SWEEP = 0.1


def hedged(*, delay: float = 2.0, share: float = 1.0, **more: Any) -> Resilience:
    return Resilience(hedge=Hedge(delay=delay, share=share), **more)


@pytest.fixture
def slow(make_world):
    return make_world(resilience=hedged())


def both(world: Any, **fields: Any) -> tuple[Any, Any, Any]:
    """A request that both targets have been asked, and neither has answered."""
    client = world.ask(stream=True, **fields)
    first = world.a.serving()
    world.wait(2.0 + 2 * SWEEP)
    assert world.slots == 2
    return client, first, world.b.serving()


def test_no_second_attempt_is_made_before_the_delay(slow):
    client = slow.ask(stream=True)
    slow.a.connect()
    slow.wait(1.95)
    assert slow.b.dials == []
    slow.wait(0.05 + SWEEP)
    assert len(slow.b.dials) == 1
    client.leave()


def test_a_stream_that_begins_in_time_is_not_hedged(slow):
    client = slow.ask(stream=True)
    peer = slow.a.connect()
    slow.wait(1.5)
    peer.begin(200, A)
    slow.wait(30.0)
    peer.end(END)
    assert slow.b.dials == []
    assert client.text == "from a"
    assert len(slow.event.attempts) == 1


def test_the_second_is_passed_on_if_it_is_quicker(slow):
    client, first, second = both(slow)
    second.begin(200, ROLE)
    assert not first.aborted, "a role is no word"
    second.data(B)
    assert first.aborted
    assert slow.slots == 1
    second.end(END)
    assert client.body == ROLE + B + END
    assert client.field("x-headway-target") == "b/m"
    assert client.field("x-headway-attempts") == "a/m#default=superseded b/m#default=200"
    assert slow.tried == [("a", "superseded", "first"), ("b", "200", "hedge")]


def test_the_first_is_passed_on_if_it_is_quicker_after_all(slow):
    client, first, second = both(slow)
    second.begin(200, ROLE)
    first.begin(200, A)
    assert second.aborted
    assert slow.slots == 1
    first.end(END)
    assert client.body == A + END
    assert client.field("x-headway-target") == "a/m"
    assert slow.tried == [("a", "200", "first"), ("b", "superseded", "hedge")]


def test_a_second_that_is_not_even_connected_is_given_up(slow):
    client = slow.ask(stream=True)
    peer = slow.a.connect()
    slow.wait(2.2)
    peer.begin(200, A)
    assert slow.b.dials[0].cancelled
    peer.end(END)
    assert client.text == "from a"


def test_who_was_slower_is_not_blamed(slow):
    for _ in range(20):
        _, _, second = both(slow)
        second.begin(200, B)
        second.end(END)
    assert slow.changes == []
    assert not any(candidate.state.breaker.tripped for candidate in slow.candidates)
    assert slow.a.asked == 20


def test_words_of_both_are_never_mixed(slow):
    client, first, second = both(slow)
    first.begin(200, ROLE)
    second.begin(200, ROLE)
    second.data(B)
    second.data(B)
    second.end(END)
    assert client.body == ROLE + B + B + END


# Whom, and how often.


def test_only_another_deployment_is_asked(make_world):
    world = make_world([["a#one", "a#two"]], resilience=hedged())
    client = world.ask(stream=True)
    peer = world.a.connect()
    world.wait(10.0)
    assert len(world.a.dials) == 1
    peer.begin(200, A)
    peer.end(END)
    assert client.text == "from a"


def test_no_third_is_asked(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=hedged())
    client, _, _ = both(world)
    world.wait(10.0)
    assert world["c"].dials == []
    client.leave()


def test_a_part_of_a_routes_requests_is_hedged_and_no_more(make_world):
    world = make_world(resilience=hedged(share=0.1))
    for _ in range(20):
        client = world.ask(stream=True)
        world.a.serving()
        world.wait(3.0)
        client.leave()
    assert sum(len(event.attempts) == 2 for event in world.events) == 2


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("chat", {"store": True}),
        ("chat", {"web_search_options": {}, "model": "default"}),
        ("responses", {"input": "x"}),
        ("responses", {"input": "x", "store": False, "tools": [{"type": "web_search"}]}),
    ],
)
def test_what_may_do_more_than_cost_twice_is_not_asked_twice(endpoint, fields, slow):
    client = slow.ask(stream=True, endpoint=endpoint, **fields)
    slow.a.connect()
    slow.wait(10.0)
    assert slow.b.dials == []
    client.leave()


@pytest.mark.parametrize(
    ("endpoint", "fields"), [("chat", {"tools": [{"type": "function"}]}), ("responses", {"input": "x", "store": False})]
)
def test_what_only_costs_twice_is_asked_twice(endpoint, fields, slow):
    client = slow.ask(stream=True, endpoint=endpoint, **fields)
    slow.a.connect()
    slow.wait(2.2)
    assert len(slow.b.dials) == 1
    client.leave()


def test_a_whole_answer_is_not_hedged(slow):
    client = slow.ask()
    peer = slow.a.connect()
    slow.wait(30.0)
    assert slow.b.dials == []
    peer.answer(200, ANSWER)
    assert client.status == 200


@pytest.mark.parametrize("resilience", [Resilience(), hedged(attempts=1)])
def test_a_route_that_does_not_allow_it_is_not_hedged(resilience, make_world):
    world = make_world(resilience=resilience)
    client = world.ask(stream=True)
    world.a.connect()
    world.wait(10.0)
    assert world.b.dials == []
    client.leave()


def test_a_request_that_has_failed_over_is_not_hedged(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=hedged())
    client = world.ask(stream=True)
    world.a.connect().answer(500, b"{}")
    world.b.connect()
    world.wait(10.0)
    assert world["c"].dials == []
    client.leave()


# Failures.


def test_when_the_first_fails_the_second_runs_on(slow):
    client, first, second = both(slow)
    first.answer(500, b"{}")
    assert not client.begun
    assert slow.slots == 1
    slow.wait(5.0)
    second.begin(200, B)
    second.end(END)
    assert client.body == B + END
    assert slow.tried == [("a", "500", "first"), ("b", "200", "hedge")]


def test_when_the_second_fails_the_first_runs_on(slow):
    client, first, second = both(slow)
    second.lose()
    assert not first.aborted
    slow.wait(5.0)
    first.begin(200, A)
    first.end(END)
    assert client.body == A + END
    assert slow.tried == [("a", "200", "first"), ("b", "bad_reply", "hedge")]


def test_when_both_fail_the_next_target_is_asked(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=hedged())
    client, first, second = both(world)
    first.answer(500, b"{}")
    second.answer(503, b"{}")
    third = world["c"].connect()
    third.begin(200, B)
    third.end(END)
    assert client.status == 200
    assert [(name, reason) for name, _, reason in world.tried] == [("a", "first"), ("b", "hedge"), ("c", "failover")]


def test_when_both_fail_and_nobody_is_left_both_are_told(make_world):
    world = make_world(resilience=hedged(attempts=2))
    client, first, second = both(world)
    second.answer(429, b"{}", retry_after="7")
    first.answer(500, b"{}")
    assert client.status == 429
    assert client.field("retry-after") == "7"
    assert "All 2 attempts failed" in client.error["message"]


@pytest.mark.parametrize("which", [0, 1])
def test_a_refusal_of_the_request_ends_both(which, slow):
    client, *peers = both(slow)
    peers[which].answer(400, REFUSED)
    assert peers[1 - which].aborted
    assert client.status == 400
    assert client.body == REFUSED or "too many max_tokens" in client.error["message"]
    assert slow.event.outcome == "invalid_request"


def test_a_first_token_that_is_late_ends_only_its_own_attempt(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=hedged(timeouts=Timeouts(first_token=5.0)))
    client, first, second = both(world)
    first.begin()
    second.begin()
    world.wait(5.2)
    assert first.aborted
    world["c"].connect().answer(200, B + END, kind="text/event-stream")
    assert client.status == 200


# The client and the clock.


def test_a_client_that_leaves_closes_both(slow):
    client, first, second = both(slow)
    client.leave()
    assert first.aborted
    assert second.aborted
    assert slow.event.outcome == "cancelled"
    assert [each.result for each in slow.event.attempts] == ["cancelled", "cancelled"]


def test_the_deadline_ends_both(make_world):
    world = make_world(resilience=hedged(timeouts=Timeouts(total=8.0)))
    client, first, second = both(world)
    world.wait(6.3)
    assert first.aborted
    assert second.aborted
    assert client.status == 504


def test_a_hedged_stream_is_held_like_any_other(make_world):
    world = make_world(resilience=hedged(timeouts=Timeouts(hold=5.0)))
    client, _first, second = both(world)
    world.wait(4.0)
    assert client.comments == [b": waiting for the first token"]
    second.begin(200, B)
    second.end(END)
    assert client.text == "from b"


def test_a_blocked_client_stops_the_reading_of_the_quicker_one(slow):
    client, _first, second = both(slow)
    client.block()
    second.begin(200, B)
    assert second.paused
    client.unblock()
    second.end(END)


def test_a_collected_stream_is_won_by_the_first_that_is_complete(make_world):
    world = make_world(resilience=hedged(stream="whole"))
    client, first, second = both(world)
    first.begin(200, A)
    second.begin(200, B)
    second.end(END)
    assert first.aborted
    assert client.body == B + END


def test_a_reload_does_not_disturb_the_two(slow):
    client, _first, second = both(slow)
    slow.gateway.publish(slow.snapshot(Resilience()))
    assert slow.slots == 2
    second.begin(200, B)
    second.end(END)
    assert client.text == "from b"
