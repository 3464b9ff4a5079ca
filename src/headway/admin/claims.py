"""What somebody is called and may do, by what an identity provider tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from headway.storage.accounts import SIGNED_ON
from headway.types import Role, SingleSignOn

Claims = Mapping[str, object]
_HIGHEST_FIRST: tuple[Role, ...] = ("admin", "operator", "viewer")
_LONGEST_NAME = 120


class IdentityError(Exception):
    """Why an identity provider cannot tell who somebody is. The message repeats nothing that was sent or answered."""


def name_of(settings: SingleSignOn, claims: Claims) -> str | None:
    """As the account is called; None: nothing that is told can be a name. An address that nobody has verified is what
    somebody says of themselves.
    """
    wanted = ("email", "preferred_username", "sub") if settings.name_claim is None else (settings.name_claim,)
    for claim in wanted:
        said = _at(claims, claim)
        if claim == "email" and claims.get("email_verified") is not True:
            continue
        if isinstance(said, str) and 0 < len(said) <= _LONGEST_NAME and said.isprintable():
            return SIGNED_ON + said.lower()
    return None


def role_of(settings: SingleSignOn, claims: Claims) -> Role | None:
    """The highest of those that it brings; None: they may not come in."""
    said = _at(claims, settings.role_claim)
    values = cast("list[object]", said) if isinstance(said, list) else [said]
    for role in _HIGHEST_FIRST:
        if any(value in settings.roles.get(role, ()) for value in values if isinstance(value, str)):
            return role
    return settings.default_role


def _at(claims: Claims, name: str) -> object:
    """By its whole name, or by the way through mappings that its dots tell."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = _within(found, part)
    return found


def _within(claims: object, name: str) -> object:
    return cast("Claims", claims).get(name) if isinstance(claims, Mapping) else None
