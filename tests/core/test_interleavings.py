"""Ten thousand requests begin, answer, fail, time out, are cancelled and wait in a line, in any order: what was taken
comes back, no bucket owes more than it holds, nobody gets more than it bears, and nobody is forgotten.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from headway.core.balance import STRATEGIES
from headway.core.buckets import REGROWS, Bucket
from headway.core.candidates import Candidate
from headway.core.exchange import Attempt, Exchange, Full, GiveUp, Step, Wait
from headway.core.line import Line, Place, Ticket
from headway.core.load import Load
from headway.core.registry import LiveRoute
from headway.failures import Failure, FailureKind
from headway.types import BalanceName, Limits, Reading, Usage

if TYPE_CHECKING:
    from core.conftest import World

K = FailureKind
FAILS: list[FailureKind] = [K.TIMEOUT, K.SERVER_ERROR, K.RATE_LIMITED, K.OVERLOADED, K.MODEL_FAULT, K.TRANSPORT]
KEYS = "a#1 a#2 b c d"


class Client:
    """One request, and where it stands."""

    def __init__(self, exchange: Exchange, ticket: Ticket) -> None:
        self.exchange = exchange
        self.ticket = ticket
        self.running: Attempt | None = None
        self.until: float | None = None
        self.place: Place[Client] | None = None


class Crowd:
    """Many clients of one route."""

    def __init__(self, world: World, balance: BalanceName, seed: int) -> None:
        self.world = world
        self.rng = Random(seed)
        world.key_limits["a#1"] = Limits(rpm=600, tpm=120_000)
        world.key_limits["b#k"] = Limits(tpm=60_000, rpd=100_000)
        world.provider_limits["a"] = Limits(rpm=1000)
        world.key_caps["a#2"] = 5
        world.provider_caps["c"] = 8
        self.route: LiveRoute = world.route(KEYS, balance=balance, affinity=60.0)
        self.line: Line[Client] = Line(5.0, 40)
        self.now = 0.0
        self.begun = 0
        self.clients: list[Client] = []
        self.asked: Counter[str] = Counter()

    # --- one thing happens ---

    def happens(self) -> None:
        self.now += self.rng.choice([0.0, 0.001, 0.02, 0.1])
        running = [client for client in self.clients if client.running is not None]
        waiting = [client for client in self.clients if client.until is not None]
        what = self.rng.random()
        if what < 0.3 or not self.clients:
            self.begin()
        elif what < 0.4:
            self.pump()
        elif what < 0.5 and waiting:
            client = self.rng.choice(waiting)
            assert client.until is not None
            self.now = max(self.now, client.until)
            client.until = None
            self.follow(client, client.exchange.resume(self.now))
        elif what < 0.52 and self.line.length:
            self.gone(self.rng.choice(list(self.line)).who)
        elif running:
            self.ends(self.rng.choice(running))

    def begin(self) -> None:
        self.begun += 1
        load = Load(text=self.rng.randint(0, 8000), most_output=self.rng.choice([None, 100, 2000]))
        session = self.rng.choice([None, self.rng.randint(0, 50)])
        exchange = self.world.exchange(self.route, now=self.now, seed=self.begun, load=load, session=session)
        ticket = Ticket(self.rng.choice([b"x", b"x", b"y"]), self.rng.choice([0, 1, 1, 2]), load.text / 4 + 100.0)
        client = Client(exchange, ticket)
        self.clients.append(client)
        self.follow(client, exchange.begin(self.now))

    def pump(self) -> None:
        for place in self.line.late(self.now):
            self.line.leave(place)
            place.who.place = None
            self.follow(place.who, place.who.exchange.overdue(self.now))
        while (place := self.line.first()) is not None:
            step = place.who.exchange.begin(self.now)
            if isinstance(step, Full):
                return
            self.line.let_in(place, self.now)
            place.who.place = None
            self.follow(place.who, step)

    def ends(self, client: Client) -> None:
        attempt, exchange = client.running, client.exchange
        assert attempt is not None
        if not attempt.began and self.rng.random() < 0.3:
            self.headers(exchange, attempt)
        chance = self.rng.random()
        if chance < 0.3 and not attempt.began:
            exchange.committed(attempt, self.now)
            return
        client.running = None
        if chance < 0.7:
            usage = Usage(input_tokens=self.rng.randint(0, 4000), output_tokens=self.rng.randint(0, 4000))
            exchange.succeeded(attempt, 200, self.now, self.rng.choice([usage, usage, None]))
            self.clients.remove(client)
        elif chance < 0.8 or attempt.began:
            kind = self.rng.choice([K.CANCELLED, K.TRUNCATED])
            source = "downstream" if kind is K.CANCELLED else "upstream"
            exchange.ended_badly(attempt, Failure(kind=kind, source=source, message=""), self.now)
            self.clients.remove(client)
        else:
            kind, after = self.rng.choice(FAILS), self.rng.choice([None, None, self.rng.uniform(0.0, 3.0)])
            failure = Failure(kind=kind, source="upstream", message="", retry_after=after)
            self.follow(client, exchange.failed(attempt, failure, self.now))

    def headers(self, exchange: Exchange, attempt: Attempt) -> None:
        if attempt.candidate.name.startswith("c/"):
            limit = self.rng.choice([200.0, 200.0, 100.0])
            left = Reading(dimension="requests", limit=limit, remaining=self.rng.uniform(-1.0, limit), window=60.0)
            exchange.read(attempt, (left,), self.now)

    def gone(self, client: Client) -> None:
        """The client of one that waits in the line has left."""
        assert client.place is not None
        self.line.leave(client.place)
        self.clients.remove(client)

    def follow(self, client: Client, step: Step) -> None:
        match step:
            case Attempt():
                client.running = step
                self.asked[step.candidate.name] += 1
                concurrency = step.candidate.concurrency
                assert concurrency.used <= concurrency.limit
            case Wait():
                client.until = step.until
            case GiveUp():
                self.clients.remove(client)
            case Full() if self.line.length < self.line.most:
                client.place = self.line.join(client, client.ticket, self.now + self.line.longest, self.now)
            case Full():
                self.clients.remove(client)

    # --- what must hold ---

    @property
    def candidates(self) -> list[Candidate]:
        return self.route.tiers[0].candidates

    def buckets(self) -> list[Bucket]:
        return [bucket for each in self.candidates for bucket in (*each.quota.buckets, *each.overall.buckets)]

    def check(self) -> None:
        running = Counter(client.running.candidate.name for client in self.clients if client.running is not None)
        for candidate in self.candidates:
            assert candidate.concurrency.used == candidate.credential_slots.used == running[candidate.name]
        assert self.line.length == sum(client.place is not None for client in self.clients)
        for bucket in self.buckets():
            assert -bucket.limit - 1e-6 <= bucket.level <= bucket.limit + 1e-6

    def leave(self) -> None:
        """Everybody goes, in any order."""
        self.rng.shuffle(self.clients)
        for client in list(self.clients):
            if client.running is not None:
                gone = Failure(kind=K.CANCELLED, source="downstream", message="")
                client.exchange.ended_badly(client.running, gone, self.now)
            elif client.place is not None:
                self.line.leave(client.place)
        self.clients.clear()


@pytest.fixture
def crowd(world: World, request: pytest.FixtureRequest) -> Crowd:
    balance, seed = request.param
    return Crowd(world, balance, seed)


CROWDS = [(balance, seed) for balance in STRATEGIES for seed in range(3)]


@pytest.mark.parametrize("crowd", CROWDS, indirect=True, ids=[f"{balance}-{seed}" for balance, seed in CROWDS])
def test_whatever_happens_in_whatever_order_everything_comes_back(crowd: Crowd):
    for number in range(3000):
        crowd.happens()
        if number % 10 == 0:
            crowd.check()
    crowd.check()
    crowd.leave()
    crowd.check()
    assert crowd.begun > 800
    assert crowd.line.length == 0
    for candidate in crowd.candidates:
        allowance = candidate.state.allowance
        assert (candidate.provider_slots.used, allowance.in_flight, allowance.failovers) == (0, 0, 0)
    for bucket in crowd.buckets():
        assert bucket.refill(crowd.now + REGROWS + 3 * bucket.window) == bucket.limit
    assert min(crowd.asked[candidate.name] for candidate in crowd.candidates) > 0, "somebody was starved"
