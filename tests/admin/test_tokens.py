"""Tokens for tools: shown once, never more than their author may, and over when they are revoked."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import text

from headway.storage.admin_tables import api_tokens


@pytest.fixture
async def anna(world: Any) -> Any:
    await world.account("anna", "admin")
    return await world.logged_in("anna")


async def olga_of(world: Any, role: str = "operator") -> Any:
    await world.account("olga", role)
    return await world.logged_in("olga")


async def test_a_token_is_shown_once_and_tells_what_it_may(world: Any, anna: Any):
    made = (await anna.post("/tokens", json={"name": "ci", "scopes": ["read", "configure"]})).json()
    assert made["token"].startswith("hw_")
    assert len(made["token"]) == 46
    tool = world.browser(authorization=f"Bearer {made['token']}")
    me = (await tool.get("/me")).json()
    assert (me["name"], me["proof"], me["permissions"]) == ("anna/ci", "api_token", ["configure", "read"])
    assert (me["role"], me["csrf"]) == (None, None)
    listed = await anna.get("/tokens")
    assert [each["id"] for each in listed.json()["tokens"]] == [made["id"]]
    assert made["token"] not in listed.text
    assert made["token"] not in (await anna.get("/audit")).text
    assert (await tool.get("/accounts")).status_code == 403


async def test_nobody_makes_one_that_may_more_than_themselves(world: Any, anna: Any):
    olga = await olga_of(world)
    answer = await olga.post("/tokens", json={"name": "t", "scopes": ["read", "accounts"]})
    assert answer.status_code == 403
    assert "'accounts'" in answer.json()["error"]["message"]
    assert (await olga.get("/tokens")).json() == {"tokens": []}


async def test_a_token_makes_no_tokens(world: Any, anna: Any):
    tool = await world.tool(anna, "read", "accounts")
    assert (await tool.post("/tokens", json={"name": "t", "scopes": ["read"]})).status_code == 403


async def test_who_has_no_account_makes_none(world: Any):
    answer = await world.browser().post("/tokens", json={"name": "t", "scopes": ["read"]})
    assert answer.status_code == 403


async def test_a_token_never_may_more_than_its_author_by_now(world: Any, anna: Any):
    olga = await olga_of(world)
    tool = await world.tool(olga, "read", "configure")
    only = await world.tool(olga, "configure")
    assert (await tool.get("/me")).json()["permissions"] == ["configure", "read"]
    await anna.patch("/accounts/olga", json={"role": "viewer"})
    assert (await tool.get("/me")).json()["permissions"] == ["read"]
    assert (await only.get("/me")).status_code == 401
    await anna.patch("/accounts/olga", json={"enabled": False})
    assert (await tool.get("/me")).status_code == 401
    await anna.patch("/accounts/olga", json={"enabled": True})
    assert (await tool.get("/me")).status_code == 200
    await anna.delete("/accounts/olga")
    assert (await tool.get("/me")).status_code == 401


async def test_tokens_made_with_the_gateways_own_go_with_it(world: Any, anna: Any):
    world.guard.token = "own"
    tool = await world.tool(world.browser(authorization="Bearer own"), "read", "accounts")
    assert (await tool.get("/accounts")).status_code == 200
    world.guard.token = None
    assert (await tool.get("/accounts")).status_code == 401


async def test_a_revoked_token_is_over(world: Any, anna: Any):
    olga = await olga_of(world, "viewer")
    tool = await world.tool(olga, "read")
    (shown,) = (await olga.get("/tokens")).json()["tokens"]
    assert (await olga.delete(f"/tokens/{shown['id']}")).status_code == 204
    assert (await tool.get("/me")).status_code == 401
    assert (await olga.delete(f"/tokens/{shown['id']}")).status_code == 404
    assert (await olga.get("/tokens")).json() == {"tokens": []}


async def test_everybodys_are_for_those_who_may_change_accounts(world: Any, anna: Any):
    await world.tool(anna, "read")
    olga = await olga_of(world)
    await world.tool(olga, "read")
    seen = {each["author"]: each["id"] for each in (await anna.get("/tokens")).json()["tokens"]}
    assert set(seen) == {"anna", "olga"}
    assert [each["author"] for each in (await olga.get("/tokens")).json()["tokens"]] == ["olga"]
    assert (await olga.delete(f"/tokens/{seen['anna']}")).status_code == 404
    assert (await anna.delete(f"/tokens/{seen['olga']}")).status_code == 204


async def test_a_token_ends_when_it_is_said_to(world: Any, anna: Any):
    tool = await world.tool(anna, "read", expires=time.time() + 60)
    assert (await tool.get("/me")).status_code == 200
    async with world.engine.begin() as connection:
        await connection.execute(api_tokens.update().values(expires=int((time.time() - 1) * 1e6)))
    assert (await tool.get("/me")).status_code == 401
    late = await anna.post("/tokens", json={"name": "t", "scopes": ["read"], "expires": time.time() - 1})
    assert (late.status_code, late.json()["error"]["param"]) == (422, "expires")


@pytest.mark.parametrize("field", ["Bearer hw_", "Bearer hw_x", "Basic hw_x", "Bearer  ", "hw_x", "Bearer hw_é"])
async def test_what_is_no_token_opens_nothing(world: Any, anna: Any, field: str):
    await world.tool(anna, "read")
    answer = await world.browser().get("/me", headers={b"authorization": field.encode()})
    assert answer.status_code == 401


async def test_a_token_twice_is_none(world: Any, anna: Any):
    tool = await world.tool(anna, "read")
    field = tool.headers.pop("authorization")
    assert (await tool.get("/me", headers=[("authorization", field)])).status_code == 200
    assert (await tool.get("/me", headers=[("authorization", field), ("authorization", field)])).status_code == 401


async def test_a_token_that_does_not_hold_is_refused_even_where_it_is_open(world: Any):
    assert (await world.browser(authorization="Bearer hw_old").get("/me")).status_code == 401
    assert (await world.browser(authorization="Bearer other").get("/me")).status_code == 200


async def test_its_use_is_known_to_the_minute_and_written_no_oftener(world: Any, anna: Any):
    tool = await world.tool(anna, "read")

    async def used() -> Any:
        async with world.engine.connect() as connection:
            return (await connection.execute(text("SELECT used FROM api_tokens"))).scalar_one()

    assert await used() is None
    await tool.get("/me")
    first = await used()
    assert abs(first / 1e6 - time.time()) < 30
    await tool.get("/me")
    assert await used() == first
    async with world.engine.begin() as connection:
        await connection.execute(api_tokens.update().values(used=first - 61_000_000))
    await tool.get("/me")
    assert await used() > first - 61_000_000


async def test_a_change_by_token_needs_no_token_against_forged_requests(world: Any, anna: Any):
    tool = await world.tool(anna, "read", "accounts")
    new = {"name": "olga", "password": "another horse battery", "role": "viewer"}
    assert (await tool.post("/accounts", json=new)).status_code == 201
    entries = (await anna.get("/audit", params={"action": "account.add"})).json()["entries"]
    assert (entries[0]["who"], entries[0]["proof"]) == ("anna/tool", "api_token")
