"""What operators are told of by itself: alerts, and where they go."""

from __future__ import annotations

from pydantic import Field

from headway.config.fields import WebhookUrl
from headway.config.quantities import Amount, Part, Wait
from headway.config.sections.base import Section
from headway.types import AlertRules, Crowding, ErrorRate, WebhookFormat

_RULES = AlertRules()
_ERROR_RATE = ErrorRate()
_CROWDING = Crowding()


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
