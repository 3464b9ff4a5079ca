"""Live state by name, so that it survives a reload: slots, quotas, rests, breakers and what was learnt of providers,
credentials, deployments and targets.

A route compiled twice shares the state of everything that is still called the same. What no route uses any more is
forgotten at the next reload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from headway.core import balance
from headway.core.affinity import Pins
from headway.core.allowance import Allowance
from headway.core.breaker import Breaker
from headway.core.buckets import Quota
from headway.core.candidates import Candidate
from headway.core.concurrency import Concurrency, Slots
from headway.core.health import State
from headway.core.hedging import Hedging
from headway.core.lessons import Lessons
from headway.core.load import Estimate
from headway.core.rests import Rest, Unrest
from headway.core.standing import Shape, Standing
from headway.core.tiers import LiveTier
from headway.failures import FailureKind
from headway.types import Breaker as Rules
from headway.types import Credential, Deployment, Provider, Route, Target, Tier

_CREDENTIAL = "credential "
"""What the names of credentials' rests begin with."""


class LiveFallback:
    """Where requests go that failed in one of these ways; without tiers to the route's other deployments."""

    __slots__ = ("on", "tiers")

    def __init__(self, on: frozenset[FailureKind], tiers: list[LiveTier]) -> None:
        self.on = on
        self.tiers = tiers


class LiveRoute:
    """A route with the live state of its targets."""

    __slots__ = ("fallbacks", "hedging", "keeps_conversations", "route", "tiers")

    def __init__(
        self,
        route: Route,
        tiers: list[LiveTier],
        fallbacks: list[LiveFallback],
        hedging: Hedging | None,
    ) -> None:
        self.route = route
        self.tiers = tiers
        self.fallbacks = fallbacks
        self.hedging = hedging
        self.keeps_conversations = any(tier.keeps_conversations for tier in tiers)


class Registry:
    """`rules` are those of every breaker; a reload may replace them."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._slots: dict[str, Slots] = {}
        self._rests: dict[str, Rest] = {}
        self._breakers: dict[str, Breaker] = {}
        self._deployments: dict[str, _Deployment] = {}
        self._quotas: dict[str, Quota] = {}
        self._concurrency: dict[str, Concurrency] = {}
        self._shapes: dict[str, tuple[Shape, Shape]] = {}
        """Of each model, by whomever it is served."""
        self._pins: dict[str, Pins] = {}
        self._unrest = Unrest()
        self._known: frozenset[str] = frozenset()
        """Deployments that there were before this configuration."""

    def renew(self) -> None:
        """A new configuration begins: what it brings that there was not is new."""
        self._known = frozenset(self._breakers)

    def govern(self, rules: Rules) -> None:
        self._rules = rules
        for breaker in self._breakers.values():
            breaker.rules = rules

    def live(self, route: Route, now: float = 0.0) -> LiveRoute:
        pins = self._pins_of(route)
        fallbacks = [
            LiveFallback(fallback.on, [self._tier(tier, route, pins, now) for tier in fallback.tiers])
            for fallback in route.fallbacks
        ]
        hedge = route.resilience.hedge
        hedging = None if hedge is None else Hedging(hedge)
        return LiveRoute(route, [self._tier(tier, route, pins, now) for tier in route.tiers], fallbacks, hedging)

    def in_flight(self, target: Target) -> int:
        found = self._concurrency.get(_pair_name(target))
        return 0 if found is None else found.used

    def rests_until(self, target: Target) -> float:
        """When the target may be used again (monotonic seconds): its rests are over, its breaker tries it."""
        rests = max((self._rests[name].until for name in _rest_names(target) if name in self._rests), default=0.0)
        breaker = self._breakers.get(_deployment_name(target.deployment))
        return max(rests, breaker.until if breaker is not None and breaker.tripped else 0.0)

    def keep(self, targets: list[Target], routes: Iterable[str] = ()) -> None:
        """Forget what none of these targets and routes uses, save what is in use this moment."""
        slots = {name for target in targets for name in _slot_names(target)}
        rests = {name for target in targets for name in _rest_names(target)}
        pairs = {_pair_name(target) for target in targets} | {_slot_names(target)[0] for target in targets}
        deployments = {_deployment_name(target.deployment) for target in targets}
        deployments.update(name for name, each in self._deployments.items() if each.allowance.in_flight)
        models = {target.deployment.model for target in targets}
        kept_routes = set(routes)
        self._slots = {name: state for name, state in self._slots.items() if name in slots or state.used}
        self._rests = {name: state for name, state in self._rests.items() if name in rests}
        self._concurrency = {name: each for name, each in self._concurrency.items() if name in pairs or each.used}
        self._quotas = {name: each for name, each in self._quotas.items() if name in pairs}
        self._deployments = {name: each for name, each in self._deployments.items() if name in deployments}
        self._shapes = {name: each for name, each in self._shapes.items() if name in models}
        self._pins = {name: each for name, each in self._pins.items() if name in kept_routes}
        for name in [name for name in self._breakers if name not in deployments]:
            self._breakers.pop(name).forget()

    def tripped(self) -> int:
        """How many deployments are left alone, or on trial."""
        return sum(breaker.tripped for breaker in self._breakers.values())

    def tripped_names(self) -> frozenset[str]:
        """Those deployments."""
        return frozenset([breaker.name for breaker in self._breakers.values() if breaker.tripped])

    def unproven_keys(self, now: float) -> frozenset[str]:
        """Credentials that rest after a refusal, or have not been used with success since."""
        unproven = [name for name, rest in self._rests.items() if rest.until > now or rest.in_a_row]
        return frozenset([_key_name(name) for name in unproven if name.startswith(_CREDENTIAL)])

    def parked(self, now: float) -> int:
        """How many credentials rest after a refusal."""
        return sum(name.startswith(_CREDENTIAL) and rest.until > now for name, rest in self._rests.items())

    def _tier(self, tier: Tier, route: Route, pins: Pins | None, now: float) -> LiveTier:
        names = [_deployment_name(target.deployment) for target in tier.targets]
        new = {name for name in names if name not in self._known}
        candidates = [self._candidate(target, now) for target in tier.targets]
        if len(new) < len(set(names)):  # where all are new there is nobody to take the rest of the traffic meanwhile
            for name in new:
                self._breakers[name].begins(now)
        return LiveTier(candidates, self._unrest, balance.STRATEGIES[route.balance](), pins)

    def _pins_of(self, route: Route) -> Pins | None:
        if route.affinity is None:
            return None
        pins = self._pins.setdefault(route.name, Pins(route.affinity))
        pins.ttl = route.affinity
        return pins

    def _candidate(self, target: Target, now: float) -> Candidate:
        provider, credential = target.deployment.provider, target.credential
        of_provider, of_credential = _slot_names(target)
        overall = self._quotas.setdefault(of_provider, Quota())
        overall.configure(provider.limits, now)
        return Candidate(
            target,
            self._state(target, now),
            credential_slots=self._slots_of(of_credential, credential.concurrency),
            provider_slots=self._slots_of(of_provider, provider.concurrency),
            overall=overall,
        )

    def _state(self, target: Target, now: float) -> State:
        name, pair = _deployment_name(target.deployment), _pair_name(target)
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = Breaker(target.deployment.name, self._rules, self._unrest)
        known = self._deployments.get(name)
        if known is None:
            shapes = self._shapes.setdefault(target.deployment.model, (Shape(), Shape()))
            known = self._deployments[name] = _Deployment(Allowance(), Standing(*shapes), Estimate(), Lessons())
        quota = self._quotas.setdefault(pair, Quota())
        quota.configure(target.credential.limits, now)
        concurrency = self._concurrency.setdefault(pair, Concurrency())
        rests = self._rests_of(_rest_names(target))
        learnt = (known.allowance, known.standing, known.estimate, known.lessons)
        return State(breaker, *learnt, quota, concurrency, *rests)

    def _rests_of(self, names: Iterable[str]) -> Iterator[Rest]:
        for name in names:
            yield self._rests.setdefault(name, Rest(self._unrest))

    def _slots_of(self, name: str, limit: int | None) -> Slots:
        slots = self._slots.setdefault(name, Slots(limit))
        slots.limit = limit
        return slots


class _Deployment(msgspec.Struct, eq=False):
    """What is known of one deployment besides its health."""

    allowance: Allowance
    standing: Standing
    estimate: Estimate
    lessons: Lessons


def _slot_names(target: Target) -> tuple[str, str]:
    provider = target.deployment.provider
    return f"provider {provider.name}", f"credential {provider.name}#{target.credential.name}"


def _pair_name(target: Target) -> str:
    """Of a credential and the model that it is used for."""
    deployment = target.deployment
    return f"pair {_identity(deployment.provider, target.credential)} {deployment.model}"


def _rest_names(target: Target) -> tuple[str, str, str]:
    """Of the deployment, the credential, and both together."""
    deployment, credential = target.deployment, target.credential
    key = _identity(deployment.provider, credential)
    return _deployment_name(deployment), f"{_CREDENTIAL}{key}", _pair_name(target)


def _deployment_name(deployment: Deployment) -> str:
    provider = deployment.provider
    return f"deployment {provider.name} {provider.base_url} {deployment.model}"


def _key_name(rest: str) -> str:
    """`provider#key`, of the name of a credential's rest; none of its words has a blank."""
    provider, _, credential, _ = rest.removeprefix(_CREDENTIAL).split(" ")
    return f"{provider}#{credential}"


def _identity(provider: Provider, credential: Credential) -> str:
    """A replaced secret is another credential: it starts without the old one's rests."""
    return f"{provider.name} {provider.base_url} {credential.name} {hash(credential.secret)}"
