"""The first administrator of a gateway with several workers, and what is open until then."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.real

PATIENCE = 60.0
"""Seconds: who first asks a worker waits until the administration is imported."""
ANNA = {"name": "anna", "password": "correct horse battery"}


async def test_the_first_administrator_comes_with_the_token_from_standard_error(serve: Any, tmp_path: Path):
    database = {"HEADWAY_DATABASE_URL": f"sqlite:///{tmp_path}/headway.db"}
    process = await serve("--host", "0.0.0.0", "--workers", 2, environ=database)
    token = re.search(r'"token": "([\w-]{32})"', process.told)
    assert token is not None, process.told
    url = f"http://127.0.0.1:{process.port}/api"
    for pid in [process.popen.pid, *process.children]:
        assert token[1] not in Path(f"/proc/{pid}/cmdline").read_text()
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as browser:
        assert (await browser.get("/status")).status_code == 403
        assert (await browser.get("/login")).json()["setup"] == "token"
        assert (await browser.post("/setup", json=ANNA)).status_code == 403
        made = await browser.post("/setup", json={**ANNA, "token": token[1]})
        assert made.status_code == 201, made.text
        made = await browser.post(
            "/tokens", json={"name": "t", "scopes": ["read"]}, headers={"x-csrf-token": made.json()["csrf"]}
        )
        assert made.status_code == 201, made.text
    for _ in range(8):  # each may meet the other worker
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as other:
            assert (await other.post("/setup", json={**ANNA, "token": token[1]})).status_code == 409
            assert (await other.get("/status")).status_code == 401
            bearer = {"authorization": f"Bearer {made.json()['token']}"}
            assert (await other.get("/status", headers=bearer)).json()["access"] == "accounts"
    assert made.json()["token"] not in process.told


async def test_on_this_machine_it_is_open_until_there_is_an_account(serve: Any, tmp_path: Path):
    database = {"HEADWAY_DATABASE_URL": f"sqlite:///{tmp_path}/headway.db"}
    process = await serve(environ=database)
    assert "administration is open to everybody on this machine" in process.told
    url = f"http://127.0.0.1:{process.port}/api"
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE) as browser,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE) as other,
    ):
        assert (await other.get("/status")).json()["access"] == "open"
        assert (await browser.post("/setup", json=ANNA)).status_code == 201
        assert (await browser.get("/me")).json()["name"] == "anna"
        assert (await other.get("/status")).status_code == 401
