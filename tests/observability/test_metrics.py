"""Metrics: exact counts, valid text, and no more series than can be afforded."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.observability import metrics as module
from headway.observability.metrics import DURATION_BUCKETS, MAX_SERIES, Counter, Histogram, Metrics
from headway.types import AttemptRecord, ExchangeEvent, Usage

if TYPE_CHECKING:
    from observability.conftest import Read

    Make = Callable[..., ExchangeEvent]
    Reader = Callable[[str], dict[str, Read]]


def value(read: dict[str, Read], name: str, **labels: str) -> float:
    family = name if name in read else name.rpartition("_")[0]
    return read[family].samples[name, tuple(sorted(labels.items()))]


def test_nothing_counted_is_valid_too(read: Reader):
    found = read(Metrics().render())
    assert found["headway_requests_total"].samples == {}
    assert value(found, "headway_bytes_total", direction="in") == 0


def test_what_alerts_watch_is_told_before_it_happens_for_the_first_time(read: Reader):
    """Prometheus sees a counter rise from 0 to 1, but not one that begins at 1."""
    found = read(Metrics().render())
    assert value(found, "headway_log_lines_dropped_total") == 0
    assert value(found, "headway_config_reloads_total", result="ok") == 0
    assert value(found, "headway_config_reloads_total", result="refused") == 0


def test_an_exchange_is_counted_under_what_the_client_got(event: Make, read: Reader):
    metrics = Metrics()
    for _ in range(3):
        metrics.count(event())
    metrics.count(event(outcome="rate_limited", status=429))
    found = read(metrics.render())
    same = {"endpoint": "chat", "route": "default"}
    assert value(found, "headway_requests_total", **same, outcome="ok", status="200") == 3
    assert value(found, "headway_requests_total", **same, outcome="rate_limited", status="429") == 1


def test_each_attempt_is_counted_under_its_target_and_result(event: Make, read: Reader):
    metrics = Metrics()
    tried = (
        AttemptRecord("a/m#1", "429", 0.0, 0.02),
        AttemptRecord("a/m#2", "timeout", 0.02, 3.0),
        AttemptRecord("b/m#1", "200", 3.02, 0.4),
    )
    metrics.count(event(attempts=tried))
    metrics.count(event(attempts=tried[2:]))
    found = read(metrics.render())
    assert value(found, "headway_attempts_total", target="a/m#1", result="429") == 1
    assert value(found, "headway_attempts_total", target="a/m#2", result="timeout") == 1
    assert value(found, "headway_attempts_total", target="b/m#1", result="200") == 2
    assert value(found, "headway_attempt_duration_seconds_sum", target="a/m#2") == 3.0
    assert value(found, "headway_attempt_duration_seconds_count", target="b/m#1") == 2


def test_an_exchange_without_an_attempt_is_counted_and_blames_nobody(event: Make, read: Reader):
    metrics = Metrics()
    metrics.count(event(attempts=(), outcome="no_target", status=404, usage=None, first_byte=None))
    found = read(metrics.render())
    same = {"endpoint": "chat", "route": "default"}
    assert value(found, "headway_requests_total", **same, outcome="no_target", status="404") == 1
    for name in ("headway_attempts_total", "headway_tokens_total", "headway_attempt_duration_seconds"):
        assert found[name].samples == {}


def test_tokens_are_counted_for_the_target_that_answered(event: Make, read: Reader):
    metrics = Metrics()
    tried = (AttemptRecord("a/m#1", "500", 0.0, 0.1), AttemptRecord("b/m#1", "200", 0.1, 0.1))
    metrics.count(event(attempts=tried, usage=Usage(30, 50, 7, 9)))
    metrics.count(event(attempts=tried, usage=None))
    found = read(metrics.render())
    assert value(found, "headway_tokens_total", target="b/m#1", direction="input") == 30
    assert value(found, "headway_tokens_total", target="b/m#1", direction="output") == 50
    assert ("headway_tokens_total", (("direction", "input"), ("target", "a/m#1"))) not in found[
        "headway_tokens_total"
    ].samples


def test_bytes_are_counted_both_ways(event: Make, read: Reader):
    metrics = Metrics()
    metrics.count(event(request_bytes=10, reply_bytes=300))
    metrics.count(event(request_bytes=5, reply_bytes=1, attempts=()))
    found = read(metrics.render())
    assert value(found, "headway_bytes_total", direction="in") == 15
    assert value(found, "headway_bytes_total", direction="out") == 301


def test_durations_fall_into_the_bucket_that_ends_at_or_above_them(event: Make, read: Reader):
    metrics = Metrics()
    for duration in (0.0, 0.005, 0.0051, 1.0, 599.0, 601.0):
        metrics.count(event(duration=duration))
    found = read(metrics.render())
    same = {"endpoint": "chat", "stream": "false"}
    counts = {
        le: value(found, "headway_request_duration_seconds_bucket", **same, le=le) for le in ("0.005", "0.01", "1")
    }
    assert counts == {"0.005": 2, "0.01": 3, "1": 4}
    assert value(found, "headway_request_duration_seconds_bucket", **same, le="600") == 5
    assert value(found, "headway_request_duration_seconds_bucket", **same, le="+Inf") == 6
    assert value(found, "headway_request_duration_seconds_count", **same) == 6
    assert value(found, "headway_request_duration_seconds_sum", **same) == pytest.approx(1201.0101)


def test_the_time_to_the_first_token_is_that_of_streams(event: Make, read: Reader):
    metrics = Metrics()
    metrics.count(event(first_byte=0.1))
    metrics.count(event(stream=True, first_byte=0.2))
    metrics.count(event(stream=True, first_byte=None, outcome="timeout", status=504))
    found = read(metrics.render())
    assert value(found, "headway_time_to_first_token_seconds_count", target="a/m#k") == 1
    assert value(found, "headway_time_to_first_token_seconds_sum", target="a/m#k") == 0.2
    assert value(found, "headway_request_duration_seconds_count", endpoint="chat", stream="true") == 2


def test_counts_do_not_depend_on_how_often_they_are_read(event: Make, read: Reader):
    often, once = Metrics(), Metrics()
    for number in range(20):
        made = event(route=f"r{number % 3}", duration=number / 10)
        often.count(made)
        once.count(made)
        often.render()
    assert read(often.render()) == read(once.render())


def test_a_gauge_is_asked_when_it_is_read(read: Reader):
    metrics = Metrics()
    now = {"value": 3.0}
    metrics.gauge("headway_now", "Just now.", lambda: now["value"])
    assert value(read(metrics.render()), "headway_now") == 3
    now["value"] = 2.5
    assert value(read(metrics.render()), "headway_now") == 2.5


def test_a_gauge_without_a_finite_value_spoils_nothing(read: Reader):
    metrics = Metrics()
    for name, number in (("up", inf), ("down", -inf), ("odd", nan)):
        metrics.gauge(f"headway_{name}", "Not finite.", lambda number=number: number)
    text = metrics.render()
    assert {"headway_up +Inf", "headway_down -Inf", "headway_odd NaN"} <= set(text.splitlines())
    read(text)


def test_a_workers_label_is_on_every_series(event: Make, read: Reader):
    metrics = Metrics(constant='worker="1"')
    metrics.gauge("headway_now", "Just now.", lambda: 1)
    first, second = AttemptRecord("a/m#k", "503", 0.0, 0.1), AttemptRecord("b/m#k", "200", 0.1, 0.1, "failover")
    metrics.count(event(stream=True, broke=True, queued=0.1, attempts=(first, second)))
    metrics.changes.add(("breaker_opened", "a/m"))
    metrics.reloads.add(("ok",))
    metrics.log_dropped.add((), 2)
    metrics.alert_posts.add(("ok",))
    found = read(metrics.render())
    assert all(("worker", "1") in labels for family in found.values() for _, labels in family.samples)
    assert all(family.samples for family in found.values())


@pytest.mark.parametrize("odd", ['"', "\\", "\n", '\\"\n\\n', "ü€😀", "{le=}", ", ", ""])
def test_odd_names_are_escaped(event: Make, read: Reader, odd: str):
    metrics = Metrics()
    metrics.count(event(route=odd, attempts=(AttemptRecord(f"a/{odd}#k", "200", 0.0, 0.1),)))
    found = read(metrics.render())
    assert value(found, "headway_requests_total", endpoint="chat", route=odd, outcome="ok", status="200") == 1
    assert value(found, "headway_attempts_total", target=f"a/{odd}#k", result="200") == 1


# --- bounds ---


def test_beyond_the_bound_a_new_label_set_is_counted_as_other():
    counter = Counter("x_total", "X.", ("name",))
    for number in range(MAX_SERIES + 50):
        counter.add((f"n{number}",))
    counter.add(("n0",))
    assert len(counter.values) == MAX_SERIES + 1
    assert (counter.values[("n0",)], counter.values[("other",)]) == (2, 50)


def test_beyond_the_bound_a_new_histogram_is_other_too():
    histogram = Histogram("x_seconds", "X.", ("name",), (1.0,))
    for number in range(MAX_SERIES + 50):
        histogram.series((f"n{number}",)).observe(0.5)
    lines = list(histogram.lines(""))
    assert len(lines) == (MAX_SERIES + 1) * 4
    assert 'x_seconds_count{name="other"} 50' in lines


def test_clients_that_make_up_names_cannot_grow_what_is_kept(
    event: Make, read: Reader, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_SERIES", 20)
    metrics = Metrics()
    for number in range(500):
        made_up = f"m{number}"
        tried = (AttemptRecord(f"a/{made_up}#k", "500", 0.0, 0.1), AttemptRecord(f"b/{made_up}#k", "404", 0.1, 0.1))
        metrics.count(event(route=made_up, model=made_up, attempts=tried, stream=number % 2 == 0))
    found = read(metrics.render())
    for name, family in found.items():
        series = {tuple(pair for pair in labels if pair[0] != "le") for _, labels in family.samples}
        assert len(series) <= 21, name
    assert sum(found["headway_requests_total"].samples.values()) == 500
    assert sum(found["headway_attempts_total"].samples.values()) == 1000


texts = st.text(max_size=6)
records = st.builds(
    AttemptRecord,
    target=st.text(min_size=1, max_size=6),
    result=st.sampled_from(["200", "429", "timeout"]),
    started=st.just(0.0),
    duration=st.floats(0, 700),
)
events = st.builds(
    ExchangeEvent,
    request_id=texts,
    at=st.just(0.0),
    endpoint=st.sampled_from(["chat", "embeddings"]),
    model=texts,
    route=texts,
    stream=st.booleans(),
    outcome=st.sampled_from(["ok", "timeout"]),
    status=st.sampled_from([200, 502]),
    duration=st.floats(0, 700),
    attempts=st.lists(records, max_size=3).map(tuple),
    first_byte=st.none() | st.floats(0, 700),
    usage=st.none() | st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6)),
    request_bytes=st.integers(0, 10**9),
    reply_bytes=st.integers(0, 10**9),
)


@settings(max_examples=60)
@given(happened=st.lists(events, max_size=12))
def test_whatever_happened_the_totals_are_right_and_the_text_is_valid(happened: list[ExchangeEvent], read: Reader):
    metrics = Metrics()
    for each in happened:
        metrics.count(each)
    found = read(metrics.render())
    attempts = [attempt for each in happened for attempt in each.attempts]
    counted = {name: sum(found[f"headway_{name}_total"].samples.values()) for name in ("requests", "attempts", "bytes")}
    assert counted == {
        "requests": len(happened),
        "attempts": len(attempts),
        "bytes": sum(each.request_bytes + each.reply_bytes for each in happened),
    }
    for name, wanted in (
        ("request_duration", [each.duration for each in happened]),
        ("attempt_duration", [attempt.duration for attempt in attempts]),
    ):
        samples = found[f"headway_{name}_seconds"].samples
        assert sum(v for (n, _), v in samples.items() if n.endswith("_count")) == len(wanted)
        assert sum(v for (n, _), v in samples.items() if n.endswith("_sum")) == pytest.approx(sum(wanted))


def test_the_buckets_grow():
    assert list(DURATION_BUCKETS) == sorted(set(DURATION_BUCKETS))
