"""The dashboard, the rules, and what series a gateway has."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from headway.app import Headway, Settings
from headway.config.load import load_text

ROOT = Path(__file__).parents[2]
SCRAPED = frozenset({"job", "instance"})
"""What Prometheus adds to all that it scrapes."""


class Query(NamedTuple):
    """One of a panel's, as Prometheus gets it."""

    panel: str
    expr: str
    legend: str


@pytest.fixture(scope="session")
def folder() -> Path:
    return ROOT / "deploy"


@pytest.fixture(scope="session")
def board(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "grafana" / "headway.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def queries(board: dict[str, Any]) -> list[Query]:
    found: list[Query] = []
    for panel in board["panels"]:
        for each in panel.get("targets", ()):
            expr = each["expr"].replace("$__rate_interval", "5m").replace("$route", ".*").replace("$target", ".*")
            found.append(Query(panel["title"], expr, each["legendFormat"]))
    return found


@pytest.fixture(scope="session")
def rules(folder: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load((folder / "prometheus" / "headway.rules.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.fixture
async def series() -> dict[str, frozenset[str]]:
    """The labels of each series that Prometheus has of a gateway with several workers."""
    snapshot = load_text("providers: {x: {base_url: http://127.0.0.1:9/v1}}", name="x", folder=Path(), environ={})
    headway = Headway(snapshot, Settings(log=False), {}, io.BytesIO())
    found = {"up": SCRAPED}
    try:
        for family in headway.metrics.families():
            labels = SCRAPED | {"worker", *family.labels}
            if family.kind == "histogram":
                found |= {f"{family.name}_bucket": labels | {"le"}}
                found |= {f"{family.name}{suffix}": labels for suffix in ("_sum", "_count")}
            else:
                found[family.name] = labels
        return found
    finally:
        headway.close()
