"""AWS's Signature Version 4 of one request, with keys that somebody else provides.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. It signs the host, the time
and, if there is one, the session's token; of the request line all, of the body its hash. The path is encoded a second
time and its dot segments are resolved, as for all services but S3. Where keys come from is `aws`'s business.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from headway.providers.auth.signer import line

_ALGORITHM = "AWS4-HMAC-SHA256"
_USUAL_PORTS = {"http": 80, "https": 443}


class Keys(NamedTuple):
    """Who signs. It prints as its public part."""

    access: str
    secret: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Keys({self.access}, ***)"


class KeySource(Protocol):
    """`at` and `due` never block; `refresh` may, and raises `AuthError`."""

    def at(self, now: float) -> Keys | None: ...

    def due(self, now: float) -> bool: ...

    def refresh(self) -> None: ...


class FixedKeys:
    """Keys out of the configuration."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def at(self, now: float) -> Keys | None:
        return self._keys

    def due(self, now: float) -> bool:
        return False

    def refresh(self) -> None:
        pass


class _Derived(NamedTuple):
    """The key that signs for one day."""

    day: str
    keys: Keys
    key: bytes
    token_line: bytes


class SigV4Signer:
    """`region` is asked for once there are keys, since those who find the keys may know the region too."""

    def __init__(self, source: KeySource, region: Callable[[], str], base_url: str, service: str = "bedrock") -> None:
        self._source = source
        self._region = region
        self._service = service
        self._host = _canonical_host(base_url)
        self._derived: _Derived | None = None

    def fields(self, method: bytes, path: bytes, body: bytes, now: float) -> bytes | None:
        keys = self._source.at(now)
        if keys is None:
            return None
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        derived = self._derived
        if derived is None or derived.day != stamp[:8] or derived.keys is not keys:
            derived = self._derived = self._derive(stamp[:8], keys)
        scope = f"{derived.day}/{self._region()}/{self._service}/aws4_request"
        names = "host;x-amz-date" if keys.token is None else "host;x-amz-date;x-amz-security-token"
        token = "" if keys.token is None else f"x-amz-security-token:{' '.join(keys.token.split())}\n"
        target, _, query = _below_host(path.decode("latin-1")).partition("?")
        canonical = (
            f"{method.decode('latin-1')}\n{canonical_path(target)}\n{_canonical_query(query)}\n"
            f"host:{self._host}\nx-amz-date:{stamp}\n{token}\n{names}\n{sha256(body).hexdigest()}"
        )
        said = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(derived.key, said.encode(), sha256).hexdigest()
        return b"x-amz-date: %b\r\n%bauthorization: %b\r\n" % (
            stamp.encode(),
            derived.token_line,
            f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}".encode(),
        )

    def due(self, now: float) -> bool:
        return self._source.due(now)

    def refresh(self) -> None:
        self._source.refresh()

    def _derive(self, day: str, keys: Keys) -> _Derived:
        key = f"AWS4{keys.secret}".encode()
        for step in (day, self._region(), self._service, "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        return _Derived(day, keys, key, b"" if keys.token is None else line(b"x-amz-security-token", keys.token))


def _below_host(target: str) -> str:
    """Without scheme and host, which a request line has that goes to a proxy (RFC 9112 §3.2.2)."""
    return target if target.startswith("/") else "/" + target.partition("://")[2].partition("/")[2]


def canonical_path(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _canonical_host(base_url: str) -> str:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
