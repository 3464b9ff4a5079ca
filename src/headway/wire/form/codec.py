"""What a dialect must be able to do, on either side of the gateway.

On the provider's side it writes requests and reads answers, on the client's side it reads requests and writes answers
and errors. Everything is a pure function or a small state machine over bytes. Whole requests and answers are UTF-8
(`foreign_json.is_text`) before a codec sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from headway.types import Dialect
from headway.wire.form.reply import Event, NoReply, Reply, TextDelta
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a client said outside the body: in dialects that have it there, the model and whether to stream."""

    model: str
    stream: bool


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer is to be shown. `request_id` stands in where the provider gave no id, `created` (Unix seconds)
    where it gave no time, and `model` where it named none. `request` is what the client asked for.
    """

    request_id: str
    created: int
    model: str
    request: Request


class StreamReader(Protocol):
    """Reads one stream of a provider's. `complete`: the dialect's own last event has come in, or everything after which
    a stream of this dialect may end.
    """

    complete: bool

    def read(self, frame: bytes, into: list[Event]) -> None:
        """Take in one whole frame, as `Codec.split` gives them, and add what it says. It never raises for what a
        provider sends: what it cannot read is `Malformed`.
        """
        ...

    def end(self, into: list[Event]) -> None:
        """The body is over. Add what was held back; `complete` says afterwards whether that was the whole answer."""
        ...


class StreamWriter(Protocol):
    """Writes one stream for a client, as frames of its dialect."""

    def write(self, events: list[Event]) -> bytes:
        """What the client is sent for these events; it may be nothing yet. `Reported` and `Malformed` are never among
        them.
        """
        ...

    def around(self, like: TextDelta) -> tuple[bytes, bytes] | None:
        """What stands before and after the text, a JSON string, in what `write` gives for more of this text as long as
        nothing else is written. None: that cannot be said.
        """
        ...

    def passed(self, like: TextDelta, characters: int) -> None:
        """More of this text has been sent without `write`, so many characters."""
        ...

    def end(self) -> bytes:
        """The answer is complete: the rest, with the dialect's last event."""
        ...

    def error(self, message: str, *, status: int, code: str) -> bytes:
        """The answer broke off: the dialect's own error event, which ends the stream without its usual last event."""
        ...


class SeesAll:
    """A writer that must be given every event."""

    __slots__ = ()

    def around(self, like: TextDelta) -> None:
        return None

    def passed(self, like: TextDelta, characters: int) -> None:
        """Never so, as nothing is said of what stands around a text."""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect. `media_type` is the content type of its streams. `names` gives the dialect's names of parameters
    where they differ from the form's, so that a client reads what was dropped in its own words.
    """

    dialect: Dialect
    media_type: bytes
    names: Mapping[str, str]
    read_request: Callable[[Mapping[str, msgspec.Raw], Said], Request | Malformed]
    write_request: Callable[[Request, Toward], Written | Unsupported]
    read_reply: Callable[[bytes], Reply | NoReply]
    write_reply: Callable[[Reply, Show], bytes]
    split: Callable[[bytes], tuple[list[bytes], bytes]]
    """Whole frames of a stream's bytes, each with what ends it, and the unfinished rest."""
    reader: Callable[[], StreamReader]
    steady: bool = False
    """A frame that differs from the last one in a text alone tells a reader nothing but that text."""
    writer: Callable[[Show], StreamWriter]
    error_body: Callable[[str, int, str, str | None], bytes]
    """The body of an error: message, status, code (of `pipeline.endings`), parameter at fault."""
