"""Live state by name, so that it survives a reload: slots and rests of providers, credentials, deployments and
targets.

A route compiled twice shares the state of everything that is still called the same. What no route uses any more is
forgotten at the next reload.
"""

from __future__ import annotations

from headway.core import balance
from headway.core.candidates import Candidate, LiveTier, Pick, Slots
from headway.core.health import Rest, Unrest
from headway.types import Credential, Provider, Route, Target, Tier


class LiveRoute:
    """A route with the live state of its targets."""

    __slots__ = ("pick", "route", "tiers")

    def __init__(self, route: Route, tiers: list[LiveTier], pick: Pick) -> None:
        self.route = route
        self.tiers = tiers
        self.pick = pick


class Registry:
    def __init__(self) -> None:
        self._slots: dict[str, Slots] = {}
        self._rests: dict[str, Rest] = {}
        self._unrest = Unrest()

    def live(self, route: Route) -> LiveRoute:
        pick = balance.STRATEGIES[route.balance]
        tiers = [self._tier(tier, pick) for tier in route.tiers]
        return LiveRoute(route, tiers, pick)

    def in_flight(self, target: Target) -> int:
        slots = self._slots.get(f"target {target.name}")
        return 0 if slots is None else slots.used

    def rests_until(self, target: Target) -> float:
        """When the last of the target's rests is over (monotonic seconds)."""
        return max((self._rests[name].until for name in _rest_names(target) if name in self._rests), default=0.0)

    def keep(self, targets: list[Target]) -> None:
        """Forget what none of these targets uses, save what is in use this moment."""
        slots = {name for target in targets for name in _slot_names(target)}
        rests = {name for target in targets for name in _rest_names(target)}
        self._slots = {name: state for name, state in self._slots.items() if name in slots or state.used}
        self._rests = {name: state for name, state in self._rests.items() if name in rests}

    def _tier(self, tier: Tier, pick: Pick) -> LiveTier:
        candidates = [self._candidate(target) for target in tier.targets]
        return LiveTier(candidates, self._unrest, balance.cycle(candidates, pick))

    def _candidate(self, target: Target) -> Candidate:
        provider, credential = target.deployment.provider, target.credential
        of_provider, of_credential, of_target = _slot_names(target)
        rate, deployment, refused = _rest_names(target)
        return Candidate(
            target,
            credential_slots=self._slots_of(of_credential, credential.concurrency),
            provider_slots=self._slots_of(of_provider, provider.concurrency),
            target_slots=self._slots_of(of_target, None),
            rate_rest=self._rests.setdefault(rate, Rest(self._unrest)),
            deployment_rest=self._rests.setdefault(deployment, Rest(self._unrest)),
            credential_rest=self._rests.setdefault(refused, Rest(self._unrest)),
        )

    def _slots_of(self, name: str, limit: int | None) -> Slots:
        slots = self._slots.setdefault(name, Slots(limit))
        slots.limit = limit
        return slots


def _slot_names(target: Target) -> tuple[str, str, str]:
    provider = target.deployment.provider
    return f"provider {provider.name}", f"credential {provider.name}#{target.credential.name}", f"target {target.name}"


def _rest_names(target: Target) -> tuple[str, str, str]:
    provider, credential = target.deployment.provider, target.credential
    key = _identity(provider, credential)
    return (
        f"rate {key} {target.deployment.model}",
        f"deployment {provider.name} {provider.base_url} {target.deployment.model}",
        f"credential {key}",
    )


def _identity(provider: Provider, credential: Credential) -> str:
    """A replaced secret is another credential: it starts without the old one's rests."""
    return f"{provider.name} {provider.base_url} {credential.name} {hash(credential.secret)}"
