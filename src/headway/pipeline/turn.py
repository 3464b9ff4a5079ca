"""An exchange that waits for its turn: when there is room it begins, when there will be none in time it is told so."""

from __future__ import annotations

from math import inf
from typing import Protocol

import msgspec

from headway.core.exchange import Exchange, Full, GiveUp, Step
from headway.core.line import Place, Ticket
from headway.core.load import BYTES_PER_TOKEN
from headway.failures import FailureKind
from headway.pipeline.admission import Admission, Waiting
from headway.pipeline.asked import Asked
from headway.pipeline.principal import tenant_of


class TurnOwner(Protocol):
    """Whom a turn reports to, once: when it has come, or when it never will."""

    def on_turn(self, step: Step, waited: float, now: float) -> None:
        """Go on with this; `waited` is in seconds."""
        ...


class Turn:
    __slots__ = ("_admission", "_exchange", "_owner", "_place")

    def __init__(self, owner: TurnOwner, admission: Admission, exchange: Exchange) -> None:
        self._owner = owner
        self._admission = admission
        self._exchange = exchange
        self._place: Place[Waiting] | None = None

    def wait(self, asked: Asked, room_at: float, now: float) -> None:
        """`room_at` is when there may be room, as far as is known (monotonic seconds)."""
        exchange = self._exchange
        tokens = exchange.load.text / BYTES_PER_TOKEN + exchange.load.media
        ticket = Ticket(tenant_of(asked.headers), asked.rank, max(tokens, 1.0))
        found = self._admission.join(exchange.route, self, ticket, room_at, exchange.deadline)
        if isinstance(found, Place):
            self._place = found
        else:
            self.turned_away(found, now)

    def leave(self) -> None:
        """Its client waits no more."""
        place, self._place = self._place, None
        if place is not None:
            self._admission.leave(self._exchange.route, place)

    # --- what the line says ---

    def try_again(self, now: float) -> float | None:
        step = self._exchange.begin(now)
        if isinstance(step, Full):
            return step.until
        self._over(step, now)
        return None

    def turned_away(self, expected: float, now: float) -> None:
        step = self._exchange.overdue(now)
        if isinstance(step, GiveUp):
            failure = step.failure
            message, wait = failure.message, failure.retry_after
            if expected < inf:
                wait = max(expected, wait or 0.0)
            if failure.kind is FailureKind.SATURATED:
                message += ", and too many requests wait"
            step = GiveUp(msgspec.structs.replace(failure, retry_after=wait, message=message))
        self._over(step, now)

    def _over(self, step: Step, now: float) -> None:
        self._place = None
        self._owner.on_turn(step, now - self._exchange.started, now)
