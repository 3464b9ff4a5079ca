"""Who may do what. For now: the administration."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from headway.config.fields import BaseUrl, Network
from headway.config.quantities import Age
from headway.config.sections.base import Section, nothing_is_empty
from headway.config.sections.single_sign_on import OidcSection
from headway.types import Administration

_USUAL = Administration()


class AdminSection(Section):
    """The administration below /api."""

    session: Age = Field(default=_USUAL.session, description="How long a login lasts.")
    public_url: BaseUrl | None = Field(
        default=None,
        description="Under which address people reach the gateway, such as https://llm.example.com. Not set: as their "
        "requests say.",
    )
    private_networks: list[Network] = Field(
        default=[],
        description="Networks that are not public, such as 10.0.0.0/8, where addresses set by API may lie all the "
        "same. What stands in this file may lie anywhere.",
    )
    oidc: OidcSection | None = Field(
        default=None, description="Single sign-on by OpenID Connect. Not set: people log in with a password."
    )


class AuthSection(Section):
    """Who may do what."""

    later: ClassVar[frozenset[str]] = frozenset({"virtual_keys", "teams"})

    admin: Annotated[AdminSection, BeforeValidator(nothing_is_empty)] = Field(
        default=AdminSection(), description="The administration below /api."
    )
