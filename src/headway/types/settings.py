"""What is configured besides providers and routes, and all of it compiled: the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from headway.types.administration import Role
from headway.types.providers import KnownModel, Provider
from headway.types.routes import Breaker, Resilience, Route
from headway.types.secret import Secret


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """How long and in how many bytes finished answers are kept for requests that repeat an Idempotency-Key."""

    ttl: float = 600.0
    memory: int = 64 * 1024 * 1024


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How long, in seconds, and in how many bytes the request log is kept, and its sums by minute and by hour."""

    age: float = 30 * 86400.0
    size: int = 10 * 1024**3
    minutes: float = 7 * 86400.0
    hours: float = 400 * 86400.0
    content: float = 7 * 86400.0
    """Seconds for which messages and replies are kept."""


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """Where what is kept is kept. None: nowhere."""

    url: Secret | None = Secret("sqlite:///headway.db")
    kept: Kept = Kept()


class ErrorRate(msgspec.Struct, frozen=True, kw_only=True):
    """When a route or a target fails so often that somebody should know."""

    share: float = 0.2
    """Of all requests."""
    window: float = 300.0
    """Seconds that are looked back."""
    requests: int = 20
    """Fewer in the window say nothing."""


class Crowding(msgspec.Struct, frozen=True, kw_only=True):
    """When so many requests are refused or wait for want of room that somebody should know."""

    requests: int = 10
    """That were refused in the window, or waited too long."""
    wait: float = 2.0
    """Seconds in line from which on it is too long."""
    window: float = 60.0
    """Seconds that are looked back."""


WebhookFormat = Literal["json", "slack"]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts are sent. Whoever knows the URL may post there, so it is a secret."""

    url: Secret
    format: WebhookFormat = "json"
    reach: tuple[str, ...] | None = None
    """Networks (CIDR) that are not public and that it may lie in all the same, where it was set by API. None: it may
    lie anywhere.
    """


Period = Literal["day", "month"]
"""Of UTC's calendar."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What is meant to be spent in a period at most. It is watched, and stops nothing. Of `route`, `target`, `key` and
    `tag` at most one says on what; none: on everything.
    """

    name: str
    amount: int
    """Micro-dollars, at least one."""
    per: Period
    route: str | None = None
    target: str | None = None
    """`provider/model`."""
    key: str | None = None
    """The name of a provider's key."""
    tag: str | None = None


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """What operators are alerted to, how often, and where."""

    enabled: bool = True
    repeat: float = 3600.0
    """Seconds after which an alert that lasts is told again."""
    error_rate: ErrorRate = ErrorRate()
    queue: Crowding = Crowding()
    webhooks: tuple[Webhook, ...] = ()
    budgets: tuple[Budget, ...] = ()


class ClientLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What each client may ask for, told apart by the key that it shows. None: no bound."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and seconds that bound what one client can make us hold."""

    body: int = 100 * 1024 * 1024
    head: int = 64 * 1024
    keep_alive: float = 75.0
    """Seconds an idle client connection is kept, or a request may take to arrive in full without progress."""
    drain: float = 30.0
    """Seconds that requests in flight get to finish after SIGTERM."""
    in_flight: int | None = None
    """Requests at a time, of all clients; those beyond it are refused at once."""
    clients: ClientLimits = ClientLimits()


class Server(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 8080
    limits: ServerLimits = ServerLimits()


class SingleSignOn(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenID provider that tells who people are, and which of them may do what."""

    issuer: str
    """Without a slash at its end."""
    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    name_claim: str | None = None
    """None: the first of a verified `email`, `preferred_username` and `sub` that is told."""
    role_claim: str = "groups"
    roles: Mapping[Role, tuple[str, ...]] = MappingProxyType({})
    """Values of the role's claim that bring each role."""
    default_role: Role | None = None
    """For whoever has none of them; None: they are refused."""


class Administration(msgspec.Struct, frozen=True, kw_only=True):
    """How the administration is reached, and how far what is set by it may reach."""

    session: float = 12 * 3600.0
    """Seconds for which a login lasts."""
    public_url: str | None = None
    """Under which address people reach it, without `/api`; None: as their requests say."""
    private_networks: tuple[str, ...] = ()
    """Networks (CIDR) that are not public, and that addresses set by API may lie in all the same."""
    oidc: SingleSignOn | None = None


class Otel(msgspec.Struct, frozen=True, kw_only=True):
    """Where spans and metrics go by OTLP, and which."""

    endpoint: str
    """Without the path of a signal: `http://localhost:4318`."""
    headers: tuple[tuple[str, Secret], ...] = ()
    service_name: str = "headway"
    resource: tuple[tuple[str, str], ...] = ()
    """Further attributes of the resource."""
    traces: bool = True
    metrics: bool = True
    sample: float = 1.0
    """Share of exchanges that become spans, where the client does not say: 0 to 1."""


class JsonlSink(msgspec.Struct, frozen=True, kw_only=True):
    """A file of events, one JSON object a line."""

    name: str
    path: str
    size: int = 100 * 1024 * 1024
    """Bytes after which a new file is begun."""
    keep: int = 5
    """How many full files are kept beside it."""


class WebhookSink(msgspec.Struct, frozen=True, kw_only=True):
    """An address that events are POSTed to, many at once."""

    name: str
    url: Secret
    headers: tuple[tuple[str, Secret], ...] = ()
    batch: int = 100
    """Most events of one request."""
    wait: float = 1.0
    """Seconds that an event waits for others."""
    timeout: float = 10.0
    """Seconds for one request."""
    attempts: int = 5
    """Most requests for one batch."""
    reach: tuple[str, ...] | None = None
    """Networks (CIDR) that are not public and that it may lie in all the same, where it was set by API. None: it may
    lie anywhere.
    """


Masked = Literal["secret", "email", "card", "iban", "phone"]
"""What can be told in a text without a pattern of one's own: keys and tokens of known shapes, and what names persons
and accounts.
"""


class Masking(msgspec.Struct, frozen=True, kw_only=True):
    """What is masked in messages and replies before they are kept."""

    kinds: tuple[Masked, ...] = ("secret",)
    patterns: tuple[tuple[str, str], ...] = ()
    """Further ones: a name, and a regular expression."""


class ContentRules(msgspec.Struct, frozen=True, kw_only=True):
    """Whether messages and replies are kept, and how much of them."""

    enabled: bool = False
    """For all models that do not say otherwise."""
    requests: bool = True
    replies: bool = True
    principals: Mapping[str, bool] = MappingProxyType({})
    """Whether those of a client are kept, by its name in events."""
    cap: int = 32 * 1024
    """Bytes of each that are kept."""
    masking: Masking = Masking()


class Observability(msgspec.Struct, frozen=True, kw_only=True):
    """Who else is told what has happened."""

    otel: Otel | None = None
    sinks: tuple[JsonlSink | WebhookSink, ...] = ()
    content: ContentRules = ContentRules()


Managed = Literal["file", "database"]
"""Where a section of the configuration stands: in the file, or in the document that was published by API."""


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
    breaker: Breaker = Breaker()
    idempotency: Idempotency = Idempotency()
    storage: Storage = Storage()
    alerts: AlertRules = AlertRules()
    observability: Observability = Observability()
    administration: Administration = Administration()
    source: str
    """Where it came from: a file's path, or `environment`, and what is published."""
    published: int | None = None
    """The version of the published document that it was made with."""
    managed: Mapping[str, Managed] = MappingProxyType({})
    """Top-level sections and where each stands; those that stand nowhere are as they are by default."""
