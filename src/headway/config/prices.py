"""What a model costs to whoever configured it: by contract where that says so, else publicly.

A price by contract replaces the public one altogether; what it leaves out costs what the wider kind of token does, as
`costs` has it. Public prices are `pricing`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from headway.config.sections.prices import PriceSection, TokenPricesSection
from headway.providers.costs import Quote, Tariff, compiled, scaled_tariff, steady
from headway.providers.pricing import tariff_for


def tariff_from(prices: Mapping[str, PriceSection], kind: str, model: str) -> Tariff | None:
    """What a model of a provider costs: by its own name, else by the first pattern that fits, else publicly. None: not
    known.
    """
    section = prices.get(model)
    if section is None:
        section = next((each for pattern, each in prices.items() if fnmatchcase(model, pattern)), None)
    if section is None:
        return tariff_for(kind, model)
    if section.like is None and section.factor is None:
        return steady(compiled(_quote(section), [(step.above, _quote(step)) for step in section.steps]))
    of_kind, _, named = (section.like or f"{kind}/{model}").partition("/")
    public = tariff_for(of_kind, named)
    return public if public is None or section.factor is None else scaled_tariff(public, section.factor)


def _quote(section: TokenPricesSection) -> Quote:
    return Quote(**{name: getattr(section, name, None) for name in Quote.__struct_fields__})
