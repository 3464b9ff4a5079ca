"""A sound configuration and its providers, compiled into a `Snapshot`.

It decides which key may serve which model, with what share of a tier's traffic, and which bare model names lead
where. Everything that can be wrong has been found before; nothing here fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from headway.config.alerts import alerts_from
from headway.config.observability import observability_from
from headway.config.resilience import breaker_from, idempotency_from, overlaid, resilience_from
from headway.config.schema import Config
from headway.config.sections.auth import AdminSection
from headway.config.sections.model import FallbackSection, ModelSection, TargetSection
from headway.config.sections.provider import ProviderSection
from headway.config.sections.resilience import ResilienceSection
from headway.config.sections.server import ServerSection
from headway.config.sections.storage import StorageSection
from headway.config.single_sign_on import single_sign_on_from
from headway.failures import FailureKind
from headway.providers.costs import Tariff
from headway.providers.known_models import known_models
from headway.providers.pricing import compared
from headway.providers.profiles import profile_of
from headway.types import (
    Administration,
    BalanceName,
    ClientLimits,
    Credential,
    Deployment,
    Fallback,
    Kept,
    KnownModel,
    ModelFacts,
    Profile,
    Provider,
    Queue,
    Resilience,
    Route,
    Secret,
    Server,
    ServerLimits,
    Snapshot,
    Storage,
    Target,
    Tier,
)
from headway.wire.form.abilities import ABILITIES

STAYS = 600.0
"""Seconds for which a conversation stays with its target, where nothing else is said: as long as providers keep what
they have read of a prompt.
"""
EXACT = frozenset[BalanceName]({"weighted", "round_robin"})
"""Strategies whose shares are exact, as long as conversations may move."""
Entries = Sequence[str | TargetSection]


class Wanted(NamedTuple):
    """What an entry of a tier asks for. Without a profile the model's name decides."""

    provider: str
    model: str
    weight: float
    profile: Profile | None


def targets_for(
    provider: Provider, model: str, weight: float = 1.0, profile: Profile | None = None
) -> tuple[Target, ...]:
    """A target for each key that may serve the model; they share the weight in proportion to the keys' own weights."""
    eligible = [credential for credential in provider.credentials if may_serve(credential, model)]
    total = sum(credential.weight for credential in eligible)
    tariff = None if provider.tariff_of is None else provider.tariff_of(model)
    facts = ModelFacts() if provider.facts_of is None else provider.facts_of(model)
    if profile is None:
        known = profile_of(model)
        profile = known if facts.reasoning is None else msgspec.structs.replace(known, reasoning=facts.reasoning)
    profile = msgspec.structs.replace(
        profile,
        price=compared(tariff.at(time.time())) if isinstance(tariff, Tariff) else inf,
        most_output=facts.output_limit,
        lacks=facts.cannot & ABILITIES,
    )
    deployment = Deployment(provider=provider, model=model, profile=profile, tariff=tariff)
    return tuple(
        Target(
            deployment=deployment,
            credential=credential,
            weight=weight * credential.weight / total if total else 0.0,
        )
        for credential in eligible
    )


def may_serve(credential: Credential, model: str) -> bool:
    return any(pattern == "*" or fnmatchcase(model, pattern) for pattern in credential.models)


def tiers_of(model: Entries | ModelSection) -> Sequence[Entries]:
    """The tiers of a logical model. The short form has one target a tier."""
    return model.tiers if isinstance(model, ModelSection) else [[entry] for entry in model]


def fallback_tiers(fallback: FallbackSection) -> Sequence[Entries]:
    """The tiers of a fallback: one for each of its targets."""
    return [[entry] for entry in fallback.to]


def wanted(entry: str | TargetSection) -> Wanted:
    if isinstance(entry, str):
        provider, _, model = entry.partition("/")
        return Wanted(provider, model, 1.0, None)
    provider, _, model = entry.target.partition("/")
    profile = None if entry.reasoning is None else Profile(reasoning=entry.reasoning)
    return Wanted(provider, model, entry.weight, profile)


def compile_snapshot(
    config: Config,
    sections: Mapping[str, ProviderSection],
    providers: Mapping[str, Provider],
    *,
    database: Secret | None,
    generation: int,
    source: str,
    folder: Path,
) -> Snapshot:
    """`database` is where the log is kept if nothing is configured. `sections` and `providers` have the same names,
    and a key of theirs may serve each target in `config`. Relative paths start at `folder`.
    """
    targeted = _targeted(config)
    known = {
        name: tuple(_known(provider, sections[name], targeted.get(name, ()))) for name, provider in providers.items()
    }
    return Snapshot(
        generation=generation,
        server=_server(config.server),
        providers=MappingProxyType(dict(providers)),
        routes=MappingProxyType(
            {name: _route(name, model, providers, config.resilience) for name, model in config.models.items()}
        ),
        bare_models=MappingProxyType(_bare(known)),
        known_models=MappingProxyType(known),
        resilience=resilience_from(config.resilience),
        breaker=breaker_from(config.resilience.breaker),
        idempotency=idempotency_from(config.idempotency),
        storage=storage_from(config.storage, database),
        alerts=alerts_from(config.observability.alerts),
        observability=observability_from(config.observability, folder),
        administration=_administration(config.auth.admin),
        source=source,
    )


def _server(section: ServerSection) -> Server:
    limits, clients = section.limits, section.limits.clients
    return Server(
        host=section.host,
        port=section.port,
        limits=ServerLimits(
            body=limits.body,
            head=limits.head,
            keep_alive=limits.keep_alive,
            drain=limits.drain,
            in_flight=limits.in_flight,
            clients=ClientLimits(rpm=clients.rpm, tpm=clients.tpm, concurrency=clients.concurrency),
        ),
    )


def storage_from(section: StorageSection, usual: Secret | None) -> Storage:
    keep = section.keep
    return Storage(
        url=section.url if "url" in section.model_fields_set else usual,
        kept=Kept(age=keep.age, size=keep.size, minutes=keep.minutes, hours=keep.hours),
    )


def _administration(section: AdminSection) -> Administration:
    return Administration(
        session=section.session,
        public_url=section.public_url,
        private_networks=tuple(section.private_networks),
        oidc=None if section.oidc is None else single_sign_on_from(section.oidc),
    )


def _route(
    name: str, model: Entries | ModelSection, providers: Mapping[str, Provider], general: ResilienceSection
) -> Route:
    tiers = _tiers(tiers_of(model), providers)
    if not isinstance(model, ModelSection):
        return usual_route(name, tiers, resilience_from(general))
    return Route(
        name=name,
        tiers=tiers,
        balance=model.balance,
        strict=model.strict,
        affinity=_affinity(model),
        queue=Queue(wait=model.queue.wait, length=model.queue.length),
        resilience=resilience_from(overlaid(general, model.resilience)),
        fallbacks=tuple(_fallback(section, providers) for section in model.fallback),
    )


def usual_route(name: str, tiers: tuple[Tier, ...], resilience: Resilience) -> Route:
    """A route of which the configuration says nothing more."""
    return Route(name=name, tiers=tiers, balance="adaptive", affinity=STAYS, resilience=resilience)


def _affinity(model: ModelSection) -> float | None:
    if model.affinity == "auto":
        return None if model.balance in EXACT else STAYS
    return model.affinity


def _fallback(section: FallbackSection, providers: Mapping[str, Provider]) -> Fallback:
    return Fallback(frozenset(map(FailureKind, section.on)), _tiers(fallback_tiers(section), providers))


def _tiers(tiers: Sequence[Entries], providers: Mapping[str, Provider]) -> tuple[Tier, ...]:
    return tuple(Tier(tuple(_targets(entries, providers))) for entries in tiers)


def _targets(entries: Entries, providers: Mapping[str, Provider]) -> Iterator[Target]:
    for provider, model, weight, profile in map(wanted, entries):
        yield from targets_for(providers[provider], model, weight, profile)


def _targeted(config: Config) -> dict[str, list[str]]:
    """Models that the configuration names, by provider."""
    models: dict[str, list[str]] = {}
    for logical in config.models.values():
        tiers = list(tiers_of(logical))
        if isinstance(logical, ModelSection):
            tiers.extend(tier for fallback in logical.fallback for tier in fallback_tiers(fallback))
        for entries in tiers:
            for entry in map(wanted, entries):
                models.setdefault(entry.provider, []).append(entry.model)
    return models


def _known(provider: Provider, section: ProviderSection, targeted: Sequence[str]) -> Iterator[KnownModel]:
    """What a provider serves, each model once: what its section, it itself or the catalogue lists, and what targets
    name.
    """
    by_id = {model.id: model for model in provider.listed or known_models(provider.kind)}
    listed = by_id if section.models is None else section.served()
    for model in dict.fromkeys((*listed, *targeted)):
        if any(may_serve(credential, model) for credential in provider.credentials):
            yield by_id.get(model) or KnownModel(id=model)


def _bare(known: Mapping[str, Sequence[KnownModel]]) -> dict[str, tuple[str, ...]]:
    serving: dict[str, list[str]] = {}
    for provider, models in known.items():
        for model in models:
            serving.setdefault(model.id, []).append(provider)
    return {model: tuple(names) for model, names in serving.items()}
