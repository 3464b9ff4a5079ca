"""A prediction where a stream is expected: all of it is one frame, which only the end of the body completes."""

from __future__ import annotations

from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.codec import SeesAll, Show
from headway.wire.form.reply import Event, Malformed, NoReply, Reported
from headway.wire.replicate.errors import error_body
from headway.wire.replicate.response import read_reply, write_reply


def split(data: bytes) -> tuple[list[bytes], bytes]:
    return [], data


class Reader:
    """See `form.codec.StreamReader`."""

    __slots__ = ("complete",)

    def __init__(self) -> None:
        self.complete = False

    def read(self, frame: bytes, into: list[Event]) -> None:
        found = read_reply(frame)
        if not isinstance(found, NoReply):
            into.extend(events_of(found))
            self.complete = True
        else:
            into.append(Reported(frame) if found.is_error else Malformed(found.why))

    def end(self, into: list[Event]) -> None:
        """Nothing is held back."""


class Writer(SeesAll):
    """See `form.codec.StreamWriter`."""

    __slots__ = ("_assembly", "_show")

    def __init__(self, show: Show) -> None:
        self._show = show
        self._assembly = Assembly()

    def write(self, events: list[Event]) -> bytes:
        self._assembly.feed(events)
        return b""

    def end(self) -> bytes:
        return write_reply(self._assembly.reply, self._show)

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return error_body(message, status, code, None)
