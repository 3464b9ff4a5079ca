"""What has happened: usage, attempts, exchanges, changes, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as the provider counted them."""

    input_tokens: int = 0
    """All that were sent, those read from and written to the provider's cache among them."""
    output_tokens: int = 0
    """All that the model wrote, its reasoning among them."""
    cached_input_tokens: int = 0
    """Of the input: read from the provider's cache."""
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    """Of the input: written to the provider's cache, for however long."""
    cache_write_1h_tokens: int = 0
    """Of those written: for an hour instead of five minutes."""
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    cached_audio_input_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    searches: int = 0
    """Web searches that the provider ran and charges for."""
    billed_input_tokens: int | None = None
    """What the provider charges for, where that is not all that it counts (Cohere)."""
    billed_output_tokens: int | None = None
    told_cost: int | None = None
    """Micro-dollars, where the provider says itself what it charges."""
    seconds: float = 0.0
    """Of sound that was written down."""
    characters: int = 0
    """Of text that was spoken."""


AttemptReason = Literal["first", "failover", "retry", "adapted", "fallback", "last_resort", "hedge", "continuation"]
"""What led to an attempt: the exchange began; another target, or the same deployment once more, after a failure; the
same once more, without what it had just refused; a fallback of the route's; nothing healthy was left; a stream that was
slow to begin; a text that had broken off.
"""


class AttemptRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How one attempt went. `result` is the upstream's status as text, or a failure kind."""

    target: str
    result: str
    started: float
    """Seconds after the exchange began."""
    duration: float
    reason: AttemptReason = "first"
    failure: str | None = None
    """The failure's kind, if it failed."""
    rule: str | None = None
    """The rule of the classification that gave it."""


TargetState = Literal["ready", "recovering", "trial", "full", "limited", "too_large", "resting", "broken", "drained"]
"""How a target stands for a request: it may be asked; it gets but a part of its usual share after an illness; it is
tried with one request at a time; its slots are taken; its quota has no room now; its quota never has; a provider asked
for a rest or refused; it is left alone for its health; its weight is 0.
"""


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """A target that was preferred and not asked."""

    target: str
    state: TargetState
    why: str
    """In plain words."""


class Trace(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An exchange's place in a trace (W3C Trace Context). Ids are in lower-case hex."""

    trace_id: str
    span_id: str
    """Of the exchange, below 2^63; that of its attempt number n is by n larger."""
    sampled: bool
    parent_id: str | None = None
    """The client's span, if it said one."""

    def attempt_id(self, number: int) -> str:
        """The span id of an attempt. The first has number 1."""
        return f"{int(self.span_id, 16) + number:016x}"


class ExchangeEvent(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag="exchange"
):
    """One exchange as it ended, for observers. It never holds content or secrets. Encoded as JSON it is a line of the
    log.
    """

    request_id: str
    at: float
    """Unix time at the end."""
    endpoint: str
    principal: str | None = None
    """Who asked, by a digest of the key that was shown."""
    model: str
    """As the client asked."""
    route: str
    stream: bool
    outcome: str
    """`ok`, or a failure kind."""
    broke: bool = False
    """It failed after the client had seen part of the answer."""
    queued: float = 0.0
    """Seconds that it waited for room before anybody was asked."""
    replayed: bool = False
    """The answer to an earlier request with the same Idempotency-Key, which this one repeats or joined."""
    status: int
    """What the client got; 499 when it left before."""
    duration: float
    attempts: tuple[AttemptRecord, ...]
    skipped: tuple[Skipped, ...] = ()
    """Who came before the first that was asked, and why they were not: where that was not one of the first tier. None
    of those of its own tier: they are chosen from.
    """
    overhead: float = 0.0
    """Seconds that the gateway itself worked: on the request, until it was on its way, in every attempt; and on an
    answer that came whole. Waiting is no part of it, and neither is passing on a stream.
    """
    first_byte: float | None = None
    """Seconds until the first byte of the answer went to the client."""
    usage: Usage | None = None
    cost: int | None = None
    """Micro-dollars, if prices are known."""
    dropped: tuple[str, ...] = ()
    """What of the request could not be said to the target that answered."""
    session: str | None = None
    """The conversation, as the client named it."""
    tags: tuple[str, ...] = ()
    """What the client filed the request under."""
    request_bytes: int
    reply_bytes: int
    error: str | None = None
    trace: Trace | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator may want to know of: live state has changed, or an error was of no known kind."""

    what: Literal["key_parked", "breaker_opened", "breaker_closed", "unknown_error"]
    subject: str
    """The key or deployment, by name."""
    message: str
    seconds: float = 0.0
    """For how long, at least."""


class Troubles(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the way of requests just now, apart from what exchanges tell as they end."""

    parked: frozenset[str] = frozenset()
    """Keys that were refused, and have not been used with success since: `provider#key`."""
    tripped: frozenset[str] = frozenset()
    """Deployments that are left alone for their health, or on trial: `provider/model`."""
    refused: Mapping[str, int] = MappingProxyType({})
    """Requests so far that would have waited for too long, by route."""


AlertKind = Literal[
    "key_parked", "breaker_open", "route_errors", "target_errors", "queue_saturated", "log_dropped", "budget"
]


Severity = Literal["warning", "critical"]
"""`critical`: clients are refused or see errors, it will not end by itself, or all of a budget is spent."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, from when it began until it has ended. Times are Unix time."""

    kind: AlertKind
    severity: Severity
    subject: str
    """The key, deployment, target, route or budget, by name."""
    message: str
    """What is wrong and what to do about it."""
    first_seen: float
    last_seen: float
    count: int
    """What was counted since it began: refusals, openings, failures, requests or lines lost, as its kind says."""
    resolved_at: float | None = None
    """None while it lasts."""
