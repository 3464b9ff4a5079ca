"""Which configuration a gateway begins with, and how later ones are made: of the file or the environment, and of what
is published in the database that they name.

What is published and cannot be used here is left out, and told; what the file says and cannot be used is an end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from headway.cli.rehearsal import provider_for_serve, snapshot_for_serve
from headway.config.discover import discovered
from headway.config.load import Above, database_of, discover, load
from headway.config.problems import ConfigError
from headway.config.published import NotToldError, Published
from headway.control.reload import Start
from headway.simulated.provider import SimulatedProvider
from headway.storage.published import now
from headway.storage.secret_keys import Unsealing
from headway.types import Snapshot


class Configured:
    """The sources of a configuration. `path` None: the environment instead of a file."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.path = path
        self._environ = environ
        self._simulated: SimulatedProvider | None = None
        self._unseal = Unsealing(environ, self.database)

    def database(self) -> str | None:
        """The URL of the database, if there is one."""
        found = database_of(self.path, self._environ)
        return None if found is None else found.reveal()

    def make(self, generation: int, published: Published | None) -> Snapshot:
        """Raises ConfigError."""
        above = None if published is None else Above(published, self._unseal)
        if self.path is not None:
            return load(self.path, self._environ, generation=generation, above=above)
        bare = published is None or "providers" not in published.document
        if self._simulated is not None and bare and not discovered(self._environ):
            return snapshot_for_serve(self._simulated, generation, environ=self._environ, above=above)
        return discover(self._environ, generation=generation, above=above)

    def begin(self) -> tuple[Snapshot, Start, bool]:
        """The first snapshot, how to go on, and whether nothing at all is configured. Raises ConfigError."""
        published, told = self._published_now()
        snapshot, start = self._first(published)
        nothing = told and not snapshot.providers and self.path is None
        return snapshot, start, nothing and (published is None or "providers" not in published.document)

    async def simulate(self, start: Start) -> tuple[SimulatedProvider, Snapshot, Start]:
        """The same with the simulated provider, which serves from now on as long as there is no other."""
        self._simulated = provider_for_serve()
        await self._simulated.start()
        return self._simulated, *self._first(start.published)

    def _first(self, published: Published | None) -> tuple[Snapshot, Start]:
        """With what is published, or without it; if neither will do, the first error says why."""
        try:
            return self.make(1, published), Start(self.make, published, None)
        except ConfigError as failed:
            if published is None:
                raise
            try:
                return self.make(1, None), Start(self.make, published, str(failed))
            except ConfigError:
                raise failed from None

    def _published_now(self) -> tuple[Published | None, bool]:
        """What is published, and whether that could be told."""
        url = self.database()
        if url is None:
            return None, True
        try:
            return asyncio.run(now(url)), True
        except NotToldError:
            return None, False
