"""How targets, lines and routes stand, for whoever wants to know why."""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.types.events import TargetState
from headway.types.providers import Dimension


class CapRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A configured cap on requests in flight."""

    of: Literal["key", "provider"]
    in_flight: int
    most: int


class QuotaRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One quota. `left` is less than nothing where more was used than reserved."""

    of: Literal["key", "provider"]
    dimension: Dimension
    window: float
    """Seconds in which a whole limit refills."""
    limit: float
    left: float
    told_by: Literal["configuration", "headers"]


class TargetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A target as it stands for one request. What is not known is None."""

    tier: int
    """1 is asked first."""
    target: str
    state: TargetState
    why: str
    """The state in plain words."""
    kind: str | None = None
    """Of a target that rests: the kind of failure after which it does."""
    left: float | None = None
    """Seconds, of rests, illness and recovery."""
    wait: float | None = None
    """Seconds until it may be asked; slots become free without notice and count for nothing. None: it never may."""
    weight: float
    share: float | None = None
    """Its part of what the tier is asked now: 0 to 1. None where the strategy looks at each request by itself."""
    seconds: float | None = None
    """What it is expected to take to begin an answer."""
    reliability: float
    """The part of requests that go well: 0 to 1."""
    in_flight: int
    limit: float | None = None
    """Requests in flight that it copes with, as was learnt from overload."""
    caps: tuple[CapRecord, ...] = ()
    quotas: tuple[QuotaRecord, ...] = ()
    pace: float | None = None
    """Requests per second, where refusals are all that tells how many it takes."""
    price: float | None = None
    """Micro-dollars for a thousand tokens."""
    pinned: bool = False
    """The conversation was with it."""


class QueueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The line of one route."""

    length: int
    most: int
    longest: float
    """Seconds that a request may wait."""
    refused: int
    """Requests so far that would have waited for too long."""


class RouteRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A route as it stands: its targets, tier by tier."""

    model: str
    balance: str
    targets: tuple[TargetRecord, ...]
    queue: QueueRecord


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All routes of a snapshot as they stand. `lag` is by how many seconds the event loop is late."""

    lag: float
    routes: tuple[RouteRecord, ...]
