"""Signatures of one dialect in the hands of clients of another.

A client sends back what it was given, and the signature must not reach a provider that did not write it. So a foreign
one carries the name of its dialect in front.
"""

from __future__ import annotations

from typing import get_args

from headway.types import Dialect

_MARK = "hw1."
_PLAIN = _MARK.encode()
_DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
CLAUDES: frozenset[Dialect] = frozenset({"anthropic", "converse"})
"""Dialects whose signatures Claude itself wrote; they are the same wherever Claude runs."""

_ENCODED = b"aHcxL"
"""The mark within base64."""
_IN_CHAT = b'"reasoning_details"'
"""Where alone a chat may hold one; a long word is found quicker than a short one."""


def may_hold_seals(body: bytes, client: Dialect) -> bool:
    """May a request of that dialect bring back what another one had signed?"""
    if client == "openai_chat":
        return body.find(_IN_CHAT) >= 0 and body.find(_PLAIN) >= 0
    return body.find(_PLAIN) >= 0 or (client in ("gemini", "converse") and body.find(_ENCODED) >= 0)


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
