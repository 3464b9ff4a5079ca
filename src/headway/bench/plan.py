"""What a run of the load generator is told and what it tells back.

The limits are here too: loopback only, bounded in time and in count. How load is made is `load`'s business, which
scenarios exist is `scenarios`'.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import msgspec

MAX_SECONDS = 120.0
MAX_REQUESTS = 2_000_000
MAX_CONNECTIONS = 10_000

Shape = Literal["closed", "open", "streams"]
"""Closed: each connection sends the next request when a reply is in. Open: requests leave at a fixed rate whatever the
replies do. Streams: a fixed number of concurrent streams, each started once.
"""


class BenchError(Exception):
    """The benchmark cannot run or cannot be trusted; the message says why and what to do."""


class Target(msgspec.Struct, frozen=True):
    """Where load goes: an address on loopback."""

    host: str
    port: int
    prefix: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.prefix}"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Seconds throughout; `expect` is None where the reply is not the mock's own and only its framing can be
    checked.
    """

    url: str
    shape: Shape
    model: str = "bench"
    api_key: str = "bench"
    prompt_bytes: int = 200
    connections: int = 32
    rate: float = 0.0
    streams: int = 0
    chunks: int = 0
    ramp: float = 0.3
    seconds: float = 2.0
    drain: float = 5.0
    expect: int | None = None
    """Whole replies: bytes of the body. Streams: server-sent events, the terminal marker included."""
    max_requests: int = MAX_REQUESTS


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one run saw. Counts and `seconds` are of the window after the ramp; `errors` is of the whole run, by reason.

    Histograms are microseconds in HdrHistogram's own base64 form.
    """

    seconds: float
    replies: int
    chunks: int
    errors: dict[str, int]
    latency: str
    """Whole replies, from the (intended) send time to the last byte; streams, to the end of the stream."""
    first_token: str
    gaps: str
    behind: str
    """How late requests left against their intended time; empty in the closed loop."""


def loopback(url: str) -> Target:
    """The target that a URL names. Raises `BenchError` unless it is plain HTTP on loopback: this tool loads only its
    own machine.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise BenchError(f"{url}: give a plain http:// URL, such as http://127.0.0.1:8080")
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    try:
        safe = ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        raise BenchError(f"{url}: not a loopback address with a port; the benchmark loads only this machine") from None
    if not safe:
        raise BenchError(f"{url}: not a loopback address; the benchmark loads only this machine")
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    return Target(host, port, prefix)


def bounded(plan: Plan) -> Plan:
    """The plan itself, if it stays within this module's limits; else `BenchError`."""
    total = plan.ramp + plan.seconds + plan.drain
    if not 0 < plan.seconds <= total <= MAX_SECONDS:
        raise BenchError(f"a run of {total:g} s; between 0 and {MAX_SECONDS:g} s are allowed")
    if not 0 < plan.max_requests <= MAX_REQUESTS:
        raise BenchError(f"{plan.max_requests} requests; between 1 and {MAX_REQUESTS} are allowed")
    sockets = plan.streams if plan.shape == "streams" else plan.connections
    if not 0 < sockets <= MAX_CONNECTIONS:
        raise BenchError(f"{sockets} connections; between 1 and {MAX_CONNECTIONS} are allowed")
    if plan.shape == "open" and not 0 < plan.rate <= MAX_REQUESTS / MAX_SECONDS:
        raise BenchError(
            f"a rate of {plan.rate:g} requests a second; above 0 and at most {MAX_REQUESTS / MAX_SECONDS:g}"
        )
    return plan
