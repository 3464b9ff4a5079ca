"""Which models a provider is known to serve, and what is known of each.

The list is genai-prices', which ships its data. It names *prices*, and matches them to models by rules ("starts with
gpt-4o-audio"), so this module keeps what is the name of a model and drops the rest. A model that is missing here is
served all the same: this only lets clients leave the provider's name out, and fills the list of models. What a provider
says itself comes first (`listings`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache, lru_cache

from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic, ModelInfo

from headway.providers.catalogue import CatalogueEntry, find
from headway.providers.costs import FEMTO
from headway.providers.pricing import find_priced, prices_for
from headway.providers.profiles import profiles
from headway.types import KnownModel, ModelFacts

REMEMBERED = 4096
"""Models whose facts are remembered. Clients may ask for any, so there must be an end to it."""

_RELEASE = re.compile(r"-(latest|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{8}|\d{4})")
"""What follows a model's name in the name of one release of it: gpt-4o-2024-08-06, mistral-large-2411."""


@cache
def known_models(entry_name: str) -> tuple[KnownModel, ...]:
    """What the catalogue's provider of that name or alias is known to serve, by name; nothing for any other."""
    entry = find(entry_name)
    if entry is None or entry.prices_id is None:
        return ()
    found: dict[str, KnownModel] = {}
    for priced in _priced_models(entry.prices_id):
        for name in _names(priced, entry):
            found.setdefault(name, KnownModel(id=name, context_window=priced.context_window))
    return tuple(found[name] for name in sorted(found))


@lru_cache(maxsize=REMEMBERED)
def facts_of(entry_name: str, model: str) -> ModelFacts:
    """What is known of a model that the catalogue's provider of that name or alias serves, or any other."""
    entry = find(entry_name)
    traits = profiles().traits_of(model, entry_name if entry is None else entry.name)
    priced = None if entry is None or entry.prices_id is None else _row(entry.prices_id, model)
    price = prices_for(entry_name, model, time.time())
    rates = None if price is None else price.rates
    context = traits.context if priced is None or priced.context_window is None else priced.context_window
    return ModelFacts(
        context_window=context,
        output_limit=traits.output,
        can=traits.can,
        cannot=traits.cannot,
        reasoning=traits.reasoning,
        input_price=None if rates is None else rates.input / FEMTO,
        output_price=None if rates is None else rates.output / FEMTO,
    )


def _row(prices_id: str, model: str) -> ModelInfo | None:
    provider = next((each for each in providers if each.id == prices_id), None)
    return None if provider is None else find_priced(provider, model)


def _priced_models(prices_id: str) -> Iterator[ModelInfo]:
    for provider in providers:
        if provider.id == prices_id:
            yield from provider.models


def _names(priced: ModelInfo, entry: CatalogueEntry) -> Iterator[str]:
    for name in _exact_names(priced):
        if any(fnmatchcase(name, pattern) for pattern in entry.unlisted):
            continue
        yield name.lower() if entry.lowercase_models else name


def _exact_names(priced: ModelInfo) -> Iterator[str]:
    """Its id and its releases, where the id is a name; else the names it is matched by (Fireworks' long ones)."""
    aliases = _equal_to(priced.match)
    if not priced.is_match(priced.id):
        yield from aliases
        return
    yield priced.id
    for alias in aliases:
        if alias.startswith(priced.id) and _RELEASE.fullmatch(alias, len(priced.id)):
            yield alias


def _equal_to(match: MatchLogic) -> list[str]:
    if isinstance(match, ClauseEquals):
        return [match.equals]
    if isinstance(match, ClauseOr):
        return [name for clause in match.or_ for name in _equal_to(clause)]
    return []
