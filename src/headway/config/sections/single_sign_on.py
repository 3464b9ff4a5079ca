"""Who tells who people are: an OpenID provider, and what it makes of them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from headway.config.fields import BaseUrl, Key
from headway.config.sections.base import Section, nothing_is_empty
from headway.types import Role

_Word = Annotated[str, Field(min_length=1, max_length=256)]


def _closed_to_others(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return url
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise ValueError("must be an https:// address, as what it says is trusted")
    return url


class RolesSection(Section):
    """Which values of the role's claim bring which role. The highest counts."""

    admin: list[_Word] = Field(default=[], description="Values that make an administrator.", max_length=200)
    operator: list[_Word] = Field(default=[], description="Values that make an operator.", max_length=200)
    viewer: list[_Word] = Field(default=[], description="Values that make a viewer.", max_length=200)


class OidcSection(Section):
    """Single sign-on by OpenID Connect."""

    issuer: Annotated[BaseUrl, AfterValidator(_closed_to_others)] = Field(
        description="The identity provider's address, below which it has /.well-known/openid-configuration."
    )
    client_id: _Word = Field(description="As what the gateway is known there.")
    client_secret: Key = Field(description="What it proves that with, usually '${NAME}' or 'file:PATH'.")
    scopes: list[_Word] = Field(
        default=["openid", "email", "profile"], description="What it asks for.", min_length=1, max_length=20
    )
    name_claim: _Word | None = Field(
        default=None,
        description="The claim that people are called by. Not set: the first there is of a verified email, "
        "preferred_username and sub.",
    )
    role_claim: _Word = Field(
        default="groups", description="The claim that roles are read from: text or a list. Dots lead into mappings."
    )
    roles: Annotated[RolesSection, BeforeValidator(nothing_is_empty)] = Field(
        default=RolesSection(), description="Which values of it bring which role. The highest counts."
    )
    default_role: Role | None = Field(
        default=None, description="The role of whoever has none of them. Not set: they may not come in."
    )

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_id(cls, scopes: list[str]) -> list[str]:
        if "openid" not in scopes:
            raise ValueError("must have 'openid' among them")
        return scopes
