"""The vocabulary: what crosses a boundary between packages.

Everything here is a frozen value or a closed set. State that changes has an owner elsewhere; nothing here imports
anything of ours. Durations are seconds, money is micro-dollars, times are the monotonic clock's seconds unless a name
says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

import msgspec


class Secret:
    """A credential's value. It prints as stars, so that no log, error or repr can leak it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


AuthScheme = Literal["bearer", "api-key", "x-api-key", "none"]
"""How a provider wants its key: `Authorization: Bearer K`, `api-key: K`, `x-api-key: K`, or not at all."""

Dialect = Literal["openai_chat"]
"""What a provider speaks."""

BalanceName = Literal["weighted", "round_robin"]
"""How traffic is spread inside a tier."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider departs from its dialect."""

    stream_usage: bool = True
    """It accepts `stream_options: {include_usage: true}` and then reports usage in a last chunk."""
    stream_done: bool = True
    """It ends a chat stream with `data: [DONE]`; without it, the end of the body is the end of the stream."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. All but `total` are per attempt; `total` is for the exchange with all its attempts."""

    connect: float = 5.0
    headers: float | None = None
    """Until the head of the reply. None: 30 s for a stream and 300 s for a whole answer, which providers only begin to
    send when the model has finished.
    """
    first_token: float = 20.0
    """From the head of a stream to its first event."""
    stall: float = 60.0
    """Longest silence inside a reply, and longest time a client may take to accept more of it."""
    total: float = 600.0


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider's certificate is checked, and which one we show."""

    ca_file: str | None = None
    """PEM file of the authorities to trust instead of the system's."""
    client_cert: str | None = None
    client_key: str | None = None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a provider. `models` are shell-style patterns of upstream model names; `concurrency` caps its
    requests in flight.
    """

    name: str
    secret: Secret | None
    weight: float = 1.0
    models: tuple[str, ...] = ("*",)
    concurrency: int | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who serves: where, in which dialect, with which keys. A keyless provider has one credential without a secret."""

    name: str
    """The name in the configuration, unique in a snapshot."""
    kind: str
    """The catalogue entry it was made from; `custom` for any other."""
    dialect: Dialect = "openai_chat"
    base_url: str
    """Scheme, host and path prefix, without a trailing slash: `https://api.openai.com/v1`."""
    auth: AuthScheme = "bearer"
    headers: tuple[tuple[str, Secret], ...] = ()
    """Names and values, sent with every request after our own. A value may be a secret like a key."""
    credentials: tuple[Credential, ...]
    concurrency: int | None = None
    """Cap on requests in flight over all its keys."""
    quirks: Quirks = Quirks()
    tls: Tls = Tls()
    proxy: Secret | None = None
    """Proxy URL for this provider, perhaps with a password; None: the environment decides; empty: never a proxy."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One provider and one of its models."""

    provider: Provider
    model: str

    @property
    def name(self) -> str:
        return f"{self.provider.name}/{self.model}"


class Target(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one attempt is sent to: a deployment with one of the credentials that may serve it."""

    deployment: Deployment
    credential: Credential
    weight: float
    """Share of its tier's traffic, relative to the tier's other targets. 0 drains: no new traffic."""

    @property
    def name(self) -> str:
        return f"{self.deployment.name}#{self.credential.name}"


class Tier(msgspec.Struct, frozen=True, eq=False):
    """Targets of equal preference."""

    targets: tuple[Target, ...]


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """How far to go for an answer. `attempts` counts upstream calls for one exchange."""

    attempts: int = 3
    timeouts: Timeouts = Timeouts()


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a client's model name resolves to: tiers in order of preference, and how to treat them."""

    name: str
    tiers: tuple[Tier, ...]
    balance: BalanceName = "weighted"
    resilience: Resilience = Resilience()


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and seconds that bound what one client can make us hold."""

    body: int = 100 * 1024 * 1024
    head: int = 64 * 1024
    keep_alive: float = 75.0
    """Seconds an idle client connection is kept, or a request may take to arrive in full without progress."""
    drain: float = 30.0
    """Seconds that requests in flight get to finish after SIGTERM."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 8080
    limits: ServerLimits = ServerLimits()


class KnownModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a provider is known to serve. `context_window` is in tokens, None if unknown."""

    id: str
    context_window: int | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Compiled configuration. A request pins one for its whole life; a reload replaces the pointer."""

    generation: int
    server: Server
    providers: Mapping[str, Provider]
    routes: Mapping[str, Route]
    """Logical model names, as clients ask for them."""
    bare_models: Mapping[str, tuple[str, ...]]
    """Upstream model name -> names of the configured providers known to serve it."""
    known_models: Mapping[str, tuple[KnownModel, ...]]
    """Provider name -> what it is known to serve."""
    resilience: Resilience
    """For models addressed as `provider/model`."""
    source: str
    """Where it came from: a file's path, or `environment`."""


class FailureKind(Enum):
    """What an upstream failure means. A closed set: every kind has one row in `core.retry`."""

    TRANSPORT = "transport"
    """No connection, TLS refused, or the connection broke before an answer."""
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    BAD_REPLY = "bad_reply"
    """An answer that is none: broken framing, HTML, JSON that does not parse, a body cut short."""
    AUTH_INVALID = "auth_invalid"
    """The provider refuses our key."""
    REQUEST_REFUSED = "request_refused"
    """The provider says the request itself is wrong; another target would say the same."""
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
    INTERRUPTED = "interrupted"
    """It broke after the client had seen part of the answer."""


FailureSource = Literal["upstream", "downstream", "gateway"]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A classified reason. `message` is plain text that is safe to show to a client."""

    kind: FailureKind
    source: FailureSource
    message: str
    status: int | None = None
    """The upstream's HTTP status, if it answered with one."""
    retry_after: float | None = None
    """Seconds the upstream asked us to wait."""
    stale_connection: bool = False
    """A reused connection closed before any byte of an answer: the request goes out again on a fresh one."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


class AttemptRecord(msgspec.Struct, frozen=True, gc=False):
    """How one attempt went. `result` is the upstream's status as text, or a failure kind."""

    target: str
    result: str
    started: float
    """Seconds after the exchange began."""
    duration: float


class ExchangeEvent(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag="exchange"
):
    """One exchange as it ended, for observers. It never holds content or secrets. Encoded as JSON it is a line of the
    log.
    """

    request_id: str
    at: float
    """Unix time at the end."""
    endpoint: str
    model: str
    """As the client asked."""
    route: str
    stream: bool
    outcome: str
    """`ok`, or a failure kind."""
    status: int
    """What the client got; 499 when it left before."""
    duration: float
    attempts: tuple[AttemptRecord, ...]
    first_byte: float | None = None
    """Seconds until the first byte of the answer went to the client."""
    usage: Usage | None = None
    request_bytes: int
    reply_bytes: int
    error: str | None = None
