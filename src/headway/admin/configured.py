"""What the pages of the configuration need of a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from headway.config.published import Published
from headway.types import Snapshot


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


class Configured(Protocol):
    """A gateway, as far as it is about its configuration."""

    @property
    def environ(self) -> Mapping[str, str]: ...

    @property
    def configuration(self) -> Configuration | None: ...

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def last_config_error(self) -> str | None: ...
