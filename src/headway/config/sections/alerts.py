"""What operators are told of by itself: alerts, and where they go."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from headway.config.fields import LogicalName, Name, TagText, TargetName, WebhookUrl
from headway.config.quantities import Amount, Part, Wait, exact, number_schema
from headway.config.sections.base import Section
from headway.types import AlertRules, Crowding, ErrorRate, Period, WebhookFormat

_RULES = AlertRules()
_ERROR_RATE = ErrorRate()
_CROWDING = Crowding()
_LEAST, _MOST = Decimal("0.01"), Decimal(10**9)
BudgetAmount = Annotated[Decimal, BeforeValidator(exact(_LEAST, _MOST)), number_schema(_LEAST, _MOST)]
"""Dollars."""


class ErrorRateSection(Section):
    """When a route or a target fails so often that it is an alert."""

    share: Part = Field(default=_ERROR_RATE.share, description="The share of failures from which on it is one.")
    window: Wait = Field(default=_ERROR_RATE.window, description="How far back requests are counted.")
    requests: Amount = Field(
        default=_ERROR_RATE.requests, description="Fewest requests in the window that say anything."
    )


class CrowdingSection(Section):
    """When requests that are refused or wait for want of room are an alert."""

    requests: Amount = Field(
        default=_CROWDING.requests,
        description="How many were refused in the window, or waited too long.",
    )
    wait: Wait = Field(default=_CROWDING.wait, description="How long in line is too long.")
    window: Wait = Field(default=_CROWDING.window, description="How far back requests are counted.")


class WebhookSection(Section):
    """Where alerts are sent."""

    url: WebhookUrl = Field(
        description="The http or https address to post to, usually '${NAME}' or 'file:PATH'. It is kept like a key."
    )
    format: WebhookFormat = Field(default="json", description="The alert itself (json), or a line of text for Slack.")


class BudgetSection(Section):
    """What is meant to be spent at most. It is watched, and stops nothing."""

    name: Name = Field(description="What alerts and metrics call it; each budget has its own.")
    amount: BudgetAmount = Field(description="Dollars in each period.")
    per: Period = Field(description="The period: a day or a month of the calendar, in UTC.")
    route: LogicalName | None = Field(
        default=None, description="Only what requests for this model cost. Not set, nor one of the next three: all."
    )
    target: TargetName | None = Field(default=None, description="Only what this provider/model has answered.")
    key: Name | None = Field(default=None, description="Only what was answered with the provider's key of this name.")
    tag: TagText | None = Field(default=None, description="Only requests with this tag.")

    @model_validator(mode="after")
    def _counts_one_thing(self) -> Self:
        if sum(each is not None for each in (self.route, self.target, self.key, self.tag)) > 1:
            raise ValueError("counts one thing: only one of 'route', 'target', 'key' and 'tag'")
        return self


class AlertsSection(Section):
    """What operators are alerted to, how often, and where."""

    enabled: bool = Field(default=_RULES.enabled, description="Whether there are alerts at all.")
    repeat: Wait = Field(default=_RULES.repeat, description="After how long an alert that lasts is told again.")
    error_rate: ErrorRateSection = Field(
        default=ErrorRateSection(), description="When a route or a target fails so often that it is an alert."
    )
    queue: CrowdingSection = Field(
        default=CrowdingSection(),
        description="When requests that are refused or wait for want of room are an alert.",
    )
    webhooks: list[WebhookSection] = Field(
        default=[], description="Where alerts are sent, besides the log.", max_length=20
    )
    budgets: list[BudgetSection] = Field(
        default=[], description="What is meant to be spent at most: told at 80 % and at all of it.", max_length=50
    )

    @model_validator(mode="after")
    def _budgets_differ(self) -> Self:
        names = [budget.name for budget in self.budgets]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two budgets are called '{twice[0]}'; each needs a 'name' of its own")
        return self
