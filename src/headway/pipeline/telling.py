"""What is told about an exchange: our header lines on its reply, and the event for observers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headway.core.exchange import Exchange
from headway.pipeline.asked import Asked
from headway.pipeline.plan import Plan, header_text
from headway.pipeline.principal import principal_of
from headway.types import ExchangeEvent, TargetRecord, Usage
from headway.wire.http_head import CONTENT_ENCODING, Head

_TIER = re.compile(rb'"service_?[tT]ier"\s*:\s*"([a-zA-Z_]{1,40})"')
LONGEST_LIST = 2048
"""Bytes of a header that lists something; the rest of a longer list is left to the log."""


def answer_fields(asked: Asked, told: bytes, content_type: bytes, head: Head) -> bytes:
    """Header lines of an upstream's answer: its content type, and ours. It passes on no other."""
    kind = content_type or b"application/octet-stream"
    coding = head.get(CONTENT_ENCODING)
    fields = b"content-type: %b\r\nx-request-id: %b\r\n%b%b" % (kind, asked.request_id.encode(), told, asked.told)
    return fields if coding is None else b"%bcontent-encoding: %b\r\n" % (fields, coding)


def dropped_field(dropped: tuple[str, ...]) -> bytes:
    """The header line for what the target was not told."""
    listed = b",".join([header_text(name) for name in dict.fromkeys(dropped)])
    if len(listed) > LONGEST_LIST:
        listed = listed[: listed.rindex(b",", 0, LONGEST_LIST)] + b",..."
    return b"x-headway-dropped: %b\r\n" % listed


def decision_field(targets: Iterable[TargetRecord]) -> bytes:
    """The header line that says how all targets stood when the request came: who may be asked, with what share of its
    tier, and why the others may not.
    """
    told: list[bytes] = []
    left = LONGEST_LIST
    for each in targets:
        share = "" if each.share is None else f" {each.share:.2f}"
        why = "" if each.state == "ready" else f" ({each.why})"
        told.append(b"%d:%b=%b" % (each.tier, header_text(each.target), header_text(f"{each.state}{share}{why}")))
        left -= len(told[-1]) + 2
        if left < 0:
            told[-1] = b"..."
            break
    return b"x-headway-decision: %b\r\n" % b"; ".join(told)


def cost_field(cost: int) -> bytes:
    """The header line for what an answer cost, in dollars."""
    return b"x-headway-cost: %b\r\n" % f"{cost // 1_000_000}.{cost % 1_000_000:06d}".encode()


def served_as(body: bytes) -> str | None:
    """The tier of service that an answer names, in whatever dialect."""
    found = _TIER.search(body)
    return None if found is None else found[1].decode()


def error_fields(asked: Asked, told: bytes, more: bytes) -> bytes:
    """Header lines of an error of our own."""
    return b"content-type: application/json\r\nx-request-id: %b\r\n%b%b%b" % (
        asked.request_id.encode(),
        told,
        asked.told,
        more,
    )


def holding_fields(asked: Asked, route: str) -> bytes:
    """Header lines of a stream whose target is not known yet."""
    return b"content-type: text/event-stream\r\nx-request-id: %b\r\nx-headway-route: %b\r\n%b" % (
        asked.request_id.encode(),
        header_text(route),
        asked.told,
    )


def told(plan: Plan, exchange: Exchange, status: int) -> bytes:
    """Who served, and what was tried. `status` is that of the attempt which has not ended yet."""
    route, attempts = exchange.route.route, exchange.attempts
    if not attempts:
        return b"x-headway-route: %b\r\n" % header_text(route.name)
    if len(attempts) == 1 and status == 200 and not attempts[0].result:
        return plan.sender(attempts[0].candidate, route).told_ok
    serving = next((each for each in reversed(attempts) if not each.result), attempts[-1])
    tried = b" ".join(
        b"%b=%b" % (plan.sender(each.candidate, route).label, each.result.encode() or b"%d" % status)
        for each in attempts
    )
    return b"%bx-headway-attempts: %b\r\n" % (plan.sender(serving.candidate, route).told, tried)


def event(
    asked: Asked,
    exchange: Exchange,
    outcome: str,
    status: int,
    *,
    at: float,
    now: float,
    first_byte: float | None,
    usage: Usage | None,
    reply_bytes: int,
    error: str | None,
    cost: int | None = None,
    dropped: tuple[str, ...] = (),
) -> ExchangeEvent:
    started = exchange.started
    return ExchangeEvent(
        request_id=asked.request_id,
        at=at,
        endpoint=asked.endpoint.name,
        principal=principal_of(asked.headers),
        model=asked.facts.model,
        route=exchange.route.route.name,
        stream=asked.facts.stream,
        outcome=outcome,
        status=status,
        duration=now - started,
        attempts=exchange.records(),
        skipped=exchange.skipped,
        overhead=asked.worked,
        first_byte=None if first_byte is None else first_byte - started,
        usage=usage,
        cost=cost,
        dropped=dropped,
        session=asked.session,
        tags=asked.tags,
        request_bytes=asked.size,
        reply_bytes=reply_bytes,
        error=error,
        trace=asked.trace,
    )
