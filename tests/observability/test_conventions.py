"""Metrics are named as Prometheus and OpenMetrics have it, and hostile names of models spoil nothing of the page.

https://prometheus.io/docs/practices/naming/, https://prometheus.io/docs/instrumenting/exposition_formats/,
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headway.app import Headway, Settings
from headway.config.load import load_text
from headway.observability.metrics import Counter, Gauge, Histogram, Metrics
from headway.observability.targets import LiveMetrics
from headway.types import AttemptRecord, ExchangeEvent, Overview, QueueRecord, QuotaRecord, RouteRecord, TargetRecord

if TYPE_CHECKING:
    from observability.conftest import Read

    Reader = Callable[[str], dict[str, Read]]

Family = Counter | Gauge | Histogram

NAME = re.compile(r"headway(_[a-z][a-z0-9]*)+")
LABEL = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
OF_OTHER_TYPES = {"total": "counter", "bucket": "", "sum": "", "count": "", "created": "", "info": "info", "gsum": ""}
"""Last words of names that say what type a sample is, and the only type of metric that may end in them."""
NOT_BASE = {
    **dict.fromkeys(
        ("ms", "us", "ns", "s", "sec", "secs", "millis", "milliseconds", "micros", "microseconds"), "seconds"
    ),
    **dict.fromkeys(("nanoseconds", "minutes", "hours", "days", "second", "duration_time"), "seconds"),
    **dict.fromkeys(("kb", "mb", "kib", "mib", "kilobytes", "megabytes", "bits", "byte", "octets"), "bytes"),
    **dict.fromkeys(("percent", "percentage", "pct", "permille"), "ratio"),
}
UNITS = ("seconds", "bytes", "ratio")
TAKEN = {"le", "quantile", "job", "instance"}
"""Labels that mean something to Prometheus itself, or that it adds."""


def objections(family: Family) -> Iterator[str]:
    """What the conventions have against it."""
    words = family.name.split("_")
    if not NAME.fullmatch(family.name):
        yield "the name is not of small words behind headway_"
    if OF_OTHER_TYPES.get(words[-1], family.kind) != family.kind:
        yield f"no {family.kind} ends in _{words[-1]}"
    if family.kind == "counter" and words[-1] != "total":
        yield "a counter ends in _total"
    if family.kind == "histogram" and words[-1] not in UNITS:
        yield "a histogram ends in its unit"
    if family.kind in words:
        yield "a name does not tell the type"
    for word in words:
        if word in NOT_BASE:
            yield f"{word} is not the base unit {NOT_BASE[word]}"
    unit = next((word for word in words if word in UNITS), None)
    if unit is not None and words[-1] != unit and words[-2:] != [unit, "total"]:
        yield "the unit is the last word, but for total"
    for label in family.labels:
        if not LABEL.fullmatch(label) or label in TAKEN:
            yield f"{label} cannot be a label"
        if label in words and label != "target":  # it is of targets, and says of which
            yield f"the label {label} is in the name"
    if len(set(family.labels)) != len(family.labels):
        yield "a label comes twice"
    if not re.fullmatch(r"[A-Z][^\n\\]*[^.\s]\.", family.meaning):
        yield "the meaning is a sentence on one line"


@pytest.fixture
async def families() -> list[Family]:
    """Those of a gateway as it runs."""
    snapshot = load_text("providers: {x: {base_url: http://127.0.0.1:9/v1}}", name="x", folder=Path(), environ={})
    headway = Headway(snapshot, Settings(log=False), {}, io.BytesIO())
    try:
        return headway.metrics.families()
    finally:
        headway.close()


async def test_every_metric_is_named_by_the_conventions(families: list[Family]):
    assert [(each.name, found) for each in families if (found := list(objections(each)))] == []


async def test_no_sample_of_one_metric_could_be_taken_for_another(families: list[Family]):
    names = {each.name.removesuffix("_total") for each in families}
    assert len(names) == len(families)
    for each in families:
        if each.kind == "histogram":
            assert not {f"{each.name}{suffix}" for suffix in ("_bucket", "_sum", "_count", "_created")} & names


def made(kind: type[Counter | Histogram], name: str, meaning: str = "What it is.", *labels: str) -> Family:
    return kind(name, meaning, labels)


@pytest.mark.parametrize(
    ("family", "objection"),
    [
        (made(Counter, "headway_requests"), "a counter ends in _total"),
        (made(Counter, "headway_wait_seconds_count"), "no counter ends in _count"),
        (made(Counter, "headway_wait_ms_total"), "ms is not the base unit seconds"),
        (made(Counter, "headway_seconds_waited_total"), "the unit is the last word, but for total"),
        (made(Counter, "requests_total"), "the name is not of small words behind headway_"),
        (made(Counter, "headway_Requests_total"), "the name is not of small words behind headway_"),
        (made(Counter, "headway_counter_total"), "a name does not tell the type"),
        (made(Counter, "headway_x_total", "What it is"), "the meaning is a sentence on one line"),
        (made(Counter, "headway_x_total", "What\nit is."), "the meaning is a sentence on one line"),
        (made(Counter, "headway_x_total", ""), "the meaning is a sentence on one line"),
        (made(Counter, "headway_x_total", "X is.", "routeName"), "routeName cannot be a label"),
        (made(Counter, "headway_x_total", "X is.", "__name"), "__name cannot be a label"),
        (made(Counter, "headway_x_total", "X is.", "job"), "job cannot be a label"),
        (made(Counter, "headway_x_total", "X is.", "a", "a"), "a label comes twice"),
        (made(Counter, "headway_route_total", "X is.", "route"), "the label route is in the name"),
        (made(Histogram, "headway_wait"), "a histogram ends in its unit"),
        (made(Histogram, "headway_used_percent"), "percent is not the base unit ratio"),
        (made(Histogram, "headway_wait_seconds_total"), "no histogram ends in _total"),
    ],
)
def test_a_bad_name_meets_an_objection(family: Family, objection: str):
    assert objection in list(objections(family))


# --- the page ---

HOSTILE = (
    '"',
    "\\",
    "\n",
    '\\"\n\\n"} 1\nheadway_requests_total{route="made up"} 7',
    "# TYPE headway_requests_total gauge",
    "ünï 模型 😀",
    "\r\n",
    "\x00\x1f\x7f\x85\u2028",
    "",
    " ",
    "{{route}}",
)


def page(event: Callable[..., ExchangeEvent]) -> str:
    """All metrics, with a hostile word wherever a name from outside may stand."""
    targets = [
        TargetRecord(
            target=word,
            tier=1,
            state="ready",
            why="",
            weight=1.0,
            share=0.5,
            seconds=0.2,
            reliability=0.9,
            in_flight=1,
            limit=2.5,
            quotas=(QuotaRecord(of="key", dimension="tokens", window=0.5, told_by="headers", limit=3.0, left=1.0),),
        )
        for word in HOSTILE
    ]
    queue = QueueRecord(length=1, most=2, longest=5.0, refused=3)
    routes = [RouteRecord(model=word, balance="adaptive", targets=tuple(targets), queue=queue) for word in HOSTILE]
    metrics = Metrics(constant='worker="3"')
    live = LiveMetrics(lambda: Overview(lag=0.001, routes=tuple(routes)))
    metrics.live.extend(live.families())
    for word in HOSTILE:
        tried = (AttemptRecord(word, word, 0.0, 0.1), AttemptRecord(word, "200", 0.1, 700.0, "failover"))
        for facts in ({"stream": True}, {"broke": True, "queued": 0.3, "outcome": "timeout"}):
            metrics.count(event(route=word, attempts=tried, duration=3.2, **facts))
        metrics.changes.add(("key_parked", word))
    live.look()
    return metrics.render()


def test_each_metric_is_told_once_help_first_and_then_its_samples(event: Callable[..., ExchangeEvent]):
    name, seen, stage = "", set[str](), ""
    for line in page(event).removesuffix("\n").split("\n"):
        match line.split(" ")[:3]:
            case ["#", "HELP", told]:
                assert stage in ("", "TYPE", "sample")
                assert told not in seen
                seen.add(told)
                name, stage = told, "HELP"
            case ["#", "TYPE", told]:
                assert (told, stage) == (name, "HELP")
                stage = "TYPE"
            case _:
                assert stage in ("TYPE", "sample")
                assert re.match(rf"{name}(_bucket|_sum|_count)?\{{", line), line
                stage = "sample"


def test_hostile_names_come_back_as_they_were(event: Callable[..., ExchangeEvent], read: Reader):
    """The reader refuses series that come twice, what is not escaped, and buckets that do not add up to the count."""
    found = read(page(event).encode().decode())
    for name, label in (
        ("headway_requests_total", "route"),
        ("headway_attempts_total", "target"),
        ("headway_attempts_total", "result"),
        ("headway_broken_answers_total", "route"),
        ("headway_changes_total", "subject"),
        ("headway_tokens_total", "target"),
        ("headway_time_to_first_token_seconds", "target"),
        ("headway_queue_wait_seconds", "route"),
        ("headway_target_share_ratio", "route"),
        ("headway_target_quota_left_ratio", "target"),
        ("headway_queue_refused_total", "route"),
    ):
        assert {dict(labels)[label] for _, labels in found[name].samples} - {"", "200"} == set(HOSTILE) - {""}, name


def test_what_lasted_longer_than_the_last_bucket_is_in_the_one_without_end(
    event: Callable[..., ExchangeEvent], read: Reader
):
    samples = read(page(event))["headway_attempt_duration_seconds"].samples
    same: dict[str, Any] = {"target": "\n", "worker": "3"}
    told = {le: samples["headway_attempt_duration_seconds_bucket", tuple(sorted({**same, "le": le}.items()))]
            for le in ("0.05", "0.1", "600", "+Inf")}  # fmt: skip
    assert told == {"0.05": 0, "0.1": 2, "600": 2, "+Inf": 4}
    assert samples["headway_attempt_duration_seconds_count", tuple(sorted(same.items()))] == 4
