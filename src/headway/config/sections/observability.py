"""Who is told what has happened: operators by alerts, OpenTelemetry, files, webhooks. One setting for each."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from headway.config.fields import (
    AttributeName,
    AttributeText,
    ExportUrl,
    FilePath,
    HeaderValue,
    Name,
    SentHeaderName,
    WebhookUrl,
)
from headway.config.quantities import Attempts, BatchSize, CacheSize, Kept, Ratio, Wait
from headway.config.sections.alerts import AlertsSection
from headway.config.sections.base import JSONL, WEBHOOK, Section, nothing_is_empty
from headway.config.sections.content import ContentSection
from headway.types import JsonlSink, Otel, Secret, WebhookSink

_OTEL = Otel(endpoint="")
_JSONL = JsonlSink(name="", path="")
_WEBHOOK = WebhookSink(name="", url=Secret(""))
_KINDS = {"jsonl": JSONL, "webhook": WEBHOOK}


class OtelSection(Section):
    """Spans and metrics by OTLP. Needs the extra 'otel'."""

    endpoint: ExportUrl = Field(
        description="Where they go, without the path of a signal, which is added: http://localhost:4318 has /v1/traces "
        "and /v1/metrics."
    )
    protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf", description="OTLP over HTTP, with protobuf; no other is spoken."
    )
    headers: dict[SentHeaderName, HeaderValue] = Field(
        default={}, repr=False, description="Headers to send with every export. Values may be 'file:PATH'."
    )
    traces: bool = Field(default=_OTEL.traces, description="Whether exchanges and their attempts become spans.")
    metrics: bool = Field(default=_OTEL.metrics, description="Whether metrics are exported.")
    sample: Ratio = Field(
        default=_OTEL.sample,
        description="Share of exchanges that become spans, where the client's 'traceparent' does not say.",
    )
    service_name: AttributeText = Field(default=_OTEL.service_name, description="'service.name' of the resource.")
    resource: dict[AttributeName, AttributeText] = Field(
        default={}, description="Further attributes of the resource, by name."
    )


class SinkSection(Section):
    """Somebody who is told of every exchange that has ended."""

    name: Name | None = Field(default=None, description="What metrics call it. Not set: as its kind.")


class JsonlSinkSection(SinkSection):
    """A file of events, one JSON object a line."""

    kind: Literal["jsonl"] = Field(description="A file of JSON lines, or an address that events are sent to.")
    path: FilePath = Field(description="The file. With several workers each adds its number to the name.")
    size: CacheSize = Field(default=_JSONL.size, description="When to begin a new file.")
    keep: Kept = Field(default=_JSONL.keep, description="How many full files are kept beside it.")


class WebhookSinkSection(SinkSection):
    """An address that events are POSTed to, many at once."""

    kind: Literal["webhook"] = Field(description="A file of JSON lines, or an address that events are sent to.")
    url: WebhookUrl = Field(description="The address; it is treated as a secret, and may be 'file:PATH'.")
    headers: dict[SentHeaderName, HeaderValue] = Field(
        default={}, repr=False, description="Headers to send with every request. Values may be 'file:PATH'."
    )
    batch: BatchSize = Field(default=_WEBHOOK.batch, description="Most events of one request.")
    wait: Wait = Field(default=_WEBHOOK.wait, description="How long an event waits for others.")
    timeout: Wait = Field(default=_WEBHOOK.timeout, description="How long one request may take.")
    attempts: Attempts = Field(default=_WEBHOOK.attempts, description="Most requests for one batch.")


def _kind(value: object) -> str | None:
    if isinstance(value, JsonlSinkSection | WebhookSinkSection):
        return _KINDS[value.kind]
    kind = cast("dict[str, object]", value).get("kind") if isinstance(value, dict) else None
    return _KINDS.get(kind) if isinstance(kind, str) else None


SinkEntry = Annotated[
    Annotated[JsonlSinkSection, Tag(JSONL)] | Annotated[WebhookSinkSection, Tag(WEBHOOK)],
    Discriminator(
        _kind, custom_error_type="form", custom_error_message="must be a mapping with 'kind': jsonl or webhook"
    ),
]


class ObservabilitySection(Section):
    """Who is told what has happened."""

    alerts: AlertsSection = Field(
        default=AlertsSection(), description="What operators are alerted to, how often, and where."
    )
    otel: Annotated[OtelSection | None, BeforeValidator(nothing_is_empty)] = Field(
        default=None, description="Spans and metrics by OTLP. Not set: none."
    )
    sinks: list[SinkEntry] = Field(default=[], description="Who is told of every exchange that has ended.")

    content: ContentSection = Field(
        default=ContentSection(), description="Whether messages and replies are kept, and for how long."
    )

    @model_validator(mode="after")
    def _sinks_differ(self) -> Self:
        names = [sink.name or sink.kind for sink in self.sinks]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two sinks are called '{twice[0]}'; give each its own 'name'")
        if "otel" in names:
            raise ValueError("no sink may be called 'otel', which metrics call the exporter")
        return self
