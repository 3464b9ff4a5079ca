"""What a whole JSON reply says about itself: is it one, is it an error in disguise or no answer, how many tokens did it
use.
"""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.usage import WireUsage
from headway.wire.openai.usage import usage_of as counted


class _SoundChoice(msgspec.Struct, gc=False):
    """With any other reason the reply is read again, by `_AnyFacts`."""

    finish_reason: Literal["stop", "tool_calls", "length", "content_filter", "function_call", ""] | None = None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Facts(msgspec.Struct):
    """Usage and choices as nearly every reply has them, so that one pass reads all."""

    usage: WireUsage | None = None
    choices: list[_SoundChoice] | None = None
    error: msgspec.Raw = msgspec.Raw()
    object: msgspec.Raw = msgspec.Raw()


class _AnyFacts(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    object: msgspec.Raw = msgspec.Raw()


_decode_facts = msgspec.json.Decoder(_Facts).decode
_decode_any_facts = msgspec.json.Decoder(_AnyFacts).decode
_decode_usage = msgspec.json.Decoder(WireUsage).decode
_decode_choices = msgspec.json.Decoder(list[_Choice]).decode
_NOTHING = (b"", b"null")


class Reply(msgspec.Struct, frozen=True, gc=False):
    """`valid`: it is JSON. `error`: it holds an error object and no answer. `empty`: there is no choice where choices
    belong. `fault`: the model wrote what its provider rejects, and that is all there is.
    """

    valid: bool
    error: bool = False
    usage: Usage | None = None
    empty: bool = False
    fault: bool = False


_BROKEN = Reply(valid=False)
_PLAIN = Reply(valid=True)
_ERROR = Reply(valid=True, error=True)


def read(body: bytes) -> Reply:
    """Facts of a reply with status 200; what is valid but no object, such as an array, says nothing."""
    try:
        facts = _decode_facts(body)
    except msgspec.ValidationError:
        return _read_any(body)
    except UNREADABLE:
        return _at_least_json(body)
    if facts.error and bytes(facts.error) != b"null" and not facts.object:
        return _ERROR
    usage = None if facts.usage is None else counted(facts.usage)
    if facts.choices is not None and not facts.choices:
        return Reply(True, False, usage, empty=True)
    return _PLAIN if usage is None else Reply(True, False, usage)


def _read_any(body: bytes) -> Reply:
    """The same where usage or choices are not what they usually are."""
    try:
        facts = _decode_any_facts(body)
    except UNREADABLE:
        return _at_least_json(body)
    if bytes(facts.error) not in _NOTHING and not facts.object:
        return _ERROR
    try:
        choices = _decode_choices(facts.choices)
    except UNREADABLE:
        return Reply(True, False, usage_of(facts.usage))
    return Reply(True, False, usage_of(facts.usage), not choices, _all_faults(choices))


def _at_least_json(body: bytes) -> Reply:
    """Clients also read what a strict decoder refuses: half a surrogate pair in a string, NaN in a number's place."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return _BROKEN
    return _PLAIN


def is_fault(finish_reason: str) -> bool:
    """Gemini's words, also where it speaks this dialect: `function_call_filter: MALFORMED_FUNCTION_CALL` and others."""
    reason = finish_reason.lower()
    return reason.startswith("function_call_filter") or "malformed_function_call" in reason


def _all_faults(choices: list[_Choice]) -> bool:
    reasons = [choice.finish_reason for choice in choices]
    return bool(reasons) and all(reason is not None and is_fault(reason) for reason in reasons)


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Usage in the words of Chat Completions (`prompt_tokens`) or of Responses (`input_tokens`); None where there is
    none.
    """
    if not raw:
        return None
    try:
        wire = _decode_usage(raw)
    except UNREADABLE:
        return None
    return counted(wire)
