"""Which proxy a request goes through, and the tunnel that one makes.

The environment decides as for every other program (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either
case) unless a provider names its own. Only `http://` proxies; CONNECT for https upstreams, absolute-form requests for
http ones.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

MAX_REPLY = 16 * 1024
"""Bytes of a proxy's answer to CONNECT."""

_EXPECTED = "a proxy must be given as http://[user:password@]host[:port]"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r\n)")


class Proxy:
    """Where it listens, and the `proxy-authorization` it wants, if any. Its repr shows no password. `trusted`: whoever
    runs the gateway named it, in the environment.
    """

    __slots__ = ("authorization", "host", "port", "trusted")

    def __init__(self, url: str, *, trusted: bool = False) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:  # its text may quote the URL, and so a password
            raise ValueError(_EXPECTED) from None
        if parts.scheme != "http" or not host:
            raise ValueError(_EXPECTED)
        self.host = host
        self.trusted = trusted
        self.port = port or 80
        self.authorization: bytes | None = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.authorization = b"Basic " + base64.b64encode(pair.encode())

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


class TunnelRefusedError(OSError):
    """The proxy did not open a tunnel."""


def choose(scheme: str, host: str, port: int, environ: Mapping[str, str], own: str | None) -> Proxy | None:
    """`own` is the provider's setting: a URL, empty for none, None to ask the environment. ValueError: a proxy that
    cannot be used.
    """
    if own is not None:
        return Proxy(own) if own else None
    for name in (f"{scheme}_proxy", "all_proxy"):
        url = _first(environ, name)
        if url:
            break
    else:
        return None
    if bypassed(host, port, _first(environ, "no_proxy")):
        return None
    try:
        return Proxy(url, trusted=True)
    except ValueError as error:
        raise ValueError(f"{name.upper()}: {error}") from None


def bypassed(host: str, port: int, no_proxy: str) -> bool:
    """Does `NO_PROXY` exempt this host: `*`, or a list of names with their subdomains, addresses and CIDR blocks, each
    with an optional port.
    """
    host = host.lower().strip("[]")
    for raw in no_proxy.lower().split(","):
        entry = raw.strip()
        if entry == "*":
            return True
        if not entry:
            continue
        name, entry_port = _split_port(entry)
        if entry_port in ("", str(port)) and _matches(host, name.lstrip("*").lstrip(".")):
            return True
    return False


async def open_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect this socket through to `host:port` (RFC 9110 §9.3.6)."""
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1".encode(), f"host: {authority}".encode()]
    if proxy.authorization is not None:
        lines.append(b"proxy-authorization: " + proxy.authorization)
    await loop.sock_sendall(sock, b"\r\n".join(lines) + b"\r\n\r\n")
    reply = bytearray()
    while b"\r\n\r\n" not in reply:
        if len(reply) > MAX_REPLY:
            raise TunnelRefusedError("the proxy sent too long a reply")
        data = await loop.sock_recv(sock, 4096)
        if not data:
            raise TunnelRefusedError("the proxy closed the connection")
        reply += data
    status = _STATUS.match(reply)
    if status is None:
        raise TunnelRefusedError("the proxy answered nonsense")
    if not status[1].startswith(b"2"):
        raise TunnelRefusedError(f"the proxy answered {status[1].decode()}")
    if reply.index(b"\r\n\r\n") != len(reply) - 4:
        raise TunnelRefusedError("the proxy sent data of its own into the tunnel")


def _first(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _split_port(entry: str) -> tuple[str, str]:
    """Host and port of an entry, the port empty if it has none: `a.example:81`, `[::1]:81`, `::1`."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = entry.partition(":")
    return (entry, "") if ":" in port else (name, port)


def _matches(host: str, name: str) -> bool:
    if not name:
        return False
    if host == name or host.endswith("." + name):
        return True
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        return False
