"""One POST to an address outside, over the gateway's own transport: what came of it, in words without a secret.

A connection is made for each, and the server is asked to close it. Redirects are not followed: only the address that
the configuration names is ever asked.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from headway.failures import Failure
from headway.ports import Calls
from headway.types import Credential, Provider, Secret
from headway.version import __version__
from headway.wire.http_head import RETRY_AFTER

MOST_BYTES = 64 * 1024
"""Of an answer, which nobody reads; after that the connection is closed."""


class Answered(NamedTuple):
    """`status` None: there was no answer, and `problem` says why."""

    status: int | None
    problem: str = ""
    retry_after: float | None = None
    """Seconds that it asked for."""


class Address:
    """A URL, apart: `origin` may be told, the rest is as secret as a key. `reach` is a provider's."""

    def __init__(self, url: Secret, reach: tuple[str, ...] | None = None) -> None:
        parts = urlsplit(url.reveal())
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.origin = f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")
        self.path = Secret((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        self.provider = Provider(
            name="webhook",
            kind="custom",
            base_url=self.origin,
            credentials=(Credential(name="none", secret=None),),
            reach=reach,
        )


async def post(calls: Calls, address: Address, body: bytes, patience: float) -> Answered:
    """`body` is JSON. `patience` is the seconds that all of it may take."""
    origin = calls.origin(address.provider)
    head = b"POST %b HTTP/1.1\r\n%buser-agent: headway/%b\r\n%b\r\n" % (
        origin.path_prefix + address.path.reveal().encode(),
        origin.fields,
        __version__.encode(),
        b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body),
    )
    found = await calls.ask(origin, head, body, patience=patience, most=MOST_BYTES)
    if isinstance(found, Failure):
        return Answered(None, found.message)
    return Answered(found.status, "", _seconds(found.head.get(RETRY_AFTER)))


def _seconds(field: bytes | None) -> float | None:
    """Of `retry-after`, where it is a number."""
    return float(field) if field is not None and field.isdigit() and len(field) < 7 else None
