"""The reply that a fault puts in the place of the answer: another status, kind of body, or wording of the error."""

from __future__ import annotations

import msgspec

from headway.simulated.faults import Fault
from headway.simulated.reply import JSON, Piece, Reply, Written


def with_fault(reply: Reply, fault: Fault) -> Reply:
    """The reply that the fault puts in this one's place: another status, another body. Rate-limit headers stay. With
    `error_event_at`, the wording is the event's.
    """
    worded = bool(fault.error) and fault.error_event_at is None
    if fault.status is None and fault.body is None and not fault.json_error_200 and not worded:
        return reply
    status = fault.status or (200 if fault.json_error_200 or fault.body else reply.status)
    refusal = msgspec.structs.replace(reply.voice.usual(status), wait=_wait(fault))
    match fault.body:
        case "html":
            page = f"<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
            written = Written(page.encode(), content_type="text/html; charset=utf-8")
        case "text":
            written = Written(refusal.message.encode(), content_type="text/plain; charset=utf-8")
        case "empty":
            written = Written(b"", content_type=JSON)
        case _:
            written = reply.voice.write(refusal, dict(fault.error), reply.headers)
    headers = (*reply.headers, *written.headers)
    pieces = (Piece(written.body),)
    return Reply(status=status, content_type=written.content_type, headers=headers, pieces=pieces, voice=reply.voice)


def _wait(fault: Fault) -> float | None:
    """What the fault's own `retry-after` says, for dialects that tell it in the body."""
    told = dict(fault.headers).get("retry-after", "")
    return float(told) if told.isdecimal() else None
