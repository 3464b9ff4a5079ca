"""What an exchange costs, once its tokens are counted.

Prices are compiled into whole numbers of femto-dollars (10^-15 dollars) a token, so that sums are exact; the sum is
rounded once, to the nearest micro-dollar and from the middle to the even one. What a model's price is, is `pricing`'s
business, and how tokens were counted is the dialects'. What is not known is None, never nothing.

Where the parts of a count overlap or exceed it, parts are charged as parts and the rest, if any, at the usual price: a
count that contradicts itself costs too much rather than too little, and never less than nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import inf

import msgspec

from headway.types import Usage

FEMTO = 10**9
"""Femto-dollars in a micro-dollar; dollars for a million tokens are micro-dollars for one."""
DAY = 86400
STANDARD = frozenset({"", "default", "standard", "auto", "on_demand", "standard_only", "unspecified"})
"""What providers call the service that list prices are for."""

_THURSDAY = 3
"""The first day of Unix time; Monday is 0."""
_SATURDAY = 5


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a price list says: dollars for a million tokens, and dollars for one of anything else. None: not said."""

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cached_audio_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    audio_input: Decimal | None = None
    image_input: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    audio_output: Decimal | None = None
    image_output: Decimal | None = None
    per_request: Decimal | None = None
    per_search: Decimal | None = None
    per_audio_hour: Decimal | None = None
    per_million_characters: Decimal | None = None


class Rates(msgspec.Struct, frozen=True, gc=False):
    """Femto-dollars for a token of each kind. No two of them are for the same token."""

    input: int
    cached: int
    cached_audio: int
    write: int
    write_1h: int
    audio: int
    image: int
    output: int
    reasoning: int
    audio_output: int
    image_output: int


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs at one time, compiled."""

    rates: Rates | None
    """None: not priced by tokens."""
    steps: tuple[tuple[int, Rates], ...] = ()
    """Rates for the whole of a request that sends more tokens than this, in rising order."""
    request: int = 0
    search: int | None = None
    second: int | None = None
    """Of audio."""
    character: int | None = None
    services: tuple[tuple[str, Price], ...] = ()
    """What the same costs under another service tier, by the tier's name."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Prices from one date on. Each day has the same hours, in UTC."""

    start: float = -inf
    """Unix time."""
    seconds: tuple[int, ...] = (0,)
    """When each price of the day begins."""
    prices: tuple[Price, ...]
    weekend: Price | None = None
    """What it costs on Saturdays and Sundays, if they differ."""

    def at(self, when: float) -> Price:
        day, second = divmod(int(when), DAY)
        if self.weekend is not None and (day + _THURSDAY) % 7 >= _SATURDAY:
            return self.weekend
        return self.prices[bisect_right(self.seconds, second) - 1]


class Tariff(msgspec.Struct, frozen=True, eq=False):
    """What a model of a provider costs, as time goes by."""

    periods: tuple[Period, ...]
    """In order; the first began before all time."""

    def at(self, when: float) -> Price:
        """The price at a Unix time."""
        period = self.periods[-1]
        if period.start > when:
            period = next(each for each in reversed(self.periods) if each.start <= when)
        return period.prices[0] if len(period.prices) == 1 else period.at(when)

    def cost(
        self, usage: Usage, *, at: float, service: str | None = None, seconds: float = 0.0, characters: int = 0
    ) -> int | None:
        """Micro-dollars for one exchange that ended at a Unix time; None if a price is not known.

        `service` is the tier that the reply names. `seconds` of audio and `characters` of text count where the model
        is paid by them.
        """
        return cost_of(usage, self.at(at), service=service, seconds=seconds, characters=characters)


def cost_of(
    usage: Usage, price: Price, *, service: str | None = None, seconds: float = 0.0, characters: int = 0
) -> int | None:
    """Micro-dollars for one exchange; None if a price is not known. What the provider says itself comes first."""
    if usage.told_cost is not None:
        return max(usage.told_cost, 0)
    if usage.billed_input_tokens is not None:
        usage = msgspec.structs.replace(
            usage, input_tokens=usage.billed_input_tokens, output_tokens=usage.billed_output_tokens or 0
        )
    if service is not None and service not in STANDARD:
        offered = _under(price, service)
        if offered is None:
            return None
        price = offered
    rates = price.rates
    if price.steps:
        for above, higher in price.steps:
            if usage.input_tokens > above:
                rates = higher
    total = price.request
    known = rates is not None or price.request > 0
    if rates is not None:
        total += _sent(usage, rates) + _answered(usage, rates)
    if usage.searches > 0:
        if price.search is None:
            return None
        known = True
        total += usage.searches * price.search
    if seconds > 0 and price.second is not None:
        known = True
        total += round(seconds * price.second)
    if characters > 0 and price.character is not None:
        known = True
        total += characters * price.character
    return _rounded(total) if known else None


def _under(price: Price, service: str) -> Price | None:
    """What it costs under a service tier; None if that is not known."""
    service = service.lower()
    if service in STANDARD:
        return price
    for name, offered in price.services:
        if name == service:
            return offered
    return None


def _sent(usage: Usage, rates: Rates) -> int:
    cached, written = usage.cached_input_tokens, usage.cache_write_tokens
    audio, image = usage.audio_input_tokens, usage.image_input_tokens
    plain = usage.input_tokens - cached
    if not (written or audio or image):  # nearly always
        return (plain * rates.input if plain > 0 else 0) + (cached * rates.cached if cached > 0 else 0)
    cached_audio = max(min(usage.cached_audio_input_tokens, cached), 0)
    lasting = max(min(usage.cache_write_1h_tokens, written), 0)
    audio, image = max(audio - cached_audio, 0), max(image, 0)
    plain -= written + audio + image
    if plain < 0:  # what was cached may have been pictures, which no provider counts apart
        image = max(image + plain, 0)
        plain = 0
    return (
        plain * rates.input
        + max(cached - cached_audio, 0) * rates.cached
        + cached_audio * rates.cached_audio
        + max(written - lasting, 0) * rates.write
        + lasting * rates.write_1h
        + audio * rates.audio
        + image * rates.image
    )


def _answered(usage: Usage, rates: Rates) -> int:
    plain = usage.output_tokens
    audio, image = usage.audio_output_tokens, usage.image_output_tokens
    total = 0
    if audio or image:
        audio, image = max(audio, 0), max(image, 0)
        plain -= audio + image
        total = audio * rates.audio_output + image * rates.image_output
    if plain <= 0:
        return total
    total += plain * rates.output
    if rates.reasoning != rates.output and usage.reasoning_tokens > 0:
        total += min(usage.reasoning_tokens, plain) * (rates.reasoning - rates.output)
    return total


def _rounded(femto: int) -> int:
    """To the nearest micro-dollar; from the middle to the even one."""
    whole, rest = divmod(femto, FEMTO)
    if rest * 2 > FEMTO or (rest * 2 == FEMTO and whole % 2):
        return whole + 1
    return whole


def compiled(
    quote: Quote, steps: Iterable[tuple[int, Quote]] = (), services: Sequence[tuple[str, Price]] = ()
) -> Price:
    """The price that a list's words amount to. A kind of token without a price of its own costs what the wider kind
    does: what is cached or written to the cache as all input, audio as text, reasoning as all output.
    """
    return Price(
        rates=_rates(quote),
        steps=tuple((above, rates) for above, each in steps if (rates := _rates(each)) is not None),
        request=_femto(quote.per_request, 10**6) or 0,
        search=_femto(quote.per_search, 10**6),
        second=_femto(quote.per_audio_hour, Decimal(10**6) / 3600),
        character=_femto(quote.per_million_characters),
        services=tuple(services),
    )


def steady(price: Price) -> Tariff:
    """The tariff of a price that stays."""
    return Tariff((Period(prices=(price,)),))


def scaled(price: Price, factor: Decimal) -> Price:
    """The same, so many times as dear."""

    def times(amount: int | None) -> int | None:
        return None if amount is None else int((amount * factor).to_integral_value())

    def dearer(rates: Rates) -> Rates:
        return Rates(*(int((rate * factor).to_integral_value()) for rate in msgspec.structs.astuple(rates)))

    return Price(
        rates=None if price.rates is None else dearer(price.rates),
        steps=tuple((above, dearer(rates)) for above, rates in price.steps),
        request=times(price.request) or 0,
        search=times(price.search),
        second=times(price.second),
        character=times(price.character),
        services=tuple((name, scaled(offered, factor)) for name, offered in price.services),
    )


def scaled_tariff(tariff: Tariff, factor: Decimal) -> Tariff:
    """The same, so many times as dear."""
    return Tariff(
        tuple(
            msgspec.structs.replace(
                period,
                prices=tuple(scaled(price, factor) for price in period.prices),
                weekend=None if period.weekend is None else scaled(period.weekend, factor),
            )
            for period in tariff.periods
        )
    )


def _femto(dollars: Decimal | None, millionths: Decimal | int = 1) -> int | None:
    """Femto-dollars for one; `millionths` of dollars if the price is for one of something already."""
    return None if dollars is None else int((dollars * millionths * FEMTO).to_integral_value())


def _rates(quote: Quote) -> Rates | None:
    if quote.input is None and quote.output is None:
        return None
    sent, answered = _femto(quote.input) or 0, _femto(quote.output) or 0
    cached = _or(quote.cached_input, sent)
    written = _or(quote.cache_write, sent)
    audio = _or(quote.audio_input, sent)
    return Rates(
        input=sent,
        cached=cached,
        cached_audio=_or(quote.cached_audio_input, cached if quote.audio_input is None else audio),
        write=written,
        write_1h=_or(quote.cache_write_1h, written),
        audio=audio,
        image=_or(quote.image_input, sent),
        output=answered,
        reasoning=_or(quote.reasoning, answered),
        audio_output=_or(quote.audio_output, answered),
        image_output=_or(quote.image_output, answered),
    )


def _or(dollars: Decimal | None, wider: int) -> int:
    amount = _femto(dollars)
    return wider if amount is None else amount
