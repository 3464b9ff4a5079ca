"""docs/explain.md says what there is: every state, every field, and nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from headway.server.access import VARIABLE
from headway.server.pages import EXPLAIN, TARGETS
from headway.types import Breaker, CapRecord, Overview, QueueRecord, QuotaRecord, RouteRecord, TargetRecord, TargetState

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def rows(text: str, title: str) -> list[list[str]]:
    """The rows of the table whose first column is called so."""
    found = re.search(rf"^\| {title} \|.*\n\|[- |]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, title
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]


def named(rows: list[list[str]], column: int = 0) -> list[str]:
    return [name for row in rows for name in re.findall(r"`([a-z_]+)`", row[column])]


def test_every_state_is_told(text: str):
    assert named(rows(text, "state")) == list(get_args(TargetState))


def test_every_field_of_a_target_is_told(text: str):
    told = rows(text, "field of a target")
    assert named(told) == list(TargetRecord.__struct_fields__)
    meanings = {row[0].strip("`"): named([row], 1) for row in told}
    assert meanings["caps"] == list(CapRecord.__struct_fields__)
    assert sorted(meanings["quotas"]) == sorted(QuotaRecord.__struct_fields__)


def test_every_field_of_a_route_is_told(text: str):
    told = rows(text, "field of a route")
    assert named(told) == list(RouteRecord.__struct_fields__)
    assert named([told[-1]], 1) == list(QueueRecord.__struct_fields__)
    last = text.rstrip().splitlines()[-1]
    assert sorted(re.findall(r"`([a-z]+)`", last)) == sorted(Overview.__struct_fields__)


def test_pages_and_numbers_are_those_of_the_code(text: str):
    for path in (TARGETS, EXPLAIN):
        assert f"`GET {path}" in text
    assert f"`{VARIABLE}`" in text
    assert f"which grows for {Breaker().ramp:.0f} s" in text
