"""Accounts, sessions and tokens on both databases: what must not happen, not even when two try at once."""

from __future__ import annotations

import asyncio

import pytest

from headway.storage.accounts import Account, AccountChange, AccountError, Accounts
from headway.storage.api_tokens import ApiToken, ApiTokens
from headway.storage.audit import AuditLog
from headway.storage.database import Database
from headway.storage.sessions import Sessions
from headway.types import PERMISSIONS, Caller, Role, Secret

NOW = 1_750_000_000.0
HASH = Secret("$argon2id$made-up")
ROOT = Caller(name="root", proof="token", permissions=PERMISSIONS["admin"])


def caller(name: str, role: Role = "admin") -> Caller:
    return Caller(name=name, proof="session", permissions=PERMISSIONS[role])


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database.engine)


async def test_an_account_is_told_as_it_was_made(accounts: Accounts):
    assert not await accounts.exist()
    made = await accounts.add(ROOT, "anna", "operator", HASH, now=NOW)
    assert made == Account(name="anna", role="operator", digest=HASH, enabled=True, created=NOW, changed=NOW)
    assert await accounts.one("anna") == made
    assert await accounts.all() == [made]
    assert await accounts.exist()
    assert await accounts.one("olga") is None


async def test_the_first_is_one_however_many_try(accounts: Accounts):
    tries = (accounts.add(ROOT, f"anna{number}", "admin", HASH, now=NOW, first=True) for number in range(4))
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Account", *["AccountError"] * 3]
    assert len(await accounts.all()) == 1


async def test_of_two_administrators_who_remove_each_other_one_stays(accounts: Accounts):
    for name in ("anna", "bert"):
        await accounts.add(ROOT, name, "admin", HASH, now=NOW)
    done = await asyncio.gather(
        accounts.remove(caller("anna"), "bert"),
        accounts.change(caller("bert"), "anna", AccountChange(role="viewer"), now=NOW),
        return_exceptions=True,
    )
    (failed,) = [each for each in done if isinstance(each, AccountError)]
    assert failed.kind == "last_admin"
    assert [each.role for each in await accounts.all()].count("admin") == 1


async def test_one_without_a_password_is_not_the_administrator_who_stays(accounts: Accounts):
    await accounts.add(ROOT, "anna", "admin", HASH, now=NOW)
    await accounts.signed_on(ROOT, "oidc:bert", "admin", now=NOW)
    with pytest.raises(AccountError, match="last administrator"):
        await accounts.remove(ROOT, "anna")
    await accounts.remove(ROOT, "oidc:bert")


async def test_a_change_ends_sessions_and_is_written_down_without_the_hash(accounts: Accounts, database: Database):
    sessions = Sessions(database.engine)
    await accounts.add(ROOT, "anna", "operator", HASH, now=NOW)
    await sessions.begin(caller("anna"), "a" * 64, now=NOW, expires=NOW + 60)
    assert (found := await sessions.find("a" * 64, now=NOW)) is not None
    assert (found.name, found.role, found.expires) == ("anna", "operator", NOW + 60)
    assert await sessions.find("a" * 64, now=NOW + 61) is None
    await accounts.change(ROOT, "anna", AccountChange(digest=Secret("$argon2id$other")), now=NOW + 1)
    assert await sessions.find("a" * 64, now=NOW) is None
    newest, *_ = await AuditLog(database.engine).page(most=5)
    assert newest.before == {"role": "operator", "enabled": True}
    assert newest.after == {"role": "operator", "enabled": True, "password": "changed"}


async def test_a_session_of_somebody_disabled_or_gone_is_none(accounts: Accounts, database: Database):
    sessions = Sessions(database.engine)
    await sessions.begin(caller("ghost"), "b" * 64, now=NOW, expires=NOW + 60)
    assert await sessions.find("b" * 64, now=NOW) is None
    await accounts.add(ROOT, "anna", "viewer", HASH, now=NOW)
    await accounts.change(ROOT, "anna", AccountChange(enabled=False), now=NOW)
    await sessions.begin(caller("anna"), "c" * 64, now=NOW, expires=NOW + 60)
    assert await sessions.find("c" * 64, now=NOW) is None


async def test_what_single_sign_on_tells_is_kept_and_a_ban_stays(accounts: Accounts, database: Database):
    await accounts.signed_on(ROOT, "oidc:anna", "viewer", now=NOW)
    await accounts.change(ROOT, "oidc:anna", AccountChange(enabled=False), now=NOW)
    told = await accounts.signed_on(ROOT, "oidc:anna", "operator", now=NOW)
    assert (told.role, told.enabled) == ("operator", False)
    actions = [each.action for each in await AuditLog(database.engine).page(most=5)]
    assert actions == ["account.change", "account.change", "account.add"]


async def test_a_password_hashed_anew_does_not_undo_a_change(accounts: Accounts):
    await accounts.add(ROOT, "anna", "viewer", HASH, now=NOW)
    await accounts.change(ROOT, "anna", AccountChange(digest=Secret("new")), now=NOW)
    await accounts.rehash("anna", HASH, Secret("the old one anew"))
    assert (found := await accounts.one("anna")) is not None
    assert found.digest == Secret("new")


async def test_tokens_are_found_by_their_hash_with_what_their_author_may_now(accounts: Accounts, database: Database):
    tokens = ApiTokens(database.engine)
    await accounts.add(ROOT, "anna", "operator", HASH, now=NOW)
    token = ApiToken(
        id="t1",
        name="ci",
        scopes=frozenset({"read", "configure"}),
        author="anna",
        created=NOW,
        expires=NOW + 60,
        used=None,
        revoked=False,
    )
    await tokens.make(caller("anna"), token, "d" * 64)
    assert (found := await tokens.find("d" * 64, now=NOW)) is not None
    assert (found.token, found.role) == (token, "operator")
    assert await tokens.find("e" * 64, now=NOW) is None
    assert await tokens.find("d" * 64, now=NOW + 60) is None
    (listed,) = await tokens.of("anna")
    assert listed.used == NOW
    assert await tokens.of("bert") == []
    assert not await tokens.revoke(caller("bert"), "t1", author="bert")
    assert await tokens.revoke(caller("anna"), "t1", author="anna")
    assert await tokens.find("d" * 64, now=NOW) is None
    actions = [each.action for each in await AuditLog(database.engine).page(most=2)]
    assert actions == ["token.revoke", "token.make"]
