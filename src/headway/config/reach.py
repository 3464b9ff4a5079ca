"""Which addresses may be reached by what was set through the API.

Whoever may change the configuration over the network must not thereby reach what only this machine or its network can:
its own services, its neighbours, a cloud's metadata. What the operator's file says may lie anywhere and is not asked
about here. Resolving names is `admin`'s and `transport`'s business; both ask about every address that a name leads to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA: frozenset[Address] = frozenset(
    {
        IPv4Address("169.254.169.254"),  # AWS, Azure, Google, DigitalOcean, Oracle
        IPv4Address("169.254.170.2"),  # AWS ECS: credentials of a task
        IPv4Address("169.254.170.23"),  # AWS EKS: credentials of a pod
        IPv4Address("100.100.100.200"),  # Alibaba
        IPv4Address("168.63.129.16"),  # Azure's wire server, public by its number
        IPv6Address("fd00:ec2::254"),
        IPv6Address("fd00:ec2::23"),
        IPv6Address("fd20:ce::254"),  # Google
    }
)
_SHARED = IPv4Network("100.64.0.0/10")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 behind NAT64 (RFC 6052)."""
_RELAYS = IPv4Network("192.88.99.0/24")
"""Of 6to4 (RFC 7526)."""


def networks(written: Iterable[str]) -> tuple[Network, ...]:
    """As `auth.admin.private_networks` has them."""
    return tuple(ip_network(each) for each in written)


def forbidden(address: Address, allowed: Sequence[Network]) -> str | None:
    """Why this address must not be reached; None if it may. An IPv6 address that leads to an IPv4 address is judged as
    that. A metadata service must be allowed by its very address, not by a network that it happens to lie in.
    """
    meant = _meant(address)
    if meant in _METADATA:
        return None if _listed_alone(meant, allowed) else "is a cloud's metadata service"
    kind = _kind(meant)
    if kind is None or any(meant.version == each.version and meant in each for each in allowed):
        return None
    return kind


def _meant(address: Address) -> Address:
    """Without a scope, and the IPv4 address where one is wrapped."""
    if isinstance(address, IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour
    if wrapped is not None:
        return wrapped
    bare = IPv6Address(int(address))
    if bare in _TRANSLATED:
        return IPv4Address(int(bare) & 0xFFFFFFFF)
    return bare


def _kind(address: Address) -> str | None:
    """What an address is that is not a public one."""
    if address.is_loopback:
        return "is a loopback address"
    if address.is_unspecified:
        return "stands for this machine"
    if address.is_link_local:
        return "is a link-local address"
    if address.is_multicast:
        return "is a multicast address"
    if isinstance(address, IPv4Address) and address in _SHARED:
        return "is in a network that is not public"
    if address.is_private:
        return "is a private address"
    if isinstance(address, IPv6Address):
        reserved = address not in _GLOBAL_UNICAST or address.teredo is not None
    else:
        reserved = address in _RELAYS
    return "is a reserved address" if reserved or not address.is_global else None


def _listed_alone(address: Address, allowed: Sequence[Network]) -> bool:
    return any(each.num_addresses == 1 and each.network_address == address for each in allowed)
