"""What an endpoint answers: a head and the pieces of a body, before any fault and any framing.

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
DONE = b"data: [DONE]\n\n"


class Piece(NamedTuple):
    """Bytes of a body, how many tokens they carry, and whether they are the mark that a stream is complete."""

    data: bytes
    tokens: int = 0
    terminal: bool = False


def error_event(_sent: int, told: Json) -> bytes:
    """How a chat stream breaks off; other dialects number their events, hence the first argument. `told` are fields of
    the error, in the place of its own.
    """
    document = error_document("The server had an error while processing your request.", "server_error")
    return event({"error": {**document["error"], **told}})


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`pieces` may be read once. `tokens` is what a whole reply holds, and so how long it took to write."""

    status: int = 200
    content_type: str = JSON
    headers: tuple[Header, ...] = ()
    pieces: Iterable[Piece]
    streamed: bool = False
    tokens: int = 0
    error_event: Callable[[int, Json], bytes] = error_event
    """The event with which it can break off, after so many others and with fields of its own."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error in OpenAI's form."""

    status: int = 400
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: tuple[Header, ...] = ()

    def reply(self) -> Reply:
        document = error_document(self.message, self.type, self.param, self.code)
        return whole(document, status=self.status, headers=self.headers)


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


def error_document(message: str, type_: str, param: str | None = None, code: str | None = None) -> Json:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def encode(document: object) -> bytes:
    return msgspec.json.encode(document)


def event(document: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encode(document) + b"\n\n"


def whole(document: object, *, tokens: int = 0, status: int = 200, headers: tuple[Header, ...] = ()) -> Reply:
    """A reply of one JSON document."""
    return Reply(status=status, headers=headers, pieces=(Piece(encode(document), tokens),), tokens=tokens)


def stream(pieces: Iterable[Piece], breaking_off: Callable[[int, Json], bytes] = error_event) -> Reply:
    """A reply of server-sent events."""
    return Reply(content_type=SSE, pieces=pieces, streamed=True, error_event=breaking_off)
