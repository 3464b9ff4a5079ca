"""Who serves models: what they speak, how they want their keys, what is known of their models and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from headway.types.events import Usage
from headway.types.secret import Secret

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
    reach: tuple[str, ...] | None = None
    """Networks (CIDR) that are not public and that it may lie in all the same, where its address was set by API. None:
    it may lie anywhere.
    """
