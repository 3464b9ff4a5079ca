"""The vocabulary: what crosses a boundary between packages.

Everything here is a frozen value or a closed set; the kinds of failure stand in `failures`. State that changes has an
owner elsewhere. Durations are seconds, money is micro-dollars, times are the monotonic clock's seconds unless a name
says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from headway.failures import FailureKind


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


AuthScheme = Literal[
    "bearer", "api-key", "x-api-key", "x-goog-api-key", "xi-api-key", "sigv4", "google", "entra", "none"
]
"""How a provider wants its key: `Authorization: Bearer K`, in a header of that name, or not at all; or instead of a key
a signature by AWS's rules, or a token of Google Cloud's or of Microsoft Entra's, which are got with what the machine or
its environment has.
"""

Dialect = Literal["openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere", "ollama", "replicate"]
"""What a provider or a client speaks: OpenAI's Chat Completions or Responses, Anthropic's Messages, Gemini's
generateContent, Bedrock's Converse, Cohere's chat (v2), Ollama's own chat; Replicate's predictions, which only
providers speak.
"""

BalanceName = Literal["adaptive", "weighted", "round_robin", "least_busy", "latency", "cost"]
"""How traffic is spread inside a tier."""

Prefill = Literal["none", "plain", "prefix", "continue"]
"""How a provider lets a model go on with words of its own: not at all; because the last message is the assistant's; the
same with `"prefix": true` in it; or with `continue_final_message` beside the messages.
"""


Dimension = Literal["requests", "tokens", "input", "output"]
"""What a quota counts: requests, all tokens, tokens sent, tokens answered."""

Accounting = Literal["reserved", "actual", "input"]
"""How a provider counts tokens: an estimate with `max_tokens` when a request comes in, and never given back; what was
truly used, once it is known; or only what is sent.
"""


Priority = Literal["high", "normal", "low"]
"""Who goes first where requests have to wait."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a reply's headers say of one quota. `reset` is seconds until it is full again; None: not said."""

    dimension: Dimension
    limit: float | None = None
    remaining: float
    reset: float | None = None
    window: float | None = None
    """Seconds in which a whole limit refills, where the header's name or the provider says so."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What may be sent, by requests and tokens, per minute and per day. None: no bound of ours."""

    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider departs from its dialect."""

    stream_usage: bool = True
    """It accepts `stream_options: {include_usage: true}` and then reports usage in a last chunk."""
    stream_done: bool = True
    """It ends a chat stream with `data: [DONE]`; without it, a stream is complete when each choice has finished."""
    prefill: Prefill = "none"
    accounting: Accounting = "actual"
    max_tokens: str = "max_tokens"
    """What it calls the bound on an answer, where a request is translated to Chat Completions."""
    renames: Mapping[str, str] = MappingProxyType({})
    """Its names of what its dialect calls otherwise, by the usual ones; nothing where it takes no such thing and does
    the same by itself. Marks of what else it takes are among them (`wire.openai_chat.departures`).
    """
    lacks: frozenset[str] = frozenset()
    """Parameters that it refuses, by their names in `wire.form.request.Request`."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. All but `total` are per attempt; `total` is for the exchange with all its attempts."""

    connect: float = 5.0
    headers: float | None = None
    """Until the head of the reply. None: for a stream 30 s or `first_token`, whichever is longer, and 300 s for a whole
    answer, which providers only begin to send when the model has finished.
    """
    first_token: float | None = None
    """From the head of a stream to its first meaningful event; not applied when nothing else is left to try. None:
    20 s, and 180 s for models that reason first.
    """
    stall: float | None = None
    """Longest time inside an answer without a meaningful event (comments and pings are none), and longest time a client
    may take to accept more of it. None: 60 s, and 120 s for models that reason.
    """
    alive: float = 300.0
    """Longest time without any byte of a reply that has begun, comments and pings included."""
    total: float = 600.0
    hold: float | None = 15.0
    """How long a stream's status waits for its first meaningful event. After that the client gets the head, and a
    comment as often, so that nothing on the way takes the connection for dead. None: it waits as long as it takes.
    """


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
    limits: Limits = Limits()
    """For each model that it is used for."""


class KnownModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a provider is known to serve. `context_window` is in tokens, None if unknown."""

    id: str
    context_window: int | None = None


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model. What is neither in `can` nor in `cannot` is not known; the names are those of
    `wire.form.abilities`.
    """

    context_window: int | None = None
    """Tokens."""
    output_limit: int | None = None
    """Most tokens of one answer."""
    can: frozenset[str] = frozenset()
    cannot: frozenset[str] = frozenset()
    reasoning: bool | None = None
    """Whether it thinks before it answers, unless it is told otherwise."""
    input_price: float | None = None
    """Dollars for a million tokens now, up to the first step. For display; exchanges are priced by tariffs."""
    output_price: float | None = None


class Pricing(Protocol):
    """What a model of a provider costs, as time goes by."""

    def cost(
        self, usage: Usage, *, at: float, service: str | None = None, seconds: float = 0.0, characters: int = 0
    ) -> int | None:
        """Micro-dollars for one exchange that ended at a Unix time; None if a price is not known. `service` is the tier
        of the provider's service that was asked for.
        """
        ...


class Provider(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who serves: where, in which dialect, with which keys. A keyless provider has one credential without a secret."""

    name: str
    """The name in the configuration, unique in a snapshot."""
    kind: str
    """The catalogue entry it was made from; `custom` for any other."""
    dialect: Dialect = "openai_chat"
    base_url: str
    """Scheme, host and path prefix, without a trailing slash: `https://api.openai.com/v1`."""
    surface: str = ""
    """What it serves under which path (`providers.surfaces`); empty: what is usual for its dialect."""
    apis: frozenset[str] | None = None
    """Names of the endpoints of its own dialect family that it serves; None: take it that it serves all."""
    api_version: str | None = None
    """Azure: the version that its older paths name."""
    auth: AuthScheme = "bearer"
    headers: tuple[tuple[str, Secret], ...] = ()
    """Names and values, sent with every request after our own. A value may be a secret like a key."""
    credentials: tuple[Credential, ...]
    concurrency: int | None = None
    """Cap on requests in flight over all its keys."""
    limits: Limits = Limits()
    """Over all its keys and models."""
    quirks: Quirks = Quirks()
    tariff_of: Callable[[str], Pricing | None] | None = None
    """Finds the prices of one of its models."""
    facts_of: Callable[[str], ModelFacts] | None = None
    """Finds what is known of one of its models."""
    listed: tuple[KnownModel, ...] = ()
    """Its own list of models, as it was fetched last."""
    lists_models: bool = True
    """Its list of models may be asked for."""
    tls: Tls = Tls()
    proxy: Secret | None = None
    """Proxy URL for this provider, perhaps with a password; None: the environment decides; empty: never a proxy."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model's ways."""

    reasoning: bool = False
    """It may think for minutes before its first word."""
    price: float = inf
    """Micro-dollars for a thousand tokens, three of four of them sent; infinite if it is not known."""
    most_output: int | None = None
    """Tokens that it answers with at most, where that is known."""
    lacks: frozenset[str] = frozenset()
    """Abilities that it is known not to have, by the names of `wire.form.abilities`."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One provider and one of its models."""

    provider: Provider
    model: str
    profile: Profile = Profile()
    tariff: Pricing | None = None
    """None: prices are not known."""

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


class Hedge(msgspec.Struct, frozen=True, kw_only=True):
    """A second attempt at a stream that is slow to begin; whichever begins first is passed on."""

    delay: float = 2.0
    """Seconds; the 95th percentile of the target's recent times to first token if that is longer."""
    share: float = 0.02
    """Most hedged requests, as a share of all that might be."""


Pacing = Literal["live", "whole"]


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """How far to go for an answer."""

    attempts: int = 3
    """Most upstream calls for one exchange."""
    retries: int = 1
    """How many of them may go to a deployment that failed in this exchange; 0 or 1."""
    longest_wait: float = 10.0
    """Seconds that an exchange waits at most, in all, for a rate limit to pass or before a retry."""
    timeouts: Timeouts = Timeouts()
    stream: Pacing = "live"
    """`whole`: a stream is collected and checked before the client sees any of it."""
    tool_calls: Pacing = "live"
    """`whole`: each tool call of a stream is held until its arguments are complete."""
    continuation: bool = False
    """A text that breaks off may be continued, once, by a target that can go on with a model's own words."""
    hedge: Hedge | None = None


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how many requests may wait for room."""

    wait: float = 5.0
    """Seconds; a request that would wait longer is refused at once."""
    length: int = 1000
    """Requests, for each logical model."""


class Fallback(msgspec.Struct, frozen=True, eq=False):
    """Where a request goes that failed for a reason of its own. Without tiers: to the route's other deployments."""

    on: frozenset[FailureKind]
    tiers: tuple[Tier, ...] = ()


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a client's model name resolves to: tiers in order of preference, and how to treat them."""

    name: str
    tiers: tuple[Tier, ...]
    balance: BalanceName = "weighted"
    strict: bool = False
    """A request is refused by a target that cannot be told all of it, instead of being told what it can."""
    affinity: float | None = None
    """Seconds for which a conversation stays with its target; None: it need not."""
    queue: Queue = Queue()
    resilience: Resilience = Resilience()
    fallbacks: tuple[Fallback, ...] = ()


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When a failing deployment is left alone, and for how long. Seconds."""

    failures: int = 5
    """In a row."""
    rest: float = 5.0
    """The first time; twice as long each further time in a row."""
    longest_rest: float = 60.0
    ramp: float = 30.0
    """How long its share of traffic grows from a tenth to all, once it has recovered."""


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


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """What operators are alerted to, how often, and where."""

    enabled: bool = True
    repeat: float = 3600.0
    """Seconds after which an alert that lasts is told again."""
    error_rate: ErrorRate = ErrorRate()
    queue: Crowding = Crowding()
    webhooks: tuple[Webhook, ...] = ()


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


class Observability(msgspec.Struct, frozen=True, kw_only=True):
    """Who else is told what has happened."""

    otel: Otel | None = None
    sinks: tuple[JsonlSink | WebhookSink, ...] = ()


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
    source: str
    """Where it came from: a file's path, or `environment`."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as the provider counted them."""

    input_tokens: int = 0
    """All that were sent, those read from and written to the provider's cache among them."""
    output_tokens: int = 0
    """All that the model wrote, its reasoning among them."""
    cached_input_tokens: int = 0
    """Of the input: read from the provider's cache."""
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    """Of the input: written to the provider's cache, for however long."""
    cache_write_1h_tokens: int = 0
    """Of those written: for an hour instead of five minutes."""
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    cached_audio_input_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    searches: int = 0
    """Web searches that the provider ran and charges for."""
    billed_input_tokens: int | None = None
    """What the provider charges for, where that is not all that it counts (Cohere)."""
    billed_output_tokens: int | None = None
    told_cost: int | None = None
    """Micro-dollars, where the provider says itself what it charges."""
    seconds: float = 0.0
    """Of sound that was written down."""
    characters: int = 0
    """Of text that was spoken."""


AttemptReason = Literal["first", "failover", "retry", "adapted", "fallback", "last_resort", "hedge", "continuation"]
"""What led to an attempt: the exchange began; another target, or the same deployment once more, after a failure; the
same once more, without what it had just refused; a fallback of the route's; nothing healthy was left; a stream that was
slow to begin; a text that had broken off.
"""


class AttemptRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How one attempt went. `result` is the upstream's status as text, or a failure kind."""

    target: str
    result: str
    started: float
    """Seconds after the exchange began."""
    duration: float
    reason: AttemptReason = "first"
    failure: str | None = None
    """The failure's kind, if it failed."""
    rule: str | None = None
    """The rule of the classification that gave it."""


class Trace(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An exchange's place in a trace (W3C Trace Context). Ids are in lower-case hex."""

    trace_id: str
    span_id: str
    """Of the exchange, below 2^63; that of its attempt number n is by n larger."""
    sampled: bool
    parent_id: str | None = None
    """The client's span, if it said one."""

    def attempt_id(self, number: int) -> str:
        """The span id of an attempt. The first has number 1."""
        return f"{int(self.span_id, 16) + number:016x}"


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
    broke: bool = False
    """It failed after the client had seen part of the answer."""
    queued: float = 0.0
    """Seconds that it waited for room before anybody was asked."""
    replayed: bool = False
    """The answer to an earlier request with the same Idempotency-Key, which this one repeats or joined."""
    status: int
    """What the client got; 499 when it left before."""
    duration: float
    attempts: tuple[AttemptRecord, ...]
    first_byte: float | None = None
    """Seconds until the first byte of the answer went to the client."""
    usage: Usage | None = None
    cost: int | None = None
    """Micro-dollars, if prices are known."""
    dropped: tuple[str, ...] = ()
    """What of the request could not be said to the target that answered."""
    session: str | None = None
    """The conversation, as the client named it."""
    tags: tuple[str, ...] = ()
    """What the client filed the request under."""
    request_bytes: int
    reply_bytes: int
    error: str | None = None
    trace: Trace | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator may want to know of: live state has changed, or an error was of no known kind."""

    what: Literal["key_parked", "breaker_opened", "breaker_closed", "unknown_error"]
    subject: str
    """The key or deployment, by name."""
    message: str
    seconds: float = 0.0
    """For how long, at least."""


class Troubles(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the way of requests just now, apart from what exchanges tell as they end."""

    parked: frozenset[str] = frozenset()
    """Keys that were refused, and have not been used with success since: `provider#key`."""
    tripped: frozenset[str] = frozenset()
    """Deployments that are left alone for their health, or on trial: `provider/model`."""
    refused: Mapping[str, int] = MappingProxyType({})
    """Requests so far that would have waited for too long, by route."""


AlertKind = Literal["key_parked", "breaker_open", "route_errors", "target_errors", "queue_saturated", "log_dropped"]
Severity = Literal["warning", "critical"]
"""`critical`: clients are refused or see errors, or it will not end by itself."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, from when it began until it has ended. Times are Unix time."""

    kind: AlertKind
    severity: Severity
    subject: str
    """The key, deployment, target or route, by name."""
    message: str
    """What is wrong and what to do about it."""
    first_seen: float
    last_seen: float
    count: int
    """What was counted since it began: refusals, openings, failures, requests or lines lost, as its kind says."""
    resolved_at: float | None = None
    """None while it lasts."""


TargetState = Literal["ready", "recovering", "trial", "full", "limited", "too_large", "resting", "broken", "drained"]
"""How a target stands for a request: it may be asked; it gets but a part of its usual share after an illness; it is
tried with one request at a time; its slots are taken; its quota has no room now; its quota never has; a provider asked
for a rest or refused; it is left alone for its health; its weight is 0.
"""


class CapRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A configured cap on requests in flight."""

    of: Literal["key", "provider"]
    in_flight: int
    most: int


class QuotaRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One quota. `left` is less than nothing where more was used than reserved."""

    of: Literal["key", "provider"]
    dimension: Dimension
    window: float
    """Seconds in which a whole limit refills."""
    limit: float
    left: float
    told_by: Literal["configuration", "headers"]


class TargetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A target as it stands for one request. What is not known is None."""

    tier: int
    """1 is asked first."""
    target: str
    state: TargetState
    why: str
    """The state in plain words."""
    kind: str | None = None
    """Of a target that rests: the kind of failure after which it does."""
    left: float | None = None
    """Seconds, of rests, illness and recovery."""
    wait: float | None = None
    """Seconds until it may be asked; slots become free without notice and count for nothing. None: it never may."""
    weight: float
    share: float | None = None
    """Its part of what the tier is asked now: 0 to 1. None where the strategy looks at each request by itself."""
    seconds: float | None = None
    """What it is expected to take to begin an answer."""
    reliability: float
    """The part of requests that go well: 0 to 1."""
    in_flight: int
    limit: float | None = None
    """Requests in flight that it copes with, as was learnt from overload."""
    caps: tuple[CapRecord, ...] = ()
    quotas: tuple[QuotaRecord, ...] = ()
    pace: float | None = None
    """Requests per second, where refusals are all that tells how many it takes."""
    price: float | None = None
    """Micro-dollars for a thousand tokens."""
    pinned: bool = False
    """The conversation was with it."""


class QueueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The line of one route."""

    length: int
    most: int
    longest: float
    """Seconds that a request may wait."""
    refused: int
    """Requests so far that would have waited for too long."""


class RouteRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A route as it stands: its targets, tier by tier."""

    model: str
    balance: str
    targets: tuple[TargetRecord, ...]
    queue: QueueRecord


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All routes of a snapshot as they stand. `lag` is by how many seconds the event loop is late."""

    lag: float
    routes: tuple[RouteRecord, ...]
