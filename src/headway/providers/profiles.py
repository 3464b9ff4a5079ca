"""What a model's name says of its ways and abilities.

The facts are in profiles.yaml; this module gives them a shape, refuses data that does not fit it, and finds the rows
for a name. What a profile means for timeouts is `core`'s business, and what a missing ability means the dialects'.
Nothing here is certain, as anybody may call a model anything: a target's own setting comes first, then what the
provider says of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import translate
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec
import yaml

from headway.types import Profile

REMEMBERED = 4096
"""Names whose profile is remembered. Clients may ask for any, so there must be an end to it."""

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Ability = Literal["tools", "images", "audio", "video", "files", "json_output", "json_schema"]
"""What a model takes or can be held to; the names are those of `wire.form.abilities`."""
_Tokens = Annotated[int, msgspec.Meta(gt=0)]
_Pattern = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^A-Z/\s]+$")]


class ProfileRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Models by shell-style patterns of their names, in lower case and without a vendor's prefix."""

    models: Annotated[tuple[_Pattern, ...], msgspec.Meta(min_length=1)]
    providers: tuple[_Pattern, ...] = ()
    """The catalogue's providers of which this holds. None: of all."""
    reasoning: bool | None = None
    abilities: dict[Ability, bool] = {}
    output: _Tokens | None = None
    """Most tokens of one answer."""
    context: _Tokens | None = None

    def __post_init__(self) -> None:
        if self.reasoning is None and not self.abilities and self.output is None and self.context is None:
            raise ValueError("says nothing of its models")


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a name says of a model. What is in neither set, or None, is not known."""

    reasoning: bool | None = None
    can: frozenset[str] = frozenset()
    cannot: frozenset[str] = frozenset()
    output: int | None = None
    context: int | None = None


class Profiles:
    """Rows of which, for each fact, the first that matches a name and knows the fact decides."""

    def __init__(self, rows: tuple[ProfileRow, ...]) -> None:
        self.rows = rows
        self._rules = [(re.compile("|".join(map(translate, row.models))), row) for row in rows]

    def of(self, model: str) -> Profile:
        """The profile of a model, whatever vendor's prefix its name has (`openai/`, `accounts/fireworks/models/`)."""
        rows = self._rows(model, None)
        return Profile(reasoning=next((row.reasoning for row in rows if row.reasoning is not None), False))

    def traits_of(self, model: str, provider: str | None = None) -> Traits:
        """What the name of a model says, which the catalogue's provider of that name serves."""
        rows = list(self._rows(model, provider))
        abilities: dict[str, bool] = {}
        for row in rows:
            for ability, there in row.abilities.items():
                abilities.setdefault(ability, there)
        return Traits(
            reasoning=next((row.reasoning for row in rows if row.reasoning is not None), None),
            can=frozenset(ability for ability, there in abilities.items() if there),
            cannot=frozenset(ability for ability, there in abilities.items() if not there),
            output=next((row.output for row in rows if row.output is not None), None),
            context=next((row.context for row in rows if row.context is not None), None),
        )

    def _rows(self, model: str, provider: str | None) -> Iterator[ProfileRow]:
        name = model.rpartition("/")[2].lower()
        for pattern, row in self._rules:
            if (not row.providers or provider in row.providers) and pattern.match(name):
                yield row


def parse(text: str) -> Profiles:
    """Raises msgspec.ValidationError for anything that does not fit."""
    rows: Any = yaml.load(text, _LOADER)
    return Profiles(msgspec.convert(rows, tuple[ProfileRow, ...]))


@cache
def profiles() -> Profiles:
    """What profiles.yaml says."""
    return parse(files("headway.providers").joinpath("profiles.yaml").read_text("utf-8"))


@lru_cache(maxsize=REMEMBERED)
def profile_of(model: str) -> Profile:
    """The profile of an upstream's model, by its name."""
    return profiles().of(model)
