"""Publishing a changed configuration file, and keeping the running snapshot when the change is bad.

The file is looked at twice a second, which also sees what mounts and editors do by renaming; SIGHUP asks for a look at
once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from headway.config.load import load
from headway.config.problems import ConfigError
from headway.types import Snapshot

LOOK_EVERY = 0.5
SETTLE = 0.05
"""Seconds for which a changed file must stay the same before it is read: it may be half written."""

Publish = Callable[[Snapshot], None]
Refused = Callable[[str], None]

_Signature = tuple[int, int, int] | None


class ConfigFile:
    """One configuration file and the snapshot last made from it."""

    def __init__(self, path: Path, environ: Mapping[str, str], *, publish: Publish, refused: Refused) -> None:
        self._path = path
        self._environ = environ
        self._publish = publish
        self._refused = refused
        self._generation = 1
        self._seen = _signature(path)
        self._asked = asyncio.Event()
        self.error: str | None = None
        """Why the file as it stands is not what runs; None while it is."""

    def ask(self) -> None:
        """Look at once, and publish even if the file seems unchanged: what it refers to may have changed."""
        self._asked.set()

    async def watch(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._asked.wait()
            except TimeoutError:
                if await asyncio.to_thread(_signature, self._path) == self._seen:
                    continue
                self._seen = await asyncio.to_thread(_settled, self._path)
            else:
                self._asked.clear()
                self._seen = await asyncio.to_thread(_signature, self._path)
            await self._reload()

    async def _reload(self) -> None:
        try:
            snapshot = await asyncio.to_thread(load, self._path, self._environ, generation=self._generation + 1)
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
