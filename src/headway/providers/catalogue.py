"""What is known about providers before anyone configures them.

The facts are in catalogue.yaml; this module gives them a shape, refuses data that does not fit it, and resolves the
base URL that an entry and the environment's variables amount to. Which providers are used, with which keys, is
`config`'s business; what models they serve is `known_models`'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import yaml

from headway.types import AuthScheme, Dialect, Quirks

Endpoint = Literal["chat", "completions", "responses", "embeddings", "moderations", "images", "audio"]

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider: where it is, what it speaks, and how it wants its key."""

    name: str
    title: str
    base_url: str = ""
    """Without a trailing slash. `${NAME}` stands for an environment variable's value; empty: the user must give it."""
    dialect: Dialect = "openai_chat"
    surface: str = ""
    """What it serves under which path (`surfaces`); empty: what is usual for its dialect."""
    api_version: str | None = None
    """The version that Azure's older paths name."""
    auth: AuthScheme = "bearer"
    key_env: tuple[str, ...] = ()
    """Environment variables that usually hold the key; the first one that is set wins."""
    base_url_env: tuple[str, ...] = ()
    """Environment variables that move it elsewhere; the first one that is set wins."""
    host_env: tuple[str, ...] = ()
    """Those of `base_url_env` that by custom hold no path: the path of `base_url` is added unless it is there."""
    shared_key_env: bool = False
    """Its key variable is widely set for other purposes, so that it alone does not mean this provider is wanted."""
    keyless: bool = False
    """It works without a key."""
    quirks: Quirks = Quirks()
    headers: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    prices_id: str | None = None
    """Its id in genai-prices."""
    unlisted: tuple[str, ...] = ()
    """Shell-style patterns of names in genai-prices that are not names of models here."""
    lowercase_models: bool = False
    """Its models have lower-case names, whatever genai-prices writes."""
    local: bool = False
    """A server that one runs oneself."""
    endpoints: tuple[Endpoint, ...] = ("chat",)
    """What it documents of OpenAI's API."""
    notes: str = ""
    examples: tuple[str, ...] = ()
    """Other ways to write its section than with keys, for its page."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Environment variables without which `base_url` is incomplete."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.base_url)))


@cache
def catalogue() -> Mapping[str, CatalogueEntry]:
    """All known providers by name, in the order of the data."""
    return parse(files("headway.providers").joinpath("catalogue.yaml").read_text("utf-8"))


def parse(text: str) -> Mapping[str, CatalogueEntry]:
    """Entries by name. Raises ValueError (msgspec.ValidationError is one) for anything that does not fit."""
    rows: Any = yaml.load(text, _LOADER)
    by_name = msgspec.convert(rows, dict[str, dict[str, Any]])
    entries = {name: _entry(name, row) for name, row in by_name.items()}
    _refuse_shared_names(entries.values())
    return MappingProxyType(entries)


def find(name: str) -> CatalogueEntry | None:
    """The entry of that name or alias."""
    return catalogue().get(name) or _by_alias().get(name)


def base_url(entry: CatalogueEntry, environ: Mapping[str, str]) -> str | None:
    """Where the provider is, as far as the catalogue and the environment know.

    A variable of `base_url_env` comes first, then the entry's own URL with its placeholders filled in. None if one of
    those is not set, or if there is nothing to go by. Variables that are set to nothing count as not set.
    """
    for variable in entry.base_url_env:
        if value := environ.get(variable, "").strip():
            value = value.rstrip("/")
            whole = variable not in entry.host_env or _is_compatible(entry, value)
            return value if whole else _join(value, urlsplit(entry.base_url).path)
    return _filled(entry.base_url, environ) or None


def dialect_for(entry: CatalogueEntry, address: str) -> tuple[Dialect, str]:
    """What the provider speaks at this base URL, and its surface: people may have set that of a compatibility layer,
    where it speaks Chat Completions.
    """
    return ("openai_chat", "") if _is_compatible(entry, address) else (entry.dialect, entry.surface)


_COMPATIBLE = re.compile(r"/(?:openai|openapi|compatibility|compat)(?:/v1)?\Z")
"""How the addresses of compatibility layers end."""


def _is_compatible(entry: CatalogueEntry, address: str) -> bool:
    path = urlsplit(address).path.rstrip("/")
    if entry.dialect == "ollama":
        return path.endswith("/v1")
    return entry.dialect != "openai_chat" and _COMPATIBLE.search(path) is not None


def _filled(url: str, environ: Mapping[str, str]) -> str | None:
    values = {variable: environ.get(variable, "").strip() for variable in _PLACEHOLDER.findall(url)}
    if not all(values.values()):
        return None
    leading = _PLACEHOLDER.match(url)
    if leading is not None:  # the variable is a URL itself, and may end in a slash or in the whole path already
        return _join(values[leading[1]], _filled(url[leading.end() :], environ) or "")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], url)


def _join(host: str, path: str) -> str:
    host = host.rstrip("/")
    return host if host.endswith(path) else host + path


@cache
def _by_alias() -> Mapping[str, CatalogueEntry]:
    return MappingProxyType({alias: entry for entry in catalogue().values() for alias in entry.aliases})


def _entry(name: str, row: Mapping[str, Any]) -> CatalogueEntry:
    try:
        entry = msgspec.convert({"name": name, **row}, CatalogueEntry)
    except msgspec.ValidationError as error:
        raise ValueError(f"catalogue entry {name!r}: {error}") from error
    unknown = set(row.get("quirks", ())) - set(Quirks.__struct_fields__)
    if unknown:
        raise ValueError(f"catalogue entry {name!r}: no quirk is called {', '.join(sorted(unknown))}")
    stray = set(entry.host_env) - set(entry.base_url_env)
    if stray:
        raise ValueError(f"catalogue entry {name!r}: {', '.join(sorted(stray))} is in host_env but not in base_url_env")
    return entry


def _refuse_shared_names(entries: Iterable[CatalogueEntry]) -> None:
    taken: dict[str, str] = {}
    for entry in entries:
        for name in (entry.name, *entry.aliases):
            if name in taken:
                raise ValueError(f"catalogue entries {taken[name]!r} and {entry.name!r} both answer to {name!r}")
            taken[name] = entry.name
