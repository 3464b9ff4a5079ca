"""A simulated provider on a thread of its own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager

from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Simulation


@contextmanager
def in_thread(simulation: Simulation | None = None) -> Generator[SimulatedProvider]:
    """Start it, and stop it at the end of the block. From the calling thread only look at it; do not set faults."""
    provider = SimulatedProvider(simulation)
    started: Future[None] = Future()
    stopping = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(provider, started, stopping)), daemon=True)
    thread.start()
    try:
        started.result(timeout=10)
        yield provider
    finally:
        stopping.set()
        thread.join(timeout=10)


async def _serve(provider: SimulatedProvider, started: Future[None], stopping: threading.Event) -> None:
    try:
        await provider.start()
    except OSError as failed:
        started.set_exception(failed)
        return
    started.set_result(None)
    await asyncio.get_running_loop().run_in_executor(None, stopping.wait)
    await provider.stop()
