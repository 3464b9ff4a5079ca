"""The simulated provider as tests, demos and rehearsals use it: start it, upset it, look at what came."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from random import Random
from types import TracebackType

from headway.simulated.desk import Desk
from headway.simulated.faults import NO_FAULT, Fault, parse_fault
from headway.simulated.listener import Listener
from headway.simulated.received import ReceivedRequest
from headway.simulated.schedule import NO_SCHEDULE, Schedule, parse_schedule
from headway.simulated.settings import Simulation


class SimulatedProvider:
    """Speaks the APIs of `dialects` on a port of its own.

    `now` is the clock of quotas and schedules (any seconds that only grow), `today` the one of `created` where that is
    not fixed, and `rng` decides faults by chance and jitter. Delays are the event loop's. Raises `FaultError` for a
    fault that cannot be read.
    """

    def __init__(
        self,
        simulation: Simulation | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
        rng: Random | None = None,
    ) -> None:
        simulation = simulation or Simulation()
        self._now = now
        self._desk = Desk(simulation, now, today, rng or Random(simulation.seed))
        self._listener = Listener(self._desk)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Port 0 takes a free one; `base_url` tells which. The schedule begins now."""
        self._desk.plan.set_schedule(self._desk.simulation.schedule, self._now())
        await self._listener.start(host, port)

    async def stop(self) -> None:
        """Close the port, and break whatever is still open."""
        await self._listener.stop()
        for guest in list(self._desk.guests):
            guest.abort()
        while self._desk.guests:
            await asyncio.sleep(0)

    async def __aenter__(self) -> SimulatedProvider:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """`http://host:port/v1`, also while the port is closed by a fault."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        """`http://host:port`, for the dialects whose paths do not begin with `/v1`."""
        host = f"[{self._listener.host}]" if ":" in self._listener.host else self._listener.host
        return f"http://{host}:{self._listener.port}"

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def simulation(self) -> Simulation:
        return self._desk.simulation

    @property
    def requests(self) -> deque[ReceivedRequest]:
        """The latest requests received, oldest first; at most `Simulation.keep_requests`, and 64 MB of bodies."""
        return self._desk.requests

    @property
    def open_connections(self) -> int:
        return len(self._desk.guests)

    @property
    def total_connections(self) -> int:
        return self._desk.total

    def set_fault(self, fault: str | Fault | None) -> None:
        """The fault of every request from now on that nothing else gives one."""
        self._desk.plan.set_fault(parse_fault(fault) if isinstance(fault, str) else fault or NO_FAULT)
        self._listener.settle()

    def set_schedule(self, schedule: str | Schedule | None) -> None:
        """Another schedule, beginning now."""
        parsed = parse_schedule(schedule) if isinstance(schedule, str) else schedule or NO_SCHEDULE
        self._desk.plan.set_schedule(parsed, self._now())
        self._listener.settle()
