"""How often somebody may try to log in: by name and by address, ever slower after some failures.

Each process counts by itself and forgets after a while; what is counted is bounded, the oldest goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

FREE_FOR_NAME = 5
FREE_FOR_ADDRESS = 20
"""Failures before it gets slower. Many people may have one address."""
LONGEST_WAIT = 60.0
"""Seconds. Whoever fails on purpose can keep somebody else out for no longer."""
FORGOTTEN = 900.0
"""Seconds without a failure after which all is well again."""
MOST = 10_000
TOLD_EVERY = 60.0
"""Seconds between entries about the same name in the audit log."""


class _Failures(msgspec.Struct):
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Attempts:
    """Times are seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._told: OrderedDict[str, float] = OrderedDict()

    def admit(self, name: str, address: str | None, now: float) -> float:
        """Seconds to wait; 0: go ahead. It counts as a failure until it is known to be none, so that many at once are
        no more than one after the other.
        """
        keys = _keys(name, address)
        wait = max((found.until - now for key in keys if (found := self._fresh(key, now)) is not None), default=0.0)
        if wait > 0:
            return wait
        for key, free in keys.items():
            self._count(key, free, now)
        return 0.0

    def succeeded(self, name: str, address: str | None) -> None:
        """The name is forgiven, the address only this one: else whoever has an account could go on for ever."""
        for key in _keys(name, address):
            if key.startswith("name "):
                self._failures.pop(key, None)
            elif (found := self._failures.get(key)) is not None:
                found.count -= 1
                found.until = 0.0

    def is_told(self, name: str, now: float) -> bool:
        """Whether a failure is to be written down, or one was just now."""
        last = self._told.pop(name, None)
        if last is not None and now - last < TOLD_EVERY:
            self._told[name] = last
            return False
        self._told[name] = now
        while len(self._told) > MOST:
            self._told.popitem(last=False)
        return True

    def _fresh(self, key: str, now: float) -> _Failures | None:
        found = self._failures.get(key)
        if found is not None and now - found.last > FORGOTTEN:
            del self._failures[key]
            return None
        return found

    def _count(self, key: str, free: int, now: float) -> None:
        found = self._failures.pop(key, None) or _Failures()
        found.count, found.last = found.count + 1, now
        if found.count >= free:
            found.until = now + min(2.0 ** min(found.count - free, 16), LONGEST_WAIT)
        self._failures[key] = found
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)


def _keys(name: str, address: str | None) -> dict[str, int]:
    keys = {f"name {name}": FREE_FOR_NAME}
    if address is not None:
        keys[f"address {_network_of(address)}"] = FREE_FOR_ADDRESS
    return keys


def _network_of(address: str) -> str:
    """Whoever has one IPv6 address has 2**64 of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found.packed[:8] + bytes(8), 64)))
    return str(found)
