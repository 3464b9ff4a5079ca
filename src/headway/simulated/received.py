"""A request as it came."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

import msgspec

from headway.simulated.reply import Header


class ReceivedRequest(msgspec.Struct, frozen=True):
    """Header names are in lower case; `at` is the provider's clock when it was complete, `today` the Unix time."""

    method: str
    path: str
    """With the query, and as it was encoded."""
    headers: tuple[Header, ...]
    body: bytes
    at: float
    today: float = 0.0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def place(self) -> str:
        """The path alone, without a slash at its end."""
        return self.path.partition("?")[0].rstrip("/")

    def query(self, name: str) -> str | None:
        return dict(parse_qsl(self.path.partition("?")[2])).get(name)

    def bearer(self) -> str | None:
        """The key of `Authorization: Bearer`."""
        scheme, _, key = (self.header("authorization") or "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None


def decoded(segment: str) -> str:
    """A part of a path without its percent signs."""
    return unquote(segment)
