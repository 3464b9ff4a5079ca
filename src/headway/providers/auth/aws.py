"""AWS credentials as botocore finds them: variables, profiles, single sign-on, web identity, containers, instances.

botocore decides where to look and renews what ends; this module asks it in a thread and hands out what it last said.
Needs the extra `bedrock`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError
from botocore.session import Session

from headway.providers.auth.signer import PAUSE, AuthError, plainly, visible
from headway.providers.auth.sigv4 import Keys


class _Frozen(Protocol):
    access_key: str
    secret_key: str
    token: str | None


class _Credentials(Protocol):
    def get_frozen_credentials(self) -> _Frozen: ...


class _Renewing(_Credentials, Protocol):
    def refresh_needed(self, refresh_in: int | None = None) -> bool: ...


class _Session(Protocol):
    """What is used of a botocore session, which has no types of its own."""

    def get_credentials(self) -> _Credentials | None: ...

    def get_config_variable(self, name: str) -> str | None: ...


class Chain:
    """The chain of botocore's credential providers. `region` is the one of its profile unless another is given."""

    def __init__(
        self,
        region: str | None,
        session: Callable[[], _Session] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._given_region = region
        self._make_session = session or cast("Callable[[], _Session]", Session)
        self._clock = clock
        self._credentials: _Credentials | None = None
        self._keys: Keys | None = None
        self._region = region
        self._not_before = 0.0

    def region(self) -> str:
        """Known once there are keys."""
        if self._region is None:
            raise AuthError(NO_REGION)
        return self._region

    def at(self, now: float) -> Keys | None:
        return None if self._keys is None or _ends_within(self._credentials, 0) else self._keys

    def due(self, now: float) -> bool:
        if self._keys is None:
            return True
        return now >= self._not_before and _ends_within(self._credentials, None)

    def refresh(self) -> None:
        try:
            self._look()
        except CredentialRetrievalError as error:  # it may quote what a program of the user's printed
            raise AuthError(f"AWS credentials cannot be had: {type(error).__name__}") from None
        except (BotoCoreError, ClientError, OSError, RuntimeError, ValueError, KeyError) as error:
            raise AuthError(f"AWS credentials cannot be had: {plainly(error)}") from None

    def _look(self) -> None:
        credentials = self._credentials
        if credentials is None:
            session = self._make_session()
            credentials = session.get_credentials()
            if credentials is None:
                raise AuthError(NO_CREDENTIALS)
            self._region = self._region or session.get_config_variable("region")
            if not self._region:
                raise AuthError(NO_REGION)
        frozen = credentials.get_frozen_credentials()
        self._credentials = credentials
        token = visible(frozen.token) if frozen.token else None
        self._keys = Keys(visible(frozen.access_key), frozen.secret_key, token)
        self._not_before = self._clock() + PAUSE


NO_REGION = "no AWS region is known: set AWS_REGION, or a base_url whose host names one"
NO_CREDENTIALS = (
    "no AWS credentials were found: give a key (ACCESS_KEY:SECRET_KEY), set AWS_BEARER_TOKEN_BEDROCK, AWS_PROFILE or "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached"
)


def _ends_within(credentials: _Credentials | None, seconds: int | None) -> bool:
    """Whether they end so soon; None: soon enough for botocore to renew them. Those that never end have no say."""
    if not hasattr(credentials, "refresh_needed"):
        return False
    return cast("_Renewing", credentials).refresh_needed(seconds)
