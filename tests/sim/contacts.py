"""What is noted about each attempt of the gateway: what it met upstream, and what it was told there."""

from __future__ import annotations

import msgspec

from headway.core.exchange import Attempt
from headway.failures import FailureKind
from headway.pipeline.attempt import Call
from sim.faults import HARMLESS, WELL, Fault
from sim.upstreams import Heard


class Contact(msgspec.Struct, eq=False):
    """One attempt, from the other side. `heards` are its calls that reached the upstream: two if the first went over a
    connection that had gone stale.
    """

    call: Call
    attempt: Attempt
    client: int
    at: float
    faults: list[Fault] = []
    heards: list[Heard] = []
    told: bool = False
    """What its failure forbids has been noted."""

    @property
    def name(self) -> str:
        return f"attempt {self.attempt.number} of client {self.client} at {self.attempt.candidate.name}"

    @property
    def kinds(self) -> set[FailureKind]:
        """What it may rightly fail with."""
        return {kind for fault in self.faults for kind in fault.kinds}

    @property
    def went_well(self) -> bool:
        return all(fault is WELL or fault.name in HARMLESS for fault in self.faults)
