"""Which of the addresses that a name leads to may be connected to, where a provider was set through the API.

Every dial asks, after the name has been resolved and with the very addresses that are connected to: a name that led
elsewhere a moment ago gains nothing. What an address is, is `config.reach`'s decision. A proxy that the operator named
is not asked about, and is given names as they are; of those only what is an address, or can be nothing but this
machine, is judged here.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address
from typing import Any

from headway.config.reach import Address, Network, forbidden

Infos = Sequence[tuple[Any, ...]]
"""As getaddrinfo has them."""


class ForbiddenError(OSError):
    """Nothing that it leads to may be connected to."""


def permitted(infos: Infos, allowed: Sequence[Network]) -> Infos:
    """Those that may be connected to; ForbiddenError if there is none, for the first one's reason."""
    reasons = [forbidden(ip_address(info[4][0]), allowed) for info in infos]
    kept = [info for info, reason in zip(infos, reasons, strict=True) if reason is None]
    if infos and not kept:
        raise _refusal(reasons[0])
    return kept


def check_name(host: str, allowed: Sequence[Network]) -> None:
    """The same for what a proxy is to resolve, as far as it can be told without asking anybody."""
    host = host.rstrip(".").lower()
    literal = _literal(host)
    reason = None if literal is None else forbidden(literal, allowed)
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        reason = forbidden(IPv4Address("127.0.0.1"), allowed)
    if reason is not None:
        raise _refusal(reason)


def _literal(host: str) -> Address | None:
    """As resolvers read it, for whom `127.1` and `0x7f000001` are addresses, too."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _refusal(reason: str | None) -> ForbiddenError:
    return ForbiddenError(
        f"its address {reason}, where nothing may lie that was set through the API; "
        "auth.admin.private_networks lists exceptions"
    )
