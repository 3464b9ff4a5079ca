"""The rules ask for what there is, and each alert says how bad it is and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.promql import Call, Node, Selector, labels, parse, selectors
from headway.failures import FailureKind

Rules = list[dict[str, Any]]
Series = dict[str, frozenset[str]]
LABEL = re.compile(r"\$labels\.(\w+)")
OUTCOMES = {"ok", *(kind.value for kind in FailureKind)}
VALUES = {
    "outcome": OUTCOMES,
    "result": {"refused", "superseded", *OUTCOMES},
    "stream": {"true", "false"},
    "direction": {"input", "output", "in", "out"},
    "job": {"headway"},
    "route": {""},
}
"""Of labels with values that rules and panels know by name."""


@pytest.fixture
async def everything(rules: Rules, series: Series) -> Series:
    """The gateway's series, and those that rules record, in the order in which they do."""
    found = dict(series)
    for rule in rules:
        if "record" in rule:
            assert rule["record"] not in found
            found[rule["record"]] = labels(parse(rule["expr"]), found)
    return found


async def test_every_rule_asks_for_series_and_labels_that_there_are(rules: Rules, everything: Series):
    for rule in rules:
        labels(parse(rule["expr"]), everything)


async def test_what_is_recorded_is_named_for_its_labels_metric_and_operation(rules: Rules, everything: Series):
    for rule in rules:
        if "record" in rule:
            level, metric, operation = rule["record"].split(":")
            assert set(level.split("_")) == everything[rule["record"]]
            assert metric.startswith("headway_")
            assert re.fullmatch(r"(p\d\d_|ratio_)?rate5m", operation)


async def test_texts_name_labels_that_the_alert_has(rules: Rules, everything: Series):
    for rule in rules:
        if "alert" in rule:
            told = labels(parse(rule["expr"]), everything)
            for text in rule["annotations"].values():
                assert set(LABEL.findall(text)) <= told, f"{rule['alert']}: {text}"


def test_every_alert_says_how_bad_it_is_what_it_is_and_what_to_do(rules: Rules):
    alerts = [rule for rule in rules if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 10
    for rule in alerts:
        assert rule["labels"].keys() == {"severity"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert all(text.endswith(".") for text in rule["annotations"].values()), rule["alert"]
        assert "for" in rule or "increase(" in rule["expr"], "only what has happened already fires at once"


def test_every_alert_is_tried(rules: Rules, folder: Path):
    tried = (folder / "prometheus" / "headway.rules.test.yml").read_text(encoding="utf-8")
    for rule in rules:
        if "alert" in rule:
            assert f'alertname="{rule["alert"]}"' in tried


def test_values_of_labels_exist(rules: Rules, queries: list[Any]):
    """A misspelt outcome would silently match nothing, or everything."""
    exprs = [rule["expr"] for rule in rules] + [query.expr for query in queries]
    for each in {each for expr in exprs for each in selectors(parse(expr))}:
        for label, operator, value in each.matchers:
            known = VALUES.get(label, set[str]())
            for word in value.split("|") if operator in ("=~", "!~") else [value]:
                assert word in known or not re.fullmatch(r"\w*[a-z_]\w*", word), f"{each.name}: {label}={word}"


def over(node: Node) -> set[tuple[str, str]]:
    """Functions of ranges, and the metrics that they are of."""
    found: set[tuple[str, str]] = set()
    match node:
        case Call(name=name, args=(Selector(name=metric, ranged=True),)):
            found.add((name, metric))
        case _:
            for field in ("args", "of", "left", "right"):
                inner = getattr(node, field, ())
                for each in inner if isinstance(inner, tuple) else (inner,):
                    found |= over(each)
    return found


def test_counters_are_seen_as_rates_and_gauges_are_not(rules: Rules, queries: list[Any]):
    for expr in [rule["expr"] for rule in rules] + [query.expr for query in queries]:
        for function, metric in over(parse(expr)):
            counts = metric.endswith(("_total", "_bucket", "_count", "_sum"))
            assert counts == (function in ("rate", "increase")) or (counts and "unless" in expr), expr


def test_numbers_of_several_workers_are_seen_over_a_while(rules: Rules, queries: list[Any]):
    """A scrape tells those of one worker; a bare gauge would be that of whichever answered last."""
    for expr in [rule["expr"] for rule in rules] + [query.expr for query in queries]:
        for each in selectors(parse(expr)):
            assert each.ranged or ":" in each.name or each.name == "up", expr


def test_the_page_about_monitoring_tells_of_every_alert(rules: Rules, folder: Path):
    page = (folder.parent / "docs" / "monitoring.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(Headway\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in rules if "alert" in rule]


def test_the_example_scrapes_the_job_that_alerts_look_for_and_reads_the_rules(folder: Path):
    document = yaml.safe_load((folder / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert [each["job_name"] for each in document["scrape_configs"]] == ["headway"]
    assert [(folder / "prometheus" / name).exists() for name in document["rule_files"]] == [True]
