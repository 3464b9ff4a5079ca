"""What may be written in headway.yaml, and the JSON schema that tells editors so.

Every section is a pydantic model in `sections`; descriptions and defaults stand there and nowhere else. Settings that
later versions will have are listed by name, so that they are refused with a reason. `python -m headway.config.schema >
headway.schema.json` writes the schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from headway.config.fields import LogicalName, Name
from headway.config.sections.auth import AuthSection
from headway.config.sections.base import Section, nothing_is_empty
from headway.config.sections.model import ModelEntry
from headway.config.sections.observability import ObservabilitySection
from headway.config.sections.provider import ProviderSection
from headway.config.sections.resilience import GeneralResilienceSection, IdempotencyEntry, IdempotencySection
from headway.config.sections.server import ServerSection
from headway.config.sections.storage import StorageSection


class Config(Section):
    """Everything in headway.yaml."""

    later: ClassVar[frozenset[str]] = frozenset({"routes", "cache", "guardrails", "state", "plugins"})
    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType(
        dict.fromkeys(GeneralResilienceSection.model_fields, "belongs under 'resilience'")
    )

    server: ServerSection = Field(default=ServerSection(), description="Where the gateway listens.")
    providers: Annotated[dict[Name, ProviderSection], BeforeValidator(nothing_is_empty)] | None = Field(
        default=None,
        description="Who serves models, by name. Not set: those of the catalogue whose usual variables are set.",
    )
    models: Annotated[dict[LogicalName, ModelEntry], BeforeValidator(nothing_is_empty)] = Field(
        default={},
        description="The logical names that clients ask for. The short form is a list of targets, one to a tier.",
    )
    resilience: GeneralResilienceSection = Field(
        default=GeneralResilienceSection(), description="How far to go for an answer."
    )
    idempotency: Annotated[IdempotencyEntry, BeforeValidator(nothing_is_empty)] = Field(
        default=IdempotencySection(),
        description="How long and in how much memory answers are kept for requests that repeat an Idempotency-Key; or "
        "off.",
    )
    storage: StorageSection = Field(default=StorageSection(), description="Where the request log is kept.")
    observability: ObservabilitySection = Field(
        default=ObservabilitySection(), description="Who is told what has happened."
    )
    auth: AuthSection = Field(default=AuthSection(), description="Who may do what.")


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of headway.yaml as it is written, before `${NAME}` is followed."""
    schema = Config.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "headway.yaml"}


def main() -> None:
    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
