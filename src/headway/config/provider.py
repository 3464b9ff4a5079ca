"""One provider: its section, the catalogue's entry and the environment, made into a `Provider`.

It decides what wins: the section over the environment over the catalogue. It reports everything that stands in the
way, and never what a key is. Which models the provider serves is `compile`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from headway.config.fields import checked_base_url, checked_key
from headway.config.prices import tariff_from
from headway.config.problems import ConfigPath, Finding, closest
from headway.config.sections.provider import (
    KeySection,
    LimitsSection,
    ProviderSection,
    QuirksSection,
    ServedSection,
    TlsSection,
)
from headway.providers.auth import lacking
from headway.providers.catalogue import CatalogueEntry, base_url, catalogue, dialect_for, find
from headway.providers.costs import Tariff
from headway.providers.known_models import facts_of
from headway.providers.listings import store
from headway.providers.listings.listed import ListedModel, facts_with, tariff_told
from headway.types import (
    AuthScheme,
    Credential,
    Dialect,
    KnownModel,
    Limits,
    ModelFacts,
    Provider,
    Quirks,
    Secret,
    Tls,
)

CUSTOM = "custom"
"""The kind of a provider that the catalogue has nothing to say about."""
EVERYTHING = ("*",)
"""Of names in lists that are none of models here: then the provider's own list is one of other things too."""

WITHOUT_KEY = frozenset[AuthScheme]({"sigv4", "google", "entra"})
"""Ways to be known that need no key here: what the machine or its environment has will do."""

NOTHING_LISTED: Mapping[str, ListedModel] = MappingProxyType({})

_KEYLESS = (Credential(name="none", secret=None),)


class Surroundings(NamedTuple):
    """What a configuration means depends on these besides its text."""

    environ: Mapping[str, str]
    folder: Path
    """Relative paths start here."""
    report: Callable[[Finding], None]


def provider_from(name: str, section: ProviderSection, around: Surroundings) -> Provider | None:
    """The provider, or None after reporting why there is none."""
    path = ("providers", name)
    findings: list[Finding] = []
    inner = around._replace(report=findings.append)
    entry = _entry(name, section, inner)
    if not findings:
        address = _address(name, section, entry, inner)
        credentials = _credentials(path, section, entry, inner)
        tls = _tls((*path, "tls"), section.tls, inner)
        dialect, surface = _dialect(section, entry, address)
        auth = _auth(section, entry, credentials, dialect)
        needs = lacking(auth) if credentials == _KEYLESS else None
        if needs is not None and not findings:
            inner.report(Finding(path=path, message=f"with 'auth' {auth!r} and without 'keys': {needs}", on_key=True))
        if not findings:
            kind, lists_models = entry.name if entry else CUSTOM, _lists_models(section, entry)
            listed = _listed(name, address, around) if lists_models else NOTHING_LISTED
            return Provider(
                name=name,
                kind=kind,
                dialect=dialect,
                surface=surface,
                apis=_apis(section, entry),
                api_version=section.api_version or (entry.api_version if entry else None),
                base_url=address,
                auth=auth,
                headers=tuple(_headers(section, entry)),
                credentials=credentials,
                concurrency=section.limits.concurrency,
                limits=_limits(section.limits),
                quirks=_quirks(section.quirks, entry.quirks if entry else Quirks()),
                tariff_of=partial(_tariff, section, kind, listed),
                facts_of=partial(_facts, kind, listed, section.served()),
                listed=tuple(KnownModel(id=each.id, context_window=each.context_window) for each in listed.values()),
                lists_models=lists_models,
                tls=tls,
                proxy=None if section.proxy is None else Secret(section.proxy),
            )
    for finding in findings:
        around.report(finding)
    return None


def usual_name(index: int, keys: int) -> str:
    """What a key is called that was given no name."""
    return "default" if keys == 1 else f"key-{index + 1}"


def usual_key(entry: CatalogueEntry, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The first of the entry's key variables that is set, and what it holds."""
    for variable in entry.key_env:
        if value := environ.get(variable, "").strip():
            return variable, value
    return None


def _entry(name: str, section: ProviderSection, around: Surroundings) -> CatalogueEntry | None:
    if section.kind == CUSTOM:
        return None
    if section.kind is None:
        return find(name)
    entry = find(section.kind)
    if entry is None:
        suggestion = closest(section.kind, _catalogue_names())
        around.report(
            Finding(
                path=("providers", name, "kind"),
                message="is neither an entry of the catalogue nor 'custom'",
                suggestion=suggestion,
            )
        )
    return entry


def _catalogue_names() -> Iterator[str]:
    for entry in catalogue().values():
        yield entry.name
        yield from entry.aliases


def _address(name: str, section: ProviderSection, entry: CatalogueEntry | None, around: Surroundings) -> str:
    if section.base_url is not None:
        return section.base_url
    path = ("providers", name)
    if entry is None:
        message = f"'base_url' is required, as the catalogue has no provider {name!r}"
        suggestion = closest(name, _catalogue_names()) if section.kind is None else None
        around.report(Finding(path=path, message=message, suggestion=suggestion, on_key=True))
        return ""
    found = base_url(entry, around.environ)
    variables = " and ".join(entry.needs) or " or ".join(entry.base_url_env)
    if found is None:
        ways = f", or the environment variable {variables}" if variables else ""
        around.report(Finding(path=path, message=f"needs 'base_url'{ways}", on_key=True))
        return ""
    try:
        return checked_base_url(found)
    except ValueError as error:
        set_ones = [each for each in (*entry.base_url_env, *entry.needs) if around.environ.get(each)]
        around.report(Finding(path=path, message=f"the address in {' and '.join(set_ones)} {error}", on_key=True))
        return ""


def _credentials(
    path: ConfigPath, section: ProviderSection, entry: CatalogueEntry | None, around: Surroundings
) -> tuple[Credential, ...]:
    if section.keys is None:
        return _usual_credentials(path, section, entry, around)
    if not section.keys:
        return _KEYLESS
    if section.auth == "none":
        around.report(Finding(path=(*path, "auth"), message="is 'none', so the keys would never be sent"))
    keys = [KeySection(value=key) if isinstance(key, Secret) else key for key in section.keys]
    return tuple(
        Credential(
            name=key.name or usual_name(index, len(keys)),
            secret=key.value,
            weight=key.weight,
            models=tuple(key.models),
            concurrency=key.limits.concurrency,
            limits=_limits(key.limits),
        )
        for index, key in enumerate(keys)
    )


def _usual_credentials(
    path: ConfigPath, section: ProviderSection, entry: CatalogueEntry | None, around: Surroundings
) -> tuple[Credential, ...]:
    """What there is without `keys`: the key in the usual variable, if the provider has one."""
    if section.auth == "none" or section.auth in WITHOUT_KEY:
        return _KEYLESS
    found = usual_key(entry, around.environ) if entry else None
    if found is not None:
        try:
            return (Credential(name="default", secret=checked_key(found[1])),)
        except ValueError as error:
            around.report(Finding(path=path, message=f"the key in {found[0]} {error}", on_key=True))
    elif entry is not None and not entry.keyless and entry.auth not in WITHOUT_KEY:
        ways = " or ".join(entry.key_env)
        message = f"has no 'keys', and the environment variable {ways} is not set" if ways else "needs 'keys'"
        around.report(Finding(path=path, message=message, on_key=True))
    elif entry is None and section.auth is not None:
        around.report(Finding(path=path, message=f"needs 'keys', as 'auth' is {section.auth!r}", on_key=True))
    return _KEYLESS


def _lists_models(section: ProviderSection, entry: CatalogueEntry | None) -> bool:
    if section.list_models is not None:
        return section.list_models
    return entry is None or entry.unlisted != EVERYTHING


def _listed(name: str, address: str, around: Surroundings) -> Mapping[str, ListedModel]:
    """The provider's own list of models, as it was fetched last."""
    path = store.path_for(name, address, around.environ)
    stored = None if path is None else store.load(path)
    return NOTHING_LISTED if stored is None else {model.id: model for model in stored.models}


def _tariff(section: ProviderSection, kind: str, listed: Mapping[str, ListedModel], model: str) -> Tariff | None:
    """What a model costs: by contract, publicly, or as the provider itself says."""
    told = listed.get(model)
    return tariff_from(section.prices, kind, model) or (None if told is None else tariff_told(told))


def _facts(kind: str, listed: Mapping[str, ListedModel], served: Mapping[str, ServedSection], model: str) -> ModelFacts:
    """What is known of a model: first what its section says, then what its provider lists, then what is public."""
    told, own, facts = listed.get(model), served.get(model), facts_of(kind, model)
    if told is not None:
        facts = facts_with(facts, told)
    return facts if own is None else facts_with(facts, _as_listed(own))


def _as_listed(section: ServedSection) -> ListedModel:
    abilities = section.abilities
    return ListedModel(
        id=section.name,
        context_window=section.context_window,
        output_limit=section.most_output,
        can=frozenset(name for name, there in abilities.items() if there),
        cannot=frozenset(name for name, there in abilities.items() if not there),
        reasoning=section.reasoning,
    )


def _dialect(section: ProviderSection, entry: CatalogueEntry | None, address: str) -> tuple[Dialect, str]:
    """What it speaks, and its surface."""
    if section.dialect is not None:
        same = entry is not None and entry.dialect == section.dialect
        return section.dialect, entry.surface if same and entry is not None else ""
    return ("openai_chat", "") if entry is None else dialect_for(entry, address)


def _apis(section: ProviderSection, entry: CatalogueEntry | None) -> frozenset[str] | None:
    if section.apis is not None:
        return frozenset(section.apis)
    return None if entry is None else frozenset(entry.endpoints)


_USUAL_AUTH: dict[Dialect, AuthScheme] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}


def _auth(
    section: ProviderSection, entry: CatalogueEntry | None, credentials: tuple[Credential, ...], dialect: Dialect
) -> AuthScheme:
    auth = section.auth
    if auth is None and entry is not None and entry.auth != "none":
        # a compatibility layer of a provider that signs wants the same signature
        auth = entry.auth if entry.dialect == dialect or entry.auth in WITHOUT_KEY else None
    auth = auth or _USUAL_AUTH.get(dialect, "bearer")
    return "none" if credentials == _KEYLESS and auth not in WITHOUT_KEY else auth


def _headers(section: ProviderSection, entry: CatalogueEntry | None) -> Iterator[tuple[str, Secret]]:
    own = {name.lower() for name in section.headers}
    yield from ((name, Secret(value)) for name, value in (entry.headers if entry else ()) if name.lower() not in own)
    yield from ((name, Secret(value)) for name, value in section.headers.items())


def _tls(path: ConfigPath, section: TlsSection, around: Surroundings) -> Tls:
    def file(setting: str, written: str | None) -> str | None:
        if written is None:
            return None
        place = around.folder / written
        if not place.is_file():
            around.report(Finding(path=(*path, setting), message=f"there is no such file in {around.folder}"))
        return str(place)

    if section.client_key is not None and section.client_cert is None:
        around.report(Finding(path=(*path, "client_key"), message="needs 'client_cert' beside it"))
    return Tls(
        ca_file=file("ca_file", section.ca_file),
        client_cert=file("client_cert", section.client_cert),
        client_key=file("client_key", section.client_key),
    )


def _limits(section: LimitsSection) -> Limits:
    return Limits(rpm=section.rpm, tpm=section.tpm, rpd=section.rpd, tpd=section.tpd)


def _quirks(section: QuirksSection, usual: Quirks) -> Quirks:
    return Quirks(
        stream_usage=usual.stream_usage if section.stream_usage is None else section.stream_usage,
        stream_done=usual.stream_done if section.stream_done is None else section.stream_done,
        prefill=usual.prefill if section.prefill is None else section.prefill,
        accounting=usual.accounting if section.accounting is None else section.accounting,
        max_tokens=usual.max_tokens if section.max_tokens is None else section.max_tokens,
        renames=usual.renames,
        lacks=usual.lacks,
    )
