"""One provider's API, as far as the service knows it: who may ask, what is asked, how errors and headers are worded."""

from __future__ import annotations

from typing import Protocol

import msgspec

from headway.simulated.identity import Identity
from headway.simulated.quota import Level, Short
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Header, Refusal, Reply, Voice
from headway.simulated.settings import Simulation


class Occasion(msgspec.Struct, frozen=True):
    """What the headers of a reply tell of."""

    simulation: Simulation
    identity: Identity
    levels: tuple[Level, ...]
    took: float
    """Seconds."""
    today: float
    """Unix time."""


class Dialect(Protocol):
    """Knows no quota, no fault and no clock."""

    @property
    def voice(self) -> Voice: ...

    def claims(self, request: ReceivedRequest) -> bool:
        """Whether a request is for this API, by its path and headers."""
        ...

    def key(self, request: ReceivedRequest) -> str | None:
        """Who asks."""
        ...

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        """Why it may not. No keys: any is accepted."""
        ...

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        """What is asked. The model's name may still have a fault hanging on it. A reply: what needs no model."""
        ...

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        """The refusal for a model that the provider does not have. None: it may be asked for all the same."""
        ...

    def limited(self, short: Short, model: str, organization: str) -> Refusal: ...

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        """Those of every reply."""
        ...
