"""What spans and metrics say of an exchange, as plain attributes.

Only names, numbers and kinds: no text that a client or a provider wrote, whatever it may hold, but for the model that
the client asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from headway.failures import FailureKind
from headway.observability.otel import conventions as names
from headway.types import AttemptRecord, ExchangeEvent, Provider, Usage

Value = str | bool | int | float
Attributes = dict[str, Value]
Providers = Callable[[], Mapping[str, Provider]]

LEFT = FailureKind.CANCELLED.value
LONGEST_MODEL = 200
"""Characters of a model's name; clients may write anything."""


class Attempted(msgspec.Struct, frozen=True):
    """An attempt as spans and metrics see it. `answers`: the exchange's answer is its own."""

    record: AttemptRecord
    number: int
    model: str
    attributes: Attributes
    """Who was asked for what, and how it failed."""
    answers: bool
    first_chunk: float | None
    """Seconds after its beginning, of a stream that it answered with."""

    @property
    def failed(self) -> bool:
        """By somebody's fault: not because the client left."""
        return self.record.failure is not None and self.record.failure != LEFT


def attempts_of(event: ExchangeEvent, providers: Mapping[str, Provider]) -> list[Attempted]:
    answering = _answering(event.attempts)
    return [
        _attempted(event, record, number, providers, answers=record is answering)
        for number, record in enumerate(event.attempts, 1)
    ]


def exchange_attributes(event: ExchangeEvent) -> Attributes:
    """Of the exchange's span. Its tokens are told by the attempt that used them, so that nobody adds them up twice."""
    found: Attributes = {
        names.METHOD: "POST",
        names.STATUS: event.status,
        names.REQUEST_SIZE: event.request_bytes,
        names.REPLY_SIZE: event.reply_bytes,
        names.OPERATION: names.operation_of(event.endpoint),
        names.REQUEST_STREAM: event.stream,
        names.REQUEST_ID: event.request_id,
        names.ENDPOINT: event.endpoint,
        names.OUTCOME: event.outcome,
        names.ATTEMPTS: len(event.attempts),
    }
    if event.principal is not None:
        found[names.PRINCIPAL] = event.principal
    if event.model:
        found[names.REQUEST_MODEL] = event.model[:LONGEST_MODEL]
    if event.route:
        found[names.ROUTE] = event.route[:LONGEST_MODEL]
    if event.outcome != "ok":
        found[names.ERROR_TYPE] = event.outcome
    if event.queued:
        found[names.QUEUED] = event.queued
    if event.replayed:
        found[names.REPLAYED] = True
    if event.cost is not None:
        found[names.COST] = event.cost / 1_000_000
    return found


def attempt_attributes(event: ExchangeEvent, attempted: Attempted) -> Attributes:
    """Of an attempt's span."""
    record = attempted.record
    found: Attributes = {
        **attempted.attributes,
        names.METHOD: "POST",
        names.REQUEST_STREAM: event.stream,
        names.TARGET: record.target[: 2 * LONGEST_MODEL],
        names.REASON: record.reason,
        names.RESULT: record.result,
    }
    if record.result.isdecimal():
        found[names.STATUS] = int(record.result)
    if record.rule is not None:
        found[names.RULE] = record.rule
    if attempted.first_chunk is not None:
        found[names.TIME_TO_FIRST_CHUNK] = attempted.first_chunk
    if attempted.answers and event.usage is not None:
        found.update(_tokens(event.usage))
    return found


def billed(usage: Usage) -> dict[str, int]:
    """Tokens by type: those that are paid for, where a provider tells both (gen-ai-metrics.md)."""
    given, answered = usage.billed_input_tokens, usage.billed_output_tokens
    return {
        "input": usage.input_tokens if given is None else given,
        "output": usage.output_tokens if answered is None else answered,
    }


def serving(event: ExchangeEvent) -> Attributes:
    """What `http.server.request.duration` is told by."""
    found: Attributes = {
        names.METHOD: "POST",
        names.SCHEME: "http",
        names.STATUS: event.status,
        names.ENDPOINT: event.endpoint,
    }
    if is_our_failure(event):
        found[names.ERROR_TYPE] = event.outcome
    return found


def is_our_failure(event: ExchangeEvent) -> bool:
    """Is it no fault of the client's? The conventions leave a server's span alone for those (http-spans.md)."""
    return event.outcome != "ok" and (event.status >= 500 or event.broke)


def _answering(attempts: tuple[AttemptRecord, ...]) -> AttemptRecord | None:
    """Whose answer the client got, or would have got: where there were two at a time, the last is not always it."""
    if not attempts:
        return None
    good = [record for record in attempts if record.failure is None and record.result != "superseded"]
    return good[-1] if good else attempts[-1]


def _attempted(
    event: ExchangeEvent, record: AttemptRecord, number: int, providers: Mapping[str, Provider], *, answers: bool
) -> Attempted:
    who, _, rest = record.target.partition("/")
    model = rest.rpartition("#")[0][:LONGEST_MODEL]
    provider = providers.get(who)
    found: Attributes = {
        names.OPERATION: names.operation_of(event.endpoint),
        names.PROVIDER: names.provider_of(who, provider),
        names.REQUEST_MODEL: model,
        **({} if provider is None else _address(provider.base_url)),
    }
    if record.failure is not None:
        found[names.ERROR_TYPE] = record.failure
    first = event.first_byte if answers and event.stream else None
    began = None if first is None or first < record.started else first - record.started
    return Attempted(record, number, model, found, answers, began)


def _address(base_url: str) -> Attributes:
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {names.SERVER_ADDRESS: parts.hostname or "", names.SERVER_PORT: port}


def _tokens(usage: Usage) -> Attributes:
    found: Attributes = {names.INPUT_TOKENS: usage.input_tokens, names.OUTPUT_TOKENS: usage.output_tokens}
    if usage.cached_input_tokens:
        found[names.CACHE_READ_TOKENS] = usage.cached_input_tokens
    if usage.cache_write_tokens:
        found[names.CACHE_WRITE_TOKENS] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        found[names.REASONING_TOKENS] = usage.reasoning_tokens
    return found
