"""What can go wrong: a closed set of kinds, told apart by what may be tried next and by what has to rest.

Which error of which provider is of which kind stands in the tables of `providers.classification`; what to do about a
kind is `core`'s business, and is told to operators in docs/failover.md.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

import msgspec


class FailureKind(Enum):
    """Values are what logs, metrics and configuration call them."""

    # --- the key, its account and its quota ---

    AUTH_INVALID = "auth_invalid"
    """The provider refuses the key."""
    PERMISSION = "permission"
    """The key is good, but may not use this model or this feature."""
    BILLING_EXHAUSTED = "billing_exhausted"
    """The account behind the key has no money left, or has reached its spending limit."""
    RATE_LIMITED = "rate_limited"
    """A quota that refills within minutes is used up."""
    DAILY_QUOTA = "daily_quota"
    """A quota that refills after a day or later is used up."""
    RAMP_LIMITED = "ramp_limited"
    """Traffic grew faster than the provider allows, though within its quotas."""
    TOO_LARGE_FOR_BUCKET = "too_large_for_bucket"
    """This one request needs more than the key's quota ever holds."""

    # --- the provider ---

    OVERLOADED = "overloaded"
    """The provider lacks capacity for everyone, not only for this key."""
    SERVER_ERROR = "server_error"
    """The provider failed for reasons of its own."""
    MODEL_FAULT = "model_fault"
    """The model wrote something that its provider rejects, such as a call of a tool that does not fit the schema."""
    FILTER_UNAVAILABLE = "filter_unavailable"
    """The provider's content filter did not run."""
    TRANSPORT = "transport"
    """No connection, TLS refused, or the connection broke before an answer."""
    TIMEOUT = "timeout"
    """No answer, or no more of it, within the time allowed on either side."""
    BAD_REPLY = "bad_reply"
    """An answer that is none: broken framing, HTML, JSON that does not parse, an unexpected status."""
    TRUNCATED = "truncated"
    """The stream ended in good order, but without its dialect's last event."""
    MODEL_NOT_FOUND = "model_not_found"
    """There is no such model here, or not for this key."""
    REGION_BLOCKED = "region_blocked"
    """The provider does not serve the place that the request came from."""
    UNKNOWN = "unknown"
    """No rule knows this error."""

    # --- the request ---

    INVALID_REQUEST = "invalid_request"
    """The request itself is wrong, and would be anywhere."""
    UNSUPPORTED_FEATURE = "unsupported_feature"
    """This model or provider lacks a parameter, a tool, a modality or an endpoint that the request needs."""
    CONTEXT_TOO_LONG = "context_too_long"
    """The prompt, or prompt and answer together, exceed the model's context window."""
    BODY_TOO_LARGE = "body_too_large"
    """The request has more bytes than the provider takes."""
    CONTENT_BLOCKED = "content_blocked"
    """The provider's policy refuses what was asked, or what would have been answered."""

    # --- ourselves and the client ---

    CANCELLED = "cancelled"
    """The client left."""
    DEADLINE = "deadline"
    """The exchange's own deadline passed."""
    SATURATED = "saturated"
    """Our own limits leave no target free just now."""
    NO_TARGET = "no_target"
    """Nothing that could serve it is left to try."""
    INTERNAL = "internal"
    """A bug of ours."""


FailureSource = Literal["upstream", "downstream", "gateway"]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A classified reason. `message` is one line of plain text that is safe to show to a client."""

    kind: FailureKind
    source: FailureSource
    message: str
    rule: str | None = None
    """The rule of the classification that gave the kind, as `TABLE.RULE`; `unknown` if none knew the error."""
    status: int | None = None
    """The upstream's HTTP status if it answered with an error, or the one that an error under status 200 names."""
    retry_after: float | None = None
    """Seconds the upstream asked us to wait."""
    should_retry: bool | None = None
    """The upstream's own word (`x-should-retry`) on whether the same request may be repeated, or ours."""
    param: str | None = None
    """The parameter at fault, in the client's words, where one is."""
    stale_connection: bool = False
    """A reused connection closed before any byte of an answer: the request goes out again on a fresh one."""
