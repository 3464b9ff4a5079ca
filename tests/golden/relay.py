"""A recorded stream through the relay that the product passes it on with, to a client who keeps what it is sent."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headway.failures import Failure, FailureKind
from headway.pipeline.follow import FollowedRelay, Following
from headway.pipeline.relay import Notice
from headway.types import Dialect, Usage
from headway.wire.dialects import CODECS
from headway.wire.form.codec import Codec, Show, StreamReader, StreamWriter
from headway.wire.form.likeness import Likeness
from headway.wire.form.reply import Event
from headway.wire.form.request import Request


class Owner:
    """Who is told how a relay ended. `ended`: complete, failed (before the client saw anything) or broke."""

    def __init__(self) -> None:
        self.ended: str | None = None
        self.usage: Usage | None = None

    def commit(self, length: int | None) -> None:
        pass

    def attempt_failed(self, failure: Failure) -> None:
        self._end(f"failed: {failure.message}")

    def relayed(self, usage: Usage | None, passed: int) -> None:
        self._end("complete")
        self.usage = usage

    def broke(self, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        self._end(f"broke: {failure.message}")

    def reported(self, payload: bytes) -> Failure:
        return Failure(kind=FailureKind.SERVER_ERROR, source="upstream", message="reported an error")

    def _end(self, how: str) -> None:
        assert self.ended is None, "a relay ends once"
        self.ended = how


class Sent:
    """The client's side: the bytes that it was sent."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        raise AssertionError("a relay of a stream gives no whole answers")

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def end(self) -> None:
        pass

    def abort(self) -> None:
        pass


class Listening:
    """A reader that keeps what it reads."""

    def __init__(self, reader: StreamReader, heard: list[Event]) -> None:
        self._reader = reader
        self._heard = heard

    @property
    def complete(self) -> bool:
        return self._reader.complete

    def read(self, frame: bytes, into: list[Event]) -> None:
        before = len(into)
        self._reader.read(frame, into)
        self._heard.extend(into[before:])

    def end(self, into: list[Event]) -> None:
        before = len(into)
        self._reader.end(into)
        self._heard.extend(into[before:])


class Known(Likeness):
    """What is known by its bytes is heard as well."""

    def __init__(self, heard: list[Event]) -> None:
        super().__init__()
        self._heard = heard

    def text_in(self, frame: bytes) -> bytes | None:
        string = super().text_in(frame)
        if string is not None:
            self._heard.append(msgspec.structs.replace(self.event, text=msgspec.json.decode(string, type=str)))
        return string


def show_to(dialect: Dialect) -> Show:
    asked = Request(dialect=dialect, model="house", messages=(), stream_usage=True)
    return Show(request_id="req_1", created=1_700_000_000, model="house", request=asked)


class Relayed:
    """One stream, given in pieces and then over. `to` None: to a client of the same dialect, whose bytes pass."""

    def __init__(self, origin: Dialect, pieces: Iterable[bytes], to: Dialect | None = None) -> None:
        self.owner = Owner()
        self.sent = Sent()
        self.events: list[Event] = []
        relay = FollowedRelay(self.owner, self.sent, self._how(CODECS[origin], to or origin, to is not None))
        if CODECS[origin].steady:
            relay._likeness = Known(self.events)  # pyright: ignore[reportPrivateUsage]
        for piece in pieces:
            relay.on_body(piece, complete=False)
        relay.on_body(b"", complete=True)
        self._relay = relay

    def told_that_it_broke(self) -> bytes:
        """All that the client is sent, with the event that tells it."""
        return self.sent.data + self._relay.closing_event("it broke off", "upstream_truncated")

    def _how(self, codec: Codec, to: Dialect, translated: bool) -> Following:
        def writer() -> StreamWriter:
            return CODECS[to].writer(show_to(to))

        def reader() -> StreamReader:
            return Listening(codec.reader(), self.events)  # pyright: ignore[reportReturnType]

        return Following(
            who="the provider",
            codec=msgspec.structs.replace(codec, reader=reader),
            writer=writer() if translated else None,
            errors=writer,
            tools=True,
        )
