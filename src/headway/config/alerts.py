"""The settings of alerts, compiled. Which there are stands in `sections.observability`."""

from __future__ import annotations

from headway.config.sections.observability import AlertsSection
from headway.types import AlertRules, Crowding, ErrorRate, Webhook


def alerts_from(section: AlertsSection) -> AlertRules:
    rate, queue = section.error_rate, section.queue
    return AlertRules(
        enabled=section.enabled,
        repeat=section.repeat,
        error_rate=ErrorRate(share=rate.share, window=rate.window, requests=rate.requests),
        queue=Crowding(requests=queue.requests, wait=queue.wait, window=queue.window),
        webhooks=tuple([Webhook(url=each.url, format=each.format) for each in section.webhooks]),
    )
