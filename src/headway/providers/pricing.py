"""What a model of a provider costs by public price lists.

The lists are genai-prices', which ships its data; prices.yaml puts right what they lack or have wrong. They are
compiled once for each model, with all dates and hours at which a price changes, so that nothing is looked up when an
exchange is priced. What people pay by contract is the configuration's business, and arithmetic is `costs`'.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import inf

import msgspec
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.types import Provider as PricedProvider

from headway.providers.catalogue import find
from headway.providers.corrections import Corrections, corrections
from headway.providers.costs import FEMTO, STANDARD, Period, Price, Quote, Tariff, compiled

REMEMBERED = 4096
"""Models whose tariff is remembered. Clients may ask for any, so there must be an end to it."""

_PER_TOKENS = {
    "input": "input_mtok",
    "cached_input": "cache_read_mtok",
    "cached_audio_input": "cache_audio_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_input": "input_audio_mtok",
    "image_input": "input_image_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_output": "output_audio_mtok",
    "image_output": "output_image_mtok",
    "per_million_characters": "input_mchars",
    "per_audio_hour": "audio_hours",
}
"""Our name of a price, and theirs."""
_PER_THOUSAND = {"per_request": "requests_kcount", "per_search": "web_searches_kcount"}
_FOLDERS = re.compile(r"(?:publishers/[^/]+/)?models/")
"""What Google writes before the names of models."""
_SHORT_WRITE, _LONG_WRITE = Decimal("1.25"), Decimal(2)
"""Writing to Anthropic's cache for 5 minutes and for an hour, in multiples of the input's price."""


def prices_for(kind: str, model: str, at: float) -> Price | None:
    """What a model costs at a Unix time, by the catalogue's provider of that name or alias. None: not known."""
    tariff = tariff_for(kind, model)
    return None if tariff is None else tariff.at(at)


def price_of(kind: str, model: str) -> float:
    """Micro-dollars for a thousand tokens, three of four of them sent; infinite if it is not known. It is for comparing
    targets, so what depends on tiers or caches is left out.
    """
    price = prices_for(kind, model, time.time())
    return inf if price is None else compared(price)


def compared(price: Price) -> float:
    """The figure of `price_of`."""
    rates = price.rates
    return inf if rates is None else (rates.input * 3 + rates.output) / 4 * 1000 / FEMTO


@lru_cache(maxsize=REMEMBERED)
def tariff_for(kind: str, model: str) -> Tariff | None:
    """What a model costs as time goes by; None if it is not known."""
    entry = find(kind)
    if entry is None or entry.prices_id is None:
        return None
    provider = next((each for each in providers if each.id == entry.prices_id), None)
    if provider is None:
        return None
    found = find_priced(provider, model)
    put_right = corrections().of(provider.id, model, None if found is None else found.id)
    return _tariff(_corrected(found, model, put_right), put_right)


def find_priced(provider: PricedProvider, model: str) -> ModelInfo | None:
    """The row of the price list for a model; of another provider's list where that one sells its models."""
    found = provider.find_model(model, all_providers=providers)
    folder = _FOLDERS.match(model)
    if found is not None or folder is None:
        return found
    return provider.find_model(model[folder.end() :], all_providers=providers)


def _corrected(found: ModelInfo | None, model: str, put_right: Corrections) -> ModelInfo | None:
    if found is None:
        if not put_right.replaced:
            return None
        found = ModelInfo(id=model, match=ClauseEquals(model))
    if not (put_right.replaced or put_right.added):
        return found
    conditional = _conditional(found)
    if put_right.replaced:
        # Hours of the day belong to the prices that are replaced.
        conditional = [each for each in conditional if not isinstance(each.constraint, TimeOfDateConstraint)]
        conditional += [
            ConditionalPrice(None if since is None else StartDateConstraint(since), prices=ModelPrice(**prices))
            for since, prices in put_right.replaced
        ]
    if put_right.added:
        conditional = [replace(each, prices=_with(each.prices, put_right.added)) for each in conditional]
    return replace(found, prices=conditional)


def _conditional(found: ModelInfo) -> list[ConditionalPrice]:
    return [ConditionalPrice(prices=found.prices)] if isinstance(found.prices, ModelPrice) else list(found.prices)


def _with(prices: ModelPrice, added: dict[str, Decimal]) -> ModelPrice:
    prices = copy(prices)
    prices.__dict__.update(added)
    return prices


# --- from a row to a tariff ---


def _tariff(found: ModelInfo | None, put_right: Corrections) -> Tariff | None:
    if found is None:
        return None
    starts = sorted({each.start_date for each in _constraints(found) if isinstance(each, StartDateConstraint)})
    first = (starts[0] if starts else date(2026, 1, 1)) - timedelta(days=1)
    periods: list[Period] = []
    for start in (None, *starts):
        period = _period(found, first if start is None else start, put_right)
        if period is None:
            continue
        if not periods:
            periods.append(period)  # before a model had a price it costs what it did at first
        elif start is not None and period != msgspec.structs.replace(periods[-1], start=period.start):
            periods.append(msgspec.structs.replace(period, start=_unix(start)))
    return Tariff(tuple(periods)) if periods else None


def _constraints(found: ModelInfo) -> Iterator[StartDateConstraint | TimeOfDateConstraint | None]:
    if not isinstance(found.prices, ModelPrice):
        yield from (each.constraint for each in found.prices)
    yield from (each.constraint for each in found.price_variants or ())


def _unix(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _period(found: ModelInfo, day: date, put_right: Corrections) -> Period | None:
    """All prices of one day."""
    seconds = {0}
    for each in _constraints(found):
        if isinstance(each, TimeOfDateConstraint):
            seconds |= {_second(each.start_time.isoformat()), _second(each.end_time.isoformat())}
    spans: list[tuple[int, Price]] = []
    for second in sorted(seconds):
        price = _price(found, datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second), put_right)
        if price is None:
            return None
        if not spans or spans[-1][1] != price:
            spans.append((second, price))
    weekend = None
    if len(spans) > 1 and put_right.quiet_weekends:
        quiet = [each for each in _conditional(found) if not isinstance(each.constraint, TimeOfDateConstraint)]
        weekend = _price(replace(found, prices=quiet), datetime(day.year, day.month, day.day, tzinfo=UTC), put_right)
    return Period(
        seconds=tuple(second for second, _ in spans), prices=tuple(price for _, price in spans), weekend=weekend
    )


def _second(clock: str) -> int:
    hours, minutes = clock[:2], clock[3:5]
    return int(hours) * 3600 + int(minutes) * 60


def _price(found: ModelInfo, when: datetime, put_right: Corrections) -> Price | None:
    listed = found.get_prices(when)
    if not any(value is not None for value in listed.__dict__.values()):
        return compiled(Quote(input=Decimal(0), output=Decimal(0))) if _free(found, put_right) else None
    services = {name: _compiled(found, listed) for name in put_right.standard_services}
    for variant in found.price_variants or ():
        for key in ("service_tier", "speed"):
            name = variant.when.get(key)
            if (
                name is not None
                and name not in STANDARD
                and (variant.constraint is None or variant.constraint.active(when))
            ):
                services[name] = _compiled(found, found.get_prices(when, dict(variant.when)))
    return msgspec.structs.replace(_compiled(found, listed), services=tuple(sorted(services.items())))


def _free(found: ModelInfo, put_right: Corrections) -> bool:
    """Whether a row without prices means that there are none to pay, and not that nobody knows them."""
    return put_right.free or found.id.endswith(":free")


def _compiled(found: ModelInfo, listed: ModelPrice) -> Price:
    steps = sorted(
        {tier.start for value in listed.__dict__.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    )
    claude = "claude" in found.id
    return compiled(
        _quote(listed, None, claude=claude), [(start, _quote(listed, start, claude=claude)) for start in steps]
    )


def _quote(listed: ModelPrice, start: int | None, *, claude: bool) -> Quote:
    """The prices of a request that sends more tokens than `start`."""
    said = {name: _at(getattr(listed, key, None), start) for name, key in _PER_TOKENS.items()}
    for name, key in _PER_THOUSAND.items():
        dollars = _at(getattr(listed, key, None), start)
        said[name] = None if dollars is None else dollars / 1000
    quote = Quote(**said)
    if not claude or quote.input is None:
        return quote
    return msgspec.structs.replace(
        quote,
        cache_write=quote.input * _SHORT_WRITE if quote.cache_write is None else quote.cache_write,
        cache_write_1h=quote.input * _LONG_WRITE if quote.cache_write_1h is None else quote.cache_write_1h,
    )


def _at(price: Decimal | TieredPrices | None, start: int | None) -> Decimal | None:
    if not isinstance(price, TieredPrices):
        return price
    amount = price.base
    if start is not None:
        for tier in price.tiers:
            if tier.start <= start:
                amount = tier.price
    return amount
