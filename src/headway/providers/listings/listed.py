"""The shape of what a provider says of its models, and how it goes together with what is known otherwise."""

from __future__ import annotations

import msgspec

from headway.providers.costs import FEMTO, Quote, Tariff, compiled, steady
from headway.types import ModelFacts


class ListedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of a provider's own list. What is not said is None, or in neither set."""

    id: str
    """The name to ask for."""
    context_window: int | None = None
    output_limit: int | None = None
    can: frozenset[str] = frozenset()
    cannot: frozenset[str] = frozenset()
    reasoning: bool | None = None
    """Whether it thinks before it answers, unless it is told otherwise."""
    quote: Quote | None = None


class Listing(msgspec.Struct, frozen=True):
    """One page of a list. `after` is what to ask the next one with; None: there is none."""

    models: tuple[ListedModel, ...]
    after: str | None = None


def facts_with(facts: ModelFacts, listed: ListedModel) -> ModelFacts:
    """What is known, put right by what the provider says. Prices stay those of the public list, where it has any."""
    rates = None if listed.quote is None or facts.input_price is not None else compiled(listed.quote).rates
    return ModelFacts(
        context_window=listed.context_window or facts.context_window,
        output_limit=listed.output_limit or facts.output_limit,
        can=(facts.can - listed.cannot) | listed.can,
        cannot=(facts.cannot - listed.can) | listed.cannot,
        reasoning=facts.reasoning if listed.reasoning is None else listed.reasoning,
        input_price=facts.input_price if rates is None else rates.input / FEMTO,
        output_price=facts.output_price if rates is None else rates.output / FEMTO,
    )


def tariff_told(listed: ListedModel) -> Tariff | None:
    """What the provider says that a model costs, for one that the public list does not know."""
    return None if listed.quote is None else steady(compiled(listed.quote))
