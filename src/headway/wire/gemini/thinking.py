"""How much a Gemini is told to think.

From Gemini 3 on there are levels, 2.5 has budgets of tokens, what is older does not think.
"""

from __future__ import annotations

from typing import Any

from headway.wire.form.request import Thinking
from headway.wire.gemini.vocabulary import BUDGETS, LEVELS


def own(thinking: Thinking) -> dict[str, Any]:
    """As a Gemini client asked for it."""
    told: dict[str, Any] = {}
    if thinking.show is not None:
        told["includeThoughts"] = thinking.show
    if thinking.budget is not None:
        told["thinkingBudget"] = thinking.budget
    if thinking.effort is not None:
        told["thinkingLevel"] = thinking.effort.upper()
    return told


def written(thinking: Thinking, model: str, version: tuple[int, int] | None) -> tuple[dict[str, Any] | None, bool]:
    """The thinkingConfig, if there is anything to say, and whether it says all that was asked for."""
    quiet = thinking.effort == "none" or thinking.budget == 0
    if version is None or version < (2, 5):
        return None, quiet
    told: dict[str, Any] = {}
    exact = thinking.summary in (None, "auto")
    asked = thinking.effort is not None or thinking.budget is not None
    if asked and version >= (3, 0):
        level, same = _level(thinking, model)
        exact = exact and same
        if level is not None:
            told["thinkingLevel"] = level.upper()
    elif asked:
        told["thinkingBudget"], same = _budget(thinking, model)
        exact = exact and same
    show = (asked and not quiet) if thinking.show is None else thinking.show
    if show:
        told["includeThoughts"] = True
    return told or None, exact


def _level(thinking: Thinking, model: str) -> tuple[str | None, bool]:
    lowest = "low" if "pro" in model else "minimal"
    effort, budget = thinking.effort, thinking.budget
    if effort is None:
        if budget is None or budget < 0:
            return None, True
        if budget == 0:
            return lowest, False
        return ("low" if budget <= 4096 else "medium" if budget <= 16384 else "high"), True
    if effort == "none":
        return lowest, False
    if effort == "minimal":
        return lowest, lowest == "minimal"
    if effort == "medium" and "gemini-3-pro" in model:
        return "high", False
    return (effort, True) if effort in LEVELS else ("high", False)


def _budget(thinking: Thinking, model: str) -> tuple[int, bool]:
    is_pro = "pro" in model
    most = 32768 if is_pro else 24576
    least = 512 if "lite" in model else 128 if is_pro else 0
    wanted = thinking.budget
    if wanted is None or (wanted < 0 and thinking.effort is not None):
        wanted = BUDGETS.get(thinking.effort or "", most + 1)
    if wanted < 0 or (wanted == 0 and not is_pro):
        return max(wanted, -1), True
    budget = min(max(wanted, least), most)
    return budget, budget == wanted
