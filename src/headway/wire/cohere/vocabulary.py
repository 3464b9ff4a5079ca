"""Cohere's words for why a model stopped, what was used, how much to think and how likely each token was.

One mapping for whole and streamed answers. `usage.tokens` is what the model read and wrote, and `cached_tokens` is a
part of its input; `billed_units` is what Cohere charges, which leaves out the tokens of its own preamble. Totals are
taken from `tokens`, and from `billed_units` where only those are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import Stop

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_output": "max_tokens",
        "top_p": "p",
        "top_k": "k",
        "stop": "stop_sequences",
        "output": "response_format",
    }
)
"""Cohere's names of parameters, by those of the form."""

STOPS: Mapping[str, Stop] = MappingProxyType(
    {
        "COMPLETE": Stop.END,
        "STOP_SEQUENCE": Stop.SEQUENCE,
        "MAX_TOKENS": Stop.LENGTH,
        "TOOL_CALL": Stop.TOOLS,
        "ERROR_LIMIT": Stop.CONTEXT,
        "ERROR_TOXIC": Stop.FILTER,
    }
)
"""The last two are of the first version, which some deployments still say."""

FAILED = frozenset({"ERROR", "TIMEOUT"})
"""Reasons that say that there is no answer."""

REASONS: Mapping[Stop, str] = MappingProxyType(
    {
        Stop.END: "COMPLETE",
        Stop.SEQUENCE: "STOP_SEQUENCE",
        Stop.LENGTH: "MAX_TOKENS",
        Stop.CONTEXT: "MAX_TOKENS",
        Stop.TOOLS: "TOOL_CALL",
        Stop.FILTER: "ERROR",
        Stop.REFUSAL: "COMPLETE",
        Stop.PAUSE: "COMPLETE",
        Stop.FAULT: "ERROR",
    }
)

BUDGETS: Mapping[str, int | None] = MappingProxyType(
    {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 31000, "max": None}
)
"""Tokens to think with, for each effort. Cohere recommends 31000 as the most; without a budget there is no bound."""


class Tokens(msgspec.Struct, frozen=True, gc=False):
    input_tokens: float | None = None
    output_tokens: float | None = None
    search_units: float | None = None


class Used(msgspec.Struct, frozen=True, gc=False):
    tokens: Tokens | None = None
    billed_units: Tokens | None = None
    cached_tokens: float | None = None


class Likely(msgspec.Struct, frozen=True):
    """A piece of text with the logarithm of the likelihood of each of its tokens."""

    text: str | None = None
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] | None = None


class _Token(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple[msgspec.Raw, ...] = ()


class _Tokens(msgspec.Struct, frozen=True):
    content: tuple[_Token, ...] | None = None


class _Counts(msgspec.Struct, frozen=True, gc=False):
    input_tokens: int
    output_tokens: int


class _Usage(msgspec.Struct, frozen=True, gc=False):
    billed_units: _Counts
    tokens: _Counts
    cached_tokens: int


_encode = msgspec.json.Encoder().encode
_read_tokens = msgspec.json.Decoder(_Tokens).decode


def stop_of(reason: str | None, *, calls: bool) -> Stop | None:
    """Why the model stopped; None where Cohere does not say, or not in words known here."""
    stop = STOPS.get(reason or "")
    return Stop.TOOLS if stop is None and calls else stop


_NOT_BILLED = Tokens()


def usage_of(used: Used | None) -> Usage | None:
    if used is None:
        return None
    counts = used.tokens or used.billed_units
    if counts is None:
        return None
    billed = used.billed_units or _NOT_BILLED
    both = used.tokens is not None and used.billed_units is not None
    return Usage(
        input_tokens=int(counts.input_tokens or 0),
        output_tokens=int(counts.output_tokens or 0),
        cached_input_tokens=int(used.cached_tokens or 0),
        searches=int(billed.search_units or 0),
        billed_input_tokens=int(billed.input_tokens or 0) if both else None,
        billed_output_tokens=int(billed.output_tokens or 0) if both else None,
    )


def written_usage(usage: Usage) -> _Usage:
    counts = billed = _Counts(usage.input_tokens, usage.output_tokens)
    if usage.billed_input_tokens is not None:
        billed = _Counts(usage.billed_input_tokens, usage.billed_output_tokens or 0)
    return _Usage(billed, counts, usage.cached_input_tokens)


def logprobs_of(pieces: list[Likely] | tuple[Likely, ...]) -> msgspec.Raw:
    """In the words of Chat Completions. A piece of several tokens, whose texts are not told apart, counts as one."""
    tokens = tuple(_Token(piece.text or "", sum(piece.logprobs)) for piece in pieces if piece.logprobs)
    return msgspec.Raw(_encode(_Tokens(tokens)))


def written_logprobs(raw: msgspec.Raw) -> tuple[Likely, ...]:
    """Chat Completions' in Cohere's words; empty if they cannot be read."""
    try:
        tokens = _read_tokens(raw).content or ()
    except UNREADABLE:
        return ()
    return tuple(Likely(text=token.token, logprobs=(token.logprob,)) for token in tokens)
