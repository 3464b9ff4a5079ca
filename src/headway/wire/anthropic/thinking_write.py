"""How much Claude is to think, in the words of its generation.

Older models think within a budget of tokens, newer ones as they see fit and as much as an effort says. Where thinking
and another wish of the request exclude each other, the API refuses both together: it is decided here which gives way.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.anthropic.models import Ways
from headway.wire.form.request import Request, Thinking

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32000, "max": 32000}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_LEAST = 1024
_ROOM = 4096
"""Tokens for the answer itself beside a budget, where the client sets no bound."""
_DEFAULT = "medium"


class Decided(msgspec.Struct):
    """`thinking` and `effort` as they are sent; `on`: the model thinks; `room`: what max_tokens must exceed;
    `left_out`: something of what was asked for could not be said.
    """

    thinking: dict[str, Any] | None = None
    effort: str | None = None
    on: bool = False
    room: int = 0
    left_out: bool = False


def decide(request: Request, ways: Ways, *, most: int | None, forced: bool, unsigned: bool) -> Decided:
    """`most`: the most tokens that the model can answer with; `forced`: a tool must be used; `unsigned`: the last turn
    of the assistant does not begin with thoughts that Claude would recognise.
    """
    asked = request.thinking
    if asked is None or not _says_anything(asked):
        return _unasked(ways, forced=forced)
    if asked.budget == 0 or asked.effort == "none":
        return _off(ways)
    effort = None if asked.effort is None else _EFFORTS.get(asked.effort, _DEFAULT)
    if forced and ways.can_rest:  # the API: thinking may not be on where a tool must be used
        found = _unasked(ways, forced=True)
        found.left_out = True
        return found
    if ways.adaptive and not (ways.budgets and _has_budget(asked)):
        return _adaptive(asked, ways, effort)
    bounds = [bound for bound in (request.max_output, most) if bound is not None]
    return _within_budget(asked, effort, bound=min(bounds, default=None), unsigned=unsigned)


def _says_anything(asked: Thinking) -> bool:
    """To ask that thoughts be shown is to ask for them; to ask that they be not is nothing."""
    return any((asked.effort is not None, asked.budget is not None, asked.show, asked.summary is not None))


def _has_budget(asked: Thinking) -> bool:
    return asked.budget is not None and asked.budget > 0


def _unasked(ways: Ways, *, forced: bool) -> Decided:
    if not ways.unasked:
        return Decided()
    if forced and ways.can_rest:
        return Decided(thinking={"type": "disabled"})
    return Decided(on=True)


def _off(ways: Ways) -> Decided:
    if not ways.can_rest:
        return Decided(effort="low", on=True, left_out=True)
    return Decided(thinking={"type": "disabled"} if ways.unasked else None)


def _adaptive(asked: Thinking, ways: Ways, effort: str | None) -> Decided:
    found = Decided(thinking={"type": "adaptive"}, effort=effort, on=True, left_out=_has_budget(asked))
    if effort is None and _has_budget(asked):
        found.effort = _effort_of(asked.budget or 0)
    if found.effort == "xhigh" and not ways.xhigh:
        found.effort, found.left_out = "high", True
    show = True if asked.show is None and asked.summary is not None else asked.show
    if found.thinking is not None and show is not None:
        found.thinking["display"] = "summarized" if show else "omitted"
    return found


def _effort_of(budget: int) -> str:
    if budget <= _BUDGETS["low"]:
        return "low"
    return "medium" if budget <= 8192 else "high"


def _within_budget(asked: Thinking, effort: str | None, *, bound: int | None, unsigned: bool) -> Decided:
    if unsigned:
        return Decided(left_out=True)
    asked_for = asked.budget if asked.budget is not None and asked.budget > 0 else None
    budget = max(asked_for or _BUDGETS[effort or _DEFAULT], _LEAST)
    if bound is not None and budget >= bound:
        if bound <= _LEAST:
            return Decided(left_out=True)
        budget = max(_LEAST, bound // 2)
    return Decided(
        thinking={"type": "enabled", "budget_tokens": budget},
        on=True,
        room=budget + _ROOM,
        left_out=asked_for is not None and asked_for != budget,
    )
