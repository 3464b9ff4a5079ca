"""Clients of one key that come, wait, read slowly and leave in any order: each that stays sees the one answer."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from events import made_event
from headway.pipeline.fanout import Fanout
from headway.pipeline.idempotency import Refused, Replays
from headway.pipeline.reader import Caller, Reader
from headway.types import ExchangeEvent, Idempotency

KIB = 1024
MEMORY = 24 * KIB
PIECE = st.integers(1, 5 * KIB)
PATIENCE = 30.0


class Reading:
    """A client: strict about what it is told, and blocked from time to time in the middle of a write."""

    def __init__(self, name: str, exchange: Any, room: int | None) -> None:
        self.name = name
        self.exchange = exchange
        self.place: Any = None
        self.taken = bytearray()
        self.begun = self.ended = self.aborted = self.left = False
        self.replayed = True
        self.room = room
        """Bytes that it takes before it blocks; None: all."""

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.begin(status, headers, len(body))
        self.taken += body
        self.end()

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        assert not self.begun
        self._check()
        self.begun = True
        assert (b"idempotent-replayed" in headers) is self.replayed
        assert headers.count(b"x-request-id:") == 1

    def write(self, data: bytes) -> None:
        self._check()
        assert self.begun
        assert data
        self.taken += data
        if self.room is not None:
            self.room -= len(data)
            if self.room <= 0 and self.place is not None:
                self.place.pause()

    def end(self) -> None:
        self._check()
        self.ended = True

    def abort(self) -> None:
        self._check()
        held_up = self.place.paused or not self.begun
        assert held_up or self.exchange.how == "abort", "it kept up"
        self.aborted = True

    def _check(self) -> None:
        assert not self.over

    @property
    def over(self) -> bool:
        return self.ended or self.aborted or self.left


class Speaking:
    """An exchange: says something, and ends."""

    def __init__(self, fanout: Fanout) -> None:
        self.fanout = fanout
        self.said = bytearray()
        self.paused = False
        self.begun = False
        self.status = 200
        self.how = ""
        """How it ended."""

    def pause(self) -> None:
        assert not self.paused
        self.paused = True

    def resume(self) -> None:
        assert self.paused
        self.paused = False

    def client_gone(self, how: str = "it left") -> None:
        if not self.how:
            self.how = "gone"
            self.fanout.settled(event_of("cancelled", 499))

    def say(self, size: int) -> None:
        data = bytes((len(self.said) + number) % 251 for number in range(size))
        self.said += data
        if not self.begun:
            self.begun = True
            self.fanout.begin(200, b"content-type: x\r\nx-request-id: first\r\n", None)
        self.fanout.write(data)

    def finish(self, how: str, status: int = 200) -> None:
        self.how = how
        self.status = status
        if how == "abort":
            self.fanout.abort()
            self.fanout.settled(event_of("cancelled", 499))
            return
        self.fanout.settled(event_of("ok" if how == "ok" else "truncated", 200))
        if self.begun:
            self.fanout.end()
        else:
            self.said += b"whole"
            self.fanout.reply(status, b"content-type: x\r\nx-request-id: first\r\n", b"whole")


def event_of(outcome: str, status: int) -> ExchangeEvent:
    return made_event(request_id="first", stream=True, outcome=outcome, status=status)


class Interleavings(RuleBasedStateMachine):
    make_clock: Any

    @initialize()
    def begin(self) -> None:
        self.clock = self.make_clock()
        self.events: list[ExchangeEvent] = []
        self.clients: list[Reading] = []
        self.exchanges: list[Speaking] = []
        self.replays = Replays(
            Idempotency(ttl=60.0, memory=MEMORY),
            self.events.append,
            now=self.clock,
            wall=self.clock,
            later=self.clock.call_later,
        )

    # The clients.

    @rule(key=st.sampled_from([b"a", b"a", b"b"]), room=st.none() | st.integers(1, 6 * KIB))
    def ask(self, key: bytes, room: int | None) -> None:
        latest = next((each for each in reversed(self.exchanges) if each.fanout.scope.startswith(key + b"\0")), None)
        client = Reading(str(len(self.clients)), latest, room)
        caller = Caller(
            request_id=client.name,
            endpoint="chat",
            model="m",
            route="r",
            stream=True,
            size=0,
            began=self.clock.now,
            patience=PATIENCE,
        )
        claim = self.replays.claim(key, b"digest", client, caller)
        assert not isinstance(claim, Refused)
        if isinstance(claim, Fanout):
            exchange = client.exchange = Speaking(claim)
            client.replayed = False
            self.exchanges.append(exchange)
            client.place = claim.run_by(exchange, client)
        elif isinstance(claim, Reader):
            assert latest is not None
            assert not latest.how or (latest.how == "ok" and (latest.begun or latest.status == 200)), (
                "only good answers"
            )
            client.place = claim
        else:
            return  # there is no memory for it
        self.clients.append(client)

    @precondition(lambda self: self.reading())
    @rule(data=st.data(), room=st.none() | st.integers(1, 6 * KIB))
    def client_takes_more(self, data: st.DataObject, room: int | None) -> None:
        client = data.draw(st.sampled_from(self.reading()))
        client.room = room
        client.place.resume()

    @precondition(lambda self: self.reading())
    @rule(data=st.data())
    def client_blocks(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.reading())).place.pause()

    @precondition(lambda self: self.reading())
    @rule(data=st.data())
    def client_leaves(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.reading()))
        client.left = True
        client.place.client_gone()

    # The exchanges.

    @precondition(lambda self: self.speaking())
    @rule(data=st.data(), size=PIECE)
    def upstream_says_more(self, data: st.DataObject, size: int) -> None:
        data.draw(st.sampled_from(self.speaking())).say(size)

    @precondition(lambda self: self.speaking())
    @rule(data=st.data(), how=st.sampled_from(["ok", "ok", "bad", "abort"]), status=st.sampled_from([200, 200, 302]))
    def exchange_ends(self, data: st.DataObject, how: str, status: int) -> None:
        data.draw(st.sampled_from(self.speaking())).finish(how, status)

    @precondition(lambda self: any(exchange.how == "ok" for exchange in self.exchanges))
    @rule(data=st.data())
    def exchange_is_cut_off_when_it_is_over(self, data: st.DataObject) -> None:
        over = [exchange for exchange in self.exchanges if exchange.how == "ok"]
        aborted = [client.aborted for client in self.clients]
        data.draw(st.sampled_from(over)).fanout.abort()
        assert [client.aborted for client in self.clients] == aborted

    @rule(seconds=st.sampled_from([0.0, 0.0, 1.0, 20.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.pass_by(seconds)

    # What holds at every moment.

    @invariant()
    def every_client_has_seen_the_beginning_of_the_one_answer(self) -> None:
        for client in self.clients:
            said = client.exchange.said
            assert said.startswith(client.taken)
            if client.ended:
                assert client.taken == said
                assert client.exchange.how in ("ok", "bad")
            elif client.begun and not client.over and not client.place.paused:
                assert client.taken == said
                assert not client.exchange.how

    @invariant()
    def memory_is_bounded_and_accounted_for(self) -> None:
        fanouts = [exchange.fanout for exchange in self.exchanges]
        assert self.replays.in_use == sum(fanout.charged for fanout in fanouts) <= MEMORY
        for fanout in fanouts:
            assert len(fanout._buffer) + len(fanout._whole or b"") <= fanout.charged <= MEMORY // 4

    @invariant()
    def the_upstream_is_paused_while_every_client_is(self) -> None:
        for exchange in self.speaking():
            readers = [client for client in self.clients if client.exchange is exchange and not client.over]
            assert readers, "an exchange that nobody reads is cancelled"
            assert exchange.paused is all(client.place.paused for client in readers)

    @invariant()
    def every_repeat_that_is_over_has_one_event(self) -> None:
        over = [client for client in self.clients if client.replayed and client.over]
        assert sorted(event.request_id for event in self.events) == sorted(client.name for client in over)
        assert all(event.replayed for event in self.events)

    @invariant()
    def only_those_who_still_read_are_attached(self) -> None:
        assert self.replays.readers == len(self.reading())

    def teardown(self) -> None:
        for exchange in self.speaking():
            exchange.finish("ok")
        self.clock.pass_by(0.0)
        for client in self.reading():
            client.room = None
            client.place.resume()
        assert self.reading() == []
        assert self.replays.readers == 0
        self.clock.pass_by(0.0)
        assert self.clock.timers == []
        self.every_client_has_seen_the_beginning_of_the_one_answer()
        self.every_repeat_that_is_over_has_one_event()
        self.replays.adjust(Idempotency(memory=0))
        assert self.replays.in_use == 0

    # What there is to choose from.

    def reading(self) -> list[Reading]:
        return [client for client in self.clients if not client.over]

    def speaking(self) -> list[Speaking]:
        return [exchange for exchange in self.exchanges if not exchange.how]


def test_whatever_the_order_every_client_that_stays_sees_the_one_answer(make_world):
    Interleavings.make_clock = type(make_world().clock)
    case: Any = Interleavings.TestCase
    case.settings = settings(max_examples=100, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow])
    case("runTest").runTest()
