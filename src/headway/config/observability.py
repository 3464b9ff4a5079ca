"""The settings of observability, compiled; and what only this machine can tell is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from headway.config.problems import Finding
from headway.config.sections.content import ContentSection
from headway.config.sections.observability import (
    JsonlSinkSection,
    ObservabilitySection,
    OtelSection,
    WebhookSinkSection,
)
from headway.types import ContentRules, JsonlSink, Masking, Observability, Otel, Secret, WebhookSink

OTEL_LIBRARIES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
NOT_INSTALLED = "OpenTelemetry is not installed: pip install 'headway[otel]'"


def check_observability(section: ObservabilitySection, folder: Path) -> Iterator[Finding]:
    if section.otel is not None and not otel_is_there():
        yield Finding(path=("observability", "otel"), message=NOT_INSTALLED)
    for place, sink in enumerate(section.sinks):
        if isinstance(sink, JsonlSinkSection) and not (folder / sink.path).parent.is_dir():
            yield Finding(path=("observability", "sinks", place, "path"), message="there is no such folder")


def otel_is_there() -> bool:
    try:
        return all(find_spec(library) is not None for library in OTEL_LIBRARIES)
    except ModuleNotFoundError:  # not even a part of the name is there
        return False


def observability_from(section: ObservabilitySection, folder: Path) -> Observability:
    """Relative paths start at `folder`."""
    return Observability(
        otel=None if section.otel is None else _otel(section.otel),
        sinks=tuple([_sink(sink, folder) for sink in section.sinks]),
        content=_content(section.content),
    )


def _content(section: ContentSection) -> ContentRules:
    return ContentRules(
        enabled=section.enabled,
        requests=section.requests,
        replies=section.replies,
        principals=section.principals,
        cap=section.cap,
        masking=Masking(kinds=tuple(dict.fromkeys(section.redact)), patterns=tuple(section.patterns.items())),
    )


def _otel(section: OtelSection) -> Otel:
    return Otel(
        endpoint=section.endpoint,
        headers=_secrets(section.headers),
        service_name=section.service_name,
        resource=tuple(section.resource.items()),
        traces=section.traces,
        metrics=section.metrics,
        sample=section.sample,
    )


def _sink(section: JsonlSinkSection | WebhookSinkSection, folder: Path) -> JsonlSink | WebhookSink:
    name = section.name or section.kind
    if isinstance(section, JsonlSinkSection):
        return JsonlSink(name=name, path=str(folder / section.path), size=section.size, keep=section.keep)
    return WebhookSink(
        name=name,
        url=section.url,
        headers=_secrets(section.headers),
        batch=section.batch,
        wait=section.wait,
        timeout=section.timeout,
        attempts=section.attempts,
    )


def _secrets(headers: dict[str, str]) -> tuple[tuple[str, Secret], ...]:
    return tuple([(name, Secret(value)) for name, value in headers.items()])
