"""Under which address the administration is reached, and whether a web page that asks is its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope


def only(headers: Headers, name: str) -> str:
    """A field that may stand once; empty if it does not, or more than once."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""


def is_own_page(headers: Headers, public_url: str | None) -> bool:
    """Whether the request comes from a page of ours, or from none. Behind a proxy that ends TLS the request says http
    where the page says https: the host alone is compared.
    """
    if "origin" not in headers:
        return True
    try:
        origin = urlsplit(only(headers, "origin"))
        public = urlsplit(public_url or "")
    except ValueError:
        return False
    if origin.scheme not in ("http", "https") or not origin.netloc:
        return False
    if public_url is not None and (origin.scheme, origin.netloc.lower()) == (public.scheme, public.netloc.lower()):
        return True
    return origin.netloc.lower() == only(headers, "host").lower()


def is_https(scope: Scope, public_url: str | None) -> bool:
    return scope.get("scheme") == "https" or (public_url or "").startswith("https://")


def front_page(scope: Scope, headers: Headers, public_url: str | None) -> str:
    """The address of the gateway, without a slash at its end."""
    return public_url or f"{scope.get('scheme', 'http')}://{only(headers, 'host')}"
