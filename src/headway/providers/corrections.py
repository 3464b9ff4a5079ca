"""Where the price list that we use is put right.

The facts are in prices.yaml, each with its source; this module gives them a shape, refuses data that does not fit it,
and finds what there is for a model. How they change a price is `pricing`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
import yaml

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_PRICE = re.compile(r"[a-z_]+_(mtok|kcount|mchars|hours)")


class CorrectionRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different for models by shell-style patterns of their names, in lower case."""

    providers: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
    """Their ids in genai-prices."""
    models: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
    source: _Text
    since: date | None = None
    """When `prices` began to be right. None: they always were."""
    prices: dict[str, Decimal] = {}
    """All prices, instead of those in the list."""
    add: dict[str, Decimal] = {}
    """Prices beside those in the list, or instead of those of the same name."""
    quiet_weekends: bool = False
    """What is dearer at some hours is not so on Saturdays and Sundays, in UTC."""
    free: bool = False
    """A row of the list without prices means that there are none to pay."""
    services: tuple[_Text, ...] = ()
    """Service tiers that cost what the standard one does."""


class Corrections(msgspec.Struct, frozen=True, kw_only=True):
    """What is different for one model."""

    replaced: tuple[tuple[date | None, dict[str, Decimal]], ...] = ()
    """In order of their dates."""
    added: dict[str, Decimal] = {}
    quiet_weekends: bool = False
    free: bool = False
    standard_services: tuple[str, ...] = ()


class CorrectionTable:
    """Rows, all of which count that match a name."""

    def __init__(self, rows: Iterable[CorrectionRow]) -> None:
        self.rows = tuple(rows)
        self._rules = [(re.compile("|".join(map(translate, row.models))), row) for row in self.rows]

    def of(self, provider: str, *names: str | None) -> Corrections:
        """What is different for a model of that provider, by any of its names."""
        lowered = [name.lower() for name in names if name]
        rows = [
            row
            for pattern, row in self._rules
            if provider in row.providers and any(pattern.match(name) for name in lowered)
        ]
        return Corrections(
            replaced=tuple(
                sorted(((row.since, row.prices) for row in rows if row.prices), key=lambda each: each[0] or date.min)
            ),
            added={key: amount for row in rows for key, amount in row.add.items()},
            quiet_weekends=any(row.quiet_weekends for row in rows),
            free=any(row.free for row in rows),
            standard_services=tuple(name for row in rows for name in row.services),
        )


def parse(text: str) -> CorrectionTable:
    """Raises ValueError for anything that does not fit."""
    raw: Any = yaml.load(text, _LOADER)
    try:
        rows = msgspec.convert(raw, tuple[CorrectionRow, ...], dec_hook=_decimal)
    except msgspec.ValidationError as error:
        raise ValueError(f"prices.yaml: {error}") from error
    for row in rows:
        if not (row.prices or row.add or row.quiet_weekends or row.free or row.services):
            raise ValueError(f"prices.yaml: {row.models[0]}: nothing is different")
        for name, amount in (*row.prices.items(), *row.add.items()):
            if _PRICE.fullmatch(name) is None or not amount.is_finite() or amount < 0:
                raise ValueError(f"prices.yaml: {row.models[0]}: {name} is no price")
    return CorrectionTable(rows)


@cache
def corrections() -> CorrectionTable:
    """What prices.yaml says."""
    return parse(files("headway.providers").joinpath("prices.yaml").read_text("utf-8"))


def _decimal(kind: type, value: object) -> Any:
    if kind is Decimal and isinstance(value, int | float):
        return Decimal(str(value))
    raise NotImplementedError
