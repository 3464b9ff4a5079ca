"""Sizes of pictures in the words of providers that only know shapes and a few resolutions."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from types import MappingProxyType

import msgspec

_USUAL_SIDE = 1024
IMAGEN_SIDES: Mapping[int, str] = MappingProxyType({2048: "2K"})
GEMINI_SIDES: Mapping[int, str] = MappingProxyType({2048: "2K", 4096: "4K"})
"""What sides of a square are called, but for the usual one, which need not be told."""


class Shape(msgspec.Struct, frozen=True):
    """`ratio` and `side` are None where nothing need, or can, be said. `exact`: nothing of the size is lost."""

    ratio: str | None = None
    side: str | None = None
    exact: bool = True


def shape_of(size: tuple[int, int] | None, ratios: frozenset[str], sides: Mapping[int, str]) -> Shape:
    """A resolution counts as kept if the area is that of the square, give or take half."""
    if size is None:
        return Shape()
    width, height = size
    shared = gcd(width, height)
    ratio = f"{width // shared}:{height // shared}"
    if ratio not in ratios:
        return Shape(exact=False)
    area = width * height
    for side in (_USUAL_SIDE, *sides):
        exact = area == side * side if width == height else side * side / 2 <= area <= side * side * 3 / 2
        if exact:
            return Shape(ratio, sides.get(side))
    return Shape(ratio, exact=False)
