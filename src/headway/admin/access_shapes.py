"""What the pages about people are asked and answer. Times are Unix time; no answer holds a password or a hash."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from headway.admin.door import ANYBODY, TOKEN
from headway.admin.passwords import LONGEST
from headway.admin.shapes import Problem
from headway.types import Permission, Proof, Role

_HALF = re.compile("[\ud800-\udfff]")
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@-]*$"


def _account_name(name: str) -> str:
    """Upper and lower case are the same."""
    name = name.lower()
    if name in (ANYBODY, TOKEN):
        raise ValueError(f"{name!r} stands for something else")
    return name


AccountName = Annotated[str, Field(min_length=1, max_length=120, pattern=NAME_PATTERN), AfterValidator(_account_name)]
Password = Annotated[SecretStr, Field(max_length=LONGEST)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a description: with these there is a `Problem` instead of an answer."""
    return {status: {"model": Problem} for status in statuses}


class Asked(BaseModel):
    """What is sent with a change. Unknown fields are refused, so that none is ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, sent: object) -> object:
        """JSON may escape half of a character, which nothing can be done with."""
        if not isinstance(sent, dict):
            return sent
        fields = cast("dict[str, object]", sent)
        if any(isinstance(value, str) and _HALF.search(value) for value in fields.values()):
            raise ValueError("there are characters in it that are none")
        return fields


class Login(Asked):
    name: str = Field(min_length=1, max_length=120)
    password: Password


class Setup(Asked):
    name: AccountName
    password: Password
    token: SecretStr | None = Field(
        default=None, max_length=256, description="From the gateway's standard error; not needed on the same machine."
    )


class OwnPassword(Asked):
    current: Password
    password: Password


class NewAccount(Asked):
    name: AccountName
    password: Password
    role: Role


class ChangedAccount(Asked):
    role: Role | None = None
    enabled: bool | None = None
    password: Password | None = None


class NewToken(Asked):
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
    scopes: list[Permission] = Field(min_length=1, max_length=20, description="Permissions that you have yourself.")
    expires: float | None = Field(default=None, ge=0, le=1e11, description="Unix time; null: never.")


class Ways(BaseModel):
    """How one may come in."""

    password: bool = Field(description="There are accounts, and POST /api/login takes name and password.")
    oidc: bool = Field(description="GET /api/login/oidc leads to single sign-on.")
    setup: Literal["closed", "open", "token"] = Field(
        description="Whether POST /api/setup makes the first administrator: to whoever may come in, or with the token "
        "that the gateway has written to its standard error."
    )


class Me(BaseModel):
    """Who asks, and what they may do."""

    name: str
    proof: Proof
    role: Role | None = Field(description="Of the account; null without one.")
    permissions: list[Permission]
    csrf: str | None = Field(description="What changes by session have to send as x-csrf-token.")
    expires: float | None = Field(description="When the session ends.")


class AccountShown(BaseModel):
    name: str
    role: Role
    enabled: bool
    single_sign_on: bool = Field(description="It has no password, and its role is told by the identity provider.")
    created: float
    changed: float


class AccountList(BaseModel):
    accounts: list[AccountShown]


class TokenShown(BaseModel):
    id: str
    name: str
    author: str
    scopes: list[Permission]
    created: float
    expires: float | None
    used: float | None = Field(description="When it was last used, to the minute.")


class TokenList(BaseModel):
    tokens: list[TokenShown]


class TokenMade(TokenShown):
    token: str = Field(description="The token itself. It is not shown again.")


class AuditEntry(BaseModel):
    id: int
    at: float
    who: str
    proof: str
    address: str | None
    action: str
    subject: str
    before: Any
    after: Any


class AuditPage(BaseModel):
    """Changes, newest first."""

    entries: list[AuditEntry]
    next: str | None = Field(description="Pass it as `cursor` for those before these; null: there are none.")
