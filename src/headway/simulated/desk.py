"""What the connections of one provider share: service, plan of faults, clock and dice, and the record of what came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Protocol

import msgspec

from headway.simulated.faults import NO_FAULT, Fault, parse_fault
from headway.simulated.openai import wording
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Header, Refusal
from headway.simulated.schedule import FaultPlan
from headway.simulated.script import Action, Speed, script
from headway.simulated.service import FAULT_HEADER, Answered, Service, read_fault, refused
from headway.simulated.settings import Simulation

_KEPT_BYTES = 64 * 1024 * 1024
"""Of the bodies that are kept for inspection."""


class Guest(Protocol):
    """A connection, as seen from here."""

    @property
    def idle(self) -> bool: ...

    def abort(self) -> None: ...


class Play(msgspec.Struct, frozen=True):
    """A script, and what to hand back when it has ended or was left."""

    script: Iterator[Action]
    answered: Answered | None = None


class Desk:
    """One provider's state, owned by it and used by its connections."""

    __slots__ = ("_kept", "_now", "_rng", "_service", "_today", "guests", "plan", "requests", "simulation", "total")

    def __init__(
        self, simulation: Simulation, now: Callable[[], float], today: Callable[[], float], rng: Random
    ) -> None:
        self.simulation = simulation
        self.requests: deque[ReceivedRequest] = deque()
        self.guests: set[Guest] = set()
        self.total = 0
        constant = parse_fault(simulation.fault) if simulation.fault else NO_FAULT
        self.plan = FaultPlan(constant, simulation.schedule, now(), rng)
        self._service = Service(simulation)
        self._now = now
        self._today = today
        self._rng = rng
        self._kept = 0

    def opened(self, guest: Guest) -> None:
        self.guests.add(guest)
        self.total += 1

    def closed(self, guest: Guest) -> None:
        self.guests.discard(guest)

    def now(self) -> float:
        return self._now()

    def today(self) -> float:
        return self._today()

    def refusing(self) -> bool:
        return self.plan.refusing(self._now())

    def planned(self, headers: tuple[Header, ...]) -> Fault:
        """The fault for a request whose headers are in; its model's name may still ask for another."""
        planned = self.plan.choose(self._now())
        wanted = next((value for name, value in headers if name == FAULT_HEADER), None)
        if wanted is None:
            return planned
        chosen = read_fault(wanted)
        return NO_FAULT if isinstance(chosen, Refusal) else chosen

    def play(self, request: ReceivedRequest, planned: Fault, *, close: bool) -> Play:
        """What to do about a request. The caller reports `done` with the same play, once."""
        self._record(request)
        created = self.simulation.created
        answered = self._service.answer(request, planned, int(self._today()) if created is None else created)
        return Play(self._script(answered, close=close), answered)

    def reject(self, refusal: Refusal) -> Play:
        """What to do about something that is no request."""
        return Play(self._script(Answered(refused(refusal, wording.VOICE), NO_FAULT, None), close=True))

    def done(self, play: Play) -> None:
        if play.answered is not None:
            self._service.release(play.answered)

    def _script(self, answered: Answered, *, close: bool) -> Iterator[Action]:
        speed = Speed(self.simulation.latency, self.simulation.token_delay)
        return script(answered.reply, answered.fault, speed, self._rng, close=close)

    def _record(self, request: ReceivedRequest) -> None:
        self.requests.append(request)
        self._kept += len(request.body)
        while self.requests and (len(self.requests) > self.simulation.keep_requests or self._kept > _KEPT_BYTES):
            self._kept -= len(self.requests.popleft().body)
