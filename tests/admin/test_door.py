"""Who comes in, by which proof, and who does not."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest
from sqlalchemy import text, update

from headway.admin.door import Door, Refusal
from headway.admin.entrance import Entrance
from headway.admin.records import Records
from headway.server.access import Access
from headway.storage.admin_tables import accounts, api_tokens, sessions
from headway.types import Administration, Storage

FIRST = {"name": "anna", "password": "correct horse battery"}


async def told(client: Any) -> Any:
    return (await client.get("/me")).json()


async def status_of(client: Any, path: str = "/status", **fields: str) -> int:
    return (await client.get(path, headers=fields)).status_code


async def test_without_an_account_it_is_open_to_whom_the_guard_lets_in(world: Any):
    me = await told(world.browser())
    assert (me["name"], me["proof"]) == ("anybody", "open")
    assert "accounts" in me["permissions"]
    assert (await world.browser().get("/status")).json()["access"] == "open"


async def test_the_first_account_ends_open_access_at_once_for_all_who_look(world: Any):
    assert await status_of(world.browser()) == 200
    await world.account("anna", "admin")  # made elsewhere, such as by another worker
    answer = await world.browser().get("/status")
    assert answer.status_code == 401
    assert "/api/login" in answer.json()["error"]["message"]
    assert (await (await world.logged_in("anna")).get("/status")).json()["access"] == "accounts"


async def test_the_gateways_own_token_opens_with_accounts_and_without(world: Any):
    world.guard.token = "own"
    assert await status_of(world.browser()) == 401
    own = world.browser(authorization="Bearer own")
    assert (await told(own))["name"] == "token"
    assert (await own.get("/status")).json()["access"] == "token"
    await world.account("anna", "admin")
    assert (await told(own))["proof"] == "token"
    assert (await told(await world.logged_in("anna")))["name"] == "anna"


async def test_a_database_that_does_not_answer_closes_all_but_the_own_token(world: Any, tmp_path: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    tool = await world.tool(anna, "read")
    world.gateway.keep_in(f"sqlite:///{tmp_path}/canary-folder/log.db")
    for client in (world.browser(), anna, tool):
        answer = await client.get("/status")
        assert answer.status_code == 503
        assert "canary" not in answer.text
    world.guard.token = "own"
    own = await world.browser(authorization="Bearer own").get("/status")
    assert own.status_code == 200
    assert own.json()["access"] is None
    assert await status_of(world.browser(authorization="Bearer other")) == 401


async def test_a_database_that_cannot_be_used_closes_it_too(world: Any):
    world.gateway.keep_in("postgresql://headway@/x?nonsense=1")
    assert await status_of(world.browser()) == 503


async def test_a_database_of_a_newer_version_closes_it_too(world: Any):
    await world.account("anna", "admin")
    async with world.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert await status_of(world.browser()) == 503
    for answer in (await world.browser().get("/login"), await world.browser().post("/setup", json=FIRST)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")


async def test_without_a_database_open_access_stays(world: Any):
    world.gateway.keep_in(None)
    browser = world.browser()
    assert (await told(browser))["proof"] == "open"
    assert (await browser.get("/login")).json() == {"password": False, "oidc": False, "setup": "closed"}
    assert (await browser.post("/setup", json=FIRST)).status_code == 409


async def test_a_session_is_its_accounts_as_it_is_now(world: Any):
    await world.account("anna", "admin")
    await world.account("olga", "operator")
    olga = await world.logged_in("olga")
    assert "configure" in (await told(olga))["permissions"]
    async with world.engine.begin() as connection:
        await connection.execute(update(accounts).where(accounts.c.name == "olga").values(role="viewer"))
    assert (await told(olga))["permissions"] == ["read"]
    async with world.engine.begin() as connection:
        await connection.execute(update(accounts).where(accounts.c.name == "olga").values(enabled=False))
    assert await status_of(olga) == 401


async def test_a_session_ends_when_its_time_is_over(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    async with world.engine.begin() as connection:
        await connection.execute(update(sessions).values(expires=int((time.time() - 1) * 1e6)))
    assert await status_of(anna) == 401


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "é" * 43, "x" * 10_000])
async def test_a_cookie_that_nobody_gave_out_is_nobody(world: Any, value: str):
    await world.account("anna", "admin")
    field = f"headway_session={value}".encode()
    assert (await world.browser().get("/status", headers={b"cookie": field})).status_code == 401


async def test_two_sessions_at_once_are_none(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    cookie = f"headway_session={anna.cookies['headway_session']}"
    assert await status_of(world.browser(cookie=cookie)) == 200
    assert await status_of(world.browser(cookie=f"other=1; {cookie}")) == 200
    assert await status_of(world.browser(cookie=f"{cookie}; {cookie}")) == 401


async def test_what_is_stored_of_sessions_and_tokens_opens_nothing(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    await world.tool(anna, "read")
    async with world.engine.connect() as connection:
        (session,) = (await connection.execute(sessions.select())).mappings().all()
        (token,) = (await connection.execute(api_tokens.select())).mappings().all()
    assert session["hash"] == hashlib.sha256(anna.cookies["headway_session"].encode()).hexdigest()
    assert await status_of(world.browser(cookie=f"headway_session={session['hash']}")) == 401
    assert await status_of(world.browser(authorization=f"Bearer hw_{token['hash']}")) == 401
    assert await status_of(world.browser(authorization=f"Bearer {token['hash']}")) == 401


async def test_changes_by_session_need_the_token_against_forged_requests(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    right = anna.headers.pop("x-csrf-token")
    assert await status_of(anna) == 200
    for fields in (
        {},
        {"x-csrf-token": ""},
        {"x-csrf-token": right[:-1]},
        {"x-csrf-token": anna.cookies["headway_session"]},
    ):
        for method, path in (
            ("POST", "/logout"),
            ("POST", "/tokens"),
            ("DELETE", "/tokens/1"),
            ("PATCH", "/accounts/anna"),
        ):
            answer = await anna.request(method, path, headers=fields, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf"), (method, path)
    twice = [("x-csrf-token", right), ("x-csrf-token", right)]
    assert (await anna.post("/logout", headers=twice)).status_code == 403
    assert (await told(anna))["csrf"] == right
    assert (await anna.post("/logout", headers={"x-csrf-token": right})).status_code == 204


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost:3000", "localhost:8080", "http://["]
)
async def test_pages_of_others_do_nothing_with_a_session(world: Any, origin: str):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    assert (await anna.post("/logout", headers={"origin": origin})).status_code == 403
    assert await status_of(anna, origin=origin) == 403
    credentials = {"name": "anna", "password": "correct horse battery"}
    assert (await world.browser(origin=origin).post("/login", json=credentials)).status_code == 403
    assert (await world.browser(origin=origin).post("/setup", json={})).status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://localhost:8080", "HTTP://LOCALHOST:8080"])
async def test_our_own_page_may(world: Any, origin: str):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    assert (await anna.post("/logout", headers={"origin": origin})).status_code == 204


async def test_two_origins_are_not_ours(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    both = [("origin", "http://localhost:8080"), ("origin", "http://localhost:8080")]
    assert (await anna.post("/logout", headers=both)).status_code == 403


@pytest.mark.parametrize(("origin", "status"), [("https://llm.example.com", 204), ("http://llm.example.com", 403)])
async def test_our_own_page_under_its_public_address_may(world: Any, origin: str, status: int):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    world.gateway.administer(public_url="https://llm.example.com/gateway")
    assert (await anna.post("/logout", headers={"origin": origin})).status_code == status


async def test_the_address_is_the_connections(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    await anna.post("/tokens", json={"name": "t", "scopes": ["read"]}, headers={"x-forwarded-for": "10.9.9.9"})
    entries = (await anna.get("/audit", params={"action": "token.make"})).json()["entries"]
    assert [each["address"] for each in entries] == ["192.0.2.7"]


async def test_a_body_from_outside_is_bounded(world: Any):
    big = b'{"name": "' + b"x" * 20_000 + b'"}'
    for path in ("/login", "/setup"):
        answer = await world.browser().post(path, content=big, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_an_answer_about_a_bad_body_does_not_repeat_it(world: Any):
    for body in ({"name": "anna", "password": ["s3cret-s3cret"]}, {"name": "anna", "passwort": "s3cret-s3cret"}):
        answer = await world.browser().post("/login", json=body)
        assert answer.status_code == 422
        assert "s3cret" not in answer.text


@pytest.mark.parametrize("path", ["/login", "/setup"])
async def test_half_a_character_is_no_text(world: Any, path: str):
    world.guard.refuse(403)
    for body in (b'{"name": "anna", "password": "\\ud800 horse battery", "token": "\\ud800"}', b"[", b'"x"', b"\xff"):
        answer = await world.browser().post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), answer.text


OUR_PAGE = "http://localhost:8080"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"host": "localhost:8080"}, 200),
        ({"host": "localhost:8080", "origin": OUR_PAGE}, 200),
        ({"host": "localhost:8080", "origin": "http://localhost:3000"}, 403),
        ({"host": "localhost:8080", "origin": "https://evil.example"}, 403),
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080"}, 403),
        ({"host": "evil.example:8080"}, 403),
        ({"origin": OUR_PAGE}, 403),
    ],
)
async def test_on_this_machine_our_own_page_comes_in_and_no_other(world: Any, fields: dict[str, str], status: int):
    """A name of somebody else's that leads here is no name of ours, whatever its pages say."""
    records = Records(lambda: Storage(url=None))
    door = Door(Entrance(Access("127.0.0.1", None), records, Administration, passwords=world.passwords))
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    met = await door.meet({"type": "http", "method": "POST", "path": "/accounts", "headers": raw})
    assert (met.status if isinstance(met, Refusal) else 200) == status
