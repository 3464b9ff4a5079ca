"""What an endpoint answers: a head and the pieces of a body, before any fault and any framing; and how a dialect words
what is no answer.

A piece of a stream is one event. Tokens are counted on the pieces, so that faults can be placed between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import msgspec

from headway.simulated.identity import Identity

Header = tuple[str, str]
Json = dict[str, Any]

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"


class Piece(NamedTuple):
    """Bytes of a body, how many tokens they carry, and whether they are the mark that a stream is complete."""

    data: bytes
    tokens: int = 0
    terminal: bool = False


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error. Every dialect writes down what it has a place for."""

    status: int = 400
    message: str
    type: str | None = None
    """None: the one that the dialect usually gives with the status."""
    param: str | None = None
    code: str | None = None
    headers: tuple[Header, ...] = ()
    wait: float | None = None
    """Seconds after which the same request would pass."""


class Written(NamedTuple):
    """An error's body, and the headers that go with it."""

    body: bytes
    headers: tuple[Header, ...] = ()
    content_type: str = JSON


class Voice(msgspec.Struct, frozen=True):
    """How a dialect words errors."""

    usual: Callable[[int], Refusal]
    """What is usually wrong where a status is all that is known."""
    write: Callable[[Refusal, Json, tuple[Header, ...]], Written]
    """Takes fields (`message`, `type`, `param`, `code`) in the place of the refusal's own, and the reply's headers."""


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream frames its events, as far as faults write some of their own. Empty: the dialect has none."""

    broken_off: Callable[[int, Json], bytes]
    """The event with which it breaks off, after so many others and with fields of its own."""
    malformed: bytes
    """An event that can be told from others and not be read."""
    comment: bytes = b""
    ping: bytes = b""
    padded: Callable[[bytes, int], bytes]
    """The event with so many bytes more in a member `padding`; the event itself if it has no members."""


def _plainly(status: int) -> Refusal:
    return Refusal(status=status, message=f"Status {status}.")


def _plain(refusal: Refusal, told: Json, _headers: tuple[Header, ...]) -> Written:
    return Written(encode({"error": {"message": refusal.message, **told}}))


_PLAIN = Voice(_plainly, _plain)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`pieces` may be read once. `tokens` is what a whole reply holds, and so how long it took to write."""

    status: int = 200
    content_type: str = JSON
    headers: tuple[Header, ...] = ()
    pieces: Iterable[Piece]
    streamed: bool = False
    tokens: int = 0
    events: Events | None = None
    """None: what it streams, if it does, are no events."""
    voice: Voice = _PLAIN


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer depends on besides the request's body."""

    provider: str
    model: str
    """As asked for, without the fault that may hang on it."""
    seed: int
    created: int
    salt: int = 0
    """Zero, or a number that makes ids unique."""
    blank: bool = False
    """Answer without choices."""
    models: tuple[str, ...] = ()
    """Those that the provider has, if it has a list of them."""

    def identity(self, *asked: object) -> Identity:
        """The source of text and numbers."""
        return Identity(self.seed, self.model, *asked)

    def naming(self, identity: Identity) -> Identity:
        """The source of ids."""
        return identity.child(self.salt) if self.salt else identity


class Ask(Protocol):
    """A request that was read: every endpoint has its own form of it."""

    @property
    def model(self) -> str: ...

    def need(self) -> int:
        """Tokens to reserve: the larger of what the prompt holds and what the answer may."""
        ...

    def answer(self, context: Context) -> Reply | Refusal: ...


def encode(document: object) -> bytes:
    return msgspec.json.encode(document)


def event(document: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encode(document) + b"\n\n"


def padded(data: bytes, amount: int) -> bytes:
    """For events, and for documents, that end with a JSON object."""
    body = data.rstrip(b"\r\n")
    if not body.endswith(b"}"):
        return data
    return body[:-1] + b',"padding":"' + b"x" * amount + b'"}' + data[len(body) :]


def whole(document: object, *, tokens: int = 0, status: int = 200, headers: tuple[Header, ...] = ()) -> Reply:
    """A reply of one JSON document."""
    return Reply(status=status, headers=headers, pieces=(Piece(encode(document), tokens),), tokens=tokens)


def stream(pieces: Iterable[Piece], events: Events, content_type: str = SSE) -> Reply:
    """A reply of events."""
    return Reply(content_type=content_type, pieces=pieces, streamed=True, events=events)
