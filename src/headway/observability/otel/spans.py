"""Spans of a finished exchange: one of ours as a server, one of each attempt as a client."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from headway.observability.otel.conventions import operation_of
from headway.observability.otel.facts import (
    LONGEST_MODEL,
    Attempted,
    attempt_attributes,
    exchange_attributes,
    is_our_failure,
)
from headway.types import ExchangeEvent, Trace
from headway.version import __version__

SCOPE = InstrumentationScope("headway", __version__)
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Spans:
    """Makes spans of one service."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def of(self, event: ExchangeEvent, attempts: list[Attempted]) -> list[ReadableSpan]:
        """None at all where the exchange is not sampled."""
        trace = event.trace
        if trace is None or not trace.sampled:
            return []
        began = event.at - event.duration
        operation = operation_of(event.endpoint)
        own = _context(trace, trace.span_id)
        found = [
            ReadableSpan(
                f"{operation} {event.model[:LONGEST_MODEL]}".rstrip(),
                context=own,
                parent=None if trace.parent_id is None else _context(trace, trace.parent_id, is_remote=True),
                resource=self._resource,
                attributes=exchange_attributes(event),
                kind=SpanKind.SERVER,
                status=_ERROR if is_our_failure(event) else _UNSET,
                start_time=_nanoseconds(began),
                end_time=_nanoseconds(event.at),
                instrumentation_scope=SCOPE,
            )
        ]
        for each in attempts:
            started = began + each.record.started
            found.append(
                ReadableSpan(
                    f"{operation} {each.model}",
                    context=_context(trace, trace.attempt_id(each.number)),
                    parent=own,
                    resource=self._resource,
                    attributes=attempt_attributes(event, each),
                    kind=SpanKind.CLIENT,
                    status=_ERROR if each.failed else _UNSET,
                    start_time=_nanoseconds(started),
                    end_time=_nanoseconds(started + each.record.duration),
                    instrumentation_scope=SCOPE,
                )
            )
        return found


def _context(trace: Trace, span_id: str, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _nanoseconds(at: float) -> int:
    return int(at * 1e9)
