"""An event as a row of the log, in values that every database takes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from random import randrange

import msgspec
from sqlalchemy import String

from headway.storage.tables import LONGEST_TAG, requests
from headway.types import ExchangeEvent, Usage

Row = dict[str, object]

MOST = 10**12
"""Of anything that one exchange is said to have used. A provider may say what it likes; sums must not overflow."""
LONGEST_LINE = 32 * 1024
"""Characters of an event that are kept."""
LAST_ID = 2**63 - 1
_BITS = 10
"""Of an id, below its microseconds."""
_LAST_MOMENT = 9e9
"""Seconds; later ones have no id of 64 bits."""
_LONGEST_ERROR = 2000
_MOST_ATTEMPTS = 20
_MOST_DROPPED = 50
_NO_USAGE = Usage()
_LENGTHS = {column.name: column.type.length or 0 for column in requests.c if type(column.type) is String}
_decode = msgspec.json.Decoder(ExchangeEvent).decode


def first_id(at: float) -> int:
    """The least id of a moment (Unix time in seconds)."""
    return int(min(max(0.0, at), _LAST_MOMENT) * 1e6) << _BITS


def moment(row_id: int) -> float:
    """When the exchange ended: Unix time in seconds."""
    return (row_id >> _BITS) / 1e6


class Ids:
    """Numbers rows by time. Those of one microsecond are told apart by a count that begins anywhere."""

    def __init__(self) -> None:
        self._next = count(randrange(1 << _BITS)).__next__
        self._moment = self._same = 0

    def new(self, at: float) -> int:
        moment = first_id(at)
        self._same = self._same + 1 if moment == self._moment else 0
        self._moment = moment
        later = self._same >> _BITS << _BITS  # a microsecond that is full runs over into the next
        return (moment + later) | (self._next() & ((1 << _BITS) - 1))


class Logged(msgspec.Struct, frozen=True):
    """One exchange: its number, its event, and the line that it came as."""

    id: int
    event: ExchangeEvent
    line: str


def read_line(line: bytes, ids: Ids) -> Logged | None:
    """A line of the log; None if it tells of something else than an exchange."""
    try:
        event, text = _decode(line), line.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if len(text) > LONGEST_LINE:
        event = _shortened(event)
        text = msgspec.json.encode(event).decode()
    return Logged(ids.new(event.at), event, text)


def _shortened(event: ExchangeEvent) -> ExchangeEvent:
    return msgspec.structs.replace(
        event,
        model=event.model[: _LENGTHS["model"]],
        route=event.route[: _LENGTHS["route"]],
        attempts=event.attempts[-_MOST_ATTEMPTS:],
        dropped=tuple(each[:LONGEST_TAG] for each in event.dropped[:_MOST_DROPPED]),
        error=None if event.error is None else event.error[:_LONGEST_ERROR],
    )


def fit(column: str, text: str) -> str:
    """A text as this column of the log holds it."""
    return cut(text, _LENGTHS[column])


def fit_tag(tag: str) -> str:
    return cut(tag, LONGEST_TAG)


def cut(text: str, most: int) -> str:
    """PostgreSQL takes no NUL, and no index of it takes keys beyond 2700 bytes; so lengths are counted in bytes."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text[:most] if text.isascii() else text.encode(errors="replace")[:most].decode(errors="ignore")


def tags_of(event: ExchangeEvent) -> Iterable[str]:
    """Each once."""
    return dict.fromkeys(map(fit_tag, event.tags))


def amount(number: int) -> int:
    return min(max(number, -MOST), MOST)


def microseconds(seconds: float) -> int:
    return amount(int(seconds * 1e6))


def target_of(event: ExchangeEvent) -> tuple[str, str, str]:
    """Provider, `provider/model` and key of the last attempt; all empty if nobody was asked."""
    if not event.attempts:
        return "", "", ""
    target, _, key = event.attempts[-1].target.rpartition("#")
    return fit("provider", target.partition("/")[0]), fit("target", target), fit("key", key)


def row_of(logged: Logged) -> Row:
    event = logged.event
    provider, target, key = target_of(event)
    usage = event.usage or _NO_USAGE
    return {
        "id": logged.id,
        "request_id": fit("request_id", event.request_id),
        "endpoint": fit("endpoint", event.endpoint),
        "model": fit("model", event.model),
        "route": fit("route", event.route),
        "provider": provider,
        "target": target,
        "key": key,
        "outcome": fit("outcome", event.outcome),
        "status": event.status,
        "stream": event.stream,
        "attempts": len(event.attempts),
        "duration": microseconds(event.duration),
        "first_byte": None if event.first_byte is None else microseconds(event.first_byte),
        "input_tokens": amount(usage.input_tokens),
        "output_tokens": amount(usage.output_tokens),
        "cost": None if event.cost is None else amount(event.cost),
        "session": None if event.session is None else fit("session", event.session),
        "event": logged.line,
    }


def tag_rows(batch: Iterable[Logged]) -> list[Row]:
    return [{"tag": tag, "id": logged.id} for logged in batch for tag in tags_of(logged.event)]
