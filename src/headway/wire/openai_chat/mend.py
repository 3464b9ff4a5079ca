"""JSON that a strict reader refuses and that every client reads: half a surrogate pair in a string, NaN for a number.

What is mended reads as such a client shows it; what no client could read stays unreadable.
"""

from __future__ import annotations

import json


def mended(payload: bytes) -> bytes | None:
    """The same document in strict JSON; None if it is none at all."""
    try:
        document: object = json.loads(payload, parse_constant=_nothing)
        return json.dumps(document, ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return None


def _nothing(_constant: str) -> None:
    return None
