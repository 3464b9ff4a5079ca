"""The administration's own description, explored: whatever is sent that it allows, nothing fails inside, every answer
is as described, and nobody can do more than their role may.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headway.types import PERMISSIONS, Role

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Provide
    from end_to_end.processes.conftest import Serve

pytestmark = pytest.mark.real

TOKEN = "the-gateway-s-own-token-of-this-test"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
ENDLESS = "/live"
PASSED_ON = "/playground"
"""What providers say is passed on, errors of theirs included."""
CONFIG = """
storage: {{url: "sqlite:///{folder}/log.db"}}
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  default: [alpha/fast]
"""
CHANGING = ("accounts", "configurations", "sessions")
"""Tables that nobody may change who may only read."""


def explore(url: str, token: str) -> Counter[tuple[str, str, int]]:
    """Every operation with a dozen requests that its description allows: how often it was answered how."""
    seen: Counter[tuple[str, str, int]] = Counter()
    fields = {"authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=fields)
    found: Any
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path != ENDLESS:
            seen.update(tried(operation, fields))
    return seen


def tried(operation: Any, fields: dict[str, str]) -> list[tuple[str, str, int]]:
    seen: list[tuple[str, str, int]] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy())
    def ask(case: Case[Any]) -> None:
        answer = case.call(headers=fields, allow_redirects=False, timeout=20)
        assert answer.status_code != 500
        case.validate_response(answer, checks=CHECKS[1:] if operation.path == PASSED_ON else CHECKS)
        seen.append((operation.method.upper(), operation.path, answer.status_code))

    ask()
    return seen


def kept(file: Path) -> dict[str, list[Any]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in CHANGING}


async def started(serve: Serve, simulated: Provide, folder: Path) -> int:
    file = folder / "headway.yaml"
    file.write_text(CONFIG.format(folder=folder, base_url=(await simulated(keys=("sk-good",))).base_url))
    return (await serve("-c", file, environ={"HEADWAY_ADMIN_TOKEN": TOKEN})).port


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_whatever_is_sent_nothing_fails_and_no_role_oversteps(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path, role: Role
):
    port = await started(serve, simulated, tmp_path)
    connection = await connect(port)
    own = {"authorization": f"Bearer {TOKEN}"}
    asked = {"name": role, "scopes": sorted(PERMISSIONS[role])}
    made = await connection.ask("/api/tokens", asked, headers=own)
    assert made.status == 201, made.body
    before = kept(tmp_path / "log.db")
    seen = await asyncio.to_thread(explore, f"http://127.0.0.1:{port}", made.json()["token"])
    assert len({(method, path) for method, path, _ in seen}) > 20
    changes = {(method, path, status) for method, path, status in seen if method != "GET" and status < 300}
    if role == "viewer":
        assert changes <= {("POST", "/logout", 204)}
        assert kept(tmp_path / "log.db") == before
    refused = {(method, path) for method, path, status in seen if status == 403}
    assert (("GET", "/audit") in refused) == (role != "admin")
