"""Publishing a configuration that has changed, and keeping the running snapshot when the change is bad.

What runs is made of the file, or without one of the environment, and of what was published by API. The file is looked
at twice a second, which also sees what mounts and editors do by renaming; SIGHUP asks for a look at once. What is
published is looked for every two seconds; a database that does not answer is told once, and changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from headway.config.problems import ConfigError
from headway.config.published import NotToldError, Published
from headway.types import Snapshot

LOOK_EVERY = 0.5
SETTLE = 0.05
"""Seconds for which a changed file must stay the same before it is read: it may be half written."""
FOLLOW_EVERY = 2.0

Make = Callable[[int, Published | None], Snapshot]
"""A snapshot with this number, with what is published. Raises ConfigError."""
Publish = Callable[[Snapshot], None]
Refused = Callable[[str], None]

_Signature = tuple[int, int, int] | None


class Source(NamedTuple):
    """Where what is published is found."""

    newest: Callable[[int | None], Awaitable[Published | None]]
    """None: nothing newer than the version that is known. Raises NotToldError."""
    trouble: Callable[[str | None], None]
    """Is told why it cannot be found, once, and of None when it can be again."""


class Start(NamedTuple):
    """How a process began that follows what is published."""

    make: Make
    published: Published | None
    """What was published then, whether or not it could be used."""
    error: str | None
    """Why it could not."""


class Configuration:
    """What the running snapshot was made of, and the making of the next one."""

    def __init__(
        self,
        make: Make,
        *,
        path: Path | None,
        publish: Publish,
        refused: Refused,
        publications: Source | None = None,
        published: Published | None = None,
        error: str | None = None,
    ) -> None:
        """`published` is what the running snapshot was made with, or would have been but for the `error`."""
        self.path = path
        self._make = make
        self._publish = publish
        self._refused = refused
        self._publications = publications
        self._published = published
        self._generation = 1
        self._seen = None if path is None else _signature(path)
        self._asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._trouble: str | None = None
        self.error = error
        """Why the configuration as it stands is not what runs; None while it is."""

    @property
    def follows(self) -> bool:
        """Whether what is published by API is taken up."""
        return self._publications is not None

    def ask(self) -> None:
        """Look at once, and publish even if the file seems unchanged: what it refers to may have changed."""
        self._asked.set()

    def trial(self, published: Published) -> Snapshot:
        """What would run with this. It takes a while. Raises ConfigError."""
        return self._make(self._generation, published)

    async def take(self, published: Published) -> None:
        """Have this run now: whoever published it need not wait for the next look."""
        async with self._one_at_a_time:
            if self._published is not None and self._published.version >= published.version:
                return
            self._published = published
            await self._reload()

    async def watch(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_file())
            if self._publications is not None:
                group.create_task(self._follow(self._publications))

    async def _watch_file(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._asked.wait()
            except TimeoutError:
                if self.path is None or await asyncio.to_thread(_signature, self.path) == self._seen:
                    continue
                self._seen = await asyncio.to_thread(_settled, self.path)
            else:
                self._asked.clear()
                if self.path is not None:
                    self._seen = await asyncio.to_thread(_signature, self.path)
            async with self._one_at_a_time:
                await self._reload()

    async def _follow(self, publications: Source) -> None:
        while True:
            await asyncio.sleep(FOLLOW_EVERY)
            known = None if self._published is None else self._published.version
            try:
                newest = await publications.newest(known)
            except NotToldError as error:
                self._tell(publications, str(error))
                continue
            self._tell(publications, None)
            async with self._one_at_a_time:
                if newest is not None and (self._published is None or self._published.version == known):
                    self._published = newest
                    await self._reload()

    def _tell(self, publications: Source, trouble: str | None) -> None:
        if (trouble is None) != (self._trouble is None):
            publications.trouble(trouble)
        self._trouble = trouble

    async def _reload(self) -> None:
        try:
            snapshot = await asyncio.to_thread(self._make, self._generation + 1, self._published)
        except ConfigError as error:
            self.error = str(error)
            self._refused(self.error)
            return
        self._generation += 1
        self.error = None
        self._publish(snapshot)


def _settled(path: Path) -> _Signature:
    """The signature once it has stopped changing, or after a while if it does not."""
    signature = _signature(path)
    for _ in range(20):
        time.sleep(SETTLE)
        latest = _signature(path)
        if latest == signature:
            break
        signature = latest
    return signature


def _signature(path: Path) -> _Signature:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
