"""Metrics of targets, quotas and lines: read when somebody asks, from one look, and never more than can be afforded."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headway.app import Headway, Settings
from headway.config.load import load_text
from headway.observability import metrics as module
from headway.observability.metrics import Metrics
from headway.observability.targets import LiveMetrics
from headway.types import Overview, QueueRecord, QuotaRecord, RouteRecord, TargetRecord

if TYPE_CHECKING:
    from observability.conftest import Read

    Reader = Callable[[str], dict[str, Read]]


def target(name: str, **facts: Any) -> TargetRecord:
    usual: dict[str, Any] = {"tier": 1, "state": "ready", "why": "", "weight": 1.0, "reliability": 0.9, "in_flight": 0}
    return TargetRecord(target=name, **usual | facts)


def quota(left: float, **facts: Any) -> QuotaRecord:
    usual: dict[str, Any] = {"of": "key", "dimension": "requests", "window": 60.0, "told_by": "headers"}
    return QuotaRecord(limit=100.0, left=left, **usual | facts)


def route(name: str, *targets: TargetRecord, length: int = 0, refused: int = 0) -> RouteRecord:
    queue = QueueRecord(length=length, most=1000, longest=5.0, refused=refused)
    return RouteRecord(model=name, balance="adaptive", targets=targets, queue=queue)


def rendered(*routes: RouteRecord, lag: float = 0.0) -> str:
    live, metrics = LiveMetrics(lambda: Overview(lag=lag, routes=routes)), Metrics()
    metrics.live.extend(live.families())
    live.look()
    return metrics.render()


def samples(found: dict[str, Read], name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of their names."""
    return {tuple(value for _, value in labels): value for (_, labels), value in found[name].samples.items()}


def test_each_target_s_numbers_are_told(read: Reader):
    busy = target("a/m#k", share=0.75, seconds=0.4, reliability=0.95, in_flight=3, limit=7.5)
    found = read(rendered(route("r", busy), lag=0.02))
    assert samples(found, "headway_target_share_ratio") == {("r", "a/m#k"): 0.75}
    assert samples(found, "headway_target_expected_seconds") == {("a/m#k",): 0.4}
    assert samples(found, "headway_target_reliability_ratio") == {("a/m#k",): 0.95}
    assert samples(found, "headway_target_in_flight_requests") == {("a/m#k",): 3}
    assert samples(found, "headway_target_concurrency_limit") == {("a/m#k",): 7.5}
    assert samples(found, "headway_loop_lag_seconds") == {(): 0.02}


def test_what_is_not_known_is_not_told(read: Reader):
    found = read(rendered(route("r", target("a/m#k"))))
    for name in ("share_ratio", "expected_seconds", "concurrency_limit", "quota_left_ratio"):
        assert found[f"headway_target_{name}"].samples == {}
    assert samples(found, "headway_target_in_flight_requests") == {("a/m#k",): 0}


def test_a_target_of_several_routes_is_told_once_but_for_its_shares(read: Reader):
    found = read(rendered(route("r", target("a/m#k", share=1.0)), route("s", target("a/m#k", share=0.5))))
    assert samples(found, "headway_target_share_ratio") == {("r", "a/m#k"): 1.0, ("s", "a/m#k"): 0.5}
    assert samples(found, "headway_target_reliability_ratio") == {("a/m#k",): 0.9}


def test_of_quotas_that_count_the_same_the_one_with_least_left_is_told(read: Reader):
    quotas = (
        quota(80.0),
        quota(30.0, told_by="configuration"),
        quota(60.0, of="provider"),
        quota(90.0, window=86400.0),
        quota(-50.0, dimension="tokens"),
    )
    found = read(rendered(route("r", target("a/m#k", quotas=quotas))))
    assert samples(found, "headway_target_quota_left_ratio") == {
        ("requests", "a/m#k", "60"): 0.3,
        ("requests", "a/m#k", "86400"): 0.9,
        ("tokens", "a/m#k", "60"): 0.0,
    }


def test_a_window_is_told_in_full_however_long_it_is(read: Reader):
    found = read(rendered(route("r", target("a/m#k", quotas=(quota(50.0, window=30 * 86400.0),)))))
    assert samples(found, "headway_target_quota_left_ratio") == {("requests", "a/m#k", "2592000"): 0.5}


def test_lines_are_told_by_route(read: Reader):
    found = read(rendered(route("r", length=4, refused=9), route("s")))
    assert samples(found, "headway_queued_requests") == {("r",): 4, ("s",): 0}
    assert samples(found, "headway_queue_refused_total") == {("r",): 9, ("s",): 0}


def test_they_are_of_the_moment_of_the_look(read: Reader):
    lags = iter([0.1, 0.2])
    live, metrics = LiveMetrics(lambda: Overview(lag=next(lags), routes=())), Metrics()
    metrics.live.extend(live.families())
    told: list[float] = []
    for looks in (0, 1, 1):
        for _ in range(looks):
            live.look()
        told += samples(read(metrics.render()), "headway_loop_lag_seconds").values()
    assert told == [0.0, 0.1, 0.2]


def test_series_are_bounded(read: Reader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_SERIES", 5)
    found = read(rendered(*[route(f"r{number}", target(f"a/m{number}#k", share=1.0)) for number in range(9)]))
    for name in ("headway_target_share_ratio", "headway_target_in_flight_requests", "headway_queue_refused_total"):
        assert len(found[name].samples) == 5


def test_names_are_escaped_and_the_worker_is_told(read: Reader):
    live = LiveMetrics(lambda: Overview(lag=0.0, routes=(route('r"\\', target("a/m\n#k")),)))
    metrics = Metrics(constant='worker="1"')
    metrics.live.extend(live.families())
    live.look()
    found = read(metrics.render())
    assert samples(found, "headway_queued_requests") == {('r"\\', "1"): 0}
    assert samples(found, "headway_target_in_flight_requests") == {("a/m\n#k", "1"): 0}


def test_waits_in_line_are_counted_for_those_who_waited(event: Callable[..., Any], read: Reader):
    metrics = Metrics()
    metrics.count(event())
    metrics.count(event(queued=0.3))
    metrics.count(event(queued=2.0, attempts=(), outcome="saturated", status=503, route="other"))
    found = read(metrics.render())["headway_queue_wait_seconds"].samples
    assert found["headway_queue_wait_seconds_count", (("route", "default"),)] == 1
    assert found["headway_queue_wait_seconds_sum", (("route", "default"),)] == 0.3
    assert found["headway_queue_wait_seconds_sum", (("route", "other"),)] == 2.0


async def test_a_gateway_tells_its_targets_at_every_scrape(read: Reader):
    text = """
        providers: {x: {base_url: "http://127.0.0.1:9/v1", keys: [{name: k, value: v, limits: {rpm: 10}}]}}
        models: {default: [x/m]}
    """
    snapshot = load_text(text, name="x", folder=Path(), environ={})
    headway = Headway(snapshot, Settings(log=False), {}, io.BytesIO())
    try:
        found = read(headway.render_metrics())
        assert samples(found, "headway_target_share_ratio") == {("default", "x/m#k"): 1.0}
        assert samples(found, "headway_target_quota_left_ratio") == {("requests", "x/m#k", "60"): 1.0}
        assert samples(found, "headway_queued_requests") == {("default",): 0}
    finally:
        headway.close()
