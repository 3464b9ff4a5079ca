"""What may be written in headway.yaml, and the JSON schema that tells editors so.

Every section is a pydantic model; descriptions and defaults stand here and nowhere else. Settings that later versions
will have are listed by name, so that they are refused with a reason. `python -m headway.config.schema >
headway.schema.json` writes the schema.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from headway.config.fields import (
    Attempts,
    BaseUrl,
    BodySize,
    Concurrency,
    FilePath,
    HeaderName,
    HeaderValue,
    HeadSize,
    Host,
    Key,
    LogicalName,
    ModelName,
    Name,
    Pause,
    Port,
    ProxyUrl,
    TargetName,
    Wait,
    Weight,
)
from headway.types import AuthScheme, BalanceName, Dialect, Resilience, Server, ServerLimits, Timeouts

LATER_VALUES = {
    "balance": frozenset({"adaptive", "least_busy", "latency", "cost"}),
    "dialect": frozenset(
        {"openai_responses", "anthropic", "anthropic_messages", "gemini", "bedrock_converse", "cohere"}
    ),
}
"""Values of settings, by the setting's name, that this version does not have."""

_LIMITS = ServerLimits()
_SERVER = Server()
_TIMEOUTS = Timeouts()
_RESILIENCE = Resilience()


def _nothing_is_empty(value: object) -> object:
    """A section that is named and left empty is an empty section."""
    return {} if value is None else value


class Section(BaseModel):
    """A mapping of settings. Unknown ones are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True, defer_build=True
    )
    later: ClassVar[frozenset[str]] = frozenset()
    """Settings of later versions."""

    _empty = model_validator(mode="before")(_nothing_is_empty)


class ServerLimitsSection(Section):
    """What one client can make the gateway hold."""

    later: ClassVar[frozenset[str]] = frozenset({"connections", "rpm", "tpm", "concurrency"})

    body: BodySize = Field(default=_LIMITS.body, description="Largest request body.")
    head: HeadSize = Field(default=_LIMITS.head, description="Largest request head: request line and headers together.")
    keep_alive: Wait = Field(
        default=_LIMITS.keep_alive,
        description="How long an idle client connection is kept, and how long a request may arrive without progress.",
    )
    drain: Pause = Field(
        default=_LIMITS.drain, description="How long requests in flight may go on after the gateway was told to stop."
    )


class ServerSection(Section):
    """Where the gateway listens."""

    later: ClassVar[frozenset[str]] = frozenset({"tls", "workers", "cors"})

    host: Host = Field(
        default=_SERVER.host, description="Host name or IP address to listen on; 0.0.0.0 is every interface."
    )
    port: Port = Field(default=_SERVER.port, description="Port to listen on; 0 takes a free one.")
    limits: ServerLimitsSection = Field(
        default=ServerLimitsSection(), description="What one client can make the gateway hold."
    )


class LimitsSection(Section):
    """How much is sent at a time."""

    later: ClassVar[frozenset[str]] = frozenset({"rpm", "tpm", "rpd", "tpd", "queue"})

    concurrency: Concurrency | None = Field(
        default=None, description="Most requests in flight at a time; without it, no bound."
    )


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
    limits: LimitsSection = Field(default=LimitsSection(), description="How much is sent with this key.")


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
        description="Whether it ends a stream with 'data: [DONE]'; if not, the end of the body is the stream's end.",
    )


def _form(value: object) -> str | None:
    """Which form of a setting with a short form was written. Tags are in brackets, unlike any setting's name."""
    if isinstance(value, str):
        return TEXT
    if isinstance(value, list):
        return LIST
    return MAPPING if isinstance(value, dict | Section) else None


TEXT, LIST, MAPPING = "<text>", "<list>", "<mapping>"
_form_of_key = Discriminator(
    _form, custom_error_type="form", custom_error_message="must be text in quotes, or a mapping with 'value'"
)
_form_of_entry = Discriminator(
    _form, custom_error_type="form", custom_error_message="must be 'provider/model', or a mapping with 'target'"
)
_form_of_model = Discriminator(
    _form, custom_error_type="form", custom_error_message="must be a list of targets, or a mapping with 'tiers'"
)

KeyEntry = Annotated[Annotated[Key, Tag(TEXT)] | Annotated[KeySection, Tag(MAPPING)], _form_of_key]


class ProviderSection(Section):
    """Somebody who serves models."""

    later: ClassVar[frozenset[str]] = frozenset({"health", "pricing", "region", "timeouts"})

    kind: str | None = Field(
        default=None,
        description="The catalogue's entry to take defaults from, if the provider's own name is not one; or 'custom'.",
    )
    base_url: BaseUrl | None = Field(
        default=None, description="Address up to the part that all endpoints share, such as https://api.openai.com/v1."
    )
    dialect: Dialect = Field(default="openai_chat", description="What the provider speaks.")
    auth: AuthScheme | None = Field(
        default=None,
        description="How it wants its key: 'Authorization: Bearer KEY', 'api-key: KEY', 'x-api-key: KEY', or no key.",
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
    limits: LimitsSection = Field(default=LimitsSection(), description="How much is sent to it, over all its keys.")
    tls: TlsSection = Field(default=TlsSection(), description="Certificates.")
    proxy: ProxyUrl | None = Field(
        default=None,
        repr=False,
        description="Proxy to reach it through. Not set: HTTPS_PROXY and its like decide. Empty: never a proxy.",
    )
    quirks: QuirksSection = Field(default=QuirksSection(), description="Where it departs from its dialect.")
    models: list[ModelName] | None = Field(
        default=None, description="Names of the models that it serves. Not set: those that the catalogue knows."
    )


class TimeoutsSection(Section):
    """How long to wait for what."""

    later: ClassVar[frozenset[str]] = frozenset({"idle", "queue"})

    connect: Wait = Field(default=_TIMEOUTS.connect, description="For a connection, TLS included. Per attempt.")
    headers: Wait | None = Field(
        default=_TIMEOUTS.headers,
        description="For the head of the answer. Not set: 30s for a stream, 300s for a whole answer. Per attempt.",
    )
    first_token: Wait = Field(
        default=_TIMEOUTS.first_token, description="From the head of a stream to its first event. Per attempt."
    )
    stall: Wait = Field(
        default=_TIMEOUTS.stall,
        description="Longest silence inside an answer, and longest time a client may take to accept more of it.",
    )
    total: Wait = Field(default=_TIMEOUTS.total, description="For the whole exchange with all its attempts.")


class ResilienceSection(Section):
    """How far to go for an answer."""

    later: ClassVar[frozenset[str]] = frozenset({"hedge", "continuation", "breaker", "retry"})

    attempts: Attempts = Field(default=_RESILIENCE.attempts, description="Most calls to providers for one request.")
    timeouts: TimeoutsSection = Field(default=TimeoutsSection(), description="How long to wait for what.")


class TargetSection(Section):
    """A target in its long form."""

    target: TargetName = Field(description="'provider/model'. The model's own name may have slashes.")
    weight: Weight = Field(
        default=1.0, description="Its share of the tier's traffic, relative to the tier's other targets. 0 drains it."
    )


TierEntry = Annotated[Annotated[TargetName, Tag(TEXT)] | Annotated[TargetSection, Tag(MAPPING)], _form_of_entry]
TierList = Annotated[list[TierEntry], Field(min_length=1)]


class ModelSection(Section):
    """A logical model in its long form."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"constraints", "hedge", "continuation", "cache", "guardrails", "affinity"}
    )

    tiers: list[TierList] = Field(
        min_length=1,
        description="Lists of targets, in order of preference. Traffic is balanced inside a tier, then fails over.",
    )
    balance: BalanceName = Field(default="weighted", description="How traffic is spread inside a tier.")
    resilience: ResilienceSection = Field(
        default=ResilienceSection(), description="What differs from the general 'resilience' for this model."
    )


ShortModel = Annotated[list[TierEntry], Field(min_length=1)]
ModelEntry = Annotated[Annotated[ShortModel, Tag(LIST)] | Annotated[ModelSection, Tag(MAPPING)], _form_of_model]


class Config(Section):
    """Everything in headway.yaml."""

    later: ClassVar[frozenset[str]] = frozenset(
        {
            "routes",
            "auth",
            "cache",
            "guardrails",
            "observability",
            "storage",
            "state",
            "hedge",
            "continuation",
            "plugins",
        }
    )

    server: ServerSection = Field(default=ServerSection(), description="Where the gateway listens.")
    providers: Annotated[dict[Name, ProviderSection], BeforeValidator(_nothing_is_empty)] | None = Field(
        default=None,
        description="Who serves models, by name. Not set: those of the catalogue whose usual variables are set.",
    )
    models: Annotated[dict[LogicalName, ModelEntry], BeforeValidator(_nothing_is_empty)] = Field(
        default={},
        description="The logical names that clients ask for. The short form is a list of targets, one to a tier.",
    )
    resilience: ResilienceSection = Field(default=ResilienceSection(), description="How far to go for an answer.")


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of headway.yaml as it is written, before `${NAME}` is followed."""
    schema = Config.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "headway.yaml"}


def main() -> None:
    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
