"""From finished exchanges to a collector.

A thread of ours turns events into spans and measurements, so that the loop does neither; the SDK's own threads export
them. Each of the queues between is bounded, and what finds no room is lost and counted. The environment variables of
OpenTelemetry's exporters hold where the configuration says nothing: certificates, compression, intervals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from headway.observability.otel import conventions as names
from headway.observability.otel.facts import Providers, attempts_of
from headway.observability.otel.measures import Measures
from headway.observability.otel.spans import Spans
from headway.observability.outbox import Outbox
from headway.types import ExchangeEvent, Otel
from headway.version import __version__

MOST_SPANS = 8192
"""Spans that may wait for their export, those under way among them."""
SPANS_AT_ONCE = 512
EXPORT_EVERY = 1.0
"""Seconds that spans wait for others."""
EVENTS_AT_ONCE = 100


class Closes(Protocol):
    def shutdown(self, timeout_millis: float = ..., /) -> None: ...


class CountingExporter(SpanExporter):
    """Counts what another exporter has been given, and what of it was lost. Only the exporting thread counts."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._closed = threading.Event()
        self.done = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self.failed += len(spans)
            self.done += len(spans)
        return result

    def shutdown(self) -> None:
        """May be called again."""
        if not self._closed.is_set():
            self._closed.set()
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class OtelPipe:
    """`exporter` and `reader` say where spans and metrics go; None: there are none."""

    def __init__(
        self, settings: Otel, providers: Providers, exporter: SpanExporter | None, reader: MetricReader | None
    ) -> None:
        resource = resource_of(settings)
        self._providers = providers
        self._spans = Spans(resource)
        self._exporter = None if exporter is None else CountingExporter(exporter)
        self._processor = (
            None
            if self._exporter is None
            else BatchSpanProcessor(
                self._exporter,
                max_queue_size=MOST_SPANS,
                schedule_delay_millis=EXPORT_EVERY * 1000,
                max_export_batch_size=SPANS_AT_ONCE,
            )
        )
        self._reader: Closes | None = reader
        self._measures = None if reader is None else _measures(reader, resource)
        self._given = 0
        self._refused = 0
        self._outbox = Outbox("otel", self._deliver, portion=EVENTS_AT_ONCE, wait=0.0)

    def lost(self) -> dict[str, int]:
        failed = 0 if self._exporter is None else self._exporter.failed
        return {"events": self._outbox.lost, "spans": self._refused + failed}

    def take(self, events: list[ExchangeEvent]) -> None:
        self._outbox.put(events)

    def close(self, timeout: float) -> None:
        """Hand over what waits; what is still there after `timeout` seconds is lost."""
        until = time.monotonic() + timeout
        self._outbox.close(timeout)
        if self._processor is not None and self._exporter is not None:
            # the SDK would wait for half a minute; without its exporter it gives up at once
            late = threading.Timer(max(until - time.monotonic(), 0.0), self._exporter.shutdown)
            late.daemon = True
            late.start()
            self._processor.shutdown()
            late.cancel()
            self._refused += self._given - self._exporter.done
        if self._reader is not None:
            self._reader.shutdown(max(until - time.monotonic(), 0.1) * 1000)

    def _deliver(self, events: list[ExchangeEvent]) -> int:
        providers = self._providers()
        for event in events:
            attempts = attempts_of(event, providers)
            if self._measures is not None:
                self._measures.record(event, attempts)
            if self._processor is not None and self._exporter is not None:
                self._export(self._spans.of(event, attempts), self._processor, self._exporter)
        return 0

    def _export(self, spans: list[ReadableSpan], processor: BatchSpanProcessor, exporter: CountingExporter) -> None:
        """All spans of an exchange or none."""
        if self._given + len(spans) - exporter.done > MOST_SPANS:
            self._refused += len(spans)
            return
        self._given += len(spans)
        for span in spans:
            processor.on_end(span)


def otlp(settings: Otel, providers: Providers) -> OtelPipe:
    """To where the configuration says."""
    headers = {name: value.reveal() for name, value in settings.headers}
    exporter = OTLPSpanExporter(f"{settings.endpoint}/v1/traces", headers=headers) if settings.traces else None
    reader = (
        PeriodicExportingMetricReader(OTLPMetricExporter(f"{settings.endpoint}/v1/metrics", headers=headers))
        if settings.metrics
        else None
    )
    return OtelPipe(settings, providers, exporter, reader)


def _measures(reader: MetricReader, resource: Resource) -> Measures:
    meters = MeterProvider([reader], resource, shutdown_on_exit=False)
    return Measures(meters.get_meter("headway", __version__))


def resource_of(settings: Otel) -> Resource:
    return Resource.create(
        {
            names.SERVICE_VERSION: __version__,
            names.SERVICE_INSTANCE: str(uuid4()),
            **dict(settings.resource),
            names.SERVICE_NAME: settings.service_name,
        }
    )
