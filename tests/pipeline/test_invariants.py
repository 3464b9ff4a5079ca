"""Whatever happens, in whatever order: every exchange ends once, is recorded once, and leaves nothing behind."""

from __future__ import annotations

import itertools
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headway.failures import FailureKind
from headway.types import Resilience, Timeouts

TIMEOUTS = Timeouts(connect=2.0, headers=3.0, first_token=2.0, stall=4.0, total=12.0)
ANSWER = b'{"object":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"
PIECES = st.sampled_from(
    [EVENT, EVENT[:17], EVENT[17:], USAGE, DONE, b": comment\n\n", b"data: {oops\n\n", b"\n\n", b"", ANSWER, ANSWER[:9]]
)
KINDS = st.sampled_from(["text/event-stream", "application/json", "text/html", "audio/mpeg", ""])
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 408, 429, 500, 503, 529, 600])
ENDINGS = st.sampled_from([FailureKind.BAD_REPLY, FailureKind.TRANSPORT])


def outcomes(make_world: Any) -> type[RuleBasedStateMachine]:
    """The machine over worlds that `make_world` makes; they are checked when a run is over."""

    class Outcomes(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            tiers = [["a#one", "a#two"], ["b"]]
            self.world = make_world(tiers, resilience=Resilience(timeouts=TIMEOUTS), concurrency=2)

        # The client.

        @precondition(lambda self: len(self.world.clients) < 4)
        @rule(stream=st.booleans(), endpoint=st.sampled_from(["chat", "responses", "audio.speech"]))
        def ask(self, stream: bool, endpoint: str) -> None:
            self.world.ask(stream=stream, endpoint=endpoint)

        @precondition(lambda self: self.clients())
        @rule(data=st.data(), what=st.sampled_from(["leave", "block", "block", "unblock", "unblock"]))
        def client_does(self, data: st.DataObject, what: str) -> None:
            client = data.draw(st.sampled_from(self.clients()), "client")
            getattr(client, what)()

        # The upstreams.

        @precondition(lambda self: self.dials())
        @rule(data=st.data(), succeeds=st.booleans())
        def dial_ends(self, data: st.DataObject, succeeds: bool) -> None:
            dial = data.draw(st.sampled_from(self.dials()), "dial")
            dial.connect() if succeeds else dial.fail()

        @precondition(lambda self: self.peers(reading=False))
        @rule(data=st.data(), status=STATUSES, kind=KINDS, body=PIECES, complete=st.booleans())
        def head_comes(self, data: st.DataObject, status: int, kind: str, body: bytes, complete: bool) -> None:
            peer = data.draw(st.sampled_from(self.peers(reading=False)), "peer")
            peer.reading = not complete
            if complete:
                peer.answer(status, body, kind=kind)
            else:
                peer.begin(status, body, kind=kind)

        @precondition(lambda self: self.peers(reading=True))
        @rule(data=st.data(), piece=PIECES, last=st.booleans())
        def body_comes(self, data: st.DataObject, piece: bytes, last: bool) -> None:
            peer = data.draw(st.sampled_from(self.peers(reading=True)), "peer")
            if last:
                peer.reading = False
                peer.end(piece)
            else:
                peer.data(piece)

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
            self.world.gateway.publish(self.world.snapshot(Resilience(timeouts=TIMEOUTS)))

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
            """Each at most one; none while it waits before its next attempt."""
            assert len(self.peers()) + len(self.dials()) <= self.world.gateway.in_flight

        def teardown(self) -> None:
            """Time alone ends everything."""
            self.world.wait(TIMEOUTS.total + 1.0)
            self.world.check()

        # What there is to choose from.

        def clients(self) -> list[Any]:
            return [client for client in self.world.clients if not client.over]

        def dials(self) -> list[Any]:
            return [dial for name in "ab" for dial in self.world[name].dials if dial.pending]

        def peers(self, reading: bool | None = None) -> list[Any]:
            busy = [peer for name in "ab" for peer in self.world[name].peers if peer.waiting]
            return [peer for peer in busy if reading is None or getattr(peer, "reading", False) is reading]

    return Outcomes


def test_every_exchange_has_one_outcome_and_leaves_nothing_behind(make_world):
    machine = outcomes(make_world)
    machine.TestCase.settings = settings(
        max_examples=100, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
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
