"""What a signer is, and those that need no cryptography: a token in a header, renewed before it ends, or a refusal.

When a refresh runs, in which thread, and who waits for it is the caller's business; where tokens come from is that of
the modules that fetch them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from headway.providers.classification.masking import masked

MARGIN = 300.0
"""Seconds before its end at which a token should be renewed."""

PAUSE = 30.0
"""Seconds between two renewals at least: a source may hand out the old token for a while."""

Value = TypeVar("Value")


class AuthError(Exception):
    """Why nothing can be signed: one line, for people, without a secret in it."""


class Signer(Protocol):
    """Signs the requests made with one credential. `fields` and `due` are called on the loop and never block;
    `refresh` blocks and runs in a thread, one at a time.
    """

    def fields(self, method: bytes, path: bytes, body: bytes, now: float) -> bytes | None:
        """Header lines for one request, each ended by CRLF, at a Unix time; None while there is no token. `path` is
        what stands in the request line, query included.
        """
        ...

    def due(self, now: float) -> bool:
        """Whether a refresh should begin."""
        ...

    def refresh(self) -> None:
        """Get a new token. Raises `AuthError`; what there was before then remains."""
        ...


class Fetched(NamedTuple, Generic[Value]):
    """What was fetched, and the Unix time at which it ends."""

    value: Value
    expires: float

    def __repr__(self) -> str:
        return f"Fetched(***, expires={self.expires:.0f})"


class Renewed(Generic[Value]):
    """A value that ends and is fetched again before it does."""

    def __init__(self, fetch: Callable[[], Fetched[Value]], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: Fetched[Value] | None = None
        self._renew_at = 0.0

    def at(self, now: float) -> Value | None:
        held = self._held
        return held.value if held is not None and now < held.expires else None

    def due(self, now: float) -> bool:
        return now >= self._renew_at

    def refresh(self) -> None:
        fetched = self._fetch()
        now = self._clock()
        left = fetched.expires - now
        if left <= 0:
            raise AuthError("the token that was given has ended already; is the clock right?")
        self._held = fetched
        self._renew_at = now + min(left, max(PAUSE, left - MARGIN))


class TokenSigner:
    """Puts the same lines on every request as long as a token lasts."""

    def __init__(self, fetch: Callable[[], Fetched[bytes]], clock: Callable[[], float] = time.time) -> None:
        self._lines = Renewed(fetch, clock)

    def fields(self, method: bytes, path: bytes, body: bytes, now: float) -> bytes | None:
        return self._lines.at(now)

    def due(self, now: float) -> bool:
        return self._lines.due(now)

    def refresh(self) -> None:
        self._lines.refresh()


class FixedSigner:
    """A token that somebody put into the configuration, for as long as it lasts."""

    def __init__(self, token: str) -> None:
        self._lines = bearer(token)

    def fields(self, method: bytes, path: bytes, body: bytes, now: float) -> bytes | None:
        return self._lines

    def due(self, now: float) -> bool:
        return False

    def refresh(self) -> None:
        pass


class Refusal:
    """Stands where there can be no signer, and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def fields(self, method: bytes, path: bytes, body: bytes, now: float) -> bytes | None:
        return None

    def due(self, now: float) -> bool:
        return True

    def refresh(self) -> None:
        raise AuthError(self._why)


def bearer(token: str) -> bytes:
    return line(b"authorization", f"Bearer {token}")


def line(name: bytes, value: str) -> bytes:
    """One header line. Raises `AuthError` for a value that would break it."""
    return b"%b: %b\r\n" % (name, visible(value).encode())


def visible(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise AuthError("what was given as a token or credential holds characters that no header may hold")
    return value


def plainly(error: BaseException) -> str:
    """What an error of a library says, in one line, with whatever looks like a key hidden."""
    said = error.args[0] if error.args else ""
    first = str(said).strip().partition("\n")[0]
    return masked(f"{type(error).__name__}: {first}" if first else type(error).__name__)[:300]
