"""Access tokens of Google Cloud: of a service account's file, or of Application Default Credentials.

google-auth decides where to look (GOOGLE_APPLICATION_CREDENTIALS, gcloud's login, the metadata server, federated
identities) and how a token is got; this module asks it in a thread. Needs the extra `vertex`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from typing import Protocol, cast

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from headway.providers.auth.signer import AuthError, Fetched, TokenSigner, line, plainly

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Credentials(Protocol):
    """What is used of google-auth's credentials, which have no types of their own."""

    @property
    def expiry(self) -> datetime | None:
        """In UTC, without saying so."""
        ...

    def refresh(self, request: object) -> None: ...

    def apply(self, headers: dict[str, str]) -> None: ...


class _Library(Protocol):
    def default(self, *, scopes: list[str]) -> tuple[Credentials, str | None]: ...

    def load_credentials_from_file(self, filename: str, *, scopes: list[str]) -> tuple[Credentials, str | None]: ...


_LIBRARY = cast("_Library", google.auth)


def from_file(path: str) -> TokenSigner:
    """Whatever kind of credentials the file holds: a service account's key, a user's login, a federated identity."""
    return TokenSigner(Tokens(lambda: _loaded(path)).fetch)


def from_surroundings() -> TokenSigner:
    return TokenSigner(Tokens(_default).fetch)


class Tokens:
    """Credentials are looked for once they are needed, and until they are found."""

    def __init__(self, load: Callable[[], Credentials], clock: Callable[[], float] = time.time) -> None:
        self._load = load
        self._clock = clock
        self._credentials: Credentials | None = None

    def fetch(self) -> Fetched[bytes]:
        try:
            return self._fetch()
        except (GoogleAuthError, OSError, ValueError, AttributeError, LookupError, TypeError) as error:
            # The last three: the library takes it for granted that a file of credentials has the right shape.
            raise AuthError(f"Google Cloud gave no token: {plainly(error)}") from None

    def _fetch(self) -> Fetched[bytes]:
        credentials = self._credentials
        if credentials is None:
            credentials = self._credentials = self._load()
        credentials.refresh(Request())
        headers: dict[str, str] = {}
        credentials.apply(headers)  # with the project to bill, where the credentials name one
        lines = b"".join(line(name.lower().encode(), value) for name, value in headers.items())
        expiry = credentials.expiry
        return Fetched(lines, inf if expiry is None else expiry.replace(tzinfo=UTC).timestamp())


def _loaded(path: str) -> Credentials:
    with warnings.catch_warnings():
        # The library warns of files from strangers; this one is named in the operator's own configuration.
        warnings.simplefilter("ignore", DeprecationWarning)
        return _LIBRARY.load_credentials_from_file(path, scopes=[SCOPE])[0]


def _default() -> Credentials:
    return _LIBRARY.default(scopes=[SCOPE])[0]
