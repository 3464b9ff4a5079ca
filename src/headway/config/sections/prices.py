"""What somebody pays for models by contract, where it is not the public price.

A price replaces the public one altogether. Which one is for which model, and what it amounts to, is `config.prices`'
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from headway.config.fields import TargetName
from headway.config.quantities import exact, number_schema
from headway.config.sections.base import Section
from headway.providers.catalogue import find

MOST = Decimal(10**6)
"""Dollars. Nothing costs more, and a slip of the finger is found."""


def _tokens(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 12:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 10**9:
        raise ValueError("must be a whole number of tokens")
    return value


Dollars = Annotated[Decimal, BeforeValidator(exact(Decimal(0), MOST)), number_schema(Decimal(0), MOST)]
"""An exact amount, as it is written."""
Tokens = Annotated[int, BeforeValidator(_tokens), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**9})]


class TokenPricesSection(Section):
    """Dollars for a million tokens of each kind."""

    input: Dollars | None = Field(default=None, description="Tokens that are sent.")
    cached_input: Dollars | None = Field(
        default=None, description="Of those, what the provider read from its cache. Not set: as all that is sent."
    )
    cache_write: Dollars | None = Field(
        default=None, description="What it wrote to its cache. Not set: as all that is sent."
    )
    cache_write_1h: Dollars | None = Field(
        default=None, description="What it wrote there for an hour. Not set: as cache_write."
    )
    audio_input: Dollars | None = Field(default=None, description="Sound that is sent. Not set: as text.")
    cached_audio_input: Dollars | None = Field(
        default=None, description="Sound from its cache. Not set: as other sound."
    )
    image_input: Dollars | None = Field(default=None, description="Pictures that are sent. Not set: as text.")
    output: Dollars | None = Field(default=None, description="Tokens that are answered.")
    reasoning: Dollars | None = Field(
        default=None, description="Of those, reasoning. Not set: as all that is answered."
    )
    audio_output: Dollars | None = Field(default=None, description="Sound that is answered. Not set: as text.")
    image_output: Dollars | None = Field(default=None, description="Pictures that are answered. Not set: as text.")


class StepSection(TokenPricesSection):
    """Prices for the whole of a request that is long."""

    above: Tokens = Field(description="Tokens; a request that sends more has these prices, for all of it.")


class PriceSection(TokenPricesSection):
    """What a model costs by contract, in dollars."""

    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType({"currency": "is always dollars"})

    per_request: Dollars | None = Field(default=None, description="Dollars for each request, besides its tokens.")
    per_search: Dollars | None = Field(
        default=None,
        description="Dollars for each web search that the provider runs, or for each search of a reranker.",
    )
    per_audio_hour: Dollars | None = Field(default=None, description="Dollars for an hour of sound.")
    per_million_characters: Dollars | None = Field(
        default=None, description="Dollars for a million characters that are read aloud."
    )
    steps: list[StepSection] = Field(default=[], description="Prices for long requests.")
    like: TargetName | None = Field(
        default=None,
        description="'KIND/MODEL' of the catalogue, whose public price this is: openai/gpt-4o for a deployment of "
        "another name.",
    )
    factor: Dollars | None = Field(
        default=None, description="What to multiply the public price by: 0.85 for 15 % less. With no other price."
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> PriceSection:
        public = self.like is not None or self.factor is not None
        own = self.model_fields_set - {"like", "factor"}
        if public and own:
            raise ValueError("'like' and 'factor' are for public prices; leave out the others, or these two")
        if not public and not own:
            raise ValueError("must say what it costs")
        if self.like is not None and find(self.like.partition("/")[0]) is None:
            raise ValueError("'like' must begin with a kind of the catalogue, such as openai/gpt-4o")
        above = [step.above for step in self.steps]
        if above != sorted(set(above)):
            raise ValueError("'steps' must rise")
        return self
