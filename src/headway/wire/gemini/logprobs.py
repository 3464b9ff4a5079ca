"""Log probabilities: Gemini's `logprobsResult` and what Chat Completions calls `logprobs`."""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.foreign_json import UNREADABLE


class Chosen(msgspec.Struct, rename="camel", gc=False):
    token: str = ""
    log_probability: float = 0.0


class Top(msgspec.Struct):
    candidates: list[Chosen] | None = None


class LogprobsResult(msgspec.Struct, rename="camel"):
    chosen_candidates: list[Chosen] | None = None
    top_candidates: list[Top] | None = None


class _Likely(msgspec.Struct, gc=False):
    token: str
    logprob: float | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float | None = None
    top_logprobs: list[_Likely] | None = None


class _Chat(msgspec.Struct):
    content: list[_Token] | None = None


_decode = msgspec.json.Decoder(LogprobsResult).decode
_decode_chat = msgspec.json.Decoder(_Chat).decode
_encode = msgspec.json.Encoder().encode


def chat_of(raw: msgspec.Raw) -> msgspec.Raw:
    """In the words of Chat Completions; nothing, if it cannot be read or says nothing."""
    try:
        result = _decode(raw)
    except UNREADABLE:
        return msgspec.Raw()
    chosen, top = result.chosen_candidates or [], result.top_candidates or []
    if not chosen:
        return msgspec.Raw()
    content = [
        {**_told(each), "top_logprobs": [_told(other) for other in _likely(top, number)]}
        for number, each in enumerate(chosen)
    ]
    return msgspec.Raw(_encode({"content": content, "refusal": None}))


def _likely(top: list[Top], number: int) -> list[Chosen]:
    return (top[number].candidates or []) if number < len(top) else []


def _told(chosen: Chosen) -> dict[str, Any]:
    return {
        "token": chosen.token,
        "logprob": chosen.log_probability,
        "bytes": list(chosen.token.encode(errors="replace")),
    }


def result_of(raw: msgspec.Raw) -> dict[str, Any] | None:
    try:
        tokens = _decode_chat(raw).content
    except UNREADABLE:
        return None
    if not tokens:
        return None
    told: dict[str, Any] = {"chosenCandidates": [_chosen(each) for each in tokens]}
    if any(each.top_logprobs for each in tokens):
        told["topCandidates"] = [
            {"candidates": [_chosen(other) for other in each.top_logprobs or ()]} for each in tokens
        ]
    return told


def _chosen(token: _Token | _Likely) -> dict[str, Any]:
    return {"token": token.token, "logProbability": token.logprob}
