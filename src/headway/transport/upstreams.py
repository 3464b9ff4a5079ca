"""All origins of a gateway, by what makes two connections interchangeable: address, TLS settings, proxy, and
which addresses may be reached.

Pools outlive a reload as long as a provider still needs them.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from headway.config.reach import networks
from headway.failures import Failure
from headway.ports import Answer, Origin
from headway.transport.calls import ask
from headway.transport.pool import OriginPool
from headway.transport.proxies import choose
from headway.types import Provider, Secret, Tls

_VISIBLE = re.compile(r"[!-~]+")

_Key = tuple[str, Tls, Secret | None, tuple[str, ...] | None]

RETIRE_EVERY = 5.0
"""Seconds between looks for idle connections that are past their limits."""


class Upstreams:
    """Call it inside a running loop; `close` when done."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._pools: dict[_Key, OriginPool] = {}
        self._contexts: dict[Tls, ssl.SSLContext] = {}
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(RETIRE_EVERY, self._retire)

    def origin(self, provider: Provider) -> OriginPool:
        """Never fails: what is wrong with a proxy or a file of certificates becomes the failure of every dial."""
        key = _key(provider)
        pool = self._pools.get(key)
        if pool is None:
            try:
                pool = self._pools[key] = self._make(provider)
            except (OSError, ValueError) as error:
                pool = _unusable(provider, error)  # not kept: at the next reload it may work
        return pool

    async def ask(self, origin: Origin, head: bytes, body: bytes, *, patience: float, most: int) -> Answer | Failure:
        """One request of the gateway's own: see `ports.Calls`."""
        return await ask(origin, head, body, patience=patience, most=most)

    def keep(self, providers: Iterable[Provider]) -> None:
        """Close the pools that none of these providers uses; their requests in flight finish first."""
        wanted = set(map(_key, providers))
        for key in [key for key in self._pools if key not in wanted]:
            self._pools.pop(key).close()

    def connections(self) -> int:
        return sum(pool.open for pool in self._pools.values())

    def close(self) -> None:
        self._timer.cancel()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _make(self, provider: Provider) -> OriginPool:
        parts = urlsplit(provider.base_url)
        secure, host = parts.scheme == "https", parts.hostname
        if _VISIBLE.fullmatch(provider.base_url) is None or parts.scheme not in ("http", "https") or not host:
            raise ValueError("its base URL is none")  # nor may it bring line breaks into a request
        port = parts.port or (443 if secure else 80)
        own = None if provider.proxy is None else provider.proxy.reveal()
        return OriginPool(
            scheme=parts.scheme,
            host=host,
            port=port,
            path=parts.path.rstrip("/"),
            proxy=choose(parts.scheme, host, port, self._environ, own),
            context=self._context(provider.tls) if secure else None,
            reach=None if provider.reach is None else networks(provider.reach),
        )

    def _context(self, tls: Tls) -> ssl.SSLContext:
        context = self._contexts.get(tls)
        if context is None:
            context = self._contexts[tls] = trust(tls)
        return context

    def _retire(self) -> None:
        for pool in self._pools.values():
            pool.retire()
        self._timer = self._loop.call_later(RETIRE_EVERY, self._retire)


def _key(provider: Provider) -> _Key:
    return provider.base_url, provider.tls, provider.proxy, provider.reach


def _unusable(provider: Provider, error: OSError | ValueError) -> OriginPool:
    # The text of an OSError may quote a path; a client may see this.
    problem = "its TLS files cannot be used" if isinstance(error, OSError) else str(error)
    pool = OriginPool(
        scheme="http", host="unusable.invalid", port=80, path="", proxy=None, context=None, problem=problem
    )
    pool.label = f"provider {provider.name}"
    return pool


def trust(tls: Tls) -> ssl.SSLContext:
    """Verify against the given authorities, else the system's, else those that certifi ships."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.ca_file is None and not context.get_ca_certs() and not _has_hashed_directory():
        context.load_verify_locations(cafile=certifi.where())
    if tls.client_cert is not None:
        context.load_cert_chain(tls.client_cert, tls.client_key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _has_hashed_directory() -> bool:
    """Systems may keep their authorities as files that OpenSSL looks up on demand and does not list."""
    directory = ssl.get_default_verify_paths().capath
    return bool(directory) and any(Path(directory).iterdir())
