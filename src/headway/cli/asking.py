"""A running gateway's administration, asked over HTTP with the token of the environment."""

from __future__ import annotations

import http.client
import os
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import click
import msgspec

from headway.server.access import VARIABLE, is_loopback, token_from

PATIENCE = 30.0
"""Seconds that the gateway may take to answer."""


class Administration(Protocol):
    """Something that answers as the pages below /api do."""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body. `path` is without /api."""
        ...


class NoRedirects(HTTPRedirectHandler):
    """Where a redirect leads is nobody to show the token to."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Remote:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError("--url must be an address such as http://127.0.0.1:8080")
        self._base = url.rstrip("/").removesuffix("/v1").removesuffix("/api")
        self._proxies = ProxyHandler({}) if is_loopback(parts.hostname) else ProxyHandler()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        data = None if body is None else msgspec.json.encode(body)
        request = Request(f"{self._base}/api{path}", data=data, method=method)
        if data is not None:
            request.add_header("content-type", "application/json")
        token = token_from(os.environ.get(VARIABLE))
        if token is not None:
            request.add_header("authorization", f"Bearer {token.reveal()}")
        try:
            with build_opener(self._proxies, NoRedirects()).open(request, timeout=PATIENCE) as reply:
                return reply.status, reply.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"{self._base} cannot be asked: {error}") from None
