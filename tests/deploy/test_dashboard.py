"""The dashboard asks for what there is, leaves no metric out, and can be read by Grafana 10 and later."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.promql import labels, parse, selectors

if TYPE_CHECKING:
    from deploy.conftest import Query

Series = dict[str, frozenset[str]]
LEGEND = re.compile(r"\{\{(\w+)\}\}")


async def test_every_query_asks_for_series_and_labels_that_there_are(queries: list[Query], series: Series):
    assert len(queries) > 40
    for query in queries:
        told = labels(parse(query.expr), series)
        assert set(LEGEND.findall(query.legend)) == told, f"{query.panel}: {query.legend} tells {sorted(told)}"


async def test_every_metric_is_shown(queries: list[Query], series: Series):
    shown = {each.name for query in queries for each in selectors(parse(query.expr))}
    metrics = {re.sub(r"_(sum|count)$", "_bucket", name) for name in series}
    assert metrics - shown == set()


def test_workers_and_what_prometheus_adds_are_added_up(queries: list[Query]):
    for query in queries:
        assert "worker" not in query.expr
        assert query.expr.count("by (") or re.search(r"\b(sum|max|count) \(", query.expr), query.expr


def test_rates_and_gauges_are_taken_over_an_interval_that_fits_the_scrapes(board: dict[str, Any]):
    for panel in board["panels"]:
        for each in panel.get("targets", ()):
            ranges = set(re.findall(r"\[([^\]]*)\]", each["expr"]))
            assert ranges <= {"$__rate_interval"}, each["expr"]


def test_panels_and_variables_take_their_data_from_the_one_data_source(board: dict[str, Any]):
    source = {"type": "prometheus", "uid": "${datasource}"}
    kinds = {each["name"]: each["type"] for each in board["templating"]["list"]}
    assert kinds == {"datasource": "datasource", "route": "query", "target": "query"}
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert [panel["datasource"], *(each["datasource"] for each in panel["targets"])] == [source] * (
                1 + len(panel["targets"])
            )
    assert all(each["datasource"] == source for each in board["templating"]["list"] if each["type"] == "query")


async def test_variables_list_labels_that_there_are(board: dict[str, Any], series: Series):
    for each in board["templating"]["list"]:
        if each["type"] == "query":
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", each["query"]["query"])
            assert found
            assert found[2] == each["name"]
            assert found[2] in series[found[1]]
            assert each["definition"] == each["query"]["query"]


def test_panels_are_told_apart_explained_and_do_not_overlap(board: dict[str, Any]):
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert len({each["refId"] for each in panel["targets"]}) == len(panel["targets"])


def test_rows_are_in_the_order_in_which_one_looks(board: dict[str, Any]):
    assert [panel["title"] for panel in board["panels"] if panel["type"] == "row"] == [
        "At a glance",
        "Traffic",
        "Latency",
        "Failover",
        "Balancing",
        "Queue",
        "Tokens and bytes",
        "Gateway health",
    ]


def test_it_can_be_imported_anywhere(board: dict[str, Any], folder: Path):
    assert (board["uid"], board["id"]) == ("headway", None)
    assert board["schemaVersion"] == 38  # that of Grafana 10.2; later ones read it too
    text = (folder / "grafana" / "headway.json").read_text(encoding="utf-8")
    assert text == json.dumps(board, indent=2, ensure_ascii=False) + "\n"
