"""An event as a row of the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from random import randrange

import msgspec

from headway.types import ExchangeEvent, Usage

Row = dict[str, object]

_BITS = 10
"""Of an id, below its microseconds."""
_NO_USAGE = Usage()
_decode = msgspec.json.Decoder(ExchangeEvent).decode


def first_id(at: float) -> int:
    """The least id of a moment (Unix time in seconds)."""
    return int(at * 1e6) << _BITS


def moment(row_id: int) -> float:
    """When the exchange ended: Unix time in seconds."""
    return (row_id >> _BITS) / 1e6


class Ids:
    """Numbers rows by time. Those of one microsecond are told apart by a count that begins anywhere."""

    def __init__(self) -> None:
        self._next = count(randrange(1 << _BITS)).__next__

    def new(self, at: float) -> int:
        return first_id(at) | (self._next() & ((1 << _BITS) - 1))


class Logged(msgspec.Struct, frozen=True):
    """One exchange: its event, and the line that it came as."""

    event: ExchangeEvent
    line: str


def read_lines(lines: bytes) -> Iterable[Logged]:
    """Lines of the log, without those that tell of something else than an exchange."""
    for line in lines.splitlines():
        try:
            yield Logged(_decode(line), line.decode())
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def target_of(event: ExchangeEvent) -> tuple[str, str, str]:
    """Provider, `provider/model` and key of the last attempt; all empty if nobody was asked."""
    if not event.attempts:
        return "", "", ""
    target, _, key = event.attempts[-1].target.rpartition("#")
    return target.partition("/")[0], target, key


def row_of(logged: Logged, ids: Ids) -> Row:
    event = logged.event
    provider, target, key = target_of(event)
    usage = event.usage or _NO_USAGE
    return {
        "id": ids.new(event.at),
        "request_id": event.request_id[:128],
        "endpoint": event.endpoint,
        "model": event.model[:256],
        "route": event.route[:256],
        "provider": provider[:128],
        "target": target[:384],
        "key": key[:128],
        "outcome": event.outcome,
        "status": event.status,
        "stream": event.stream,
        "attempts": len(event.attempts),
        "duration": int(event.duration * 1e6),
        "first_byte": None if event.first_byte is None else int(event.first_byte * 1e6),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": event.cost,
        "session": event.session,
        "event": logged.line,
    }


def tags_of(row: Mapping[str, object], event: ExchangeEvent) -> Iterable[Row]:
    for tag in dict.fromkeys(event.tags):
        yield {"tag": tag, "id": row["id"]}
