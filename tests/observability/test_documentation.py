"""docs/metrics.md says what there is: every metric, label, field and value, and nothing that does not exist."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from headway.app import Headway, Settings
from headway.config.load import load_text
from headway.failures import FailureKind
from headway.observability.log import notice_line
from headway.observability.metrics import DURATION_BUCKETS, MAX_SERIES, Counter, Gauge, Histogram
from headway.types import AttemptRecord, ExchangeEvent, Trace, Usage
from headway.wire.endpoints import ALL

ROOT = Path(__file__).parents[2]
Table = dict[str, list[str]]
Tables = dict[str, Table]


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables(text: str) -> Tables:
    """Each table by the title of its first column: the name in each row, without code marks, and the other cells."""
    found: Tables = {}
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    current: Table = {}
    for number, row in enumerate(rows):
        if number + 1 < len(rows) and set(rows[number + 1][0]) == {"-"}:
            assert row[0] not in found, f"two tables of {row[0]}"
            current = found[row[0]] = {}
        elif set(row[0]) != {"-"}:
            name = row[0].strip("`")
            assert name not in current, f"{name} is told twice"
            current[name] = row[1:]
    return found


@pytest.fixture
async def families() -> list[Counter | Gauge | Histogram]:
    """Those of a gateway as it runs, with the ones that the composition root adds."""
    snapshot = load_text("providers: {x: {base_url: http://127.0.0.1:9/v1}}", name="x", folder=Path(), environ={})
    headway = Headway(snapshot, Settings(log=False), {}, io.BytesIO())
    try:
        return headway.metrics.families()
    finally:
        headway.close()


def in_code_marks(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


async def test_every_metric_is_told_with_its_type_labels_and_meaning(
    tables: Tables, families: list[Counter | Gauge | Histogram]
):
    wanted = {each.name: (each.kind, each.labels, each.meaning) for each in families}
    told = {
        name: (kind, tuple(in_code_marks(labels)), meaning)
        for name, (kind, labels, meaning) in tables["metric"].items()
    }
    assert told == wanted


async def test_every_label_is_explained(tables: Tables, families: list[Counter | Gauge | Histogram]):
    assert set(tables["label"]) == {label for each in families for label in each.labels}


def test_the_label_of_endpoints_has_their_names(tables: Tables):
    assert in_code_marks(tables["label"]["endpoint"][0]) == [endpoint.name for endpoint in ALL]


def test_buckets_and_bounds_are_told(text: str):
    parts = re.search(r"buckets of ([^.]*?) ms, and (.*?) s\.", text)
    assert parts
    millis, seconds = ([float(number) for number in re.findall(r"[\d.]+", part)] for part in parts.groups())
    assert tuple([number / 1000 for number in millis] + seconds) == DURATION_BUCKETS
    assert f"at most {MAX_SERIES:,} label sets" in text


@pytest.mark.parametrize(
    ("table", "struct"),
    [
        ("field of `attempts`", AttemptRecord),
        ("field of `trace`", Trace),
        ("field of `usage`", Usage),
        ("field", ExchangeEvent),
    ],
)
def test_every_field_of_a_line_is_told(tables: Tables, table: str, struct: type[msgspec.Struct]):
    fields = set(struct.__struct_fields__) | ({"event"} if struct is ExchangeEvent else set[str]())
    assert set(tables[table]) == fields


def test_fields_that_may_be_absent_are_marked(tables: Tables, event: Callable[..., ExchangeEvent]):
    bare = json.loads(msgspec.json.encode(event(usage=None, first_byte=None, attempts=())))
    assert {name for name, (meaning,) in tables["field"].items() if "if any" in meaning} == set(tables["field"]) - set(
        bare
    )


def test_every_outcome_is_told(tables: Tables):
    assert list(tables["outcome"]) == ["ok", *(kind.value for kind in FailureKind)]


def test_every_notice_is_told(tables: Tables):
    events: set[str] = set()
    for path in (ROOT / "src" / "headway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="notice"), args=[ast.Constant(value=str(name)), *_]):
                    events.add(name)
                case _:
                    pass
    assert set(tables["event"]) == events
    assert list(json.loads(notice_line(0.0, "started", "x"))) == ["event", "at", "message"]
