"""Traffic that shows how a gateway spreads and bounds it: the same requests and upstreams for every strategy.

What comes of it is told as `Outcome`s; what is to be made of these is `figures`' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from random import Random
from typing import Literal

import msgspec

from headway.types import AttemptRecord, BalanceName, Credential, ExchangeEvent, Limits, Quirks, Secret
from sim.answers import Style
from sim.capacity import BYTES_PER_TOKEN, Allowed, Capacity
from sim.clients import Client, Wish
from sim.settings import Setting
from sim.shapes import Keyed, Shape
from sim.upstreams import Mood, Temper
from sim.world import START, World

EXACT = frozenset({"weighted", "round_robin"})
"""Strategies that keep no conversations where nothing is said."""
AFFINITY = 600.0
"""Seconds, as the configuration has it where nothing is said."""
TERSE = Style(terse=True)
MINUTE = 60.0


class Outcome(msgspec.Struct, frozen=True):
    """What became of one request. Times are seconds after the run began."""

    wish: Wish
    at: float
    status: int
    ok: bool
    duration: float
    queued: float
    began: float
    """When it saw the beginning of its answer."""
    fields: bytes
    tokens: int
    attempts: tuple[AttemptRecord, ...]

    @property
    def refused_at_once(self) -> bool:
        return not self.ok and not self.attempts

    def key(self) -> str:
        """Whose answer it got."""
        return self.attempts[-1].target.rpartition("#")[2]


def play(setting: Setting, seed: int = 1) -> list[Outcome]:
    """In the order in which they ended."""
    outcomes: list[Outcome] = []

    def served(client: Client, event: ExchangeEvent) -> None:
        outcomes.append(
            Outcome(
                client.wish,
                client.asked_at - START,
                client.status,
                event.outcome == "ok",
                event.duration,
                event.queued,
                client.asked_at - START + (event.first_byte or 0.0),
                client.fields,
                0 if event.usage is None else event.usage.input_tokens + event.usage.output_tokens,
                event.attempts,
            )
        )

    World(setting, seed, strict=False, served=served).finish()
    return outcomes


def keyed(
    name: str, keys: int = 1, *, kind: str = "openai", concurrency: int | None = None, limits: Limits | None = None
) -> Keyed:
    credentials = [
        Credential(name=f"k{n}", secret=Secret(secret(name, n)), concurrency=concurrency, limits=limits or Limits())
        for n in range(keys)
    ]
    return Keyed(name, kind, credentials, None, Quirks())


def secret(provider: str, key: int) -> str:
    return f"sk-{provider}-{key}"


def arrivals(rng: Random, rate: float, length: float, together: float = 1.0) -> Iterator[float]:
    """Moments at which somebody asks, `rate` a second: bursts of `together` requests each, about, within 100 ms."""
    at = 0.0
    while (at := at + rng.expovariate(rate / together)) < length:
        yield at
        while rng.random() > 1.0 / together:
            yield min(at + rng.uniform(0.0, 0.1), length)


# --- four keys of unequal quotas ---

QUOTAS = (
    Allowed(600.0, 600_000.0),
    Allowed(400.0, 110_000.0),
    Allowed(120.0, 200_000.0),
    Allowed(1000.0, 44_000.0),
)
"""Two of these are bounded by requests, and two by tokens."""
ANSWERS = 100.0
LONGEST = 4000
"""Bytes of a request, at most; half of it on the average."""


def usual_tokens() -> float:
    """Of one request and its answer."""
    return (LONGEST / 2.0 + 5.0) / BYTES_PER_TOKEN + ANSWERS


def each_bears() -> list[float]:
    """Requests per second of each of the four keys."""
    return [min(each.requests, each.tokens / usual_tokens()) / MINUTE for each in QUOTAS]


def four_keys(
    balance: BalanceName, *, load: float = 0.9, length: float = 600.0, together: float = 5.0, tells: bool = True
) -> Setting:
    """`load` is the part of what the keys bear together that is asked for."""
    rng = Random("four keys")
    keys = {secret("a", place): quota for place, quota in enumerate(QUOTAS)}
    capacity = Capacity(keys, tells=tells, answers=ANSWERS)
    wishes = [
        Wish(at=at, stream=rng.random() < 0.5, bulk=rng.randrange(LONGEST))
        for at in sorted(arrivals(rng, load * sum(each_bears()), length, together))
    ]
    shape = Shape([keyed("a", 4)], [[("a", "m", 1.0)]], balance=balance, affinity=None)
    return Setting(shape, {"a": Temper("openai", TERSE, [], capacity=capacity)}, wishes, [])


# --- more than there is room for ---

SLOTS = 20
SERVICE = 1.5
"""Seconds that an answer takes, about."""
CROWD = 300.0
By = Literal["slots", "quota"]


def bears(by: By) -> float:
    """Requests per second."""
    return SLOTS / SERVICE if by == "slots" else 15.0


def holds(by: By, length: float = CROWD) -> float:
    """Requests in such a time: a quota has a minute's worth to begin with."""
    return bears(by) * (length if by == "slots" else length + MINUTE)


def crowd(
    balance: BalanceName,
    by: By,
    *,
    load: float = 1.5,
    length: float = CROWD,
    then: float = 0.0,
    priorities: tuple[str, str] = ("", ""),
) -> Setting:
    """Two tenants, one of which asks ten times as often as the other. `then`: seconds of a tenth as many."""
    rng, rate = Random("crowd"), load * bears(by)
    wishes = [
        Wish(at=begin + at, stream=rng.random() < 0.5, tenant=name, priority=priority, bulk=rng.randrange(LONGEST))
        for name, priority, part in (("heavy", priorities[0], 10.0 / 11.0), ("light", priorities[1], 1.0 / 11.0))
        for begin, lasts, each in ((0.0, length, rate), (length, then, rate / 10.0))
        for at in arrivals(rng, each * part, lasts)
    ]
    wishes.sort(key=lambda wish: wish.at)
    capacity = Capacity(first=0.5, per_token=0.01, answers=100.0)
    if by == "slots":
        each = keyed("a", concurrency=SLOTS)
    else:
        quota = Allowed(requests=bears(by) * MINUTE)
        capacity = msgspec.structs.replace(capacity, keys={secret("a", 0): quota})
        each = keyed("a")
    shape = Shape([each], [[("a", "m", 1.0)]], balance=balance, affinity=AFFINITY)
    return Setting(shape, {"a": Temper("openai", TERSE, [], capacity=capacity)}, wishes, [])


# --- one of three that has a bad day ---

SLOWER, FAILING, WELL_AGAIN, ENDS = 60.0, 120.0, 180.0, 300.0


def bad_day(balance: BalanceName, *, rate: float = 10.0) -> Setting:
    """Of three endpoints one turns five times slower, then fails at once, then is well again."""
    rng = Random("bad day")
    names = "abc"
    moods = {
        "a": [
            (START, Mood()),
            (START + SLOWER, Mood(slower=5.0)),
            (START + FAILING, Mood(0.0, ("unavailable",))),
            (START + WELL_AGAIN, Mood()),
        ]
    }
    tempers = {
        name: Temper("openai", TERSE, moods.get(name, []), quick=0.02, capacity=Capacity(tells=False)) for name in names
    }
    wishes = [Wish(at=at, stream=True, bulk=rng.randrange(LONGEST)) for at in arrivals(rng, rate, ENDS)]
    return Setting(_three(names, balance), tempers, wishes, [])


def _three(names: str, balance: BalanceName) -> Shape:
    """Of which the first is the cheapest."""
    shape = Shape([keyed(name) for name in names], [[(name, "m", 1.0) for name in names]], balance=balance)
    shape.prices = {name: 1.0 + place for place, name in enumerate(names)}
    return shape


# --- three servers of unequal size ---

WORKERS = {"a": 4, "b": 8, "c": 20}


def servers(balance: BalanceName, *, load: float = 0.8, length: float = 300.0) -> Setting:
    """Each has so many workers, and nobody is told; what comes while all are busy waits for one."""
    rng = Random("servers")
    tempers = {
        name: Temper("custom", TERSE, [], capacity=Capacity(tells=False, workers=count))
        for name, count in WORKERS.items()
    }
    rate = load * sum(WORKERS.values()) / SERVICE
    wishes = [Wish(at=at, stream=True, bulk=rng.randrange(LONGEST)) for at in arrivals(rng, rate, length)]
    return Setting(_three("abc", balance), tempers, wishes, [])


# --- conversations ---

TURNS = 20


def conversations(balance: BalanceName, *, named: bool, count: int = 100, requests: float = inf) -> Setting:
    """Each comes back with all that was said before, every ten seconds or so. `named`: with a header that says who.
    `requests` are each key's, in a minute.
    """
    rng = Random("conversations")
    wishes: list[Wish] = []
    for number in range(count):
        at = rng.uniform(0.0, 300.0)
        session = f"session {number}" if named else ""
        for turn in range(TURNS):
            text = "hello" if named else f"hello, this is {number}"
            wishes.append(Wish(at=at, stream=rng.random() < 0.5, session=session, text=text, turn=turn, bulk=200))
            at += rng.uniform(5.0, 15.0)
    wishes.sort(key=lambda wish: wish.at)
    affinity = None if balance in EXACT else AFFINITY
    shape = Shape([keyed("a", 8)], [[("a", "m", 1.0)]], balance=balance, affinity=affinity)
    keys = {secret("a", place): Allowed(requests) for place in range(8)}
    capacity = Capacity(keys, tells=requests < inf)
    return Setting(shape, {"a": Temper("openai", TERSE, [], capacity=capacity)}, wishes, [])


def conversation(wish: Wish) -> str:
    return wish.session or wish.text
