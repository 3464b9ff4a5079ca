"""Running uvicorn the way a gateway wants it: our protocol class, a drain on the first signal, exit code 0 after it."""

from __future__ import annotations

import contextlib
import signal
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Generator
from math import ceil
from types import FrameType
from typing import cast

import uvicorn

from headway.server.application import Application
from headway.server.lean import LeanProtocol

KEEP_ALIVE_SWEEP = 1.0
"""Seconds between looks at idle client connections."""


class GatewayServer(uvicorn.Server):
    """A first SIGINT or SIGTERM drains, a second one ends at once. `on_drain` is called when draining begins."""

    def __init__(self, config: uvicorn.Config, application: Application, on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._application = application
        self._on_drain = on_drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        else:
            self._on_drain()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, but a signal that was obeyed is not raised again: draining on request is success."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        kept = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in kept.items():
                signal.signal(sig, handler)

    def watch_idle(self, loop: AbstractEventLoop) -> None:
        """Close client connections that have been idle, or have not finished a request's head or body, for too long."""
        patience = self._application.limits.keep_alive
        now = loop.time()
        for connection in cast("set[object]", self.server_state.connections).copy():
            if isinstance(connection, LeanProtocol):
                connection.close_if_idle(now, patience)
        loop.call_later(KEEP_ALIVE_SWEEP, self.watch_idle, loop)


def server_config(application: Application, *, host: str, port: int, drain: float, keep_alive: float) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        http=LeanProtocol,
        ws="none",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        backlog=4096,
        timeout_keep_alive=ceil(keep_alive),
        timeout_graceful_shutdown=ceil(drain),
    )
