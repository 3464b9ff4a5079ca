"""What the administration needs of the gateway that runs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from starlette.types import ASGIApp

from headway.admin.configured import Configured
from headway.admin.entrance import Entrance
from headway.admin.records import Records
from headway.core.load import Load
from headway.failures import Failure
from headway.observability.feed import Feed
from headway.types import Alert, Overview, RouteRecord


class LogWriting(Protocol):
    """How the request log is written."""

    @property
    def stored(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def error(self) -> str | None: ...


class Gateway(Configured, Protocol):
    @property
    def in_flight(self) -> int: ...

    @property
    def draining(self) -> bool: ...

    @property
    def request_log(self) -> LogWriting: ...

    @property
    def application(self) -> ASGIApp:
        """What clients send their requests to."""
        ...

    def overview(self) -> Overview: ...

    def explain(self, model: str, load: Load, session: str | None, /) -> RouteRecord | Failure: ...

    def alerts(self) -> tuple[Alert, ...]: ...


class State(NamedTuple):
    gateway: Gateway
    records: Records
    feed: Feed
    entrance: Entrance
