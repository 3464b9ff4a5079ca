"""What a model's name says of its ways.

The facts are in profiles.yaml; this module gives them a shape, refuses data that does not fit it, and finds the row for
a name. What a profile means for timeouts is `core`'s business. Nothing here is certain, as anybody may call a model
anything: a target's own setting comes first.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
import yaml

from headway.types import Profile

REMEMBERED = 4096
"""Names whose profile is remembered. Clients may ask for any, so there must be an end to it."""

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Pattern = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^A-Z/\s]+$")]


class ProfileRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models by shell-style patterns of their names, in lower case and without a vendor's prefix."""

    models: Annotated[tuple[_Pattern, ...], msgspec.Meta(min_length=1)]
    reasoning: bool


class Profiles:
    """Rows of which the first that matches a name decides."""

    def __init__(self, rows: tuple[ProfileRow, ...]) -> None:
        self.rows = rows
        self._rules = [
            (re.compile("|".join(map(translate, row.models))), Profile(reasoning=row.reasoning)) for row in rows
        ]

    def of(self, model: str) -> Profile:
        """The profile of a model, whatever vendor's prefix its name has (`openai/`, `accounts/fireworks/models/`)."""
        name = model.rpartition("/")[2].lower()
        return next((profile for names, profile in self._rules if names.match(name)), Profile())


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
