"""Single values out of what a provider sent, which may be anything.

Each function gives what it is asked for or None, and never raises. Whoever wrote a list may have left out, renamed or
misspelt any of it; a model is listed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeGuard

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed

MODELS = 10_000
"""More are not read."""
TOKENS = 10**9
DOLLARS = Decimal(10**5)
"""For a million tokens. Nothing costs more, so that what says so means something else."""

Entry = Mapping[str, Any]
_NAME = re.compile(r"[!-~]{1,256}")


def entries(body: bytes, *keys: str) -> tuple[list[Entry], Entry] | Malformed:
    """The objects of a list, which is all there is or stands under one of the keys; and what stands around it."""
    try:
        document: object = msgspec.json.decode(body)
    except UNREADABLE:
        return Malformed("the list of models is not JSON")
    around: Entry = document if is_object(document) else {}
    found = document if not around else next((around[key] for key in keys if is_list(around.get(key))), None)
    if not is_list(found):
        return Malformed("the answer holds no list of models")
    return [each for each in found[:MODELS] if is_object(each)], around


def is_object(value: object) -> TypeGuard[Entry]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def inner(entry: Entry, *path: str) -> object:
    """What stands at a path of keys."""
    here: object = entry
    for key in path:
        here = here.get(key) if is_object(here) else None
    return here


def section(entry: Entry, *path: str) -> Entry:
    """The object at a path; an empty one if there is none."""
    found = inner(entry, *path)
    return found if is_object(found) else {}


def name(entry: Entry, *keys: str) -> str | None:
    """The first of the keys that holds what can be asked for as a model."""
    for key in keys:
        value = entry.get(key)
        if isinstance(value, str) and _NAME.fullmatch(value) is not None:
            return value
    return None


def count(entry: Entry, *paths: tuple[str, ...]) -> int | None:
    """The first of the paths that holds a number of tokens."""
    for path in paths:
        value = inner(entry, *path)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= TOKENS:
            return value
    return None


def words(value: object) -> frozenset[str] | None:
    """The texts of a list, in lower case; None if it is no list."""
    if not is_list(value):
        return None
    return frozenset(each.lower() for each in value[:MODELS] if isinstance(each, str))


def flags(entry: Entry) -> Iterator[tuple[str, bool]]:
    """Names that are true or false, in their plainest spelling; `{"supported": true}` counts as true."""
    for key, value in entry.items():
        there = value.get("supported") if is_object(value) else value
        if isinstance(there, bool):
            yield plain(key), there


def plain(word: str) -> str:
    """A name without what spellings differ in: supportsFunctionCalling and function_calling are functioncalling."""
    letters = "".join(each for each in word.lower() if each.isalnum())
    return letters.removeprefix("supports")


def dollars(value: object, per: int = 1) -> Decimal | None:
    """Dollars for a million tokens; `per` is for how many of the unit a million tokens are."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        return None
    try:
        amount = Decimal(str(value)) * per
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and 0 <= amount <= DOLLARS else None
