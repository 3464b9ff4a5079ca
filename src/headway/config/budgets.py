"""What is wrong with budgets beyond their form: nothing counts what they spend, or not for as long as they last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from headway.config.problems import Finding
from headway.config.sections.alerts import AlertsSection
from headway.config.units import format_duration
from headway.types import Period, Storage

_LONGEST: Mapping[Period, float] = MappingProxyType({"day": 86400.0, "month": 31 * 86400.0})
_BUDGETS = ("observability", "alerts", "budgets")


def check_budgets(section: AlertsSection, storage: Storage) -> Iterator[Finding]:
    if section.budgets and storage.url is None:
        message = "need the request log, which is off: see storage.url, and HEADWAY_DATABASE_URL in the environment"
        yield Finding(path=_BUDGETS, message=message, on_key=True)
        return
    for number, budget in enumerate(section.budgets):
        least = _LONGEST[budget.per]
        if storage.kept.hours < least:
            message = (
                f"needs sums of a whole {budget.per}: storage.keep.hours must be at least {format_duration(least)}"
            )
            yield Finding(path=(*_BUDGETS, number, "per"), message=message)
