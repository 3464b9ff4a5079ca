"""What the pipeline needs from the floors beside it, as protocols. Implementations are chosen in `app`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from headway.failures import Failure
from headway.types import Change, ExchangeEvent, Provider, Target
from headway.wire.http_head import Head


class Listener(Protocol):
    """Who asked an upstream, and hears what it answers. After `complete=True` or `on_lost` nothing more comes."""

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        """The reply's head, with whatever of the body came along."""
        ...

    def on_body(self, data: bytes, complete: bool) -> None: ...

    def on_lost(self, failure: Failure) -> None: ...


class Connection(Protocol):
    """One upstream connection, serving one request at a time. It returns to its pool by itself when a reply is
    complete.
    """

    def send(self, head: bytes, body: bytes, listener: Listener) -> None: ...

    def hand_over(self, listener: Listener) -> None:
        """Let another listener hear the rest of the reply; only from within `on_head` of one that is not complete."""
        ...

    def pause(self) -> None:
        """Stop reading, so that the upstream feels that the client is slow."""
        ...

    def resume(self) -> None: ...

    def abort(self) -> None:
        """Close at once; the listener hears nothing more."""
        ...


class Dial(Protocol):
    """A connection being made."""

    def cancel(self) -> object: ...


class Dialer(Protocol):
    """Who waits for a connection being made: exactly one of the two is called, unless the dial was cancelled."""

    def on_connected(self, connection: Connection) -> None: ...

    def on_dial_failed(self, failure: Failure) -> None: ...


class Origin(Protocol):
    """Where one provider's requests go: a pool of connections to one scheme, host and port."""

    @property
    def path_prefix(self) -> bytes:
        """What comes before an endpoint's path in the request line."""
        ...

    @property
    def fields(self) -> bytes:
        """Header lines that every request to it carries: `host`, and what a proxy demands."""
        ...

    def take(self) -> Connection | None:
        """An idle connection, if there is one."""
        ...

    def dial(self, timeout: float, dialer: Dialer) -> Dial: ...


class Transport(Protocol):
    def origin(self, provider: Provider) -> Origin: ...


class Answer(NamedTuple):
    """What an address replied to the gateway itself. `whole`: there was no more of it."""

    status: int
    head: Head
    body: bytes
    whole: bool


class Calls(Transport, Protocol):
    """Requests of the gateway's own, beside those that it passes on."""

    async def ask(self, origin: Origin, head: bytes, body: bytes, *, patience: float, most: int) -> Answer | Failure:
        """One request and its reply, of which at most so many bytes are read. `patience` is the seconds for all of it.
        A failure's message holds no secret.
        """
        ...


class Signing(Protocol):
    """Who signs the requests of one credential, where a fixed header is not enough."""

    def fields(self, method: bytes, path: bytes, body: bytes) -> bytes | None:
        """Header lines for one request; None while there is no token."""
        ...

    def wait(self, done: Callable[[Failure | None], None], /) -> None:
        """Call back once there is a token, or there will be none."""
        ...


class Signers(Protocol):
    def of(self, target: Target) -> Signing | None: ...


class NoSigners:
    """Every key is a fixed header."""

    def of(self, target: Target) -> Signing | None:
        return None


class Downstream(Protocol):
    """The client's side of one exchange. `headers` are raw lines, each ended by CRLF; framing is the implementation's
    business.
    """

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole answer."""
        ...

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        """The head of an answer whose body follows; `length` in bytes where it is known."""
        ...

    def write(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def abort(self) -> None:
        """Break off in a way that the client must notice: the answer cannot be finished."""
        ...


class Running(Protocol):
    """An answer on its way, as far as whoever takes it has a say in it. Once it is over, no call means anything."""

    @property
    def paused(self) -> bool:
        """It accepts nothing just now."""
        ...

    def client_gone(self, how: str = "the client closed the connection") -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Sink(Protocol):
    """Who is told how exchanges ended. It must return at once and never raise."""

    def record(self, event: ExchangeEvent) -> None: ...

    def changed(self, change: Change, at: float) -> None:
        """`at` is Unix time."""
        ...


class Timer(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """What the gateway needs of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...
