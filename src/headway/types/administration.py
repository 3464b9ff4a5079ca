"""Who administers the gateway, and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

Permission = Literal["read", "content", "playground", "configure", "providers", "accounts"]
"""`read`: how the gateway stands, what has happened and what is configured, without secrets and without messages.
`content`: messages and replies in the request log. `playground`: send requests, which cost money. `configure`: change
models and how far to go for an answer. `providers`: change where requests, keys and events go. `accounts`: accounts,
tokens, and what was changed by whom.
"""
Role = Literal["viewer", "operator", "admin"]
PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        "viewer": frozenset({"read"}),
        "operator": frozenset({"read", "content", "playground", "configure"}),
        "admin": frozenset({"read", "content", "playground", "configure", "providers", "accounts"}),
    }
)

Proof = Literal["open", "token", "session", "api_token"]
"""How a caller was told: nobody has to show anything, the gateway's own token, a login, or a token made for a tool."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who uses the administration."""

    name: str
    proof: Proof
    permissions: frozenset[Permission]
    address: str | None = None
    """From where, as the connection tells."""
