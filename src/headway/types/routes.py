"""Where requests go: deployments, targets, tiers and routes, and how far to go for an answer."""

from __future__ import annotations

from math import inf
from typing import Literal

import msgspec

from headway.failures import FailureKind
from headway.types.providers import Credential, Pricing, Provider

BalanceName = Literal["adaptive", "weighted", "round_robin", "least_busy", "latency", "cost"]
"""How traffic is spread inside a tier."""


Priority = Literal["high", "normal", "low"]
"""Who goes first where requests have to wait."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. All but `total` are per attempt; `total` is for the exchange with all its attempts."""

    connect: float = 5.0
    headers: float | None = None
    """Until the head of the reply. None: for a stream 30 s or `first_token`, whichever is longer, and 300 s for a whole
    answer, which providers only begin to send when the model has finished.
    """
    first_token: float | None = None
    """From the head of a stream to its first meaningful event; not applied when nothing else is left to try. None:
    20 s, and 180 s for models that reason first.
    """
    stall: float | None = None
    """Longest time inside an answer without a meaningful event (comments and pings are none), and longest time a client
    may take to accept more of it. None: 60 s, and 120 s for models that reason.
    """
    alive: float = 300.0
    """Longest time without any byte of a reply that has begun, comments and pings included."""
    total: float = 600.0
    hold: float | None = 15.0
    """How long a stream's status waits for its first meaningful event. After that the client gets the head, and a
    comment as often, so that nothing on the way takes the connection for dead. None: it waits as long as it takes.
    """


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model's ways."""

    reasoning: bool = False
    """It may think for minutes before its first word."""
    price: float = inf
    """Micro-dollars for a thousand tokens, three of four of them sent; infinite if it is not known."""
    most_output: int | None = None
    """Tokens that it answers with at most, where that is known."""
    lacks: frozenset[str] = frozenset()
    """Abilities that it is known not to have, by the names of `wire.form.abilities`."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One provider and one of its models."""

    provider: Provider
    model: str
    profile: Profile = Profile()
    tariff: Pricing | None = None
    """None: prices are not known."""

    @property
    def name(self) -> str:
        return f"{self.provider.name}/{self.model}"


class Target(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one attempt is sent to: a deployment with one of the credentials that may serve it."""

    deployment: Deployment
    credential: Credential
    weight: float
    """Share of its tier's traffic, relative to the tier's other targets. 0 drains: no new traffic."""

    @property
    def name(self) -> str:
        return f"{self.deployment.name}#{self.credential.name}"


class Tier(msgspec.Struct, frozen=True, eq=False):
    """Targets of equal preference."""

    targets: tuple[Target, ...]


class Hedge(msgspec.Struct, frozen=True, kw_only=True):
    """A second attempt at a stream that is slow to begin; whichever begins first is passed on."""

    delay: float = 2.0
    """Seconds; the 95th percentile of the target's recent times to first token if that is longer."""
    share: float = 0.02
    """Most hedged requests, as a share of all that might be."""


Pacing = Literal["live", "whole"]


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """How far to go for an answer."""

    attempts: int = 3
    """Most upstream calls for one exchange."""
    retries: int = 1
    """How many of them may go to a deployment that failed in this exchange; 0 or 1."""
    longest_wait: float = 10.0
    """Seconds that an exchange waits at most, in all, for a rate limit to pass or before a retry."""
    timeouts: Timeouts = Timeouts()
    stream: Pacing = "live"
    """`whole`: a stream is collected and checked before the client sees any of it."""
    tool_calls: Pacing = "live"
    """`whole`: each tool call of a stream is held until its arguments are complete."""
    continuation: bool = False
    """A text that breaks off may be continued, once, by a target that can go on with a model's own words."""
    hedge: Hedge | None = None


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how many requests may wait for room."""

    wait: float = 5.0
    """Seconds; a request that would wait longer is refused at once."""
    length: int = 1000
    """Requests, for each logical model."""


class Fallback(msgspec.Struct, frozen=True, eq=False):
    """Where a request goes that failed for a reason of its own. Without tiers: to the route's other deployments."""

    on: frozenset[FailureKind]
    tiers: tuple[Tier, ...] = ()


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a client's model name resolves to: tiers in order of preference, and how to treat them."""

    name: str
    tiers: tuple[Tier, ...]
    balance: BalanceName = "weighted"
    strict: bool = False
    """A request is refused by a target that cannot be told all of it, instead of being told what it can."""
    affinity: float | None = None
    """Seconds for which a conversation stays with its target; None: it need not."""
    queue: Queue = Queue()
    resilience: Resilience = Resilience()
    fallbacks: tuple[Fallback, ...] = ()
    content: bool | None = None
    """Whether messages and replies are kept; None: as is said for all."""


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When a failing deployment is left alone, and for how long. Seconds."""

    failures: int = 5
    """In a row."""
    rest: float = 5.0
    """The first time; twice as long each further time in a row."""
    longest_rest: float = 60.0
    ramp: float = 30.0
    """How long its share of traffic grows from a tenth to all, once it has recovered."""
