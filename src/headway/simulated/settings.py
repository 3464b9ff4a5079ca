"""What a simulated provider is: its name, models, keys, quota, speed and faults."""

from __future__ import annotations

import msgspec

from headway.simulated.notation import Latency
from headway.simulated.schedule import NO_SCHEDULE, Schedule


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may use of one model. None: no limit, and no headers that tell of one."""

    rpm: int | None = None
    """Requests a minute."""
    tpm: int | None = None
    """Tokens a minute."""
    concurrency: int | None = None
    """Requests in flight."""


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """One provider to be played. Durations are seconds."""

    name: str = "simulated"
    """Stands in the text of answers and in the organization header."""
    models: tuple[str, ...] = ()
    """The models it has. Empty: any that is asked for."""
    keys: tuple[str, ...] = ()
    """The keys it accepts. Empty: any, and none."""
    quota: Quota = Quota()
    latency: Latency = Latency(0.0)
    """Before the headers of every reply."""
    token_delay: float = 0.0
    """Before every token of a stream; a whole reply waits for all its tokens at once."""
    fault: str | None = None
    """For every request that nothing else gives one; see `faults.parse_fault`."""
    schedule: Schedule = NO_SCHEDULE
    seed: int = 0
    """Other seeds give other texts, ids and dice."""
    created: int | None = 1_750_000_000
    """The `created` of every answer, Unix seconds. None: the time."""
    unique_ids: bool = False
    """A new id for every answer, where otherwise equal requests get equal ids."""
    keep_requests: int = 256
    """How many received requests are kept for inspection."""
    body_limit: int = 100 * 1024 * 1024
    """Bytes of a request's body; more is refused with 413."""
