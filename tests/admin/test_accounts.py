"""Accounts and the log of changes, for those who may see them."""

from __future__ import annotations

from typing import Any

import pytest

NEW = {"name": "Olga", "password": "another horse battery", "role": "operator"}


@pytest.fixture
async def anna(world: Any) -> Any:
    await world.account("anna", "admin")
    return await world.logged_in("anna")


async def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_account_is_made_changed_and_removed(world: Any, anna: Any):
    made = await anna.post("/accounts", json=NEW)
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["role"], made.json()["enabled"]) == ("olga", "operator", True)
    olga = await world.logged_in("olga", password=NEW["password"])
    changed = await anna.patch("/accounts/Olga", json={"role": "viewer"})
    assert changed.json()["role"] == "viewer"
    assert (await olga.get("/me")).status_code == 401  # what changes, ends its sessions
    assert [each["name"] for each in (await anna.get("/accounts")).json()["accounts"]] == ["anna", "olga"]
    assert (await anna.delete("/accounts/olga")).status_code == 204
    assert await code(await anna.get("/accounts/olga")) == (404, "missing")
    assert await code(await anna.delete("/accounts/olga")) == (404, "missing")
    assert await code(await anna.patch("/accounts/olga", json={"role": "admin"})) == (404, "missing")


async def test_no_answer_holds_a_password_or_its_hash(world: Any, anna: Any):
    answers = [
        await anna.post("/accounts", json=NEW),
        await anna.patch("/accounts/olga", json={"password": "yet another battery"}),
        await anna.get("/accounts"),
        await anna.get("/accounts/olga"),
        await anna.get("/audit"),
    ]
    for answer in answers:
        assert answer.status_code < 300
        assert not any(word in answer.text for word in ("argon2", NEW["password"], "yet another"))


@pytest.mark.parametrize(
    "name", ["token", "anybody", "Token", "", "a b", "a/b", "oidc:eve", "../x", "-x", "x" * 121, "é"]
)
async def test_a_name_that_means_something_else_is_refused(anna: Any, name: str):
    assert (await anna.post("/accounts", json={**NEW, "name": name})).status_code == 422


async def test_a_name_is_taken_once(anna: Any):
    assert (await anna.post("/accounts", json=NEW)).status_code == 201
    assert await code(await anna.post("/accounts", json={**NEW, "name": "OLGA"})) == (409, "exists")


async def test_the_last_administrator_stays_one(world: Any, anna: Any):
    await anna.post("/accounts", json=NEW)
    for body in ({"role": "viewer"}, {"enabled": False}):
        assert await code(await anna.patch("/accounts/anna", json=body)) == (409, "last_admin")
    assert await code(await anna.delete("/accounts/anna")) == (409, "last_admin")
    assert (await anna.get("/me")).status_code == 200
    await anna.patch("/accounts/olga", json={"role": "admin", "password": "yet another battery"})
    await anna.patch("/accounts/olga", json={"enabled": False})
    assert await code(await anna.delete("/accounts/anna")) == (409, "last_admin")  # one that is disabled is none
    await anna.patch("/accounts/olga", json={"enabled": True})
    assert (await anna.delete("/accounts/anna")).status_code == 204
    assert (await anna.get("/me")).status_code == 401


async def test_the_first_account_made_while_it_is_open_is_an_administrator(world: Any):
    assert await code(await world.browser().post("/accounts", json=NEW)) == (409, "not_first")
    assert (await world.browser().post("/accounts", json={**NEW, "role": "admin"})).status_code == 201
    assert (await world.browser().get("/accounts")).status_code == 401


async def test_what_an_account_left_behind_is_not_for_another_of_its_name(world: Any, anna: Any):
    await anna.post("/accounts", json=NEW)
    olga = await world.logged_in("olga", password=NEW["password"])
    tool = await world.tool(olga, "read")
    await anna.delete("/accounts/olga")
    await anna.post("/accounts", json=NEW)
    assert (await olga.get("/me")).status_code == 401
    assert (await tool.get("/me")).status_code == 401


async def test_unknown_fields_are_not_ignored(anna: Any):
    assert (await anna.post("/accounts", json={**NEW, "admin": True})).status_code == 422
    assert (await anna.patch("/accounts/anna", json={"enable": False})).status_code == 422


async def test_the_log_tells_who_changed_what_with_pages(world: Any, anna: Any):
    await anna.post("/accounts", json=NEW)
    await anna.patch("/accounts/olga", json={"enabled": False})
    await anna.delete("/accounts/olga")
    first = (await anna.get("/audit", params={"who": "anna", "limit": 2})).json()
    assert [each["action"] for each in first["entries"]] == ["account.remove", "account.change"]
    assert first["entries"][1]["before"] == {"role": "operator", "enabled": True}
    assert first["entries"][1]["after"] == {"role": "operator", "enabled": False}
    rest = (await anna.get("/audit", params={"who": "anna", "cursor": first["next"]})).json()
    assert [each["action"] for each in rest["entries"]] == ["account.add", "session.begin"]
    assert rest["next"] is None
    only = (await anna.get("/audit", params={"action": "account.remove"})).json()["entries"]
    assert [(each["who"], each["proof"], each["subject"]) for each in only] == [("anna", "session", "olga")]
