"""What an attempt sends, or why its target is not asked at all.

A target that cannot do what the request calls for is passed over: another may. In whose words the request goes out is
`pipeline.outgoing`'s business, how `pipeline.attempt`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from headway.failures import Failure, FailureKind
from headway.pipeline.abilities import called_for
from headway.pipeline.asked import Asked
from headway.pipeline.outgoing import Cannot, Outgoing, outgoing
from headway.pipeline.plan import Sender
from headway.pipeline.ways import Way
from headway.providers.classification.lessons import lessons_in
from headway.wire.form.abilities import lacks
from headway.wire.form.request import Unsupported
from headway.wire.openai.told import Told

TEACHING = frozenset({FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED_FEATURE, FailureKind.MODEL_NOT_FOUND})
"""Failures that may say what a model cannot do."""


class Taught(Enum):
    """What a refusal has taught."""

    ADAPT = "adapt"
    """The same request may do, but for what the target does not take."""
    LACKS = "lacks"
    """It cannot do what is asked."""


def set_out(
    asked: Asked, sender: Sender, way: Way, going_on: Told | None, *, alone: Callable[[], bool], now: float
) -> Outgoing | Failure:
    """`going_on` is a text that another attempt began; `alone` says whether nobody else could be asked."""
    if sender.learnt.some or sender.lacks_abilities:
        sender.learnt.forget(now)
        lacking = sender.toward.abilities_lacking
        beyond = _beyond(asked, lacking, alone) if lacking and way.translation is None else None
        if beyond is not None:
            return passed_over(sender, beyond)
    found = outgoing(asked, sender, way, going_on)
    if not isinstance(found, Outgoing):
        return cannot(sender, found)
    if found.dropped and sender.strict:
        return passed_over(sender, Unsupported("strict", f"cannot be told: {', '.join(found.dropped)}"))
    return found


def cannot(sender: Sender, why: Cannot) -> Failure:
    """Why there is nothing to send."""
    if isinstance(why, Unsupported):
        return passed_over(sender, why)
    if why is None:
        message = f"{sender.name} cannot go on with this text"
        return Failure(kind=FailureKind.BAD_REPLY, source="upstream", message=message)
    return Failure(kind=FailureKind.INVALID_REQUEST, source="gateway", message=why.message, param=why.param)


def passed_over(sender: Sender, why: Unsupported) -> Failure:
    message = f"{sender.name} {why.message}"
    return Failure(kind=FailureKind.UNSUPPORTED_FEATURE, source="gateway", message=message, param=why.feature)


def _beyond(asked: Asked, lacking: frozenset[str], alone: Callable[[], bool]) -> Unsupported | None:
    """Does the request call for what the model is known not to do, and may somebody else do it? Whom nobody can stand
    in for is asked all the same: its own answer tells best.
    """
    missing = called_for(asked, lacking)
    if not missing or alone():
        return None
    feature = min(missing)
    return Unsupported(feature, lacks(feature))


def learn(sender: Sender, failure: Failure, status: int, body: bytes, now: float) -> Taught | None:
    """What a refusal says about the target's abilities; None if nothing that is news."""
    if failure.kind not in TEACHING or sender.strict:
        return None
    told = lessons_in(sender.kind, status, body)
    news = [each for each in told if sender.learnt.learn(each, now)]
    if not news:
        return None
    return Taught.LACKS if news[0].ability else Taught.ADAPT
