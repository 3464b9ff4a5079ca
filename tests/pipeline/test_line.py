"""Requests for which there is no room wait for their turn, or are told at once that it would take too long."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import Queue, Resilience, Timeouts

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
NOTHING = b'{"error":{"message":"slow down"}}'
TOLD_OF_QUOTA = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}


@pytest.fixture
def narrow(make_world):
    """One target, one request at a time."""
    return make_world([["a"]], concurrency=1)


def by(name: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}", **more}


def answer(world: Any, seconds: float = 0.0) -> None:
    world.wait(seconds)
    world.a.serving().answer(200, ANSWER)


def test_who_finds_no_slot_waits_for_one(narrow):
    first, second = narrow.ask(), narrow.ask()
    assert narrow.a.asked + len(narrow.a.dials) == 1
    answer(narrow, 1.5)
    assert first.status == 200
    answer(narrow, 0.5)
    assert second.status == 200
    assert narrow.events[-1].queued == pytest.approx(1.5)
    assert [record.reason for record in narrow.events[-1].attempts] == ["first"]


def test_the_next_one_begins_as_soon_as_a_slot_is_free(narrow):
    narrow.ask()
    narrow.ask()
    narrow.wait(0.033)
    answer(narrow)
    assert narrow.a.serving()
    answer(narrow)
    assert narrow.events[-1].queued == pytest.approx(0.033)


def test_nobody_overtakes_who_waits(narrow):
    clients = [narrow.ask() for _ in range(4)]
    for done in range(1, 5):
        answer(narrow, 0.1)
        assert [client.status == 200 for client in clients] == [True] * done + [False] * (4 - done)


def test_high_priority_goes_first_and_low_last(narrow):
    narrow.ask()
    order = {name: narrow.ask(headers=by("k", **{"x-headway-priority": name})) for name in ("low", "normal", "high")}
    seen: list[str] = []
    for _ in range(4):
        answer(narrow, 0.1)
        seen.extend(name for name, client in order.items() if client.status == 200 and name not in seen)
    assert seen == ["high", "normal", "low"]


def test_a_priority_that_is_none_is_refused(world):
    client = world.ask(headers={"x-headway-priority": "urgent"})
    assert client.status == 400
    assert "high, normal or low" in client.error["message"]


def test_tenants_take_turns_however_many_requests_each_has(narrow):
    narrow.ask()
    heavy = [narrow.ask(headers=by("heavy")) for _ in range(6)]
    light = narrow.ask(headers=by("light"))
    for _ in range(3):
        answer(narrow, 0.1)
    assert light.status == 200
    assert sum(client.status == 200 for client in heavy) == 1
    for client in heavy:
        if not client.over:
            client.leave()


def test_who_would_wait_too_long_is_refused_at_once_with_the_time_to_come_again(make_world):
    world = make_world([["a"]], queue=Queue(wait=2.0))
    first = world.ask(headers={"x-headway-attempts": "1"})
    world.a.serving().answer(429, NOTHING, retry_after="30")
    assert first.status == 429
    second = world.ask()
    assert second.over
    assert second.status == 429
    assert 25 <= int(second.field("retry-after")) <= 31
    assert world.a.asked == 1
    assert world.gateway.admission.waiting == 0


def test_a_line_that_is_full_takes_nobody(make_world):
    world = make_world([["a"]], concurrency=1, queue=Queue(length=2))
    waiting = [world.ask() for _ in range(3)]
    refused = world.ask()
    assert refused.status == 503
    assert refused.field("retry-after") is not None
    assert "too many requests wait" in refused.error["message"]
    assert list(world.gateway.troubles().refused.values()) == [1]
    assert not any(client.over for client in waiting)
    for client in waiting:
        client.leave()


def test_without_a_queue_nobody_waits(make_world):
    world = make_world([["a"]], concurrency=1, queue=Queue(wait=0.0))
    first, second = world.ask(), world.ask()
    assert second.status == 503
    answer(world)
    assert first.status == 200


def test_who_has_waited_for_as_long_as_is_allowed_is_told(make_world):
    world = make_world([["a"]], concurrency=1, queue=Queue(wait=1.0))
    first, second = world.ask(), world.ask()
    world.wait(0.95)
    assert not second.over
    world.wait(0.2)
    assert second.status == 503
    assert second.field("retry-after") is not None
    first.leave()


def test_the_deadline_ends_the_wait_too(make_world):
    world = make_world([["a"]], concurrency=1, resilience=Resilience(timeouts=Timeouts(total=2.0)))
    first, second = world.ask(stream=True), world.ask()
    world.a.serving()
    world.wait(2.2)
    assert first.over
    assert second.over
    assert second.status in (503, 504)


def test_a_client_that_leaves_while_it_waits_leaves_the_line(narrow):
    first, second, third = (narrow.ask() for _ in range(3))
    second.leave()
    assert narrow.events[-1].outcome == "cancelled"
    assert narrow.gateway.admission.waiting == 1
    answer(narrow, 0.1)
    answer(narrow, 0.1)
    assert (first.status, third.status) == (200, 200)
    assert narrow.a.asked == 2


def test_a_stream_that_waits_for_long_is_kept_alive(make_world):
    resilience = Resilience(timeouts=Timeouts(hold=1.0))
    world = make_world([["a"]], concurrency=1, resilience=resilience)
    first, second = world.ask(), world.ask(stream=True)
    world.wait(2.3)
    assert second.status == 200
    assert len(second.comments) >= 2
    second.leave()
    first.leave()


def test_another_tier_is_better_than_waiting(make_world):
    world = make_world([["a"], ["b"]], concurrency=1)
    first, second = world.ask(), world.ask()
    world.b.serving().answer(200, ANSWER)
    assert second.status == 200
    first.leave()


def test_what_a_reply_says_of_its_quota_holds_the_next_one_back(make_world):
    world = make_world([["a"]])
    first = world.ask()
    world.a.serving().answer(200, ANSWER, **TOLD_OF_QUOTA)
    second = world.ask()
    assert first.status == 200
    assert not world.a.dials[1:]
    took = world.wait_until(lambda: [peer for peer in world.a.peers if peer.waiting], within=5.5)
    assert 0.9 <= took <= 5.0, "sixty a minute are one a second, and a part is spared"
    world.a.serving().answer(200, ANSWER)
    assert second.status == 200


def test_a_shutdown_cuts_off_who_waits_in_line(narrow):
    first, second = narrow.ask(), narrow.ask()
    narrow.gateway.close()
    assert first.aborted
    assert second.aborted
    assert narrow.gateway.admission.waiting == 0


def test_an_exchange_that_fails_at_once_does_not_stop_the_line(make_world):
    world = make_world([["a"]], concurrency=1, resilience=Resilience(attempts=1))
    clients = [world.ask() for _ in range(4)]
    for _ in clients:
        world.wait(0.05)
        world.a.refuse() if any(dial.pending for dial in world.a.dials) else world.wait(0.1)
    world.wait(10.0)
    assert all(client.over for client in clients)
    assert world.gateway.admission.waiting == 0


def test_a_conversation_keeps_the_priority_that_it_was_given(narrow):
    session = {"x-headway-session": "one"}
    narrow.ask(headers=by("k", **session, **{"x-headway-priority": "high"}))
    others = [narrow.ask(headers=by("k")) for _ in range(3)]
    again = narrow.ask(headers=by("k", **session))
    answer(narrow, 0.1)
    answer(narrow, 0.1)
    assert again.status == 200
    for client in others:
        client.leave()


def test_a_request_that_no_quota_ever_holds_does_not_join_the_line(make_world):
    world = make_world([["a"]])
    world.ask()
    told = {"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "60s"}
    world.a.serving().answer(200, ANSWER, **told)
    waiting = make_waiting(world)
    refused = world.ask(messages=[{"role": "user", "content": "x " * 10_000}])
    assert refused.status == 429
    assert refused.error["code"] == "request_too_large_for_quota"
    assert refused.field("retry-after") is None
    waiting.leave()


def make_waiting(world: Any) -> Any:
    """Somebody for whom there is no room just now."""
    world._queue = Queue(wait=60.0)
    world.gateway.publish(world.snapshot(Resilience()))
    client = world.ask()
    assert not client.over
    assert world.gateway.admission.waiting == 1
    return client
