"""Which models a provider is known to serve, and how much context each takes.

The list is genai-prices', which ships its data. It names *prices*, and matches them to models by rules ("starts with
gpt-4o-audio"), so this module keeps what is the name of a model and drops the rest. A model that is missing here is
served all the same: this only lets clients leave the provider's name out, and fills the list of models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from math import inf

from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic, ModelInfo, TieredPrices

from headway.providers.catalogue import CatalogueEntry, find
from headway.types import KnownModel

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


@lru_cache(maxsize=4096)
def price_of(entry_name: str, model: str) -> float:
    """Micro-dollars for a thousand tokens, three of four of them sent; infinite if it is not known. It is for comparing
    targets, so what depends on time, tiers or caches is left out.
    """
    entry = find(entry_name)
    if entry is None or entry.prices_id is None:
        return inf
    provider = next((each for each in providers if each.id == entry.prices_id), None)
    found = None if provider is None else provider.find_model(model)
    if found is None:
        return inf
    prices = found.get_prices(datetime.now(UTC))
    sent, answered = _base(prices.input_mtok), _base(prices.output_mtok)
    if sent is None and answered is None:
        return inf
    return float(((sent or Decimal(0)) * 3 + (answered or Decimal(0))) / 4 * 1000)


def _base(price: Decimal | TieredPrices | None) -> Decimal | None:
    return price.base if isinstance(price, TieredPrices) else price


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
