"""Metrics of finished exchanges, with the boundaries that the conventions recommend."""

from __future__ import annotations

from opentelemetry.metrics import Meter

from headway.observability.otel import conventions as names
from headway.observability.otel.facts import Attempted, billed, serving
from headway.types import ExchangeEvent


class Measures:
    """The instruments of one meter."""

    def __init__(self, meter: Meter) -> None:
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._duration = meter.create_histogram(
            names.OPERATION_DURATION,
            "s",
            "GenAI operation duration: of each attempt at a provider.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._first_chunk = meter.create_histogram(
            names.FIRST_CHUNK,
            "s",
            "From an attempt's beginning to the first chunk that its client saw.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._serving = meter.create_histogram(
            names.SERVER_DURATION,
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=names.SERVER_BUCKETS,
        )

    def record(self, event: ExchangeEvent, attempts: list[Attempted]) -> None:
        self._serving.record(event.duration, serving(event))
        for each in attempts:
            self._duration.record(each.record.duration, each.attributes)
            if each.first_chunk is not None:
                self._first_chunk.record(each.first_chunk, each.attributes)
            if each.answers and event.usage is not None:
                told = {name: value for name, value in each.attributes.items() if name != names.ERROR_TYPE}
                for kind, count in billed(event.usage).items():
                    self._tokens.record(count, {**told, names.TOKEN_TYPE: kind})
