"""Signatures of one dialect in the hands of clients of another.

A client sends back what it was given, and the signature must not reach a provider that did not write it. So a foreign
one carries the name of its dialect in front.
"""

from __future__ import annotations

from typing import get_args

from headway.types import Dialect

_MARK = "hw1."
_DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
CLAUDES: frozenset[Dialect] = frozenset({"anthropic", "converse"})
"""Dialects whose signatures Claude itself wrote; they are the same wherever Claude runs."""

_MARKS = (_MARK.encode(), b"aHcxL")
"""The mark, and the same within base64."""


def may_hold_seals(body: bytes) -> bool:
    """May a request bring back what another dialect than its own had signed?"""
    return any(body.find(mark) >= 0 for mark in _MARKS)


def seal(signature: str, origin: Dialect | None, client: Dialect) -> str:
    """What a client of the dialect is given for a signature that `origin` wrote."""
    return signature if origin is None or origin == client else f"{_MARK}{origin}.{signature}"


def unseal(text: str, client: Dialect) -> tuple[str, Dialect]:
    """The signature in what such a client sends, and whose it is."""
    if text.startswith(_MARK):
        for dialect in _DIALECTS:
            prefix = f"{_MARK}{dialect}."
            if text.startswith(prefix):
                return text[len(prefix) :], dialect
    return text, client
