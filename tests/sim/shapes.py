"""A configuration, as an edit and a reload change it: in part, while requests are under way."""

from __future__ import annotations

import msgspec

from headway.config.compile import targets_for
from headway.failures import FailureKind
from headway.types import (
    BalanceName,
    Breaker,
    Credential,
    Fallback,
    Profile,
    Provider,
    Queue,
    Quirks,
    Resilience,
    Route,
    Server,
    Snapshot,
    Target,
    Tier,
)

Place = tuple[str, str, float]
"""A provider, one of its models, and the weight of both in their tier."""
Tiers = list[list[Place]]


class Keyed(msgspec.Struct):
    """A provider, as a configuration describes it."""

    name: str
    kind: str
    keys: list[Credential]
    concurrency: int | None
    quirks: Quirks


class Shape(msgspec.Struct):
    """A configuration. `fallbacks` say for which failures, and where to."""

    providers: list[Keyed]
    tiers: Tiers
    fallbacks: list[tuple[list[FailureKind], Tiers]] = []
    resilience: Resilience = Resilience()
    breaker: Breaker = Breaker()
    balance: BalanceName = "weighted"
    affinity: float | None = None
    queue: Queue = Queue()
    prices: dict[str, float] = {}
    """Of providers, where it matters."""
    generation: int = 0

    def snapshot(self) -> Snapshot:
        self.generation += 1
        providers = {each.name: _provider(each) for each in self.providers}
        route = Route(
            name="default",
            tiers=_compiled(self.tiers, providers, self.prices),
            balance=self.balance,
            affinity=self.affinity,
            queue=self.queue,
            resilience=self.resilience,
            fallbacks=tuple(
                Fallback(frozenset(kinds), _compiled(tiers, providers, self.prices)) for kinds, tiers in self.fallbacks
            ),
        )
        other = Route(name="other", tiers=tuple(reversed(route.tiers)), resilience=self.resilience)
        return Snapshot(
            generation=self.generation,
            server=Server(),
            providers=providers,
            routes={"default": route, "other": other},
            bare_models={},
            known_models={},
            resilience=self.resilience,
            breaker=self.breaker,
            source="simulation",
        )


def _provider(each: Keyed) -> Provider:
    return Provider(
        name=each.name,
        kind=each.kind,
        base_url=f"http://{each.name}.test/v1",
        credentials=tuple(each.keys),
        concurrency=each.concurrency,
        quirks=each.quirks,
    )


def _compiled(tiers: Tiers, providers: dict[str, Provider], prices: dict[str, float]) -> tuple[Tier, ...]:
    return tuple(
        Tier(
            tuple(
                _priced(target, prices[name]) if name in prices else target
                for name, model, weight in tier
                for target in targets_for(providers[name], model, weight, Profile())
            )
        )
        for tier in tiers
    )


def _priced(target: Target, price: float) -> Target:
    replace = msgspec.structs.replace
    deployment = target.deployment
    return replace(target, deployment=replace(deployment, profile=replace(deployment.profile, price=price)))
