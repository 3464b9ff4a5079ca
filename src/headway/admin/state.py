"""What the administration needs of the gateway that runs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from headway.admin.entrance import Entrance
from headway.admin.records import Records
from headway.observability.feed import Feed
from headway.types import Snapshot


class LogWriting(Protocol):
    """How the request log is written."""

    @property
    def stored(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def error(self) -> str | None: ...


class Gateway(Protocol):
    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def draining(self) -> bool: ...

    @property
    def last_config_error(self) -> str | None: ...

    @property
    def request_log(self) -> LogWriting: ...


class State(NamedTuple):
    gateway: Gateway
    records: Records
    feed: Feed
    entrance: Entrance
