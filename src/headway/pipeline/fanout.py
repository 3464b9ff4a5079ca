"""One answer for several clients: how much of it is kept for those who read along, and who holds up whom.

An exchange writes into a `Fanout` as if that were its client. The bytes are kept in one run, and each reader goes
through them from the beginning at its own pace. Two rules bound that:

- While an answer is kept whole, a slow client holds up nobody: it only falls behind within the kept bytes. The upstream
  is paused while every client is.
- An answer that outgrows its bounds is not kept any more. Nobody may join it, and what every client has read is
  dropped. What remains is what the slowest has yet to read, within the same bounds: where it outgrows those, the client
  that is furthest behind is cut off. The one that is furthest ahead never is: in the end it is handed everything,
  paused or not, as the only client of an exchange would be. The upstream is paused with it, so little can follow.

The exchange goes on while anyone reads it; when the last one leaves, it is cancelled. An answer that is broken off is
broken off for all. Which request joins which answer, and what the bounds are, is `pipeline.idempotency`'s business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from headway.pipeline.reader import Caller, Host, Reader
from headway.ports import Downstream, Running
from headway.types import ExchangeEvent

BLOCK = 64 * 1024
"""Most bytes of what is kept that are written at once: after each, the client may say that it takes no more."""

logger = logging.getLogger(__name__)


class Keeper(Host, Protocol):
    """The store that an answer belongs to."""

    def charge(self, answer: Fanout, size: int) -> bool:
        """From now on it holds so many bytes. False: there is no room for them, and nothing has changed. To hold less
        is always granted.
        """
        ...

    def finished(self, answer: Fanout) -> None:
        """It is complete and good: it may be repeated from now on."""
        ...

    def forget(self, answer: Fanout) -> None:
        """Nobody may join it or repeat it any more."""
        ...

    def attached(self, reader: Reader) -> None: ...

    def detached(self, reader: Reader) -> None: ...


class Fanout:
    """The `Downstream` of an exchange whose answer others may want too. `settled` has to come before the end: only an
    answer whose exchange went well is kept.
    """

    __slots__ = (
        "_buffer",
        "_dropped",
        "_event",
        "_exchange",
        "_keeper",
        "_kept",
        "_patience",
        "_readers",
        "_untold",
        "_upstream_paused",
        "_whole",
        "begun",
        "charged",
        "digest",
        "ended",
        "ended_at",
        "fields",
        "length",
        "overhead",
        "scope",
        "status",
    )

    def __init__(self, keeper: Keeper, scope: bytes, digest: bytes, overhead: int, patience: float) -> None:
        self._keeper = keeper
        self._patience = patience
        """Of the client that comes first."""
        self.scope = scope
        """What it is found by."""
        self.digest = digest
        """Of the request that it answers."""
        self.overhead = overhead
        """Bytes that it holds, beside its own, while it can be found."""
        self.charged = 0
        """The keeper's account of it."""
        self._exchange: Running | None = None
        self._event: ExchangeEvent | None = None
        self._readers: dict[Reader, None] = {}
        self._untold: list[Reader] = []
        """Those who had the end before it was known how the exchange ended."""
        self._upstream_paused = False
        self._kept = True
        self._whole: bytes | None = None
        self._buffer = bytearray()
        self._dropped = 0
        """Bytes of the answer that came before those in the buffer."""
        self.status = 0
        self.fields = b""
        self.length: int | None = None
        self.begun = False
        self.ended = False
        self.ended_at = 0.0

    # --- the gateway and the keeper ---

    def run_by(self, exchange: Running, downstream: Downstream) -> Reader:
        """The exchange that will write the answer, and the client that it began for. That client's place goes to its
        server.
        """
        self._exchange = exchange
        return self._attach(downstream, None, self._patience)

    def join(self, downstream: Downstream, caller: Caller) -> Reader:
        """Another client for the same answer. A whole one goes out at once, anything else at the next turn of the
        loop.
        """
        reader = self._attach(downstream, caller, caller.patience)
        if self._whole is not None:
            reader.reply(self.status, self._whole)
        elif self.begun:
            reader.begin_soon()
        self._weigh()
        return reader

    def settled(self, event: ExchangeEvent) -> None:
        """How the exchange ended."""
        self._event = event
        untold, self._untold = self._untold, []
        for reader in untold:
            reader.tell(event)

    def let_go(self) -> None:
        """Keep no more than those who read it now still need."""
        if self._kept:
            self._kept = False
            self._keeper.forget(self)
            self._drop_what_all_have()

    # --- Downstream ---

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.status, self.fields, self._whole = status, headers, body
        self._end()
        self._tell_each(lambda reader: reader.reply(status, body))

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        self.status, self.fields, self.length = status, headers, length
        self.begun = True
        self._tell_each(Reader.pump)

    def write(self, data: bytes) -> None:
        self._buffer += data
        self._tell_each(lambda reader: reader.pump(data))
        if self._kept and not self._keeper.charge(self, self._size()):
            self.let_go()
        if not self._kept:
            self._drop_what_all_have()
            self._shed()

    def end(self) -> None:
        self._end()
        self._tell_each(Reader.pump)

    def abort(self) -> None:
        if self.ended:
            return
        self.ended = True
        self._exchange = None
        self.let_go()
        self._tell_each(Reader.abort)

    # --- its readers ---

    @property
    def end_at(self) -> int:
        return self._dropped + len(self._buffer)

    def read(self, cursor: int) -> bytes:
        start = cursor - self._dropped
        return bytes(self._buffer[start : start + BLOCK])

    def paces_changed(self) -> None:
        if not self._kept:
            self._drop_what_all_have()
        self._weigh()

    def release(self, reader: Reader) -> None:
        del self._readers[reader]
        self._keeper.detached(reader)
        if not self._kept:
            self._drop_what_all_have()

    def left(self, how: str) -> None:
        exchange = self._exchange
        if self._readers or exchange is None:
            self._weigh()
            return
        self._exchange = None
        self.let_go()
        exchange.client_gone(how)

    def reached_end(self, reader: Reader) -> None:
        if self._event is None:
            self._untold.append(reader)
        else:
            reader.tell(self._event)

    # --- its own affairs ---

    def _attach(self, downstream: Downstream, caller: Caller | None, patience: float) -> Reader:
        reader = Reader(self, self._keeper, downstream, caller, patience)
        self._readers[reader] = None
        self._keeper.attached(reader)
        return reader

    def _end(self) -> None:
        self.ended = True
        self._exchange = None
        event = self._event
        good = event is not None and event.outcome == "ok" and 200 <= self.status < 300
        if self._kept and good and self._keeper.charge(self, self._size()):
            self.ended_at = self._keeper.now()
            self._keeper.finished(self)
        else:
            self.let_go()

    def _tell_each(self, what: Callable[[Reader], None]) -> None:
        """One client's broken transport must not keep the answer from the others. Where there are none, it is the
        exchange's affair, as it would be without a key.
        """
        for reader in tuple(self._readers):
            try:
                what(reader)
            except (OSError, RuntimeError) as error:
                if all(other is reader for other in self._readers):
                    raise
                logger.warning("A client could not be written to", exc_info=error)
                reader.client_gone("the client could not be written to")

    def _weigh(self) -> None:
        """Pause the upstream while every client is paused."""
        exchange = self._exchange
        if exchange is None or not self._readers:
            return
        paused = all(reader.paused for reader in self._readers)
        if paused is not self._upstream_paused:
            self._upstream_paused = paused
            if paused:
                exchange.pause()
            else:
                exchange.resume()

    def _size(self) -> int:
        size = len(self._buffer)
        if self._kept:
            size += self.overhead + len(self.fields) + len(self._whole or b"")
        return size

    def _drop_what_all_have(self) -> None:
        self._whole = None
        if self._buffer:
            read = min((reader.cursor for reader in self._readers), default=self.end_at)
            del self._buffer[: read - self._dropped]
            self._dropped = read
        self._keeper.charge(self, self._size())

    def _shed(self) -> None:
        """Make what has yet to be read fit."""
        while not self._keeper.charge(self, self._size()):
            if len(self._readers) > 1:
                last = min(reversed(self._readers), key=_cursor)
                last.cut_off("the client fell too far behind in an answer that is too large to be kept")
            else:
                self._tell_each(Reader.hand_over)
            self._drop_what_all_have()


def _cursor(reader: Reader) -> int:
    return reader.cursor
