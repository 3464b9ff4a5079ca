"""What passes between the gateway and the process that writes its request log."""

from __future__ import annotations

import msgspec

from headway.types.settings import Budget, Kept, Masking


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Where that process writes, what it keeps and what it masks: the first that it is told. `url` may hold a
    password.
    """

    url: str
    kept: Kept
    cap: int
    """Bytes of a message or reply that are kept."""
    masking: Masking
    budgets: tuple[Budget, ...] = ()
    """Whose spending it watches."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent of a budget in one period."""

    budget: str
    since: float
    """Unix time when the period began, which tells it from others."""
    amount: int
    """Micro-dollars."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands: rows stored, dropped and waiting so far, the same of contents, and why nothing can be written just
    now. `spent` is empty until it is known.
    """

    stored: int = 0
    dropped: int = 0
    waiting: int = 0
    contents_stored: int = 0
    contents_dropped: int = 0
    error: str | None = None
    spent: tuple[Spent, ...] = ()


class Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The beginning of a message or reply, as it came. `kind` is its media type, `size` the bytes of all of it."""

    start: bytes
    size: int
    kind: str


class Content(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag="content"
):
    """What was asked and answered in one exchange. None: it is not to be kept, or is no text."""

    request_id: str
    at: float
    """Unix time, about."""
    request: Body | None = None
    reply: Body | None = None
