"""An ASGI app that is made when somebody first asks for it, away from the loop: what it imports takes time and memory,
and many gateways are never asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive, Scope, Send


class Closing(Protocol):
    """An app that holds something."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def close(self) -> None: ...


class Later:
    """`make` runs in a thread, once."""

    def __init__(self, make: Callable[[], Closing]) -> None:
        self._make = make
        self._making: asyncio.Task[Closing] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        app = await asyncio.shield(self._making)
        await app(scope, receive, send)

    async def close(self) -> None:
        if self._making is not None:
            await (await self._making).close()
