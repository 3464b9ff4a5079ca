"""A logical model: its targets in order of preference, and where requests go that fail for a reason of their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, Tag, ValidatorFunctionWrapHandler, WrapValidator

from headway.config.fields import TargetName
from headway.config.quantities import AffinityEntry, Pause, Waiters, Weight
from headway.config.sections.base import LIST, MAPPING, TEXT, Section, short_or_long
from headway.config.sections.resilience import ResilienceSection
from headway.core.balance import STRATEGIES
from headway.failures import FailureKind
from headway.types import BalanceName, Queue

FallbackKind = Literal[
    "context_too_long", "content_blocked", "unsupported_feature", "model_not_found", "invalid_request", "body_too_large"
]
"""Failures that end a request unless its model says where else it may go."""

_QUEUE = Queue()
_OURS = frozenset({"cancelled", "deadline", "saturated", "no_target", "internal"})
_ANYWAY = frozenset(kind.value for kind in FailureKind) - frozenset(get_args(FallbackKind)) - _OURS


def _needs_a_fallback(value: object) -> object:
    if isinstance(value, str) and value in _ANYWAY:
        raise ValueError(f"fails over anyway; 'on' is for {', '.join(get_args(FallbackKind))}")
    return value


class TargetSection(Section):
    """A target in its long form."""

    target: TargetName = Field(description="'provider/model'. The model's own name may have slashes.")
    weight: Weight = Field(
        default=1.0, description="Its share of the tier's traffic, relative to the tier's other targets. 0 drains it."
    )
    reasoning: bool | None = Field(
        default=None,
        description="Whether the model may think for minutes before its first word, which makes the usual timeouts "
        "longer. Not set: its name decides.",
    )


TierEntry = Annotated[
    Annotated[TargetName, Tag(TEXT)] | Annotated[TargetSection, Tag(MAPPING)],
    short_or_long("must be 'provider/model', or a mapping with 'target'"),
]
TargetList = Annotated[list[TierEntry], Field(min_length=1)]


class FallbackSection(Section):
    """Where a request goes that failed for a reason of its own."""

    on: list[Annotated[FallbackKind, BeforeValidator(_needs_a_fallback)]] = Field(
        min_length=1, description="The kinds of failure."
    )
    to: TargetList = Field(
        default=[],
        description="Targets in order of preference, each a tier of its own. Not set: the model's other deployments.",
    )


def _or_added(value: object, choices: ValidatorFunctionWrapHandler) -> object:
    """Strategies that were added are choices too."""
    return value if isinstance(value, str) and value in STRATEGIES else choices(value)


class QueueSection(Section):
    """How long and how many requests may wait when nobody has room."""

    wait: Pause = Field(
        default=_QUEUE.wait,
        description="Longest wait. A request that would wait longer is refused at once, with the time after which to "
        "come again. 0: nobody waits.",
    )
    length: Waiters = Field(default=_QUEUE.length, description="Most requests that wait at a time.")


class ModelSection(Section):
    """A logical model in its long form."""

    later: ClassVar[frozenset[str]] = frozenset({"constraints", "cache", "guardrails"})
    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType(
        dict.fromkeys(ResilienceSection.model_fields, "belongs under 'resilience'") | dict(ResilienceSection.elsewhere)
    )

    tiers: list[TargetList] = Field(
        min_length=1,
        description="Lists of targets, in order of preference. Traffic is balanced inside a tier, then fails over.",
    )
    balance: Annotated[BalanceName, WrapValidator(_or_added)] = Field(
        default="adaptive",
        description="How traffic is spread inside a tier: by speed, reliability, load and quota (adaptive), by weights "
        "alone (weighted), in turn (round_robin), or to whoever has least under way (least_busy), answers soonest "
        "(latency) or is cheapest (cost).",
    )
    strict: bool = Field(
        default=False,
        description="Whether a target is passed over that cannot be told all of a request, instead of being told what "
        "it can, with the rest listed in x-headway-dropped.",
    )
    affinity: AffinityEntry = Field(
        default="auto",
        description="How long a conversation stays with its target, so that the provider need not read its prompt "
        "again; off; or auto: 10m, but not with weighted and round_robin.",
    )
    queue: QueueSection = Field(default=QueueSection(), description="How long requests may wait for room.")
    fallback: list[FallbackSection] = Field(
        default=[], description="Where requests go that fail for reasons of their own, such as a long prompt."
    )
    content: bool | None = Field(
        default=None, description="Whether its messages and replies are kept. Not set: as observability.content says."
    )
    resilience: ResilienceSection = Field(
        default=ResilienceSection(), description="What differs from the general 'resilience' for this model."
    )


ModelEntry = Annotated[
    Annotated[TargetList, Tag(LIST)] | Annotated[ModelSection, Tag(MAPPING)],
    short_or_long("must be a list of targets, or a mapping with 'tiers'"),
]
