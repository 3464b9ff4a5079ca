"""Whether the addresses that were published may be reached from here, as far as that can be told now.

Where a name leads is asked of the resolver once more at each connection: this is to tell whoever publishes at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from headway.config.problems import Problem, quoted_unless_plain
from headway.config.reach import Network, forbidden, networks
from headway.types import Snapshot, WebhookSink

PATIENCE = 3.0
"""Seconds for the resolver."""


async def out_of_reach(snapshot: Snapshot) -> list[Problem]:
    """A problem for each published address that must not be reached."""
    allowed = networks(snapshot.administration.private_networks)
    places = list(_addresses(snapshot))
    told = await asyncio.gather(*(_fault(url, allowed) for _, url in places))
    return [_problem(path, why) for (path, _), why in zip(places, told, strict=True) if why is not None]


def _addresses(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for name, provider in snapshot.providers.items():
        if provider.reach is not None:
            place = f"providers.{quoted_unless_plain(name)}"
            yield f"{place}.base_url", provider.base_url
            if provider.proxy is not None and provider.proxy.reveal():
                yield f"{place}.proxy", provider.proxy.reveal()
    if snapshot.managed.get("observability") != "database":
        return
    for at, webhook in enumerate(snapshot.alerts.webhooks):
        yield f"observability.alerts.webhooks[{at}].url", webhook.url.reveal()
    if snapshot.observability.otel is not None:
        yield "observability.otel.endpoint", snapshot.observability.otel.endpoint
    for at, sink in enumerate(snapshot.observability.sinks):
        if isinstance(sink, WebhookSink):
            yield f"observability.sinks[{at}].url", sink.url.reveal()


async def _fault(url: str, allowed: tuple[Network, ...]) -> str | None:
    """Why an address must not be reached. A name that leads nowhere just now is nothing to complain about."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return None
    for *_, address in found:
        why = forbidden(ip_address(address[0]), allowed)
        if why is not None:
            return why
    return None


def _problem(path: str, why: str) -> Problem:
    message = f"leads to what {why}; whoever runs the gateway can allow it in headway.yaml, at"
    return Problem(path=path, line=0, column=0, message=f"{message} auth.admin.private_networks")
