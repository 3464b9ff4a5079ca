"""What the administration needs of the gateway that runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from starlette.datastructures import Headers

from headway.admin.records import Records
from headway.config.published import Published
from headway.observability.feed import Feed
from headway.types import Snapshot


class Refused(Protocol):
    """Why somebody may not come in."""

    @property
    def status(self) -> int: ...

    @property
    def message(self) -> str: ...


class Guard(Protocol):
    def refusal(self, headers: Headers, /) -> Refused | None:
        """None: come in."""
        ...


class LogWriting(Protocol):
    """How the request log is written."""

    @property
    def stored(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def error(self) -> str | None: ...


class Configuration(Protocol):
    """What the running snapshot is made of."""

    @property
    def path(self) -> Path | None:
        """Of the file."""
        ...

    @property
    def follows(self) -> bool:
        """Whether what is published is taken up."""
        ...

    def trial(self, published: Published, /) -> Snapshot:
        """What would run with this. Raises ConfigError."""
        ...

    async def take(self, published: Published, /) -> None: ...


class Gateway(Protocol):
    @property
    def environ(self) -> Mapping[str, str]: ...

    @property
    def configuration(self) -> Configuration | None: ...

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
