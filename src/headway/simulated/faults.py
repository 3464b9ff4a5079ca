"""What can go wrong on request: the vocabulary of faults and its text syntax.

A fault is a value; `script` plays it, `schedule` says when it applies. docs/simulated-provider.md has every option.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args
from urllib.parse import unquote

import msgspec

from headway.simulated import notation
from headway.simulated.notation import Latency, Position

BodyKind = Literal["json", "html", "text", "empty"]
Framing = Literal["chunked", "close"]


class FaultError(ValueError):
    """A fault's text that cannot be read; the message says what to write instead."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that departs from a good answer. The default departs in nothing. Durations are seconds."""

    status: int | None = None
    body: BodyKind | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Set on the reply, in the place of its own; an empty value removes the header."""
    error: tuple[tuple[str, str], ...] = ()
    """Fields of the error object, in the place of its own."""
    latency: Latency | None = None
    delay_headers: float = 0.0
    delay_first_token: float = 0.0
    delay_token: float | None = None
    stall_after: Position | None = None
    comments: float | None = None
    pings: float | None = None
    end_at: Position | None = None
    eof_at: Position | None = None
    rst_at: Position | None = None
    error_event_at: Position | None = None
    malformed_json_at: Position | None = None
    close_before_headers: bool = False
    rst_before_headers: bool = False
    refuse: bool = False
    split_utf8: bool = False
    omit_after: Position | None = None
    no_done: bool = False
    double_done: bool = False
    wrong_content_type: bool = False
    json_error_200: bool = False
    empty_choices: bool = False
    huge_event: int = 0
    slow_read: int = 0
    """Bytes a second at which the request's body is read; 0: at once."""
    informational: int | None = None
    chunk_bytes: int = 0
    framing: Framing | None = None
    http10: bool = False
    bare_lf: bool = False
    cl_te: bool = False


NO_FAULT = Fault()


class Option(msgspec.Struct, frozen=True):
    """One word of the vocabulary: what it sets, how its value is read (None: it takes none), and how one writes it."""

    field: str
    read: Callable[[str], object] | None
    example: str
    unvalued: object = True
    """What the bare word sets."""
    value_required: bool = True


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is no number from {low} to {high}")
        return int(text)

    return read


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "status": Option("status", _number(200, 599), "status=503"),
        "body": Option("body", _one_of(get_args(BodyKind)), "body=html"),
        "html": Option("body", None, "html", unvalued="html"),
        "latency": Option("latency", notation.latency, "latency=50ms±20ms"),
        "delay_headers": Option("delay_headers", notation.duration, "delay_headers=2s"),
        "delay_first_token": Option("delay_first_token", notation.duration, "delay_first_token=3s"),
        "delay_token": Option("delay_token", notation.duration, "delay_token=50ms"),
        "stall_after": Option("stall_after", notation.position, "stall_after=5"),
        "comments": Option("comments", notation.duration, "comments=1s"),
        "pings": Option("pings", notation.duration, "pings=1s"),
        "end_at": Option("end_at", notation.position, "end_at=3t"),
        "eof_at": Option("eof_at", notation.position, "eof_at=200b"),
        "rst_at": Option("rst_at", notation.position, "rst_at=3t"),
        "error_event_at": Option("error_event_at", notation.position, "error_event_at=3t"),
        "malformed_json_at": Option("malformed_json_at", notation.position, "malformed_json_at=3t"),
        "close_before_headers": Option("close_before_headers", None, "close_before_headers"),
        "rst_before_headers": Option("rst_before_headers", None, "rst_before_headers"),
        "refuse": Option("refuse", None, "refuse"),
        "split_utf8": Option("split_utf8", None, "split_utf8"),
        "omit_after": Option("omit_after", notation.position, "omit_after=3t"),
        "no_done": Option("no_done", None, "no_done"),
        "double_done": Option("double_done", None, "double_done"),
        "wrong_content_type": Option("wrong_content_type", None, "wrong_content_type"),
        "json_error_200": Option("json_error_200", None, "json_error_200"),
        "empty_choices": Option("empty_choices", None, "empty_choices"),
        "huge_event": Option("huge_event", notation.size, "huge_event=1MB"),
        "slow_read": Option("slow_read", notation.size, "slow_read=16KB", unvalued=16 * 1024, value_required=False),
        "informational": Option("informational", _number(100, 199), "informational=103"),
        "chunk_bytes": Option("chunk_bytes", _number(1, 1 << 20), "chunk_bytes=1"),
        "framing": Option("framing", _one_of(get_args(Framing)), "framing=chunked"),
        "http10": Option("http10", None, "http10"),
        "bare_lf": Option("bare_lf", None, "bare_lf"),
        "cl_te": Option("cl_te", None, "cl_te"),
    }
)

PREFIXES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"header": ("headers", "header.retry-after=5"), "error": ("error", "error.code=insufficient_quota")}
)
"""Options that name something of their own after a dot: the field they add to, and how one writes them."""

_ERROR_FIELDS = ("message", "type", "param", "code")


def parse_fault(text: str) -> Fault:
    """Read `name=value,name,...`. Values are percent-decoded, so that `%2C` stands for a comma; `none` is no fault."""
    fields: dict[str, Any] = {}
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if not word or word == "none":
            continue
        name, has_value, value = word.partition("=")
        prefix, dotted, rest = name.partition(".")
        if dotted and prefix in PREFIXES:
            field = PREFIXES[prefix][0]
            fields[field] = (*fields.get(field, ()), _pair(prefix, rest, unquote(value)))
            continue
        option = OPTIONS.get(name)
        if option is None:
            raise FaultError(_unknown(name))
        fields[option.field] = _value(name, option, unquote(value) if has_value else None)
    return Fault(**fields)


def parse_request_fault(text: str) -> Fault:
    """Like `parse_fault`, for one request, which comes too late to close the listener."""
    fault = parse_fault(text)
    if fault.refuse:
        raise FaultError("'refuse' closes the listener: set it for the instance or in a schedule's window")
    return fault


def _value(name: str, option: Option, text: str | None) -> object:
    if option.read is None:
        if text is not None:
            raise FaultError(f"'{name}' takes no value")
        return option.unvalued
    if text is None:
        if option.value_required:
            raise FaultError(f"'{name}' needs a value, as in '{option.example}'")
        return option.unvalued
    try:
        return option.read(text)
    except ValueError as wrong:
        raise FaultError(f"'{name}': {wrong}") from None


def _pair(prefix: str, name: str, value: str) -> tuple[str, str]:
    if prefix == "error" and name not in _ERROR_FIELDS:
        raise FaultError(f"'error.{name}': an error has {', '.join(_ERROR_FIELDS)}")
    if not name or any(character in name + value for character in "\r\n\0"):
        raise FaultError(f"'{prefix}.{name}' needs a name, and no line breaks")
    return (name.lower(), value)


def _unknown(name: str) -> str:
    known = [*OPTIONS, *(f"{prefix}.NAME" for prefix in PREFIXES)]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
    return f"no fault is called '{name}'; {hint}"
