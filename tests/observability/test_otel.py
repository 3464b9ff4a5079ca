"""What OpenTelemetry is told of an exchange, held to its conventions as they are installed here."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.attributes import http_attributes, server_attributes, service_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, url_attributes
from opentelemetry.semconv.metrics import http_metrics
from opentelemetry.trace import SpanKind, StatusCode

from headway.observability.otel import conventions as names
from headway.observability.otel import pipe as pipes
from headway.observability.otel.pipe import OtelPipe
from headway.providers.catalogue import catalogue
from headway.types import AttemptRecord, ExchangeEvent, Otel, Provider, Trace, Usage
from headway.wire.endpoints import ALL

Make = Callable[..., ExchangeEvent]
TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", True, "b7ad6b7169203331")
SETTINGS = Otel(endpoint="http://127.0.0.1:4318", service_name="gate", resource=(("deployment.environment.name", "t"),))
PROVIDERS = {
    "a": Provider(name="a", kind="azure", base_url="https://a.example.com/v1", credentials=()),
    "b": Provider(name="b", kind="custom", base_url="http://10.0.0.5:8000/v1", credentials=()),
}


class Told:
    """A pipe with exporters that keep what they get."""

    def __init__(self, settings: Otel = SETTINGS, exporter: SpanExporter | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.pipe = OtelPipe(settings, lambda: PROVIDERS, exporter or self.exporter, self.reader)
        self._metrics: dict[str, Any] = {}

    def __call__(self, *events: ExchangeEvent) -> list[ReadableSpan]:
        """All spans, once everything is through."""
        self.pipe.take(list(events))
        self.pipe._outbox.close(10.0)
        data = self.reader.get_metrics_data()
        assert data is not None
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                self._metrics.update({metric.name: metric for metric in scope.metrics})
        self.pipe.close(10.0)
        return list(self.exporter.get_finished_spans())

    def points(self, metric: str) -> list[Any]:
        return list(self._metrics[metric].data.data_points) if metric in self._metrics else []

    def unit(self, metric: str) -> str:
        return self._metrics[metric].unit


@pytest.fixture
def told() -> Told:
    return Told()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_an_exchange_is_a_span_and_so_is_each_attempt(told: Told, event: Make):
    attempts = (
        AttemptRecord("a/gpt#k1", "429", 0.0, 0.1, failure="rate_limited", rule="azure.rate"),
        AttemptRecord("b/llama/x#k2", "200", 0.1, 0.4, "failover"),
    )
    exchange, first, second = told(
        event(
            trace=TRACE,
            attempts=attempts,
            duration=0.5,
            stream=True,
            first_byte=0.3,
            cost=1_500_000,
            queued=0.25,
            principal="key-1",
        )
    )
    assert [span.name for span in (exchange, first, second)] == ["chat default", "chat gpt", "chat llama/x"]
    assert [span.kind for span in (exchange, first, second)] == [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.CLIENT]
    assert [span.status.status_code for span in (exchange, first, second)] == [
        StatusCode.UNSET,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    for span, number in ((exchange, 0), (first, 1), (second, 2)):
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE.trace_id
        assert f"{span.context.span_id:016x}" == TRACE.attempt_id(number)
    assert exchange.parent is not None
    assert (f"{exchange.parent.span_id:016x}", exchange.parent.is_remote) == (TRACE.parent_id, True)
    assert first.parent == second.parent == exchange.context
    assert exchange.end_time == 1_750_000_000_000_000_000
    assert [_seconds(span) for span in (exchange, first, second)] == pytest.approx([0.5, 0.1, 0.4], abs=1e-6)
    assert attributes(first) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt",
        "gen_ai.request.stream": True,
        "server.address": "a.example.com",
        "server.port": 443,
        "http.request.method": "POST",
        "http.response.status_code": 429,
        "error.type": "rate_limited",
        "headway.target": "a/gpt#k1",
        "headway.attempt.reason": "first",
        "headway.attempt.result": "429",
        "headway.attempt.rule": "azure.rate",
    }
    assert attributes(second) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "b",
        "gen_ai.request.model": "llama/x",
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.2),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 5,
        "server.address": "10.0.0.5",
        "server.port": 8000,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "headway.target": "b/llama/x#k2",
        "headway.attempt.reason": "failover",
        "headway.attempt.result": "200",
    }
    assert attributes(exchange) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "default",
        "gen_ai.request.stream": True,
        "http.request.method": "POST",
        "http.request.body.size": 100,
        "http.response.body.size": 1000,
        "http.response.status_code": 200,
        "headway.request_id": "hw-1",
        "headway.endpoint": "chat",
        "headway.principal": "key-1",
        "headway.route": "default",
        "headway.outcome": "ok",
        "headway.attempts": 2,
        "headway.queued": 0.25,
        "headway.cost": 1.5,
    }


def _seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_tokens_are_told_once_and_by_whose_answer_it_was(told: Told, event: Make):
    attempts = (
        AttemptRecord("a/m#k", "200", 0.0, 0.4),
        AttemptRecord("b/m#k", "superseded", 0.2, 0.1, "hedge"),
    )
    usage = Usage(30, 9, cached_input_tokens=10, cache_write_tokens=5, reasoning_tokens=4)
    spans = told(event(trace=TRACE, attempts=attempts, usage=usage))
    counted = [attributes(span) for span in spans if "gen_ai.usage.input_tokens" in attributes(span)]
    assert [each["headway.target"] for each in counted] == ["a/m#k"]
    assert {name: value for name, value in counted[0].items() if "usage" in name} == {
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 4,
    }
    assert [span.status.status_code for span in spans] == [StatusCode.UNSET] * 3


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"outcome": "invalid_request", "status": 400}, StatusCode.UNSET),
        ({"outcome": "cancelled", "status": 499}, StatusCode.UNSET),
        ({"outcome": "server_error", "status": 502}, StatusCode.ERROR),
        ({"outcome": "truncated", "status": 200, "broke": True}, StatusCode.ERROR),
    ],
)
def test_an_exchange_that_failed_says_how(told: Told, event: Make, facts: dict[str, Any], status: StatusCode):
    (span,) = told(event(trace=TRACE, attempts=(), usage=None, error="what the client was told", **facts))
    assert attributes(span)["error.type"] == facts["outcome"]
    assert span.status.status_code is status
    assert span.status.description is None
    assert "what the client was told" not in span.to_json()


def test_what_is_not_sampled_or_not_traced_is_counted_only(told: Told, event: Make):
    unsampled = Trace(TRACE.trace_id, TRACE.span_id, False)
    assert told(event(trace=unsampled), event()) == []
    (point,) = told.points("http.server.request.duration")
    assert point.count == 2


def test_a_provider_that_is_gone_since_has_no_address(told: Told, event: Make):
    _, attempt = told(event(trace=TRACE, attempts=(AttemptRecord("gone/m#k", "200", 0.0, 0.3),)))
    assert attributes(attempt)["gen_ai.provider.name"] == "gone"
    assert "server.address" not in attributes(attempt)


def test_metrics_have_the_conventions_names_units_and_boundaries(told: Told, event: Make):
    told(event(stream=True, usage=Usage(100, 20, billed_input_tokens=90)))
    tokens = {point.attributes["gen_ai.token.type"]: point for point in told.points("gen_ai.client.token.usage")}
    assert {kind: point.sum for kind, point in tokens.items()} == {"input": 90, "output": 20}
    assert tokens["input"].explicit_bounds == (
        *(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864),
    )
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "m",
        "server.address": "a.example.com",
        "server.port": 443,
    }
    for metric in ("gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk"):
        (point,) = told.points(metric)
        assert dict(point.attributes) == expected
        assert point.sum == pytest.approx(0.3)
        assert point.explicit_bounds == (
            *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
        )
        assert told.unit(metric) == "s"
    assert told.unit("gen_ai.client.token.usage") == "{token}"
    (point,) = told.points("http.server.request.duration")
    assert dict(point.attributes) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "headway.endpoint": "chat",
    }
    assert point.explicit_bounds == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def test_the_resource_is_what_the_configuration_says(told: Told, event: Make):
    span, _ = told(event(trace=TRACE))
    said = dict(span.resource.attributes)
    assert said["service.name"] == "gate"
    assert said["deployment.environment.name"] == "t"
    assert {"service.version", "service.instance.id", "telemetry.sdk.version"} <= set(said)


def test_names_are_those_of_the_installed_conventions():
    known = {
        value
        for module in (
            gen_ai,
            http_attributes,
            server_attributes,
            service_attributes,
            error_attributes,
            url_attributes,
            gen_ai_metrics,
            http_metrics,
        )
        for _, value in inspect.getmembers(module, lambda value: isinstance(value, str))
    }
    ours = {
        value
        for name, value in inspect.getmembers(names, lambda value: isinstance(value, str))
        if name.isupper() and not value.startswith("headway.")
    }
    assert len(ours) > 20
    assert ours - known == set()


def values(closed_set: str) -> set[str]:
    return {each.value for each in getattr(gen_ai, closed_set)}


def test_operations_and_providers_are_those_of_the_conventions_where_there_are_any():
    operations = values("GenAiOperationNameValues")
    ours = {names.operation_of(endpoint.name) for endpoint in ALL}
    plain = {endpoint.name for endpoint in ALL if endpoint.operation == "plain"}
    assert ours - operations == {"rerank", "count_tokens"} | (plain - {"completions"})
    known = values("GenAiProviderNameValues") | {"moonshot_ai"}  # newer than what is installed
    assert set(names._PROVIDERS.values()) <= known
    assert set(names._PROVIDERS) <= set(catalogue())
    assert {"openai", "anthropic", "cohere", "deepseek", "groq", "perplexity"} <= known & set(catalogue())


class Refusing(InMemorySpanExporter):
    """Takes nothing, once it may answer."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert self.may.wait(20)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.may.set()


def test_spans_that_the_collector_does_not_take_are_counted(event: Make):
    exporter = Refusing()
    exporter.may.set()
    told = Told(exporter=exporter)
    told(*[event(trace=TRACE)] * 10)
    assert told.pipe.lost() == {"events": 0, "spans": 20}


def test_spans_that_find_no_room_are_counted(event: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipes, "MOST_SPANS", 600)
    exporter = Refusing()
    pipe = OtelPipe(SETTINGS, lambda: PROVIDERS, exporter, None)
    pipe.take([event(trace=TRACE)] * 1000)
    pipe._outbox.close(20.0)
    assert pipe.lost() == {"events": 0, "spans": 1400}
    exporter.may.set()
    pipe.close(20.0)
    assert pipe.lost() == {"events": 0, "spans": 2000}


def test_a_collector_that_hangs_does_not_hold_up_the_end(event: Make):
    pipe = OtelPipe(SETTINGS, lambda: PROVIDERS, Refusing(), None)
    pipe.take([event(trace=TRACE)] * 10)
    began = time.monotonic()
    pipe.close(0.2)
    assert time.monotonic() - began < 5.0
    assert pipe.lost() == {"events": 0, "spans": 20}
