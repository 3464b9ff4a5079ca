"""The settings of single sign-on, compiled; and what only this machine can tell is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from types import MappingProxyType

from headway.config.problems import Finding
from headway.config.sections.auth import AdminSection
from headway.config.sections.single_sign_on import OidcSection
from headway.types import Role, SingleSignOn

LIBRARIES = ("httpx", "joserfc")


def check_single_sign_on(section: AdminSection) -> Iterator[Finding]:
    if section.oidc is None:
        return
    path = ("auth", "admin", "oidc")
    if any(find_spec(library) is None for library in LIBRARIES):
        yield Finding(path=path, message="single sign-on is not installed: pip install 'headway[oidc]'")
    roles = section.oidc.roles
    if section.oidc.default_role is None and not (roles.admin or roles.operator or roles.viewer):
        yield Finding(path=path, message="nobody could come in: set 'roles' or 'default_role'")


def single_sign_on_from(section: OidcSection) -> SingleSignOn:
    roles: dict[Role, tuple[str, ...]] = {
        "admin": tuple(section.roles.admin),
        "operator": tuple(section.roles.operator),
        "viewer": tuple(section.roles.viewer),
    }
    return SingleSignOn(
        issuer=section.issuer,
        client_id=section.client_id,
        client_secret=section.client_secret,
        scopes=tuple(section.scopes),
        name_claim=section.name_claim,
        role_claim=section.role_claim,
        roles=MappingProxyType(roles),
        default_role=section.default_role,
    )
