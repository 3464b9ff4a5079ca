"""Somebody who serves models: where, in which dialect, with which keys, limits, certificates and quirks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field, Tag

from headway.config.fields import BaseUrl, FilePath, HeaderName, HeaderValue, Key, ModelName, Name, ProxyUrl
from headway.config.quantities import Amount, Concurrency, Weight
from headway.config.sections.base import MAPPING, TEXT, Section, short_or_long
from headway.config.sections.prices import PriceSection
from headway.providers.catalogue import Endpoint
from headway.providers.profiles import Ability
from headway.types import Accounting, AuthScheme, Dialect, Prefill


class LimitsSection(Section):
    """How much is sent at a time, a minute and a day."""

    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType({"queue": "belongs to a model, under 'queue'"})

    concurrency: Concurrency | None = Field(
        default=None, description="Most requests in flight at a time; without it, no bound."
    )
    rpm: Amount | None = Field(default=None, description="Most requests a minute.")
    tpm: Amount | None = Field(default=None, description="Most tokens a minute, sent and answered.")
    rpd: Amount | None = Field(default=None, description="Most requests a day.")
    tpd: Amount | None = Field(default=None, description="Most tokens a day, sent and answered.")


class KeySection(Section):
    """One key of a provider, in its long form."""

    later: ClassVar[frozenset[str]] = frozenset({"budget", "priority", "expires"})

    name: Name | None = Field(
        default=None,
        description="What headers and logs call it. Not set: 'default' for a single key, else 'key-1', 'key-2'.",
    )
    value: Key = Field(description="The key itself, usually '${NAME}' or 'file:PATH'.")
    weight: Weight = Field(
        default=1.0, description="Its share of the provider's traffic, relative to the other keys. 0 drains it."
    )
    models: list[ModelName] = Field(
        default=["*"],
        min_length=1,
        description="Shell-style patterns (*, ?, [...]) of the models that it may be used for.",
    )
    limits: LimitsSection = Field(
        default=LimitsSection(),
        description="How much is sent with this key: requests and tokens for each model, concurrency for all.",
    )


class TlsSection(Section):
    """Certificates of a provider. Paths are relative to the configuration's folder."""

    later: ClassVar[frozenset[str]] = frozenset({"min_version", "server_name", "verify"})

    ca_file: FilePath | None = Field(
        default=None, description="PEM file of the authorities to trust instead of the system's."
    )
    client_cert: FilePath | None = Field(
        default=None, description="PEM file of the certificate that the gateway shows."
    )
    client_key: FilePath | None = Field(
        default=None, description="PEM file of that certificate's private key, unless client_cert holds it too."
    )


class QuirksSection(Section):
    """Where a provider departs from its dialect. What is not set comes from the catalogue."""

    stream_usage: bool | None = Field(
        default=None,
        description="Whether it accepts 'stream_options: {include_usage: true}' and reports usage at a stream's end.",
    )
    stream_done: bool | None = Field(
        default=None,
        description="Whether it ends a stream with 'data: [DONE]'; if not, a finish reason completes it.",
    )
    prefill: Prefill | None = Field(
        default=None,
        description="How its models go on with words of their own: not at all (none), because the last message is the "
        "assistant's (plain), with 'prefix: true' in it (prefix), or with 'continue_final_message' (continue).",
    )
    accounting: Accounting | None = Field(
        default=None,
        description="How it counts tokens: an estimate with 'max_tokens' when a request comes in (reserved), what was "
        "truly used (actual), or only what is sent (input).",
    )
    max_tokens: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        default=None,
        description="What it calls the bound on an answer, where requests are translated to Chat Completions.",
    )


class ServedSection(Section):
    """One model that a provider serves, in its long form: what is known of it, where that is not what the catalogue or
    the provider itself says.
    """

    name: ModelName = Field(description="Its name, as the provider has it.")
    context_window: Amount | None = Field(default=None, description="How many tokens it reads, with those it writes.")
    most_output: Amount | None = Field(default=None, description="Most tokens of one answer.")
    abilities: dict[Ability, bool] = Field(
        default={},
        description="What it can do and what it cannot. A request that calls for what it cannot do goes elsewhere.",
    )
    reasoning: bool | None = Field(
        default=None, description="Whether it thinks before it answers, unless it is told otherwise."
    )


ServedEntry = Annotated[
    Annotated[ModelName, Tag(TEXT)] | Annotated[ServedSection, Tag(MAPPING)],
    short_or_long("must be the name of a model, or a mapping with 'name'"),
]
ApiName = Endpoint
ApiVersion = Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,40}$")]

KeyEntry = Annotated[
    Annotated[Key, Tag(TEXT)] | Annotated[KeySection, Tag(MAPPING)],
    short_or_long("must be text in quotes, or a mapping with 'value'"),
]


class ProviderSection(Section):
    """Somebody who serves models."""

    later: ClassVar[frozenset[str]] = frozenset({"health", "region", "timeouts"})
    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType({"pricing": "is called 'prices'"})

    kind: str | None = Field(
        default=None,
        description="The catalogue's entry to take defaults from, if the provider's own name is not one; or 'custom'.",
    )
    base_url: BaseUrl | None = Field(
        default=None, description="Address up to the part that all endpoints share, such as https://api.openai.com/v1."
    )
    dialect: Dialect | None = Field(
        default=None, description="What the provider speaks. Not set: what the catalogue says, else openai_chat."
    )
    apis: list[ApiName] | None = Field(
        default=None,
        description="What it serves of OpenAI's API, where it speaks that. Requests in the words of Responses go to "
        "one without 'responses' as Chat Completions. Not set: what the catalogue says, else everything.",
    )
    api_version: ApiVersion | None = Field(
        default=None, description="Azure: the version that paths with /openai/deployments/ ask for."
    )
    auth: AuthScheme | None = Field(
        default=None,
        description="How it wants its key: 'Authorization: Bearer KEY' (bearer), in a header of that name, by AWS's "
        "signature (sigv4), as a token of Google Cloud's or Microsoft Entra's, or no key.",
    )
    keys: list[KeyEntry] | None = Field(
        default=None,
        description="Its keys, as text or mappings. Empty: it needs none. Not set: its usual variable has the key.",
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default={},
        repr=False,
        description="Headers to send with every request, besides our own. Values may be 'file:PATH'.",
    )
    limits: LimitsSection = Field(
        default=LimitsSection(), description="How much is sent to it, over all its keys and models."
    )
    tls: TlsSection = Field(default=TlsSection(), description="Certificates.")
    proxy: ProxyUrl | None = Field(
        default=None,
        repr=False,
        description="Proxy to reach it through. Not set: HTTPS_PROXY and its like decide. Empty: never a proxy.",
    )
    quirks: QuirksSection = Field(default=QuirksSection(), description="Where it departs from its dialect.")
    prices: dict[ModelName, PriceSection] = Field(
        default={},
        description="What models cost by contract, by name or shell-style pattern; the first that fits counts, a full "
        "name before all patterns. Not set: public prices.",
    )
    list_models: bool | None = Field(
        default=None,
        description="Whether its own list of models is fetched in the background. Not set: yes, unless the catalogue "
        "knows that it lists other things too.",
    )
    models: list[ServedEntry] | None = Field(
        default=None,
        description="The models that it serves, as names or mappings. Not set: those of its own list, else those that "
        "the catalogue knows.",
    )

    def served(self) -> dict[str, ServedSection]:
        """Its models by name."""
        entries = [ServedSection(name=each) if isinstance(each, str) else each for each in self.models or ()]
        return {each.name: each for each in entries}
