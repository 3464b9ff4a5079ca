"""What it costs to decide who is asked: the real core over targets whose quotas are known, without any bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from headway.core.load import Load
from headway.core.registry import Registry
from headway.types import Credential, Deployment, Provider, Reading, Route, Secret, Target, Tier

LIMITS = 1e9
"""Requests and tokens a minute of each target: they never run out."""


def decision(count: int) -> Callable[[], None]:
    """One draw by `adaptive` among so many targets, each at a provider of its own, with a quota of requests and one of
    tokens, for a request of a conversation that is not known.
    """
    targets = tuple(_target(number) for number in range(count))
    route = Registry().live(Route(name="bench", tiers=(Tier(targets),), balance="adaptive", affinity=600.0))
    (tier,) = route.tiers
    load, rng, clock = Load(1000), Random(1), time.monotonic
    for candidate in tier.candidates:
        readings = (
            Reading(dimension="requests", limit=LIMITS, remaining=LIMITS, window=60.0),
            Reading(dimension="tokens", limit=LIMITS, remaining=LIMITS, window=60.0),
        )
        candidate.quota.read(readings, (), 0, candidate.need(load), clock())

    def step() -> None:
        if tier.draw(load, None, clock(), rng) is None:
            raise RuntimeError("nobody was drawn")

    return step


def _target(number: int) -> Target:
    credential = Credential(name="default", secret=Secret("none"))
    provider = Provider(name=f"p{number}", kind="custom", base_url="http://127.0.0.1:9/v1", credentials=(credential,))
    return Target(deployment=Deployment(provider=provider, model="m"), credential=credential, weight=1.0)
