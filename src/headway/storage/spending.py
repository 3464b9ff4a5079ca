"""What has been spent of budgets: asked of the sums now and then, in the period that runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncEngine

from headway.core.periods import began
from headway.storage.database import BROKEN
from headway.storage.usage import Span, UsageLog
from headway.types import Budget, Spent

LOOKS_EVERY = 10.0
PATIENCE = 10.0
"""Seconds for all budgets together."""


class Spending:
    def __init__(self, engine: AsyncEngine, budgets: Sequence[Budget]) -> None:
        self._usage = UsageLog(engine)
        self._budgets = budgets
        self.spent: tuple[Spent, ...] = ()
        """As of the last look that went well."""

    async def keep(self) -> None:
        """Look until cancelled. While the database does not answer, what is known stays."""
        while self._budgets:
            with suppress(*BROKEN):
                async with asyncio.timeout(PATIENCE):
                    await self.look(time.time())
            await asyncio.sleep(LOOKS_EVERY)

    async def look(self, now: float) -> None:
        """`now` is Unix time."""
        self.spent = tuple([await self._of(budget, now) for budget in self._budgets])

    async def _of(self, budget: Budget, now: float) -> Spent:
        since = began(budget.per, now)
        if budget.tag is not None:
            amount = await self._usage.spent_by_tag(budget.tag, since, now)
        else:
            span = Span(since=since, until=now, route=budget.route, target=budget.target, key=budget.key)
            amount = await self._usage.spent(span)
        return Spent(budget=budget.name, since=since, amount=amount)
