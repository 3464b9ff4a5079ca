"""What clients and upstreams see of an outage: hundreds of requests a second, an upstream that dies, its recovery."""

from __future__ import annotations

from collections import Counter
from math import inf
from random import Random

import msgspec
import pytest

from headway.types import Credential, ExchangeEvent, Quirks, Secret
from sim.answers import Style
from sim.clients import Client, Wish
from sim.settings import Setting
from sim.shapes import Keyed, Shape, Tiers
from sim.upstreams import Mood, Temper
from sim.world import START, World

BEGINS, ENDS, STOPS = 5.0, 65.0, 130.0
"""Seconds: the outage, and the last request."""
A, B = ("a", "m", 1.0), ("b", "m", 1.0)
TIERS: dict[str, Tiers] = {"two tiers": [[A], [B]], "one tier": [[A, B]]}


class Tally(msgspec.Struct):
    """What became of the requests of one second, and where the upstream calls of that second went."""

    requests: int = 0
    good: int = 0
    attempts: int = 0
    slowest: float = 0.0
    calls: Counter[str] = msgspec.field(default_factory=Counter[str])


class Outage:
    """Figures by the second, over a run of a gateway at its defaults."""

    def __init__(self, fault: str, tiers: Tiers, ill: str, rate: float) -> None:
        """`ill` are the names of those that fail."""
        names = sorted({name for tier in tiers for name, _, _ in tier})
        shape = Shape([keyed(name) for name in names], tiers)
        moods = [(0.0, Mood()), (START + BEGINS, Mood(0.0, (fault,))), (START + ENDS, Mood())]
        tempers = {
            name: Temper("custom", Style(terse=True), moods if name in ill else [(0.0, Mood())], quick=0.4)
            for name in names
        }
        rng, at = Random(2), 0.0
        wishes: list[Wish] = []
        while at < STOPS:
            at += rng.expovariate(rate)
            wishes.append(Wish(at=at, stream=fault == "no_head"))
        self.seconds = [Tally() for _ in range(int(STOPS) + 700)]
        setting = Setting(shape, tempers, wishes, [(BEGINS, "reset")] if fault == "refuse" else [])
        World(setting, 3, strict=False, served=self._served, asked=self._asked).finish()

    def _served(self, client: Client, event: ExchangeEvent) -> None:
        second = self.seconds[int(client.asked_at - START)]
        second.requests += 1
        second.good += event.outcome == "ok"
        second.attempts += len(event.attempts)
        second.slowest = max(second.slowest, event.duration)

    def _asked(self, provider: str, at: float) -> None:
        self.seconds[int(at)].calls[provider] += 1

    def success(self, begin: float = 0.0, end: float = STOPS) -> float:
        seconds = self.seconds[int(begin) : int(end)]
        return sum(second.good for second in seconds) / sum(second.requests for second in seconds)

    def attempts_a_request(self, begin: float, end: float) -> float:
        seconds = self.seconds[int(begin) : int(end)]
        return sum(second.attempts for second in seconds) / sum(second.requests for second in seconds)

    def share(self, name: str) -> list[float]:
        """Of all upstream calls, by the second."""
        return [second.calls[name] / max(sum(second.calls.values()), 1) for second in self.seconds[: int(STOPS)]]


def keyed(name: str, keys: int = 1) -> Keyed:
    credentials = [Credential(name=f"k{n}", secret=Secret(f"sk-{name}-{n}")) for n in range(keys)]
    return Keyed(name, "custom", credentials, None, Quirks())


@pytest.fixture(scope="module", params=TIERS)
def tiers(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=["refuse", "unavailable", "no_head"])
def fault(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def outage(fault: str, tiers: str) -> Outage:
    """Of one of two providers, for a minute, at 200 requests a second."""
    return Outage(fault, TIERS[tiers], "a", 200.0)


def test_clients_do_not_notice_that_a_provider_is_down(outage: Outage) -> None:
    assert outage.success(BEGINS, ENDS) >= 0.999
    assert outage.success() >= 0.999


def test_an_outage_is_no_reason_for_more_calls(outage: Outage) -> None:
    """Nor is a provider that says nothing: it is passed over long before the first time-out."""
    assert outage.attempts_a_request(BEGINS, ENDS) <= 1.2


def test_traffic_comes_back_within_a_minute_and_not_all_at_once(outage: Outage, tiers: str) -> None:
    usual = {"two tiers": 1.0, "one tier": 0.5}[tiers]
    share = outage.share("a")
    assert min(share[int(ENDS) + 60 :]) >= 0.9 * usual
    for before, after in zip(share[int(ENDS) :], share[int(ENDS) + 1 :], strict=False):
        assert after <= 2.0 * before + 0.15  # the ramp begins at a tenth, and a second has some 200 requests


@pytest.mark.parametrize("fault", ["refuse", "unavailable"])
def test_when_all_are_down_everybody_is_told_at_once_and_few_calls_are_made(fault: str, tiers: str) -> None:
    outage = Outage(fault, TIERS[tiers], "ab", 50.0)
    assert outage.success(BEGINS + 10.0, ENDS) == 0.0
    assert outage.attempts_a_request(BEGINS + 10.0, ENDS) <= 1.1
    assert max(second.slowest for second in outage.seconds[int(BEGINS) + 10 : int(ENDS)]) <= 1.0
    assert outage.success(STOPS - 30.0) == 1.0


def test_no_key_is_used_before_its_quota_is_back() -> None:
    """Three keys of 20 calls a second each, and 100 requests a second for a while. The simulation fails by itself if a
    call is made too early.
    """
    shape = Shape([keyed("a", keys=3)], [[A]])
    temper = Temper("custom", Style(terse=True), [(0.0, Mood())], rate=20.0, burst=20.0, quick=0.1)
    wishes = [Wish(at=number / 100.0) for number in range(3000)]
    outcomes: Counter[str] = Counter()
    world = World(
        Setting(shape, {"a": temper}, wishes, []), 1, served=lambda _, event: outcomes.update([event.outcome])
    )
    world.finish()
    assert outcomes.keys() == {"ok", "rate_limited"}
    assert outcomes["ok"] >= 0.9 * 20.0 * 3 * 30.0


def test_whoever_is_well_and_has_weight_gets_its_share() -> None:
    for seed in range(20):
        rng = Random(f"shares {seed}")
        tier = [(name, "m", rng.choice((0.5, 1.0, 3.0))) for name in "abcd"[: rng.randint(2, 4)]]
        providers = [keyed(name, rng.randint(1, 3)) for name, _, _ in tier]
        shape = Shape(providers, [tier], balance=rng.choice(("weighted", "round_robin")))
        tempers = {name: Temper("custom", Style(terse=True), [], rate=inf) for name, _, _ in tier}
        calls: Counter[str] = Counter()
        wishes = [Wish(at=0.1 * number) for number in range(200)]
        World(
            Setting(shape, tempers, wishes, []),
            seed,
            strict=False,
            asked=lambda name, _, calls=calls: calls.update([name]),
        ).finish()
        weights = dict.fromkeys((name for name, _, _ in tier), 1.0)
        if shape.balance == "weighted":
            weights = {name: weight for name, _, weight in tier}
        else:
            weights = {each.name: float(len(each.keys)) for each in providers}
        for name, weight in weights.items():
            assert abs(calls[name] - 200.0 * weight / sum(weights.values())) <= 4.0, (seed, calls, weights)
