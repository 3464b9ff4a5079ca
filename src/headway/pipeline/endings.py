"""How an exchange that failed looks to its client: status, message, headers."""

from __future__ import annotations

from math import ceil

from headway.core.remedies import REPEATS
from headway.failures import Failure, FailureKind
from headway.wire.endpoints import Style
from headway.wire.styles import STYLES

_K = FailureKind
_TOLD_AS: dict[FailureKind, tuple[int, str]] = {
    _K.TRANSPORT: (502, "upstream_unreachable"),
    _K.TIMEOUT: (504, "upstream_timeout"),
    _K.RATE_LIMITED: (429, "rate_limit_exceeded"),
    _K.DAILY_QUOTA: (429, "quota_exceeded"),
    _K.RAMP_LIMITED: (429, "rate_limit_exceeded"),
    _K.TOO_LARGE_FOR_BUCKET: (429, "request_too_large_for_quota"),
    _K.OVERLOADED: (503, "upstream_overloaded"),
    _K.SERVER_ERROR: (502, "upstream_error"),
    _K.MODEL_FAULT: (502, "upstream_model_fault"),
    _K.FILTER_UNAVAILABLE: (503, "upstream_filter_unavailable"),
    _K.BAD_REPLY: (502, "upstream_bad_reply"),
    _K.TRUNCATED: (502, "upstream_truncated"),
    _K.UNKNOWN: (502, "upstream_error"),
    _K.AUTH_INVALID: (401, "upstream_key_refused"),
    _K.PERMISSION: (403, "upstream_permission_denied"),
    _K.BILLING_EXHAUSTED: (402, "upstream_billing_exhausted"),
    _K.REGION_BLOCKED: (403, "upstream_region_blocked"),
    _K.MODEL_NOT_FOUND: (404, "model_not_found"),
    _K.INVALID_REQUEST: (400, "invalid_request"),
    _K.UNSUPPORTED_FEATURE: (400, "unsupported_feature"),
    _K.CONTEXT_TOO_LONG: (400, "context_length_exceeded"),
    _K.BODY_TOO_LARGE: (413, "request_too_large"),
    _K.CONTENT_BLOCKED: (400, "content_blocked"),
    _K.CANCELLED: (499, "client_closed_request"),
    _K.DEADLINE: (504, "deadline_exceeded"),
    _K.SATURATED: (503, "gateway_saturated"),
    _K.NO_TARGET: (404, "model_not_found"),
    _K.INTERNAL: (500, "internal_error"),
}
"""Status and code of an error of ours, by kind."""

BROKE_OFF = "stream_interrupted"
"""The code of an error event that ends an answer which had begun."""

_OF_THE_REQUEST = frozenset(
    {
        _K.INVALID_REQUEST,
        _K.UNSUPPORTED_FEATURE,
        _K.CONTEXT_TOO_LONG,
        _K.BODY_TOO_LARGE,
        _K.CONTENT_BLOCKED,
        _K.MODEL_NOT_FOUND,
    }
)
"""Kinds that are the client's to mend: the provider's own status says it best."""

_OURS_TO_MEND = frozenset({_K.AUTH_INVALID, _K.BILLING_EXHAUSTED})
"""Kinds of which the client is not told in the provider's own words: they are about our key and account."""

SHOULD_NOT_RETRY = b"x-should-retry: false\r\n"


class Ending:
    """`body` is an error in the client's dialect; `fields` are header lines."""

    __slots__ = ("body", "code", "fields", "message", "status")

    def __init__(self, status: int, fields: bytes, body: bytes, message: str, code: str) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.message = message
        self.code = code


def code_of(kind: FailureKind) -> str:
    return _TOLD_AS[kind][1]


def verbatim(failure: Failure, *, only: bool) -> bool:
    """Is the provider's own error the best answer? `only`: no other deployment was asked."""
    return failure.kind in _OF_THE_REQUEST or (only and failure.kind not in _OURS_TO_MEND)


def pointless(failures: list[Failure]) -> bool:
    """Would the same request fail again, wherever it went?"""
    return all(failure.kind in REPEATS for failure in failures)


def ending(failure: Failure, tried: list[Failure], style: Style, *, param: str | None = None) -> Ending:
    """`tried` are the failures of all attempts, in order; `failure` is what the client is to be told, in which API's
    words `style` says.
    """
    status, code = _TOLD_AS[failure.kind]
    if failure.kind in _OF_THE_REQUEST and failure.status is not None and 400 <= failure.status < 500:
        status = failure.status
    message = _message(failure, tried)
    fields = b""
    everything = [*tried, failure]
    waits = [each.retry_after for each in everything if each.retry_after is not None]
    if waits and status in (429, 503):
        fields += b"retry-after: %d\r\n" % max(1, ceil(min(waits)))
    if pointless(everything):
        fields += SHOULD_NOT_RETRY
    look = STYLES[style]
    body = look.body(message, status, code, param or failure.param)
    return Ending(status, fields + look.fields(status), body, message, code)


def _message(failure: Failure, tried: list[Failure]) -> str:
    if not tried or (len(tried) == 1 and tried[0] is failure):
        return failure.message
    told = "; ".join(f"{number}. {each.message}" for number, each in enumerate(tried, 1))
    first = f"{failure.message}. " if failure not in tried else ""
    return f"{first}All {len(tried)} attempts failed: {told}" if len(tried) > 1 else f"{first}Before that: {told}"
