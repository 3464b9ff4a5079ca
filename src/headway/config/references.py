"""What is wrong between settings: logical models that lead nowhere, and names that are given twice.

It looks at names as they were written, so that one mistake in a section does not hide another. The form of each
setting is `schema`'s business, and each provider by itself is `provider`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from headway.config.compile import Entries, fallback_tiers, may_serve, targets_for, tiers_of, wanted
from headway.config.problems import ConfigPath, Finding, closest
from headway.config.provider import usual_name
from headway.config.schema import Config
from headway.config.sections.model import ModelSection
from headway.config.text import Document
from headway.providers.catalogue import catalogue, find
from headway.types import Provider


class Providers(NamedTuple):
    """Those that are named, and of them those that are sound. `written`: in the text, not found in the environment."""

    names: frozenset[str]
    sound: Mapping[str, Provider]
    written: bool


class WrittenTarget(NamedTuple):
    """A target where the text has it. `tier` is the same for targets of one tier."""

    path: ConfigPath
    tier: ConfigPath
    name: str


def check_references(
    document: Document, data: Mapping[str, object], config: Config, providers: Providers
) -> Iterator[Finding]:
    """`data` is the document's with references to the environment followed; `config` is its sound part."""
    for name, provider in _mapping(data.get("providers")).items():
        yield from _keys_differ(("providers", name, "keys"), _mapping(provider).get("keys"))
        yield from _headers_differ(("providers", name, "headers"), _mapping(provider).get("headers"))
    for name, model in _mapping(data.get("models")).items():
        yield from _confusable(name, providers)
        yield from _targets_lead_somewhere(document, name, model, providers)
        yield from _kinds_go_one_way(("models", name, "fallback"), _mapping(model).get("fallback"))
    for name, model in config.models.items():
        yield from _something_has_weight(("models", name), [e for tier in tiers_of(model) for e in tier], providers)
        if isinstance(model, ModelSection):
            yield from _fallbacks_lead_somewhere(("models", name, "fallback"), model, providers)


def _mapping(value: object) -> Mapping[str, object]:
    """What was written as a mapping; anything else is the schema's business, and empty here."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()


def _keys_differ(path: ConfigPath, written: object) -> Iterator[Finding]:
    keys, taken = _list(written), dict[str, int]()
    for index, key in enumerate(keys):
        given = _mapping(key).get("name")
        name = given if isinstance(given, str) else usual_name(index, len(keys))
        if name in taken:
            where = (*path, index, "name") if name == given else (*path, index)
            message = f"keys {taken[name] + 1} and {index + 1} have the same name"
            yield Finding(path=where, message=message)
        taken.setdefault(name, index)


def _headers_differ(path: ConfigPath, written: object) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    for name in _mapping(written):
        if name.lower() in taken:
            yield Finding(path=(*path, name), message=f"is the same header as {taken[name.lower()]!r}", on_key=True)
        taken.setdefault(name.lower(), name)


def _confusable(name: str, providers: Providers) -> Iterator[Finding]:
    first, slash, _ = name.partition("/")
    if slash and first in providers.names:
        message = f"reads as a model of the provider {first!r}; a logical name must not begin like that"
        yield Finding(path=("models", name), message=message, on_key=True)


def _targets_lead_somewhere(document: Document, logical: str, model: object, providers: Providers) -> Iterator[Finding]:
    seen: set[tuple[ConfigPath, str]] = set()
    for target in _written_targets(("models", logical), model):
        provider, _, upstream_model = target.name.partition("/")
        if not upstream_model:
            continue  # the schema says so
        if (target.tier, target.name) in seen:
            yield Finding(path=target.path, message="stands twice in this tier; write it once, with a weight")
        seen.add((target.tier, target.name))
        # A name that came out of the environment is shown as it was written.
        shown = provider if document.at(target.path) == target.name else str(document.at(target.path))
        if provider not in providers.names:
            yield _no_provider(target.path, provider, shown, providers)
        elif (sound := providers.sound.get(provider)) and not _some_key_may_serve(sound, upstream_model):
            yield Finding(
                path=target.path, message=f"no key of {shown!r} may serve this model; see 'models' of its keys"
            )


def _some_key_may_serve(provider: Provider, model: str) -> bool:
    return any(may_serve(credential, model) for credential in provider.credentials)


def _no_provider(path: ConfigPath, name: str, shown: str, providers: Providers) -> Finding:
    entry = find(name)
    if entry is not None:
        usual = f", or set {entry.key_env[0]}" if entry.key_env and not providers.written else ""
        return Finding(path=path, message=f"no provider {shown!r}; add it under 'providers'{usual}")
    suggestion = closest(name, providers.names) or closest(name, catalogue())
    return Finding(path=path, message=f"no provider {shown!r}", suggestion=suggestion)


def _written_targets(path: ConfigPath, model: object) -> Iterator[WrittenTarget]:
    for index, entry in enumerate(_list(model)):
        yield from _written_target((*path, index), (*path, index), entry)
    for number, tier in enumerate(_list(_mapping(model).get("tiers"))):
        place = (*path, "tiers", number)
        for index, entry in enumerate(_list(tier)):
            yield from _written_target((*place, index), place, entry)
    for number, fallback in enumerate(_list(_mapping(model).get("fallback"))):
        for index, entry in enumerate(_list(_mapping(fallback).get("to"))):
            place = (*path, "fallback", number, "to", index)
            yield from _written_target(place, place, entry)


def _written_target(path: ConfigPath, tier: ConfigPath, entry: object) -> Iterator[WrittenTarget]:
    long = _mapping(entry).get("target")
    if isinstance(entry, str):
        yield WrittenTarget(path, tier, entry)
    elif isinstance(long, str):
        yield WrittenTarget((*path, "target"), tier, long)


def _kinds_go_one_way(path: ConfigPath, written: object) -> Iterator[Finding]:
    taken: dict[str, int] = {}
    for number, fallback in enumerate(_list(written)):
        for index, kind in enumerate(_list(_mapping(fallback).get("on"))):
            if isinstance(kind, str) and kind in taken:
                where = f"in fallback[{taken[kind]}] already" if taken[kind] != number else "twice in this list"
                message = f"stands {where}; a kind of failure goes one way"
                yield Finding(path=(*path, number, "on", index), message=message)
            elif isinstance(kind, str):
                taken[kind] = number


def _fallbacks_lead_somewhere(path: ConfigPath, model: ModelSection, providers: Providers) -> Iterator[Finding]:
    deployments = {wanted(entry)[:2] for tier in tiers_of(model) for entry in tier}
    for number, fallback in enumerate(model.fallback):
        if fallback.to:
            entries = [entry for tier in fallback_tiers(fallback) for entry in tier]
            yield from _something_has_weight((*path, number, "to"), entries, providers)
        elif len(deployments) == 1:
            message = "needs 'to': without it a request goes to the model's other deployments, and it has only one"
            yield Finding(path=(*path, number), message=message)


def _something_has_weight(path: ConfigPath, entries: Entries, providers: Providers) -> Iterator[Finding]:
    asked = [wanted(entry) for entry in entries]
    if any(each.provider not in providers.sound for each in asked):
        return
    targets = [
        target for each in asked for target in targets_for(providers.sound[each.provider], each.model, each.weight)
    ]
    if targets and all(target.weight == 0 for target in targets):
        yield Finding(path=path, message="all of its targets have weight 0, so none would ever be used")
