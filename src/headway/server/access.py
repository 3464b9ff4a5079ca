"""Who may see how the gateway stands inside.

Without a token whoever is on this machine, while the gateway listens to nobody else; a web page that runs in a browser
on this machine is not meant. With a token whoever has it.
"""

from __future__ import annotations

import hmac
import re
from ipaddress import ip_address
from typing import NamedTuple

from starlette.datastructures import Headers

from headway.types import Secret

VARIABLE = "HEADWAY_ADMIN_TOKEN"
SETUP_VARIABLE = "HEADWAY_SETUP_TOKEN"
"""What the first administrator shows who comes from another machine."""
_AUTHORITY = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::[0-9]*)?")
HOW_TO_OPEN = f"set {VARIABLE} in the gateway's environment and send it as `Authorization: Bearer TOKEN`"


class Refusal(NamedTuple):
    status: int
    message: str


class Access:
    """`host` is the address that the gateway listens on; `token` what the environment says, None if nothing."""

    def __init__(self, host: str, token: Secret | None) -> None:
        self.host = host
        self.token = token

    @property
    def wants_token(self) -> bool:
        return self.token is not None

    def refusal(self, headers: Headers) -> Refusal | None:
        """None: come in."""
        if self.token is not None:
            if _is_token(_only(headers, "authorization"), self.token):
                return None
            return Refusal(401, f"this needs `Authorization: Bearer TOKEN` with the gateway's {VARIABLE}")
        if not is_loopback(self.host):
            return Refusal(403, f"this is closed while the gateway listens to other machines; {HOW_TO_OPEN}")
        if "origin" in headers:
            return Refusal(403, f"this is closed to web pages of other origins; {HOW_TO_OPEN}")
        if not is_loopback(_host_of(_only(headers, "host"))):
            return Refusal(403, f"this is open only under localhost or 127.0.0.1; {HOW_TO_OPEN}")
        return None


def token_from(text: str | None) -> Secret | None:
    text = (text or "").strip()
    return Secret(text) if text else None


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_token(field: str, token: Secret) -> bool:
    scheme, _, given = field.partition(" ")
    # in constant time: how long it takes must not tell how much of it is right
    same = hmac.compare_digest(given.strip().encode(), token.reveal().encode())
    return same and scheme.lower() == "bearer"


def _only(headers: Headers, name: str) -> str:
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""


def _host_of(authority: str) -> str:
    """Without its port: of `[::1]:8080`, `localhost:8080`, `127.0.0.1`; nothing of what is none of these."""
    found = _AUTHORITY.fullmatch(authority)
    return "" if found is None else found[1] or found[2]
