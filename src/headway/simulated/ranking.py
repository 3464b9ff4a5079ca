"""How documents are put in order: by the words that they share with the query, else by chance."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headway.simulated import tokens
from headway.simulated.reply import Context


class Place(msgspec.Struct, frozen=True):
    """One document: `index` is that in the request, `score` between 0 and 1."""

    index: int
    score: float


def ranked(context: Context, query: str, documents: Sequence[str], most: int | None = None) -> list[Place]:
    """The best first."""
    wanted = set(query.lower().split())
    places: list[Place] = []
    for index, document in enumerate(documents):
        shared = len(wanted & set(document.lower().split())) / max(1, len(wanted))
        chance = context.identity("rank", query, document).stream("score", 1)[0] / 256
        places.append(Place(index, round(0.9 * shared + 0.1 * chance, 6)))
    return sorted(places, key=lambda place: (-place.score, place.index))[:most]


def cost(query: str, documents: Sequence[str]) -> int:
    """Tokens: the query is read with each document."""
    return len(documents) * tokens.count(query) + sum(map(tokens.count, documents))
