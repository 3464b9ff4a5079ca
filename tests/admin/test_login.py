"""Logging in and out, the first administrator, and how failures slow down who fails."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from headway.admin.attempts import FREE_FOR_NAME
from headway.storage.admin_tables import accounts, sessions

RIGHT = {"name": "anna", "password": "correct horse battery"}
WRONG = {"name": "anna", "password": "wrong horse battery"}


async def audited(client: Any, action: str) -> list[Any]:
    return (await client.get("/audit", params={"action": action})).json()["entries"]


async def test_a_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get(world: Any):
    await world.account("anna", "operator")
    answer = await world.browser().post("/login", json=RIGHT)
    assert answer.status_code == 200
    field = answer.headers["set-cookie"]
    assert re.fullmatch(r"headway_session=[\w-]{43}; Path=/api; Max-Age=43200; HttpOnly; SameSite=Strict", field), field
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["name"], told["role"], told["proof"]) == ("anna", "operator", "session")
    assert told["permissions"] == ["configure", "content", "playground", "read"]
    assert len(told["csrf"]) == 64
    assert field.split(";")[0].split("=")[1] not in answer.text


async def test_where_people_come_by_https_the_cookie_stays_there(world: Any):
    world.gateway.administer(public_url="https://llm.example.com")
    await world.account("anna", "operator")
    answer = await world.browser().post("/login", json=RIGHT)
    assert answer.headers["set-cookie"].endswith("; SameSite=Strict; Secure")


async def test_the_name_is_the_same_in_upper_case(world: Any):
    await world.account("anna", "operator")
    assert (await world.browser().post("/login", json={**RIGHT, "name": "Anna"})).json()["name"] == "anna"


async def test_a_wrong_name_and_a_wrong_password_look_the_same(world: Any):
    await world.account("anna", "admin")
    wrong = await world.browser().post("/login", json=WRONG)
    unknown = await world.browser().post("/login", json={**WRONG, "name": "nobody"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert "set-cookie" not in wrong.headers


async def test_an_unknown_name_costs_a_hash_as_a_known_one_does(world: Any, monkeypatch: pytest.MonkeyPatch):
    verified: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, digest: Any, password: Any) -> Any:
        verified.append(digest)
        return verify(self, digest, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    await world.account("anna", "admin")
    for name in ("anna", "nobody"):
        await world.browser().post("/login", json={**WRONG, "name": name})
    known, unknown = verified
    assert known.split("$")[1:4] == unknown.split("$")[1:4]
    assert [len(part) for part in known.split("$")] == [len(part) for part in unknown.split("$")]


async def test_a_disabled_account_does_not_come_in(world: Any):
    await world.account("anna", "admin")
    await world.account("eve", "viewer")
    anna = await world.logged_in("anna")
    eve = await world.logged_in("eve")
    assert (await anna.patch("/accounts/eve", json={"enabled": False})).status_code == 200
    assert (await eve.get("/me")).status_code == 401
    assert (await world.browser().post("/login", json={**RIGHT, "name": "eve"})).status_code == 401


async def test_logging_out_ends_the_session_and_takes_the_cookie(world: Any):
    await world.account("anna", "admin")
    anna = await world.logged_in("anna")
    cookie = f"headway_session={anna.cookies['headway_session']}"
    answer = await anna.post("/logout")
    assert answer.status_code == 204
    assert "headway_session=; Path=/api; Max-Age=0;" in answer.headers["set-cookie"]
    assert (await world.browser(cookie=cookie).get("/me")).status_code == 401
    assert len(await audited(await world.logged_in("anna"), "session.end")) == 1


async def test_failures_make_it_slow_and_say_how_long(world: Any):
    await world.account("anna", "admin")
    browser = world.browser()
    statuses = [(await browser.post("/login", json=WRONG)).status_code for _ in range(FREE_FOR_NAME)]
    assert statuses == [401] * FREE_FOR_NAME
    late = await browser.post("/login", json=RIGHT)
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert "set-cookie" not in late.headers


async def test_many_at_once_are_no_more_than_one_after_the_other(world: Any):
    await world.account("anna", "admin")
    answers = await asyncio.gather(*(world.browser().post("/login", json=WRONG) for _ in range(30)))
    statuses = sorted(each.status_code for each in answers)
    assert statuses == [401] * FREE_FOR_NAME + [429] * (30 - FREE_FOR_NAME)


async def test_failures_are_written_down_but_fill_nothing(world: Any):
    await world.account("anna", "admin")
    for name in ("anna", "anna", "hunter2-hunter2", "another"):
        await world.browser().post("/login", json={"name": name, "password": "wrong horse battery"})
    anna = await world.logged_in("anna")
    told = await audited(anna, "session.refuse")
    assert sorted((each["who"], each["subject"]) for each in told) == [("anybody", "(nobody)"), ("anybody", "anna")]
    assert "hunter2" not in (await anna.get("/audit")).text


async def test_a_hash_of_other_times_is_made_anew_at_login(world: Any):
    await world.account("anna", "admin")
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(RIGHT["password"])
    async with world.engine.begin() as connection:
        await connection.execute(accounts.update().values(password=old))
    await world.logged_in("anna")
    async with world.engine.connect() as connection:
        kept = (await connection.execute(select(accounts.c.password))).scalar_one()
    assert "m=8,t=1,p=1" in kept
    await world.logged_in("anna")


async def test_expired_sessions_go_with_the_next_login(world: Any):
    world.gateway.administer(session=-1.0)
    await world.account("anna", "admin")
    await world.logged_in("anna")
    world.gateway.administer(session=60.0)
    await world.logged_in("anna")
    async with world.engine.connect() as connection:
        assert len((await connection.execute(sessions.select())).all()) == 1


# --- the first administrator ---

FIRST = {"name": "Anna", "password": "correct horse battery"}


async def test_whoever_may_come_in_makes_the_first_administrator_without_a_token(world: Any):
    browser = world.browser()
    answer = await browser.post("/setup", json=FIRST)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["name"], answer.json()["role"]) == ("anna", "admin")
    assert (await browser.get("/me")).json()["proof"] == "session"
    assert (await world.browser().get("/me")).status_code == 401
    entries = await audited(browser, "account.add")
    assert [(each["who"], each["subject"], each["after"]) for each in entries] == [
        ("anybody", "anna", {"role": "admin", "enabled": True})
    ]
    assert "argon2" not in (await browser.get("/audit")).text


async def test_from_elsewhere_it_needs_the_token_of_the_first_run(world: Any):
    world.guard.refuse(403)
    browser = world.browser()
    assert (await browser.get("/login")).json() == {"password": False, "oidc": False, "setup": "token"}
    for body in (FIRST, {**FIRST, "token": "wrong"}, {**FIRST, "token": ""}):
        answer = await browser.post("/setup", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (403, "token")
    answer = await browser.post("/setup", json={**FIRST, "token": "from-standard-error"})
    assert answer.status_code == 201
    assert (await browser.get("/login")).json() == {"password": True, "oidc": False, "setup": "closed"}


async def test_the_token_of_the_first_run_is_not_guessed(world: Any):
    world.guard.refuse(403)
    bodies = [{**FIRST, "token": f"guess{number}"} for number in range(8)]
    statuses = [(await world.browser().post("/setup", json=body)).status_code for body in bodies]
    assert statuses[-1] == 429


async def test_there_is_one_first_administrator_however_many_try_at_once(world: Any):
    bodies = [{**FIRST, "name": f"anna{number}"} for number in range(4)]
    answers = await asyncio.gather(*(world.browser().post("/setup", json=body) for body in bodies))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]


async def test_it_is_over_once_there_is_an_account_or_a_token(world: Any):
    await world.account("bert", "admin")
    assert (await world.browser().post("/setup", json={**FIRST, "token": "from-standard-error"})).status_code == 409
    world.guard.token = "own"
    assert (await world.browser().post("/setup", json={**FIRST, "token": "from-standard-error"})).status_code == 409


@pytest.mark.parametrize(
    ("password", "why"),
    [("short", "12 to 256"), ("anna" * 3, "account's name"), ("ababababababab", "5 different"), ("x" * 257, "256")],
)
async def test_a_password_that_is_none_is_refused_without_being_repeated(world: Any, password: str, why: str):
    answer = await world.browser().post("/setup", json={**FIRST, "password": password})
    assert answer.status_code == 422
    assert why in answer.json()["error"]["message"]
    assert password not in answer.text


# --- one's own password ---


async def test_ones_own_password_needs_the_current_one_and_ends_all_other_sessions(world: Any):
    await world.account("anna", "viewer")
    other, anna = await world.logged_in("anna"), await world.logged_in("anna")
    new = "another horse battery"
    wrong = await anna.post("/me/password", json={"current": new, "password": new})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (403, "current")
    answer = await anna.post("/me/password", json={"current": RIGHT["password"], "password": new})
    assert answer.status_code == 200
    assert (await anna.get("/me")).json()["csrf"] == answer.json()["csrf"]
    assert (await other.get("/me")).status_code == 401
    assert (await world.browser().post("/login", json=RIGHT)).status_code == 401
    await world.logged_in("anna", password=new)


async def test_only_a_session_changes_its_password(world: Any):
    await world.account("anna", "admin")
    tool = await world.tool(await world.logged_in("anna"), "read", "accounts")
    body = {"current": RIGHT["password"], "password": "another horse battery"}
    assert (await tool.post("/me/password", json=body)).status_code == 403
