"""Which proxy a request goes through, and the tunnel that one makes.

The environment decides as for every other program (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case) unless a
provider names its own. Only `http://` proxies; CONNECT for https upstreams, absolute-form requests for http ones.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

MAX_REPLY = 16 * 1024


class Proxy:
    """Where it listens, and the `proxy-authorization` it wants, if any. Its repr shows no password."""

    __slots__ = ("authorization", "host", "port")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("a proxy must be given as http://[user:password@]host[:port]")
        self.host = parts.hostname
        self.port = parts.port or 80
        self.authorization: bytes | None = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.authorization = b"Basic " + base64.b64encode(pair.encode())

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


class TunnelRefused(OSError):
    """The proxy did not open a tunnel."""


def choose(scheme: str, host: str, port: int, environ: Mapping[str, str], own: str | None) -> Proxy | None:
    """`own` is the provider's setting: a URL, empty for none, None to ask the environment."""
    if own is not None:
        return Proxy(own) if own else None
    url = _first(environ, f"{scheme}_proxy") or _first(environ, "all_proxy")
    if not url or bypassed(host, port, _first(environ, "no_proxy")):
        return None
    return Proxy(url)


def bypassed(host: str, port: int, no_proxy: str) -> bool:
    """Does `NO_PROXY` exempt this host: `*`, names with their subdomains, addresses, CIDR blocks, each with an optional port."""
    host = host.lower().strip("[]")
    for raw in no_proxy.lower().split(","):
        entry = raw.strip()
        if entry == "*":
            return True
        if not entry:
            continue
        name, _, entry_port = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        if entry_port and entry_port != str(port):
            continue
        if _matches(host, name.strip("[]").lstrip("*").lstrip(".")):
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
            raise TunnelRefused("the proxy sent too long a reply")
        data = await loop.sock_recv(sock, 4096)
        if not data:
            raise TunnelRefused("the proxy closed the connection")
        reply += data
    status = bytes(reply[: reply.index(b"\r\n")]).split(b" ")
    if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or not status[1].startswith(b"2"):
        raise TunnelRefused(f"the proxy answered {status[1].decode('ascii', 'replace')[:3] if len(status) > 1 else 'nonsense'}")
    if not reply.endswith(b"\r\n\r\n") or reply.index(b"\r\n\r\n") != len(reply) - 4:
        raise TunnelRefused("the proxy sent data of its own into the tunnel")


def _first(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _matches(host: str, name: str) -> bool:
    if not name:
        return False
    if host == name or host.endswith("." + name):
        return True
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        return False
