"""When it is looked at what is wrong, and who is told: the log, and webhooks.

Once a second. What is wrong is `observability.conditions`' business, what of it is news `observability.alerts`'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from headway.observability.alerts import Alerts
from headway.observability.budgets import used
from headway.observability.conditions import Conditions
from headway.observability.metrics import Samples
from headway.observability.webhooks import Webhooks
from headway.types import Alert, AlertRules, Change, ExchangeEvent, Spent, Troubles

LOOKS_EVERY = 1.0


class Notice(Protocol):
    """Writes a line of the log about the gateway itself."""

    def __call__(self, event: str, message: str, facts: Iterable[tuple[str, object]] = ()) -> None: ...


class Alarm:
    """Follows the recorder. `lost` counts the log's lost lines and rows, `spent` is what budgets have, `wall` is Unix
    time. Where several workers see the same budgets, one of them `tells_of_budgets`; all list what is wrong with them.
    """

    def __init__(
        self,
        rules: AlertRules,
        *,
        troubles: Callable[[], Troubles],
        lost: Callable[[], int],
        spent: Callable[[], Sequence[Spent]] = tuple,
        wall: Callable[[], float],
        notice: Notice,
        webhooks: Webhooks,
        tells_of_budgets: bool = True,
    ) -> None:
        self._troubles = troubles
        self._lost = lost
        self._spent = spent
        self._wall = wall
        self.notice = notice
        self._webhooks = webhooks
        self._tells_of_budgets = tells_of_budgets
        self._begin(rules)

    def adjust(self, rules: AlertRules) -> None:
        """Those of a new configuration."""
        if rules.enabled != self._rules.enabled:
            self._begin(rules)
            return
        self._rules = rules
        self._conditions.adjust(rules)
        self._alerts.repeat = rules.repeat
        self._webhooks.adjust(rules.webhooks)

    def ended(self, events: Sequence[ExchangeEvent]) -> None:
        if self._rules.enabled:
            self._conditions.ended(events)

    def changed(self, change: Change, at: float) -> None:
        if self._rules.enabled:
            self._conditions.changed(change)

    def listed(self) -> tuple[Alert, ...]:
        """Those that last and those that have ended of late, newest first."""
        return self._alerts.listed()

    def firing(self) -> Samples:
        """How many last, by kind."""
        return [((kind,), count) for kind, count in self._alerts.firing().items()]

    def budgets_used(self) -> Samples:
        """The part of each budget that is spent, where it is known."""
        return used(self._rules.budgets, self._spent(), self._wall())

    async def keep(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            self.look()

    def look(self) -> None:
        if not self._rules.enabled:
            return
        at = round(self._wall(), 3)
        conditions = self._conditions.now(self._troubles(), self._lost(), at, self._spent())
        for alert in self._alerts.see(conditions, at):
            if alert.kind != "budget" or self._tells_of_budgets:
                self._tell(alert)

    def close(self) -> None:
        self._webhooks.close()

    def _begin(self, rules: AlertRules) -> None:
        self._rules = rules
        self._conditions = Conditions(rules)
        self._alerts = Alerts(rules.repeat)
        self._webhooks.adjust(rules.webhooks if rules.enabled else ())

    def _tell(self, alert: Alert) -> None:
        facts = (
            ("kind", alert.kind),
            ("severity", alert.severity),
            ("subject", alert.subject),
            ("count", alert.count),
            ("first_seen", alert.first_seen),
        )
        if alert.resolved_at is None:
            self.notice("alert_firing", alert.message, facts)
        else:
            self.notice("alert_resolved", alert.message, facts)
        self._webhooks.tell(alert)
