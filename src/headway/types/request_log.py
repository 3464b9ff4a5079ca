"""What passes between the gateway and the process that writes its request log."""

from __future__ import annotations

import msgspec

from headway.types.settings import Kept


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Where that process writes, and what it keeps: the first that it is told. `url` may hold a password."""

    url: str
    kept: Kept


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands: rows stored, dropped and waiting so far, and why nothing can be written just now."""

    stored: int = 0
    dropped: int = 0
    waiting: int = 0
    error: str | None = None
