"""Live state by name, so that it survives a reload: slots, rests, breakers and allowances of providers, credentials,
deployments and targets.

A route compiled twice shares the state of everything that is still called the same. What no route uses any more is
forgotten at the next reload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headway.core import balance
from headway.core.allowance import Allowance
from headway.core.breaker import Breaker
from headway.core.candidates import Candidate, LiveTier, Pick, Slots
from headway.core.health import State
from headway.core.hedging import Hedging
from headway.core.rests import Rest, Unrest
from headway.failures import FailureKind
from headway.types import Breaker as Rules
from headway.types import Credential, Deployment, Provider, Route, Target, Tier


class LiveFallback:
    """Where requests go that failed in one of these ways; without tiers to the route's other deployments."""

    __slots__ = ("on", "tiers")

    def __init__(self, on: frozenset[FailureKind], tiers: list[LiveTier]) -> None:
        self.on = on
        self.tiers = tiers


class LiveRoute:
    """A route with the live state of its targets."""

    __slots__ = ("fallbacks", "hedging", "pick", "route", "tiers")

    def __init__(
        self, route: Route, tiers: list[LiveTier], pick: Pick, fallbacks: list[LiveFallback], hedging: Hedging | None
    ) -> None:
        self.route = route
        self.tiers = tiers
        self.pick = pick
        self.fallbacks = fallbacks
        self.hedging = hedging


class Registry:
    """`rules` are those of every breaker; a reload may replace them."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._slots: dict[str, Slots] = {}
        self._rests: dict[str, Rest] = {}
        self._breakers: dict[str, Breaker] = {}
        self._allowances: dict[str, Allowance] = {}
        self._unrest = Unrest()

    def govern(self, rules: Rules) -> None:
        self._rules = rules
        for breaker in self._breakers.values():
            breaker.rules = rules

    def live(self, route: Route) -> LiveRoute:
        pick = balance.STRATEGIES[route.balance]
        fallbacks = [
            LiveFallback(fallback.on, [self._tier(tier, pick) for tier in fallback.tiers])
            for fallback in route.fallbacks
        ]
        hedge = route.resilience.hedge
        hedging = None if hedge is None else Hedging(hedge)
        return LiveRoute(route, [self._tier(tier, pick) for tier in route.tiers], pick, fallbacks, hedging)

    def in_flight(self, target: Target) -> int:
        slots = self._slots.get(f"target {target.name}")
        return 0 if slots is None else slots.used

    def rests_until(self, target: Target) -> float:
        """When the target may be used again (monotonic seconds): its rests are over, its breaker tries it."""
        rests = max((self._rests[name].until for name in _rest_names(target) if name in self._rests), default=0.0)
        breaker = self._breakers.get(_deployment_name(target.deployment))
        return max(rests, breaker.until if breaker is not None and breaker.tripped else 0.0)

    def keep(self, targets: list[Target]) -> None:
        """Forget what none of these targets uses, save what is in use this moment."""
        slots = {name for target in targets for name in _slot_names(target)}
        rests = {name for target in targets for name in _rest_names(target)}
        deployments = {_deployment_name(target.deployment) for target in targets}
        deployments.update(name for name, allowance in self._allowances.items() if allowance.in_flight)
        self._slots = {name: state for name, state in self._slots.items() if name in slots or state.used}
        self._rests = {name: state for name, state in self._rests.items() if name in rests}
        self._allowances = {name: each for name, each in self._allowances.items() if name in deployments}
        for name in [name for name in self._breakers if name not in deployments]:
            self._breakers.pop(name).forget()

    def tripped(self) -> int:
        """How many deployments are left alone, or on trial."""
        return sum(breaker.tripped for breaker in self._breakers.values())

    def parked(self, now: float) -> int:
        """How many credentials rest after a refusal."""
        return sum(name.startswith("credential ") and rest.until > now for name, rest in self._rests.items())

    def _tier(self, tier: Tier, pick: Pick) -> LiveTier:
        candidates = [self._candidate(target) for target in tier.targets]
        return LiveTier(candidates, self._unrest, balance.cycle(candidates, pick))

    def _candidate(self, target: Target) -> Candidate:
        provider, credential = target.deployment.provider, target.credential
        of_provider, of_credential, of_target = _slot_names(target)
        return Candidate(
            target,
            self._state(target),
            credential_slots=self._slots_of(of_credential, credential.concurrency),
            provider_slots=self._slots_of(of_provider, provider.concurrency),
            target_slots=self._slots_of(of_target, None),
        )

    def _state(self, target: Target) -> State:
        name = _deployment_name(target.deployment)
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = Breaker(target.deployment.name, self._rules, self._unrest)
        allowance = self._allowances.setdefault(name, Allowance())
        return State(breaker, allowance, *self._rests_of(_rest_names(target)))

    def _rests_of(self, names: Iterable[str]) -> Iterator[Rest]:
        for name in names:
            yield self._rests.setdefault(name, Rest(self._unrest))

    def _slots_of(self, name: str, limit: int | None) -> Slots:
        slots = self._slots.setdefault(name, Slots(limit))
        slots.limit = limit
        return slots


def _slot_names(target: Target) -> tuple[str, str, str]:
    provider = target.deployment.provider
    return f"provider {provider.name}", f"credential {provider.name}#{target.credential.name}", f"target {target.name}"


def _rest_names(target: Target) -> tuple[str, str, str]:
    """Of the deployment, the credential, and both together."""
    deployment, credential = target.deployment, target.credential
    key = _identity(deployment.provider, credential)
    return _deployment_name(deployment), f"credential {key}", f"pair {key} {deployment.model}"


def _deployment_name(deployment: Deployment) -> str:
    provider = deployment.provider
    return f"deployment {provider.name} {provider.base_url} {deployment.model}"


def _identity(provider: Provider, credential: Credential) -> str:
    """A replaced secret is another credential: it starts without the old one's rests."""
    return f"{provider.name} {provider.base_url} {credential.name} {hash(credential.secret)}"
