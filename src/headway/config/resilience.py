"""The settings of resilience, put together and compiled.

What a model's section says wins over the general one, setting by setting; what neither says has its default. Which
settings there are stands in `sections.resilience`.
"""

from __future__ import annotations

from typing import TypeVar

from headway.config.sections.base import Section
from headway.config.sections.resilience import BreakerSection, IdempotencySection, Off, ResilienceSection
from headway.types import Breaker, Hedge, Idempotency, Resilience, Timeouts

AnySection = TypeVar("AnySection", bound=Section)


def overlaid(general: AnySection, own: Section) -> AnySection:
    """The general section with what the own one says. Where both say something of a section, its settings are
    overlaid in turn.
    """
    said: dict[str, object] = {}
    for name in own.model_fields_set:
        under, over = getattr(general, name), getattr(own, name)
        both = name in general.model_fields_set and isinstance(under, Section) and isinstance(over, Section)
        said[name] = overlaid(under, over) if both else over
    return general.model_copy(update=said)


def resilience_from(section: ResilienceSection) -> Resilience:
    timeouts, hedge = section.timeouts, section.hedge
    return Resilience(
        attempts=section.attempts,
        retries=section.retries,
        longest_wait=section.longest_wait,
        timeouts=Timeouts(
            connect=timeouts.connect,
            headers=timeouts.headers,
            first_token=timeouts.first_token,
            stall=timeouts.stall,
            alive=timeouts.alive,
            total=timeouts.total,
            hold=timeouts.hold,
        ),
        stream=section.stream,
        tool_calls=section.tool_calls,
        continuation=section.continuation,
        hedge=Hedge(delay=hedge.delay, share=hedge.share) if hedge.enabled else None,
    )


def breaker_from(section: BreakerSection) -> Breaker:
    return Breaker(failures=section.failures, rest=section.rest, longest_rest=section.longest_rest, ramp=section.ramp)


def idempotency_from(section: IdempotencySection | Off) -> Idempotency:
    if section == "off":
        return Idempotency(ttl=0.0)
    return Idempotency(ttl=section.ttl, memory=section.memory)
