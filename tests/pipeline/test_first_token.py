"""How long a stream may take to its first word, and what counts as progress after it.

Each attempt has a clock of its own, models that reason get a longer one, and who has nobody behind it is not cut off.
"""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import Resilience, Timeouts

FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
COMMENT = b": still here\n\n"
FILLERS = [
    COMMENT,
    b"event: ping\ndata: {}\n\n",
    b'data: {"type":"ping"}\n\n',
    b'event: ping\ndata: {"type": "ping"}\n\n',
    b"\n",
    b"data:\n\n",
    b": one\n\n: two\n\n",
]


def timed(attempts: int = 3, *, hold: float | None = None, **seconds: Any) -> Resilience:
    return Resilience(attempts=attempts, timeouts=Timeouts(hold=hold, **seconds))


def finish(peer) -> None:
    peer.data(FIRST)
    peer.end(END)


def pings(world, peer, seconds: int, filler: bytes = COMMENT) -> None:
    """One a second, as long as somebody listens."""
    for _ in range(seconds):
        world.wait(1.0)
        if peer.waiting:
            peer.data(filler)


# Of each attempt.


def test_each_attempt_has_the_whole_time_to_its_first_token(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=timed(first_token=5.0))
    client = world.ask(stream=True)
    world.wait(3.0)
    first = world.a.connect()
    world.wait(4.0)
    first.begin()
    world.wait(4.8)
    assert not first.aborted, "11.8 s after the request, but 4.8 s after the head"
    world.wait(0.4)
    assert first.aborted
    second = world.b.connect()
    second.begin()
    world.wait(4.8)
    assert not second.aborted
    finish(second)
    assert client.text == "hi"
    assert [(each.target[0], each.result) for each in world.event.attempts] == [("a", "timeout"), ("b", "200")]


def test_a_role_alone_is_no_first_token(make_world):
    world = make_world(resilience=timed(first_token=5.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, ROLE)
    world.wait(3.0)
    peer.data(ROLE)
    world.wait(2.2)
    assert peer.aborted
    assert not client.begun
    world.b.connect().answer(200, FIRST + END, kind="text/event-stream")


def test_a_first_token_that_is_late_counts_against_the_deployment(make_world):
    world = make_world(resilience=timed(first_token=5.0))
    for _ in range(5):
        client = world.ask(stream=True)
        world.a.serving().begin()
        world.wait(5.2)
        world.b.serving().answer(200, FIRST + END, kind="text/event-stream")
        assert client.status == 200
    assert [change.what for change in world.changes] == ["breaker_opened"]


# Of models that reason.


@pytest.mark.parametrize(
    ("world_of", "fields", "endpoint", "patience"),
    [
        ({}, {}, "chat", 20.0),
        ({"reasoning": "a"}, {}, "chat", 180.0),
        ({"reasoning": "b"}, {}, "chat", 20.0),
        ({}, {"reasoning_effort": "high"}, "chat", 180.0),
        ({}, {"reasoning_effort": "minimal"}, "chat", 20.0),
        ({}, {"reasoning_effort": "none"}, "chat", 20.0),
        ({}, {"reasoning_effort": None}, "chat", 20.0),
        ({}, {"reasoning": {"effort": "low"}}, "responses", 180.0),
    ],
)
def test_a_model_that_reasons_first_may_take_longer(world_of, fields, endpoint, patience, make_world):
    world = make_world(resilience=timed(), **world_of)
    world.ask(stream=True, endpoint=endpoint, **fields)
    peer = world.a.connect()
    peer.begin()
    world.wait(patience - 0.3)
    assert not peer.aborted
    world.wait(0.5)
    assert peer.aborted
    world.b.connect().answer(400, b'{"error":{}}')


def test_a_model_that_reasons_may_take_as_long_to_the_head_of_its_stream(make_world):
    world = make_world(resilience=timed(), reasoning="a")
    world.ask(stream=True)
    peer = world.a.connect()
    world.wait(179.7)
    assert not peer.aborted
    world.wait(0.5)
    assert peer.aborted
    world.b.connect().answer(400, b'{"error":{}}')


def test_what_is_configured_goes_before_what_is_known_of_the_model(make_world):
    world = make_world(resilience=timed(first_token=7.0), reasoning="a")
    world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    world.wait(7.2)
    assert peer.aborted
    world.b.connect().answer(400, b'{"error":{}}')


@pytest.mark.parametrize(("reasoning", "patience"), [("", 60.0), ("a", 120.0)])
def test_a_model_that_reasons_may_pause_longer(reasoning, patience, make_world):
    world = make_world(resilience=timed(), reasoning=reasoning)
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    world.wait(patience - 0.3)
    assert not client.over
    world.wait(0.5)
    assert client.over
    assert peer.aborted


# Of who has nobody behind it.


@pytest.mark.parametrize(
    ("tiers", "resilience"),
    [
        ([["a"]], timed(first_token=5.0)),
        ([["a"], ["b"]], timed(1, first_token=5.0)),
        ([["a#one", "a#two"]], timed(1, first_token=5.0)),
    ],
)
def test_the_last_candidate_may_be_late(tiers, resilience, make_world):
    world = make_world(tiers, resilience=resilience)
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    pings(world, peer, 200)
    assert not client.over
    finish(peer)
    assert client.text == "hi"
    assert world.event.outcome == "ok"


def test_the_second_target_is_the_last_candidate_when_the_first_has_failed(make_world):
    world = make_world(resilience=timed(first_token=5.0))
    client = world.ask(stream=True)
    world.a.connect().answer(500, b"{}")
    peer = world.b.connect()
    peer.begin()
    pings(world, peer, 60)
    finish(peer)
    assert client.status == 200


def test_the_last_candidate_is_given_up_once_nothing_at_all_comes_in(make_world):
    world = make_world([["a"]], resilience=timed(first_token=5.0, alive=30.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    pings(world, peer, 20)
    world.wait(29.7)
    assert not client.over, "there was a comment 29.7 s ago"
    world.wait(0.5)
    assert peer.aborted
    assert client.status == 504
    assert world.event.outcome == "timeout"


def test_the_last_candidate_is_given_up_at_the_deadline(make_world):
    world = make_world([["a"]], resilience=timed(first_token=5.0, total=40.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    pings(world, peer, 39)
    assert not client.over
    pings(world, peer, 2)
    assert peer.aborted
    assert client.status == 504
    assert world.event.outcome == "deadline"


def test_the_clock_for_silence_does_not_end_the_wait_for_a_first_token(make_world):
    world = make_world(resilience=timed(first_token=90.0, stall=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    world.wait(80.0)
    assert not peer.aborted
    finish(peer)
    assert client.text == "hi"


# What counts as progress.


@pytest.mark.parametrize("filler", FILLERS)
def test_signs_of_life_are_no_progress(filler, make_world):
    world = make_world(resilience=timed(stall=5.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    pings(world, peer, 6, filler)
    assert peer.aborted
    assert client.events[-1]["error"]["code"] == "stream_interrupted"
    assert "stalled" in client.events[-1]["error"]["message"]
    assert world.event.outcome == "timeout"
    assert world.event.broke


@pytest.mark.parametrize("filler", FILLERS)
def test_signs_of_life_are_no_first_token(filler, make_world):
    world = make_world(resilience=timed(first_token=5.0))
    world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    pings(world, peer, 6, filler)
    assert peer.aborted
    world.b.connect().answer(400, b'{"error":{}}')


def test_a_word_among_signs_of_life_is_progress(make_world):
    world = make_world(resilience=timed(stall=5.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    for _ in range(5):
        pings(world, peer, 4)
        peer.data(COMMENT + FIRST)
    peer.end(END)
    assert client.text == "hi" * 6
    assert world.event.outcome == "ok"


def test_nothing_at_all_for_longer_than_a_connection_lives_is_a_stall_too(make_world):
    world = make_world(resilience=timed(stall=60.0, alive=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    world.wait(10.2)
    assert client.over
    assert world.event.outcome == "timeout"


def test_a_stall_counts_against_the_deployment(make_world):
    world = make_world(resilience=timed(stall=5.0))
    for _ in range(5):
        world.ask(stream=True)
        world.a.serving().begin(200, FIRST)
        world.wait(5.2)
    assert [change.what for change in world.changes] == ["breaker_opened"]
