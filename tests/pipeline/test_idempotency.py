"""One key, one request: it runs once, and everyone who asks with that key reads the one answer, now or later."""

from __future__ import annotations

import gc
import weakref
from random import Random
from typing import Any

import msgspec
import pytest

from headway.pipeline.fanout import BLOCK
from headway.pipeline.gateway import Gateway
from headway.pipeline.idempotency import OVERHEAD, digest_of
from headway.types import ExchangeEvent, Idempotency, Resilience, Timeouts

CHOICES = b'"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]'
ANSWER = b'{"object":"chat.completion",%b,"usage":{"prompt_tokens":3,"completion_tokens":4}}' % CHOICES
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
MORE = b'data: {"choices":[{"index":0,"delta":{"content":" there"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
KIB = 1024
IMPATIENT = Resilience(timeouts=Timeouts(stall=60.0))
SMALL = Idempotency(ttl=600.0, memory=256 * KIB)
"""One answer may take 64 KiB of it."""


@pytest.fixture
def keyed(make_world: Any) -> Any:
    def make(kept: Idempotency = SMALL, **arguments: Any) -> Any:
        world = make_world(**arguments)
        snapshot = msgspec.structs.replace(world.gateway.snapshot, idempotency=kept)
        clock = world.clock
        world.gateway = Gateway(snapshot, transport=world, sink=world, loop=clock, rng=Random(1), now=clock)
        return world

    return make


@pytest.fixture
def world(keyed: Any) -> Any:
    return keyed()


def ask(world, key: str | None = "k", **fields: Any) -> Any:
    headers = {"idempotency-key": key, **fields.pop("headers", {})}
    return world.ask(headers=headers, **fields)


def settle(world) -> None:
    """Let the loop turn once."""
    world.wait(0.0)


def streaming(world, *pieces: bytes) -> tuple[Any, Any]:
    """A client with a key whose answer has begun."""
    client = ask(world, stream=True)
    peer = world.a.serving()
    peer.begin(200, pieces[0] if pieces else FIRST)
    for piece in pieces[1:]:
        peer.data(piece)
    return client, peer


def replayed(world) -> list[ExchangeEvent]:
    return [event for event in world.events if event.replayed]


# What a key means.


def test_a_request_without_a_key_runs_every_time(world):
    for _ in range(2):
        ask(world, None)
        world.a.serving().answer(200, ANSWER)
    assert world.a.asked == 2
    assert replayed(world) == []


def test_a_request_with_a_key_of_its_own_is_answered_as_without_one(world):
    with_key, without = ask(world, "k"), ask(world, None)
    for peer in [dial.connect() for dial in world.a.dials]:
        peer.answer(200, ANSWER)
    assert with_key.body == without.body == ANSWER
    assert [name for name, _ in with_key.fields] == [name for name, _ in without.fields]
    assert world.gateway.replays.readers == 0


def test_a_key_that_was_used_for_another_body_is_refused(world):
    ask(world)
    world.a.serving().answer(200, ANSWER)
    client = ask(world, temperature=1)
    assert client.status == 422
    assert client.error["code"] == "idempotency_key_reused"
    assert client.field("x-should-retry") == "false"
    assert world.events[-1].outcome == "invalid_request"
    assert world.a.asked == 1


def test_a_key_is_refused_for_another_body_while_the_first_request_is_in_flight(world):
    ask(world)
    assert ask(world, temperature=1).status == 422
    world.a.serving().answer(200, ANSWER)


@pytest.mark.parametrize("key", ["", "x" * 256, "clé", "a\tb", "a\x7f"])
def test_a_key_that_is_too_long_or_not_printable_is_refused(key, world):
    client = ask(world, key)
    assert client.status == 400
    assert "Idempotency-Key" in client.error["message"]
    assert client.field("x-should-retry") == "false"
    assert world.a.asked == 0


def test_the_longest_key_is_accepted(world):
    for _ in range(2):
        ask(world, "~ " * 127 + "!")
        if not world.events:
            world.a.serving().answer(200, ANSWER)
    assert world.a.asked == 1


def test_the_same_key_at_another_endpoint_is_another_request(world):
    ask(world)
    world.a.serving().answer(200, ANSWER)
    ask(world, endpoint="embeddings")
    world.a.serving().answer(200, ANSWER)
    assert world.a.asked == 2


@pytest.mark.parametrize("off", [Idempotency(ttl=0.0), Idempotency(memory=0)])
def test_turned_off_a_key_means_nothing(off, keyed):
    world = keyed(off)
    for _ in range(2):
        ask(world, "é" * 300)
        world.a.serving().answer(200, ANSWER)
    assert world.a.asked == 2


FORM = b'--%(b)b\r\ncontent-disposition: form-data; name="model"\r\n\r\n%(model)b\r\n--%(b)b--\r\n'


def test_a_form_is_the_same_whatever_its_boundary():
    one, other = FORM % {b"b": b"one", b"model": b"m"}, FORM % {b"b": b"another", b"model": b"m"}
    assert digest_of(one, form=True) == digest_of(other, form=True)
    assert digest_of(one) != digest_of(other)
    assert digest_of(FORM % {b"b": b"one", b"model": b"n"}, form=True) != digest_of(one, form=True)


def test_a_boundary_within_a_line_is_content():
    one, other = FORM % {b"b": b"one", b"model": b"m--one"}, FORM % {b"b": b"two", b"model": b"m--two"}
    assert digest_of(one, form=True) != digest_of(other, form=True)


def test_header_lines_that_go_upstream_are_part_of_the_request():
    assert len({digest_of(b"{}", forwarded=beta) for beta in (b"", b"openai-beta: a\r\n", b"openai-beta: b\r\n")}) == 3
    assert digest_of(b"b", forwarded=b"a") != digest_of(b"", forwarded=b"ab")


# The finished answer.


def test_a_finished_whole_answer_is_repeated(world):
    first = ask(world)
    world.a.serving().answer(200, ANSWER)
    world.wait(5.0)
    again = ask(world)
    settle(world)
    assert (again.status, again.body, again.ended) == (200, ANSWER, True)
    assert world.a.asked == 1
    assert again.field("content-type") == "application/json"
    assert again.field("idempotent-replayed") == "true"
    assert first.field("idempotent-replayed") is None
    assert again.field("x-request-id") not in (None, first.field("x-request-id"))
    ours = {name: value for name, value in first.fields if name.startswith("x-headway-")}
    assert ours
    assert ours == {name: value for name, value in again.fields if name.startswith("x-headway-")}


def test_a_finished_stream_is_repeated(world):
    _, peer = streaming(world, FIRST, MORE)
    peer.end(END)
    again = ask(world, stream=True)
    settle(world)
    assert again.body == FIRST + MORE + END
    assert again.ended
    assert again.field("content-type") == "text/event-stream"
    assert world.a.asked == 1


def test_an_answer_of_known_length_is_repeated_with_it(world):
    ask(world, endpoint="audio.speech")
    peer = world.a.serving()
    peer.begin(200, b"so", kind="audio/mpeg", content_length="5")
    joined = ask(world, endpoint="audio.speech")
    settle(world)
    peer.end(b"und")
    again = ask(world, endpoint="audio.speech")
    settle(world)
    assert (again.length, again.body) == (joined.length, joined.body) == (5, b"sound")


def test_a_repeated_answer_has_an_event_of_its_own_which_counts_no_tokens(world):
    ask(world)
    world.a.serving().answer(200, ANSWER)
    world.wait(5.0)
    again = ask(world)
    settle(world)
    first, event = world.events
    assert first.usage is not None
    assert not first.replayed
    assert (event.outcome, event.status, event.attempts, event.usage) == ("ok", 200, (), None)
    assert event.replayed
    assert event.request_id == again.field("x-request-id")
    assert event.reply_bytes == len(ANSWER)
    assert event.request_bytes == first.request_bytes
    assert (event.endpoint, event.model, event.route) == ("chat", "default", "default")
    assert event.duration == 0.0


def test_an_answer_is_kept_for_its_time_from_its_end(keyed):
    world = keyed(Idempotency(ttl=100.0))
    _, peer = streaming(world)
    world.wait(50.0)
    peer.end(END)
    world.wait(99.0)
    ask(world, stream=True)
    settle(world)
    assert world.a.asked == 1
    world.wait(1.0)
    ask(world, stream=True)
    assert world.a.asked == 2
    world.a.serving().answer(200, FIRST + END, kind="text/event-stream")


def test_what_has_expired_holds_no_memory_once_another_key_comes(keyed):
    world = keyed(Idempotency(ttl=100.0))
    for number in range(10):
        ask(world, str(number))
        world.a.serving().answer(200, ANSWER)
    full = world.gateway.replays.in_use
    world.wait(101.0)
    ask(world, "other")
    assert world.gateway.replays.in_use < full / 8
    world.a.serving().answer(200, ANSWER)


def test_nothing_holds_a_client_whose_answer_is_kept(world):
    client, peer = streaming(world)
    peer.end(END)
    assert world.gateway.replays.in_use > OVERHEAD
    trace = weakref.ref(client)
    world.clients.clear()
    world.events.clear()
    del client
    gc.collect()
    assert trace() is None


# What is not kept.


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_failure_is_forgotten_so_that_a_repeat_runs_anew(status, keyed):
    world = keyed(tiers=[["a"]])
    failed = ask(world, headers={"x-headway-attempts": "1"})
    world.a.serving().answer(status, b'{"error":{"message":"no"}}')
    assert failed.status >= 400
    assert world.gateway.replays.in_use == 0
    again = ask(world, headers={"x-headway-attempts": "1"})
    if again.over:  # its only target has to rest
        assert again.field("idempotent-replayed") is None
        assert again.status >= 400
    else:
        world.wait(2.0)  # after a rate limit it has to wait for its turn
        world.a.serving().answer(200, ANSWER)
        assert again.body == ANSWER
    assert replayed(world) == []


def test_a_stream_that_broke_off_is_forgotten(world):
    client, peer = streaming(world)
    peer.lose()
    assert client.ended
    assert world.gateway.replays.in_use == 0
    again = ask(world, stream=True)
    assert not again.begun
    again.leave()


def test_a_stream_without_its_terminal_event_is_forgotten(world):
    _, peer = streaming(world)
    peer.end()
    assert world.gateway.replays.in_use == 0


def test_an_exchange_that_was_cancelled_is_forgotten(world):
    client, peer = streaming(world)
    client.leave()
    assert peer.aborted
    assert world.gateway.replays.in_use == 0
    again = ask(world, stream=True)
    world.a.serving().answer(200, FIRST + END, kind="text/event-stream")
    assert again.body == FIRST + END


def test_a_request_that_fails_at_once_tells_its_client_and_is_forgotten(keyed):
    world = keyed(concurrency=1, tiers=[["a"]])
    busy = ask(world, None)
    client = ask(world)
    if not client.over:
        world.wait(60.0)
    assert client.status == 503
    assert world.gateway.replays.in_use == 0
    busy.leave()


# Joining.


def test_a_repeat_joins_the_request_in_flight_and_gets_its_whole_answer(world):
    first, joined = ask(world), ask(world)
    assert world.a.asked + len(world.a.dials) == 1
    world.a.serving().answer(200, ANSWER)
    assert first.body == joined.body == ANSWER
    assert joined.field("idempotent-replayed") == "true"
    assert joined.field("x-request-id") != first.field("x-request-id")
    assert [event.outcome for event in world.events] == ["ok", "ok"]
    assert [event.replayed for event in world.events] == [False, True]
    assert [event.usage is None for event in world.events] == [False, True]
    assert world.a.asked == 1


def test_a_repeat_joins_a_stream_with_what_was_sent_so_far_and_then_live(world):
    first, peer = streaming(world, FIRST, MORE)
    joined = ask(world, stream=True)
    assert not joined.begun, "its server does not know yet whom to tell that its client is slow"
    settle(world)
    assert joined.body == FIRST + MORE
    peer.data(MORE)
    assert first.body == joined.body == FIRST + MORE + MORE
    peer.end(END)
    assert joined.ended
    assert first.body == joined.body
    assert replayed(world)[0].reply_bytes == len(first.body)


def test_pieces_that_come_before_a_joined_client_begins_are_not_lost(world):
    _, peer = streaming(world)
    joined = ask(world, stream=True)
    peer.data(MORE)
    peer.end(END)
    assert not joined.begun
    settle(world)
    assert joined.body == FIRST + MORE + END


def test_a_joined_request_that_waits_for_the_stream_sees_it_begin_at_once(world):
    ask(world, stream=True)
    joined = ask(world, stream=True)
    world.a.serving().begin(200, FIRST)
    assert joined.body == FIRST
    world.a.serving().end(END)


def test_an_event_tells_when_a_joined_client_got_its_first_byte(world):
    _, peer = streaming(world)
    world.wait(2.0)
    ask(world, stream=True)
    world.wait(1.0)
    peer.end(END)
    (event,) = replayed(world)
    assert event.duration == 1.0
    assert event.first_byte == 0.0


@pytest.mark.parametrize("status", [400, 500])
def test_an_error_reaches_all_who_joined(status, keyed):
    world = keyed(tiers=[["a"]])
    first = ask(world, headers={"x-headway-attempts": "1"})
    joined = ask(world, headers={"x-headway-attempts": "1"})
    world.a.serving().answer(status, b'{"error":{"message":"no"}}')
    assert joined.status == first.status >= 400
    assert joined.body == first.body
    assert joined.field("x-request-id") != first.field("x-request-id")
    assert world.events[0].outcome == world.events[1].outcome != "ok"
    assert world.events[0].error == world.events[1].error


def test_a_stream_that_breaks_off_ends_in_the_same_way_for_all(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    settle(world)
    peer.lose()
    assert first.ended
    assert joined.ended
    assert first.body == joined.body
    assert b"[DONE]" not in joined.body
    assert b'"error"' in joined.body
    assert world.events[0].outcome == world.events[1].outcome != "ok"


def test_an_answer_that_is_cut_is_cut_for_all(world):
    first = ask(world, endpoint="audio.speech")
    peer = world.a.serving()
    peer.begin(200, b"so", kind="audio/mpeg")
    joined = ask(world, endpoint="audio.speech")
    settle(world)
    peer.lose()
    assert first.aborted
    assert joined.aborted
    assert joined.body == b"so"
    assert world.events[0].outcome == world.events[1].outcome != "ok"
    assert [event.broke for event in world.events] == [True, True]


def test_a_gateway_that_shuts_down_cuts_off_all_who_read(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    world.gateway.close()
    assert first.aborted
    assert joined.aborted
    assert peer.aborted
    assert [event.outcome for event in world.events] == ["cancelled", "cancelled"]
    assert all("shut down" in event.error for event in world.events)
    assert world.gateway.replays.readers == 0


def test_a_gateway_that_shuts_down_cuts_off_those_who_still_read_what_is_finished(world):
    _, peer = streaming(world)
    peer.end(END)
    again = ask(world, stream=True)
    again.block()
    settle(world)
    assert not again.over
    world.gateway.close()
    assert again.aborted
    assert world.events[-1].outcome == "cancelled"


# Leaving.


def test_the_exchange_goes_on_for_those_who_joined_when_the_first_client_leaves(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    first.leave()
    assert not peer.aborted
    settle(world)
    peer.end(END)
    assert joined.body == FIRST + END
    assert [event.outcome for event in world.events] == ["ok", "ok"]


def test_a_joined_client_that_leaves_changes_nothing_for_the_others(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    settle(world)
    joined.leave()
    joined.leave()
    assert not peer.aborted
    peer.end(END)
    assert first.body == FIRST + END
    cancelled, ok = world.events
    assert (cancelled.outcome, cancelled.status, cancelled.replayed) == ("cancelled", 499, True)
    assert cancelled.reply_bytes == len(FIRST)
    assert ok.outcome == "ok"


def test_a_client_that_leaves_before_it_began_is_not_written_to(world):
    _, peer = streaming(world)
    joined = ask(world, stream=True)
    joined.leave()
    settle(world)
    assert not joined.begun
    peer.end(END)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_when_the_last_client_leaves_the_exchange_is_cancelled(order, world):
    first, peer = streaming(world)
    clients = [first, ask(world, stream=True), ask(world, stream=True)]
    settle(world)
    for number in order:
        assert not peer.aborted
        clients[number].leave()
    assert peer.aborted
    assert [event.outcome for event in world.events] == ["cancelled"] * 3
    assert world.gateway.replays.in_use == 0


def test_a_repeat_after_all_have_left_runs_anew(world):
    client = ask(world)
    client.leave()
    again = ask(world)
    world.a.serving().answer(200, ANSWER)
    assert again.body == ANSWER
    assert again.field("idempotent-replayed") is None


# Slow clients.


def test_a_slow_client_does_not_slow_the_others_and_misses_nothing(world):
    first, peer = streaming(world)
    slow = ask(world, stream=True)
    settle(world)
    slow.block()
    assert not peer.paused
    peer.data(MORE)
    peer.end(END)
    assert first.ended
    assert slow.body == FIRST
    slow.unblock()
    assert slow.body == FIRST + MORE + END
    assert slow.ended


def test_the_first_client_may_be_the_slow_one(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    settle(world)
    first.block()
    peer.end(END)
    assert joined.ended
    assert not first.ended
    first.unblock()
    assert first.body == FIRST + END


def test_the_upstream_is_paused_while_every_client_is(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    settle(world)
    first.block()
    assert not peer.paused
    joined.block()
    assert peer.paused
    first.unblock()
    assert not peer.paused
    first.block()
    assert peer.paused
    joined.leave()
    first.unblock()
    assert not peer.paused
    peer.end(END)


def test_the_upstream_is_paused_when_the_only_client_that_kept_up_leaves(world):
    first, peer = streaming(world)
    joined = ask(world, stream=True)
    settle(world)
    joined.block()
    first.leave()
    assert peer.paused
    joined.unblock()
    peer.end(END)


def test_a_client_that_joins_wakes_an_upstream_that_all_others_had_paused(world):
    first, peer = streaming(world)
    first.block()
    assert peer.paused
    joined = ask(world, stream=True)
    assert not peer.paused
    settle(world)
    assert joined.body == FIRST
    first.unblock()
    peer.end(END)


def test_one_that_takes_nothing_for_too_long_is_cut_off_alone(keyed):
    world = keyed(resilience=IMPATIENT)
    first, peer = streaming(world)
    slow = ask(world, stream=True)
    settle(world)
    slow.block()
    for _ in range(7):
        world.wait(9.0)
        peer.data(MORE)
    assert slow.aborted
    assert not first.over
    peer.end(END)
    event = world.events[0]
    assert (event.outcome, event.status, event.replayed) == ("cancelled", 499, True)
    assert "took no more" in event.error


def test_one_that_takes_something_now_and_then_is_not_cut_off(keyed):
    world = keyed(resilience=IMPATIENT)
    first, peer = streaming(world)
    slow = ask(world, stream=True)
    settle(world)
    for _ in range(5):
        slow.block()
        world.wait(40.0)
        slow.unblock()
        peer.data(MORE)
    peer.end(END)
    assert slow.body == first.body == FIRST + 5 * MORE + END


def test_to_say_again_that_it_takes_nothing_gives_a_client_no_more_time(keyed):
    world = keyed(resilience=IMPATIENT)
    _, peer = streaming(world)
    slow = ask(world, stream=True)
    settle(world)
    slow.block()
    world.wait(40.0)
    slow.block()
    peer.data(MORE)
    world.wait(21.0)
    assert slow.aborted
    peer.end(END)


def test_a_client_has_two_minutes_where_its_route_does_not_say_how_long_a_stall_may_last(world):
    _, peer = streaming(world)
    peer.end(END)
    again = ask(world, stream=True)
    again.block()
    world.wait(119.0)
    assert not again.over
    world.wait(2.0)
    assert again.aborted


def test_a_client_that_takes_nothing_of_a_finished_answer_is_cut_off(keyed):
    world = keyed(resilience=IMPATIENT)
    _, peer = streaming(world)
    peer.end(END)
    again = ask(world, stream=True)
    again.block()
    world.wait(61.0)
    assert again.aborted
    assert world.gateway.replays.readers == 0


class Sipping:
    """Wraps a client's notes: it says that it takes no more after each write."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.writes: list[int] = []
        client.write = self.write

    def write(self, data: bytes) -> None:
        self.writes.append(len(data))
        self._client.pieces.append(data)
        self._client.block()


def test_a_kept_answer_is_written_no_faster_than_the_client_takes_it(keyed):
    world = keyed(Idempotency(memory=8 * KIB * KIB))
    sound = bytes(range(256)) * 1000
    ask(world, endpoint="audio.speech")
    world.a.serving().answer(200, sound, kind="audio/mpeg")
    again = ask(world, endpoint="audio.speech")
    sipping = Sipping(again)
    settle(world)
    while not again.ended:
        again.unblock()
    assert again.body == sound
    assert len(sipping.writes) == 4
    assert max(sipping.writes) == BLOCK


def test_a_client_whose_transport_fails_does_not_take_the_answer_from_the_others(world, caplog):
    first, peer = streaming(world)
    broken = ask(world, stream=True)
    settle(world)
    broken.breaking = True
    peer.data(MORE)
    peer.end(END)
    assert first.body == FIRST + MORE + END
    assert world.events[0].outcome == "cancelled"
    assert "could not be written to" in caplog.text
    broken.leave()


def test_the_transport_of_the_only_client_fails_as_it_would_without_a_key(world):
    client = ask(world)
    client.breaking = True
    peer = world.a.serving()
    with pytest.raises(RuntimeError, match="closed"):
        peer.answer(200, ANSWER)
    assert world.event.outcome == "ok"
    client.leave()
    peer.abort()
    assert world.gateway.replays.readers == 0


# Bounds.


def test_an_answer_that_outgrows_its_share_is_passed_on_but_not_kept(world):
    client, peer = streaming(world)
    for _ in range(2000):
        peer.data(MORE)
    assert len(client.body) > 100 * KIB
    assert world.gateway.replays.in_use == 0
    again = ask(world, stream=True)
    assert world.gateway.in_flight == 2, "nobody may join it any more"
    again.leave()
    peer.end(END)
    assert client.body == FIRST + 2000 * MORE + END


def test_a_whole_answer_that_is_too_large_is_not_kept(world):
    first, joined = ask(world), ask(world)
    large = b'{%b,"x":"%b"}' % (CHOICES, b"x" * 70 * KIB)
    world.a.serving().answer(200, large)
    assert first.body == joined.body == large
    assert world.gateway.replays.in_use == 0


def test_once_an_answer_is_not_kept_those_who_lag_too_far_behind_are_cut_off(world):
    first, peer = streaming(world)
    slow = ask(world, stream=True)
    close_by = ask(world, stream=True)
    settle(world)
    slow.block()
    lagging = MORE * (900 * KIB // KIB)
    peer.data(lagging)
    close_by.block()
    assert not slow.over
    peer.data(MORE * 300)
    assert slow.aborted
    assert not close_by.over
    assert world.gateway.replays.in_use == len(MORE) * 300
    close_by.unblock()
    assert world.gateway.replays.in_use == 0
    peer.end(END)
    assert first.body == close_by.body == FIRST + 1200 * MORE + END
    assert "too far behind" in world.events[0].error


def test_the_only_client_is_never_cut_off_for_lagging(world):
    client, peer = streaming(world)
    client.block()
    assert peer.paused
    peer.data(MORE * 2000)  # was on its way
    assert not client.over
    assert world.gateway.replays.in_use == 0
    client.unblock()
    peer.end(END)
    assert client.body == FIRST + MORE * 2000 + END


def test_the_oldest_finished_answers_make_room(world):
    body = b'{%b,"x":"%b"}' % (CHOICES, b"x" * 50 * KIB)
    for key in "abcdef":
        ask(world, key)
        world.a.serving().answer(200, body)
        assert world.gateway.replays.in_use <= SMALL.memory
    assert world.gateway.replays.in_use > SMALL.memory / 2
    for key in "fedc":
        ask(world, key)
    settle(world)
    assert world.a.asked == 6
    ask(world, "a")
    world.a.serving().answer(200, body)
    assert world.a.asked == 7


def test_an_answer_that_makes_room_is_still_read_to_its_end(world):
    sound = b"x" * 50 * KIB
    ask(world, "a", endpoint="audio.speech")
    world.a.serving().answer(200, sound, kind="audio/mpeg")
    slow = ask(world, "a", endpoint="audio.speech")
    slow.block()
    for key in "bcdefgh":
        ask(world, key, endpoint="audio.speech")
        world.a.serving().answer(200, sound, kind="audio/mpeg")
        assert world.gateway.replays.in_use <= SMALL.memory
    before = world.gateway.replays.in_use
    assert not slow.over
    settle(world)
    slow.unblock()
    assert slow.body == sound
    assert world.gateway.replays.in_use <= before - len(sound)


def test_keys_are_bounded_in_number(world):
    for number in range(400):
        ask(world, str(number))
        world.a.serving().answer(200, ANSWER)
        assert world.gateway.replays.in_use <= SMALL.memory
    assert len(world.gateway.replays._answers) <= SMALL.memory // OVERHEAD


def test_while_answers_in_flight_take_all_memory_a_new_key_means_nothing(keyed):
    world = keyed(Idempotency(memory=5 * KIB))
    clients = [ask(world, str(number)) for number in range(4)]
    one, other = ask(world, "one too many"), ask(world, "one too many")
    assert world.gateway.in_flight == 6
    for client in (*clients, one, other):
        client.leave()
    assert world.gateway.replays.in_use == 0


def test_new_settings_hold_for_what_is_kept_already(world):
    def publish(kept: Idempotency) -> None:
        snapshot = world.snapshot(Resilience())
        world.gateway.publish(msgspec.structs.replace(snapshot, idempotency=kept))

    for key in "abcdefgh":
        ask(world, key)
        world.a.serving().answer(200, ANSWER)
    first, peer = streaming(world)
    publish(Idempotency(memory=8 * KIB))
    assert world.gateway.replays.in_use <= 8 * KIB
    publish(Idempotency(ttl=0.0))
    assert world.gateway.replays.in_use == 0
    assert not world.gateway.replays._finished
    peer.end(END)
    assert first.body == FIRST + END
    assert world.gateway.replays.in_use == 0


def test_a_request_in_flight_goes_on_when_keys_are_turned_off(world):
    first, peer = streaming(world)
    slow = ask(world, stream=True)
    settle(world)
    slow.block()
    peer.data(MORE)
    world.gateway.publish(msgspec.structs.replace(world.snapshot(Resilience()), idempotency=Idempotency(memory=0)))
    assert not slow.over
    peer.data(MORE)
    assert slow.aborted, "there is no memory for what it has yet to read"
    peer.end(END)
    assert first.body == FIRST + MORE + MORE + END
