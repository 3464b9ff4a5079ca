"""A sound configuration and its providers, compiled into a `Snapshot`.

It decides which key may serve which model, with what share of a tier's traffic, and which bare model names lead
where. Everything that can be wrong has been found before; nothing here fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType

import msgspec

from headway.config.schema import Config, ModelSection, ProviderSection, ResilienceSection, ServerSection, TargetSection
from headway.providers.known_models import known_models
from headway.types import (
    Credential,
    Deployment,
    KnownModel,
    Provider,
    Resilience,
    Route,
    Server,
    ServerLimits,
    Snapshot,
    Target,
    Tier,
)

Entries = Sequence[str | TargetSection]


def targets_for(provider: Provider, model: str, weight: float = 1.0) -> tuple[Target, ...]:
    """A target for each key that may serve the model; they share the weight in proportion to the keys' own weights."""
    eligible = [credential for credential in provider.credentials if may_serve(credential, model)]
    total = sum(credential.weight for credential in eligible)
    deployment = Deployment(provider=provider, model=model)
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


def weighted(entry: str | TargetSection) -> tuple[str, str, float]:
    """Provider, model and weight of a tier's entry."""
    name, weight = (entry, 1.0) if isinstance(entry, str) else (entry.target, entry.weight)
    provider, _, model = name.partition("/")
    return provider, model, weight


def compile_snapshot(
    config: Config,
    sections: Mapping[str, ProviderSection],
    providers: Mapping[str, Provider],
    *,
    generation: int,
    source: str,
) -> Snapshot:
    """`sections` and `providers` have the same names, and a key of theirs may serve each target in `config`."""
    resilience = resilience_from(config.resilience, Resilience())
    targeted = _targeted(config)
    known = {
        name: tuple(_known(provider, sections[name], targeted.get(name, ()))) for name, provider in providers.items()
    }
    return Snapshot(
        generation=generation,
        server=_server(config.server),
        providers=MappingProxyType(dict(providers)),
        routes=MappingProxyType(
            {name: _route(name, model, providers, resilience) for name, model in config.models.items()}
        ),
        bare_models=MappingProxyType(_bare(known)),
        known_models=MappingProxyType(known),
        resilience=resilience,
        source=source,
    )


def resilience_from(section: ResilienceSection, base: Resilience) -> Resilience:
    """The base with what the section says, and nothing that it leaves unsaid."""
    said = section.model_fields_set
    timeouts = {name: getattr(section.timeouts, name) for name in section.timeouts.model_fields_set}
    return Resilience(
        attempts=section.attempts if "attempts" in said else base.attempts,
        timeouts=msgspec.structs.replace(base.timeouts, **timeouts),
    )


def _server(section: ServerSection) -> Server:
    limits = section.limits
    return Server(
        host=section.host,
        port=section.port,
        limits=ServerLimits(body=limits.body, head=limits.head, keep_alive=limits.keep_alive, drain=limits.drain),
    )


def _route(
    name: str, model: Entries | ModelSection, providers: Mapping[str, Provider], resilience: Resilience
) -> Route:
    tiers = tuple(Tier(tuple(_targets(entries, providers))) for entries in tiers_of(model))
    if not isinstance(model, ModelSection):
        return Route(name=name, tiers=tiers, resilience=resilience)
    own = resilience_from(model.resilience, resilience)
    return Route(name=name, tiers=tiers, balance=model.balance, resilience=own)


def _targets(entries: Entries, providers: Mapping[str, Provider]) -> Iterator[Target]:
    for entry in entries:
        provider, model, weight = weighted(entry)
        yield from targets_for(providers[provider], model, weight)


def _targeted(config: Config) -> dict[str, list[str]]:
    """Models that the configuration names, by provider."""
    models: dict[str, list[str]] = {}
    for logical in config.models.values():
        for entries in tiers_of(logical):
            for entry in entries:
                provider, model, _ = weighted(entry)
                models.setdefault(provider, []).append(model)
    return models


def _known(provider: Provider, section: ProviderSection, targeted: Sequence[str]) -> Iterator[KnownModel]:
    """What a provider serves, each model once: what its section lists or the catalogue knows, and what targets name."""
    by_id = {model.id: model for model in known_models(provider.kind)}
    listed = by_id if section.models is None else section.models
    for model in dict.fromkeys((*listed, *targeted)):
        if any(may_serve(credential, model) for credential in provider.credentials):
            yield by_id.get(model) or KnownModel(id=model)


def _bare(known: Mapping[str, Sequence[KnownModel]]) -> dict[str, tuple[str, ...]]:
    serving: dict[str, list[str]] = {}
    for provider, models in known.items():
        for model in models:
            serving.setdefault(model.id, []).append(provider)
    return {model: tuple(names) for model, names in serving.items()}
