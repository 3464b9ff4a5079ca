"""What an error says of itself, whatever the shape it comes in.

Providers wrap the same few facts differently: `{"error": {"code", "type", "message"}}`, `{"message"}`, `{"detail"}`,
Google's `details`, Azure's `innererror`, a list of one, JSON inside a string. Here they are collected; what they mean
is for `rules`. Only known wrappers are opened, since others, such as the input that a validation error repeats, hold
what the client wrote, and a client must not be able to say what an error means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from headway.wire.foreign_json import UNREADABLE

MAX_BODY = 64 * 1024
"""Bytes of a body that are looked at."""
MAX_TEXT = 4000
"""Characters of text that rules are matched against."""

_DEEPEST = 7
_WIDEST = 16
"""Members of a list that are looked at."""

_CODES = ("code", "error_code", "reason", "error_type", "limit_source", "status_code")
_TYPES = ("type", "status", "error_type", "__type")
_TEXTS = ("message", "msg", "detail", "error", "error_description", "title", "raw", "status_msg", "reasons")
_MARKS = ("quotaId", "quotaMetric")
"""Told apart from texts, since they are matched but not shown."""
_WRAPPERS = (
    "error",
    "errors",
    "detail",
    "details",
    "message",
    "innererror",
    "inner_error",
    "metadata",
    "violations",
    "base_resp",
    "raw",
)
_DELAYS = ("retryDelay", "retry_after", "estimated_time")
_RESETS = ("resets_at", "X-RateLimit-Reset", "x-ratelimit-reset")

_decode: Any = msgspec.json.Decoder().decode


class Reported:
    """Words are in lower case. `status` is the HTTP status that the body names, 0 if it names none; `edge` says that
    the body is no JSON, hence by all odds not the provider's own.
    """

    __slots__ = ("codes", "delay", "edge", "lines", "reset", "status", "text", "types")

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.types: list[str] = []
        self.lines: list[str] = []
        """Messages as they were written, in the order they were met."""
        self.text = ""
        self.status = 0
        self.delay: object = None
        """A wait, as the body gives it: seconds, or a text with a unit."""
        self.reset: object = None
        """A moment, as the body gives it."""
        self.edge = False

    def add_code(self, value: object) -> None:
        word = _word(value)
        if word is None:
            return
        if word.isdecimal() and 400 <= int(word) <= 599:
            self.status = self.status or int(word)
        elif word not in self.codes:
            self.codes.append(word)

    def add_type(self, value: object) -> None:
        word = _word(value)
        if word is None:
            return
        if word.isdecimal():  # a code in the wrong place
            self.add_code(word)
        else:
            word = word.rpartition("#")[2].partition(":")[0]  # AWS: com.amazon.x#Exception:http://...
            if word not in self.types:
                self.types.append(word)


def read(body: bytes) -> Reported:
    """Total: any bytes."""
    reported = Reported()
    document = parsed(body)
    if document is None:
        reported.edge = not body[:64].lstrip().startswith((b"{", b"["))
        if reported.edge:
            _read_plain(body, reported)
        return reported
    return of(document)


def of(document: object) -> Reported:
    """What an error says that has been parsed already."""
    reported = Reported()
    marks: list[str] = []
    if isinstance(document, str):
        _add_line(document, reported)
    else:
        for wrapper in _opened(document, _DEEPEST):
            _read_object(wrapper, reported, marks)
    reported.text = " ".join((*reported.lines, *marks))[:MAX_TEXT].lower()
    return reported


def parsed(body: bytes) -> Any:
    """The document; None if the body is no JSON, or more of it than anyone should read."""
    if len(body) > MAX_BODY:
        return None
    try:
        return _decode(body)
    except UNREADABLE:
        return None


def _opened(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The object and those inside its wrappers, outermost first; JSON inside a string counts as what it says."""
    if depth == 0:
        return
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            yield from _opened(parsed(value.encode("utf-8", "replace")), depth - 1)
    elif isinstance(value, list):
        for member in members_of(cast("object", value)):
            yield from _opened(member, depth - 1)
    elif (fields := as_object(value)) is not None:
        yield fields
        for name in _WRAPPERS:
            if name in fields and not (name == "metadata" and depth == _DEEPEST):  # a client may have metadata repeated
                yield from _opened(fields[name], depth - 1)


def _read_object(fields: dict[str, Any], reported: Reported, marks: list[str]) -> None:
    for name in _CODES:
        reported.add_code(fields.get(name))
    for name in _TYPES:
        reported.add_type(fields.get(name))
    for name in _TEXTS:
        for value in members_of(fields.get(name)):
            if isinstance(value, str):
                _add_line(value, reported)
    for name in _MARKS:
        value = fields.get(name)
        if isinstance(value, str):
            marks.append(value[:200])
    for name in _DELAYS:
        if reported.delay is None:
            reported.delay = fields.get(name)
    for where in (fields, as_object(fields.get("headers")) or {}):
        for name in _RESETS:
            if reported.reset is None:
                reported.reset = where.get(name)


def as_object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def members_of(value: object) -> list[Any]:
    """Those of a list, as far as they are looked at; of anything else, itself."""
    return cast("list[Any]", value)[:_WIDEST] if isinstance(value, list) else [value]


def _add_line(value: str, reported: Reported) -> None:
    line = " ".join(value[: 2 * MAX_TEXT].split())[:MAX_TEXT]
    if line and line[0] not in "{[<" and line not in reported.lines and len(reported.lines) < _WIDEST:
        reported.lines.append(line)


def _read_plain(body: bytes, reported: Reported) -> None:
    """Plain text, as proxies and load balancers write it. HTML says nothing that is worth reading."""
    text = body[:MAX_TEXT].decode("utf-8", "replace")
    if "<" not in text and all(letter.isprintable() or letter.isspace() for letter in text) and "�" not in text:
        _add_line(text, reported)
    reported.text = " ".join(reported.lines).lower()


def _word(value: object) -> str | None:
    """A code or type as rules name it. 0 is how some say that all is well."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value) if 0 < value < 10**9 else None
    if isinstance(value, str):
        word = value[:200].strip().lower()
        return word or None
    return None
