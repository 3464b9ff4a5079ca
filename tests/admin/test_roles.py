"""What each role may do, proved by all that the description lists."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import PERMISSIONS

OUTSIDE = {"/login", "/setup", "/login/oidc", "/login/oidc/callback"}
OF_EVERYBODY = {("POST", "/logout"), ("POST", "/me/password"), ("POST", "/tokens"), ("DELETE", "/tokens/{number}")}
"""Changes that concern nobody but whoever asks for them."""
FOR_ADMINS = {"/accounts", "/accounts/{name}", "/audit"}


async def operations(client: Any) -> list[tuple[str, str]]:
    described = (await client.get("/openapi.json")).json()
    return [
        (method.upper(), path)
        for path, methods in described["paths"].items()
        for method in methods
        if path not in OUTSIDE
    ]


async def as_role(world: Any, role: str, proof: str) -> Any:
    await world.account("first", "admin")
    await world.account("anna", role)
    session = await world.logged_in("anna")
    return session if proof == "session" else await world.tool(session, *sorted(PERMISSIONS[role]))  # type: ignore[index]


@pytest.mark.parametrize("proof", ["session", "api_token"])
async def test_a_viewer_changes_nothing(world: Any, proof: str):
    viewer = await as_role(world, "viewer", proof)
    changes = [each for each in await operations(viewer) if each[0] != "GET" and each not in OF_EVERYBODY]
    assert len(changes) >= 3
    for method, path in changes:
        answer = await viewer.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 403, (method, path)
        assert "permission" in answer.json()["error"]["message"]


@pytest.mark.parametrize("proof", ["session", "api_token"])
@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_people_and_changes_are_for_administrators(world: Any, role: str, proof: str):
    client = await as_role(world, role, proof)
    listed = [each for each in await operations(client) if each[1] in FOR_ADMINS]
    assert {path for _, path in listed} == FOR_ADMINS
    for method, path in listed:
        answer = await client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 403, (method, path)


@pytest.mark.parametrize("proof", ["session", "api_token"])
async def test_nothing_is_closed_to_an_administrator(world: Any, proof: str):
    admin = await as_role(world, "admin", proof)
    for method, path in await operations(admin):
        if path == "/live" or (method, path) in OF_EVERYBODY:
            continue
        answer = await admin.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code not in (401, 403, 500), (method, path)


async def test_nothing_inside_is_reached_without_being_known(world: Any):
    await world.account("anna", "admin")
    for method, path in await operations(await world.logged_in("anna")):
        answer = await world.browser().request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 401, (method, path)
