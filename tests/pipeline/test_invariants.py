"""Whatever happens, in whatever order: every exchange ends once, is recorded once, and leaves nothing behind."""

from __future__ import annotations

import itertools
import re
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headway.failures import FailureKind
from headway.types import Hedge, Quirks, Resilience, Timeouts

TIMEOUTS = Timeouts(connect=2.0, headers=3.0, first_token=2.0, stall=4.0, total=12.0)
QUICK = Timeouts(connect=2.0, headers=3.0, first_token=2.0, stall=4.0, total=12.0, hold=1.5)
RESILIENCES = {
    "usual": Resilience(timeouts=TIMEOUTS),
    "all at once": Resilience(timeouts=QUICK, hedge=Hedge(delay=1.0, share=1.0), continuation=True, tool_calls="whole"),
    "whole": Resilience(timeouts=QUICK, stream="whole"),
}
ANSWER = b'{"object":"x","choices":[{"message":{"content":"<WHO>"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"<WHO>"}}]}\n\n'
CALL = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
ERROR = b'data: {"error":{"message":"oops","code":"server_error"}}\n\n'
DONE = b"data: [DONE]\n\n"
PIECES = st.sampled_from(
    [
        EVENT,
        EVENT,
        EVENT[:17],
        EVENT[17:],
        CALL,
        STOP,
        USAGE,
        ERROR,
        DONE,
        STOP + DONE,
        b": comment\n\n",
        b"data: {oops\n\n",
        b"\n\n",
        b"",
        ANSWER,
        ANSWER[:9],
    ]
)
"""`WHO` stands for the attempt that answers."""
TOOLS = [{"type": "function", "function": {"name": "f"}}]
KINDS = st.sampled_from(["text/event-stream", "application/json", "text/html", "audio/mpeg", ""])
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 408, 429, 500, 503, 529, 600])
ENDINGS = st.sampled_from([FailureKind.BAD_REPLY, FailureKind.TRANSPORT])


def outcomes(make_world: Any, resilience: Resilience) -> type[RuleBasedStateMachine]:
    """The machine over worlds that `make_world` makes; they are checked when a run is over."""

    class Outcomes(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            tiers = [["a#one", "a#two"], ["b"]]
            self.world = make_world(tiers, resilience=resilience, quirks=Quirks(prefill="plain"), concurrency=2)
            self.answers = itertools.count(1)

        # The client.

        @precondition(lambda self: len(self.world.clients) < 4)
        @rule(
            stream=st.sampled_from([True, True, False]),
            endpoint=st.sampled_from(["chat", "chat", "responses", "audio.speech"]),
            more=st.sampled_from([{}, {"tools": TOOLS}, {"store": False}]),
        )
        def ask(self, stream: bool, endpoint: str, more: dict[str, Any]) -> None:
            self.world.ask(stream=stream, endpoint=endpoint, messages=[{"role": "user", "content": "x"}], **more)

        @precondition(lambda self: self.clients())
        @rule(data=st.data(), what=st.sampled_from(["leave", "block", "block", "unblock", "unblock"]))
        def client_does(self, data: st.DataObject, what: str) -> None:
            client = data.draw(st.sampled_from(self.clients()), "client")
            getattr(client, what)()

        # The upstreams.

        @precondition(lambda self: self.dials())
        @rule(data=st.data(), succeeds=st.sampled_from([True, True, True, False]))
        def dial_ends(self, data: st.DataObject, succeeds: bool) -> None:
            dial = data.draw(st.sampled_from(self.dials()), "dial")
            dial.connect() if succeeds else dial.fail()

        @precondition(lambda self: self.peers(reading=False))
        @rule(data=st.data(), status=STATUSES, kind=KINDS, body=PIECES, complete=st.booleans())
        def head_comes(self, data: st.DataObject, status: int, kind: str, body: bytes, complete: bool) -> None:
            peer = data.draw(st.sampled_from(self.peers(reading=False)), "peer")
            peer.reading = not complete
            peer.who = b"%d" % next(self.answers)
            body = body.replace(b"WHO", peer.who)
            if complete:
                peer.answer(status, body, kind=kind)
            else:
                peer.begin(status, body, kind=kind)

        @precondition(lambda self: self.peers(reading=True))
        @rule(data=st.data(), piece=PIECES, last=st.booleans())
        def body_comes(self, data: st.DataObject, piece: bytes, last: bool) -> None:
            peer = data.draw(st.sampled_from(self.peers(reading=True)), "peer")
            piece = piece.replace(b"WHO", peer.who)
            if last:
                peer.reading = False
                peer.end(piece)
            else:
                peer.data(piece)

        @precondition(lambda self: self.peers())
        @rule(data=st.data(), ends=st.sampled_from([True, False, False]))
        def words_come(self, data: st.DataObject, ends: bool) -> None:
            """As most upstreams do most of the time."""
            peer = data.draw(st.sampled_from(self.peers()), "peer")
            if not getattr(peer, "reading", False):
                peer.reading = True
                peer.who = b"%d" % next(self.answers)
                peer.begin()
            if peer.waiting:
                peer.data(EVENT.replace(b"WHO", peer.who))
            if ends and peer.waiting:
                peer.reading = False
                peer.end(STOP + DONE)

        @precondition(lambda self: self.peers())
        @rule(data=st.data(), kind=ENDINGS, stale=st.booleans())
        def connection_breaks(self, data: st.DataObject, kind: FailureKind, stale: bool) -> None:
            peer = data.draw(st.sampled_from(self.peers()), "peer")
            peer.lose(kind, stale=stale and not getattr(peer, "reading", False))

        # Time, and the configuration.

        @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 5.0]))
        def time_passes(self, seconds: float) -> None:
            self.world.wait(seconds)

        @rule()
        def configuration_is_published_again(self) -> None:
            self.world.gateway.publish(self.world.snapshot(resilience))

        # What holds at every moment.

        @invariant()
        def what_is_over_is_recorded_and_nothing_else(self) -> None:
            over = sum(client.over for client in self.world.clients)
            assert len(self.world.events) == over
            assert self.world.gateway.in_flight == len(self.world.clients) - over
            assert {event.status for event in self.world.events} <= {client.status for client in self.world.clients} | {
                499
            }

        @invariant()
        def whoever_occupies_an_upstream_holds_a_slot_and_nobody_else(self) -> None:
            assert self.world.slots == len(self.peers()) + len(self.dials())

        @invariant()
        def only_what_is_in_flight_occupies_upstreams(self) -> None:
            """Each at most one, or two where it is hedged; none while it waits before its next attempt."""
            most = 1 if resilience.hedge is None else 2
            assert len(self.peers()) + len(self.dials()) <= most * self.world.gateway.in_flight

        @invariant()
        def nobody_sees_words_of_two_answers_unless_told_so(self) -> None:
            for client in self.world.clients:
                answers = set(re.findall(rb"<(\d+)>", client.body))
                assert len(answers) <= 1 + client.body.count(b": continued by")

        @invariant()
        def no_request_costs_more_attempts_than_it_may(self) -> None:
            assert all(len(event.attempts) <= resilience.attempts for event in self.world.events)

        def teardown(self) -> None:
            """Time alone ends everything."""
            self.world.wait(TIMEOUTS.total + 1.0)
            self.world.check()
            self.what_is_no_answer_does_not_look_like_one()

        def what_is_no_answer_does_not_look_like_one(self) -> None:
            events = {event.request_id: event for event in self.world.events}
            for client in self.world.clients:
                if not client.ended:
                    continue
                event = events[client.field("x-request-id")]
                if event.outcome == "ok":
                    assert b"stream_interrupted" not in client.body
                elif event.status < 400:
                    last = client.body.rstrip().split(b"\n\n")[-1]
                    assert b"error" in last, "it ends with an error"

        # What there is to choose from.

        def clients(self) -> list[Any]:
            return [client for client in self.world.clients if not client.over]

        def dials(self) -> list[Any]:
            return [dial for name in "ab" for dial in self.world[name].dials if dial.pending]

        def peers(self, reading: bool | None = None) -> list[Any]:
            busy = [peer for name in "ab" for peer in self.world[name].peers if peer.waiting]
            return [peer for peer in busy if reading is None or getattr(peer, "reading", False) is reading]

    return Outcomes


@pytest.mark.parametrize("name", RESILIENCES)
def test_every_exchange_has_one_outcome_and_leaves_nothing_behind(name, make_world):
    machine = outcomes(make_world, RESILIENCES[name])
    machine.TestCase.settings = settings(
        max_examples=150, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
    )
    machine.TestCase("runTest").runTest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_a_stream_reads_the_same_however_it_is_cut(make_world, cuts):
    stream = EVENT * 3 + b": ping\n\n" + EVENT.replace(b"}\n\n", b',"finish_reason":"stop"}\n\n') + USAGE + DONE
    world = make_world()
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        peer.data(stream[start:end])
    peer.end()
    assert client.body == stream.replace(USAGE, b"")
    assert world.event.usage is not None
    assert world.event.outcome == "ok"
