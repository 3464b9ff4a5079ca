"""The settings of alerts, compiled. Which there are stands in `sections.alerts`."""

from __future__ import annotations

from headway.config.sections.alerts import AlertsSection, BudgetSection
from headway.types import AlertRules, Budget, Crowding, ErrorRate, Webhook


def alerts_from(section: AlertsSection) -> AlertRules:
    rate, queue = section.error_rate, section.queue
    return AlertRules(
        enabled=section.enabled,
        repeat=section.repeat,
        error_rate=ErrorRate(share=rate.share, window=rate.window, requests=rate.requests),
        queue=Crowding(requests=queue.requests, wait=queue.wait, window=queue.window),
        webhooks=tuple([Webhook(url=each.url, format=each.format) for each in section.webhooks]),
        budgets=tuple([_budget(each) for each in section.budgets]),
    )


def _budget(section: BudgetSection) -> Budget:
    return Budget(
        name=section.name,
        amount=int(section.amount * 1_000_000),
        per=section.per,
        route=section.route,
        target=section.target,
        key=section.key,
        tag=section.tag,
    )
