"""How far to go for an answer: attempts, patience, how a stream is passed on, when a deployment is left alone.

The general section holds for every request. A model's own says what differs; it has no breaker, since models share
deployments. How the two go together is decided in `config.resilience`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, Tag, model_validator

from headway.config.quantities import Attempts, CacheSize, Hold, Pause, Retries, RowOfFailures, Share, Wait, WaitIfSet
from headway.config.sections.base import MAPPING, TEXT, Section, short_or_long
from headway.types import Breaker, Hedge, Idempotency, Pacing, Resilience, Timeouts

_TIMEOUTS = Timeouts()
_RESILIENCE = Resilience()
_HEDGE = Hedge()
_BREAKER = Breaker()
_IDEMPOTENCY = Idempotency()


class TimeoutsSection(Section):
    """How long to wait for what."""

    later: ClassVar[frozenset[str]] = frozenset({"idle", "queue"})

    connect: Wait = Field(default=_TIMEOUTS.connect, description="For a connection, TLS included. Per attempt.")
    headers: WaitIfSet = Field(
        default=_TIMEOUTS.headers,
        description="For the head of the answer. Not set: for a stream 30s or first_token, whichever is longer; 300s "
        "for a whole answer. Per attempt.",
    )
    first_token: WaitIfSet = Field(
        default=_TIMEOUTS.first_token,
        description="From the head of a stream to its first meaningful event; not applied when nothing else is left to "
        "try. Not set: 20s, and 180s for models that reason first. Per attempt.",
    )
    stall: WaitIfSet = Field(
        default=_TIMEOUTS.stall,
        description="Longest time inside an answer without a meaningful event, and longest time a client may take to "
        "accept more of it. Not set: 60s, and 120s for models that reason. Per attempt.",
    )
    alive: Wait = Field(
        default=_TIMEOUTS.alive,
        description="Longest time without any byte of an answer that has begun, comments and pings included.",
    )
    total: Wait = Field(default=_TIMEOUTS.total, description="For the whole exchange with all its attempts.")
    hold: Hold = Field(
        default=_TIMEOUTS.hold,
        description="How long a stream's status waits for its first meaningful event; then the client gets the head, "
        "and a comment as often. 'off': it waits as long as it takes.",
    )


class HedgeSection(Section):
    """A second attempt at a stream that is slow to begin; whichever begins first is passed on."""

    enabled: bool = Field(default=True, description="Whether to hedge, once there is such a section.")
    delay: Wait = Field(
        default=_HEDGE.delay,
        description="When to begin the second attempt, or at the 95th percentile of the target's recent times to first "
        "token if that is later.",
    )
    share: Share = Field(default=_HEDGE.share, description="Most hedged requests, as a share of all that might be.")


class ResilienceSection(Section):
    """How far to go for an answer."""

    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "breaker": "belongs to the general 'resilience', since models share deployments, and each has one breaker",
            "idempotency": "is a section of its own, at the top",
        }
    )

    attempts: Attempts = Field(default=_RESILIENCE.attempts, description="Most calls to providers for one request.")
    retries: Retries = Field(
        default=_RESILIENCE.retries,
        description="How many of them may go to a deployment that failed in this exchange.",
    )
    longest_wait: Pause = Field(
        default=_RESILIENCE.longest_wait,
        description="Longest time, in all, that a request waits for a rate limit to pass or before a retry.",
    )
    timeouts: TimeoutsSection = Field(default=TimeoutsSection(), description="How long to wait for what.")
    stream: Pacing = Field(
        default=_RESILIENCE.stream,
        description="Whether a stream is passed on as it comes (live), or collected and checked before the client sees "
        "any of it (whole).",
    )
    tool_calls: Pacing = Field(
        default=_RESILIENCE.tool_calls,
        description="Whether tool calls of a stream are passed on as they come (live), or each is held until its "
        "arguments are complete (whole).",
    )
    continuation: bool = Field(
        default=_RESILIENCE.continuation,
        description="Whether a text that breaks off may be continued, once, by a target that can go on with a model's "
        "own words.",
    )
    hedge: HedgeSection = Field(
        default=HedgeSection(enabled=False),
        description="A second attempt at streams that are slow to begin. Not set: none.",
    )


class BreakerSection(Section):
    """When a failing deployment is left alone, and for how long."""

    failures: RowOfFailures = Field(default=_BREAKER.failures, description="After how many failures in a row.")
    rest: Wait = Field(
        default=_BREAKER.rest, description="For how long the first time; twice as long each further time in a row."
    )
    longest_rest: Wait = Field(default=_BREAKER.longest_rest, description="For how long at most.")
    ramp: Pause = Field(
        default=_BREAKER.ramp,
        description="How long its share of traffic grows from a tenth to all, once it has recovered. 0: at once.",
    )

    @model_validator(mode="after")
    def _rests_in_order(self) -> Self:
        if self.longest_rest < self.rest:
            raise ValueError("'longest_rest' must not be shorter than 'rest'")
        return self


class GeneralResilienceSection(ResilienceSection):
    """How far to go for an answer, unless a model says otherwise; and when a deployment is left alone."""

    breaker: BreakerSection = Field(
        default=BreakerSection(), description="When a failing deployment is left alone, and for how long."
    )


class IdempotencySection(Section):
    """How long and in how much memory finished answers are kept for requests that repeat an Idempotency-Key."""

    ttl: Pause = Field(default=_IDEMPOTENCY.ttl, description="How long an answer is kept. 0: the header has no effect.")
    memory: CacheSize = Field(default=_IDEMPOTENCY.memory, description="For all answers kept; the oldest give way.")


Off = Literal["off"]
_SECTION_OR_OFF = "must be a mapping (name: value), or off"


def _off(value: object) -> object:
    if value != "off":
        raise ValueError(_SECTION_OR_OFF)
    return value


IdempotencyEntry = Annotated[
    Annotated[Off, BeforeValidator(_off), Tag(TEXT)] | Annotated[IdempotencySection, Tag(MAPPING)],
    short_or_long(_SECTION_OR_OFF),
]
