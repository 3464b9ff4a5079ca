"""How much of each budget is spent, and from when on that is wrong: a warning at 80 %, critical at all of it.

What is spent is counted elsewhere, and told some seconds late. What was told of a period that is over counts no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headway.core.periods import began, called
from headway.observability.alerts import Condition
from headway.observability.metrics import Samples
from headway.types import Budget, Spent

NEARLY = 80
"""Percent of a budget from which on it is told."""


def used(budgets: Sequence[Budget], spent: Sequence[Spent], at: float) -> Samples:
    """The part of each budget that is spent, where it is known."""
    return [((budget.name,), amount / budget.amount) for budget, amount in _known(budgets, spent, at)]


def nearly_spent(budgets: Sequence[Budget], spent: Sequence[Spent], at: float) -> Iterator[Condition]:
    for budget, amount in _known(budgets, spent, at):
        if amount * 100 >= budget.amount * NEARLY:
            yield Condition(
                kind="budget",
                severity="critical" if amount >= budget.amount else "warning",
                subject=budget.name,
                message=f"{budget.name} has spent {_dollars(amount)} of its {_dollars(budget.amount)} for "
                f"{called(budget.per, began(budget.per, at))} ({amount * 100 // budget.amount}%). "
                "Raise it, or send its traffic to cheaper models.",
            )


def _known(budgets: Sequence[Budget], spent: Sequence[Spent], at: float) -> Iterator[tuple[Budget, int]]:
    told = {(each.budget, each.since): each.amount for each in spent}
    for budget in budgets:
        amount = told.get((budget.name, began(budget.per, at)))
        if amount is not None:
            yield budget, amount


def _dollars(micro_dollars: int) -> str:
    """Whole cents: nothing is told before it is spent."""
    return f"${micro_dollars // 10_000 / 100:,.2f}"
