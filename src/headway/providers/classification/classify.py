"""What an upstream's error means: one failure for a reply, for an event in a stream, for an error under status 200.

Total on arbitrary bytes, pure, and bounded in what it looks at. The tables are `rules`', the shapes of errors
`reported`'s, waits `hints`'. What follows from a kind is decided in `core`.
"""

from __future__ import annotations

from typing import Any

from headway.failures import Failure, FailureKind
from headway.providers.classification import hints
from headway.providers.classification.masking import masked
from headway.providers.classification.reported import MAX_BODY, Reported, as_object, members_of, of, parsed, read
from headway.providers.classification.rules import rules
from headway.wire.http_head import SHOULD_RETRY, Head

MAX_QUOTED = 300
"""Characters of a provider's message that are quoted."""

_AMZN_ERROR_TYPE = b"\r\nx-amzn-errortype:"
_ERROR_WORDS = (b'"error"', b'"errors"', b'"base_resp"', b'"response.failed"')
"""One of these is in every error of a stream or under status 200."""
_FAILED = ("failed", "response.failed")


def classify(provider: str, status: int, head: Head, body: bytes, *, who: str, wall: float) -> Failure:
    """A reply with an error status. `provider` is a catalogue name (any other has no table of its own), `who` names
    the target in the message, `wall` is Unix time, for hints that are moments.
    """
    reported = read(body)
    reported.add_type(_text_of(head.get(_AMZN_ERROR_TYPE)))
    return _failure(provider, status, head, reported, what=f"{who} answered {status}", wall=wall)


def classify_event(provider: str, data: bytes, *, who: str, wall: float = 0.0) -> Failure | None:
    """The data of one event of a stream; None if it is no error."""
    error = _error_in(data)
    if error is None:
        return None
    return _failure(provider, 200, None, error, what=f"{who} broke off with an error", wall=wall)


def classify_ok(provider: str, head: Head, body: bytes, *, who: str, wall: float) -> Failure | None:
    """The whole body of a reply with status 200; None if it is no error. Errors are short: what is longer than 64 KB
    is taken for an answer.
    """
    error = _error_in(body)
    if error is None:
        return None
    what = f"{who} answered 200 with an error"
    return _failure(provider, 200, head, error, what=what, wall=wall)


def _failure(provider: str, status: int, head: Head | None, reported: Reported, *, what: str, wall: float) -> Failure:
    if not 300 <= status < 600:
        status = reported.status if 200 <= status < 300 else min(max(status, 0), 999)
    kind, rule = rules().find(provider, status, reported.codes, reported.types, reported.text)
    quoted = None if kind is FailureKind.AUTH_INVALID else _quoted(reported)  # providers quote parts of the key
    return Failure(
        kind=kind,
        source="upstream",
        rule=rule,
        message=f"{what}: {quoted}" if quoted else what,
        status=status or None,
        retry_after=hints.retry_after(head, reported, kind, wall),
        should_retry=None if head is None else _should_retry(head),
    )


def _error_in(data: bytes) -> Reported | None:
    """The error in a document that is not expected to be one, read from where only the provider writes."""
    if len(data) > MAX_BODY or not any(word in data for word in _ERROR_WORDS):
        return None
    fields = _first_object(parsed(data))
    if fields is None:
        return None
    if fields.get("type") == "response.failed":
        fields = as_object(fields.get("response")) or fields
    error = fields.get("error") or (_first_object(fields.get("choices")) or {}).get("error")
    if isinstance(error, str) and error:  # then its code and type stand beside it
        return of({name: fields.get(name) for name in ("error", "error_type", "code")})
    if error:
        return of({"error": error})
    if fields.get("type") == "error" or fields.get("object") == "error":
        return of({name: fields.get(name) for name in ("code", "message", "type", "detail")})
    base = as_object(fields.get("base_resp"))
    if base is not None and base.get("status_code"):
        return of({"base_resp": base})
    if fields.get("success") is False and fields.get("errors"):
        return of({"errors": fields["errors"]})
    if fields.get("status") in _FAILED or fields.get("type") in _FAILED:
        return Reported()
    return None


def _first_object(value: object) -> dict[str, Any] | None:
    return next(map(as_object, members_of(value)), None)


def _quoted(reported: Reported) -> str:
    line = masked("; ".join(reported.lines)[:4000])
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 1] + "…"


def _should_retry(head: Head) -> bool | None:
    value = head.get(SHOULD_RETRY)
    return None if value is None else {b"true": True, b"false": False}.get(value.lower())


def _text_of(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("ascii", "replace")
