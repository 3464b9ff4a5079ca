"""Events sent to an address, as JSON arrays by POST.

A batch is sent again, after longer and longer pauses, while the other side is away or says that it has too much to do;
so an event may come twice, and is known by its `request_id`. What the other side refuses is lost. The standard
library's client does: one request at a time in a thread that may wait, and no redirect is followed, which might carry
the headers' secrets elsewhere. An address that was set through the API is judged each time that it is connected to.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from random import Random
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from headway.config.reach import Network, forbidden, networks
from headway.observability.outbox import Outbox
from headway.types import ExchangeEvent, WebhookSink
from headway.version import __version__

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds; twice as long each time."""
LONGEST_ASKED = 120.0
"""Seconds that the other side may ask for by Retry-After."""
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same batch may be taken."""

_encode = msgspec.json.Encoder().encode


class Hurry(Protocol):
    """Whether there is no time left for pauses."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None, /) -> bool: ...


class Webhook:
    """How one address is told. Call it in a thread: it waits."""

    def __init__(self, sink: WebhookSink, trust: Callable[[], ssl.SSLContext], rng: Random) -> None:
        """`trust` makes what verifies certificates."""
        self._sink = sink
        parts = urlsplit(sink.url.reveal())
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._allowed = None if sink.reach is None else networks(sink.reach)
        self._rng = rng
        self._headers = {
            "content-type": "application/json",
            "user-agent": f"headway/{__version__}",
            **{name.lower(): value.reveal() for name, value in sink.headers},
        }

    def send(self, events: list[ExchangeEvent], closing: Hurry) -> int:
        """How many were lost: none or all."""
        body = _encode(events)
        for attempt in range(1, self._sink.attempts + 1):
            hurried = closing.is_set()
            status, asked = self._post(body)
            if 200 <= status < 300:
                return 0
            if (status and status not in AGAIN) or hurried or attempt == self._sink.attempts:
                break
            closing.wait(max(pause(attempt, self._rng), min(asked, LONGEST_ASKED)))
        return len(events)

    def _post(self, body: bytes) -> tuple[int, float]:
        """Status, and the seconds that are to pass before the next request. Status 0: there was no answer."""
        connection: HTTPConnection | None = None
        try:
            connection = self._connect()
            connection.request("POST", self._target, body, self._headers)
            reply = connection.getresponse()
            after = reply.getheader("retry-after", "")
            return reply.status, float(after[:9]) if after.isdecimal() else 0.0
        except (OSError, HTTPException, ValueError):
            return 0, 0.0
        finally:
            if connection is not None:
                connection.close()

    def _connect(self) -> HTTPConnection:
        timeout = self._sink.timeout
        if not self._secure:
            connection = HTTPConnection(self._host, self._port, timeout=timeout)
            if self._allowed is not None:
                connection.sock = reached(self._host, connection.port, timeout, self._allowed)
            return connection
        if self._context is None:
            self._context = self._trust()
        connection = HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
        if self._allowed is not None:
            sock = reached(self._host, connection.port, timeout, self._allowed)
            connection.sock = self._context.wrap_socket(sock, server_hostname=self._host)
        return connection


def reached(host: str, port: int, timeout: float, allowed: Sequence[Network]) -> socket.socket:
    """Connected to the first of its addresses that may be reached and answers; OSError if none does."""
    problem = OSError("none of its addresses may be connected to")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if forbidden(ip_address(address[0]), allowed) is not None:
            continue
        try:
            return socket.create_connection((str(address[0]), port), timeout)
        except OSError as error:
            problem = error
    raise problem


def pause(attempt: int, rng: Random) -> float:
    """Seconds after attempt number `attempt`: between half of its turn and all of it."""
    return min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE) * rng.uniform(0.5, 1.0)


class WebhookPipe:
    """A webhook with the queue before it."""

    def __init__(self, sink: WebhookSink, trust: Callable[[], ssl.SSLContext], rng: Random) -> None:
        self._webhook = Webhook(sink, trust, rng)
        self._outbox = Outbox(sink.name, self._deliver, portion=sink.batch, wait=sink.wait)

    def lost(self) -> dict[str, int]:
        return {"events": self._outbox.lost}

    def take(self, events: list[ExchangeEvent]) -> None:
        self._outbox.put(events)

    def close(self, timeout: float) -> None:
        self._outbox.close(timeout)

    def _deliver(self, events: list[ExchangeEvent]) -> int:
        return self._webhook.send(events, self._outbox.closing)
