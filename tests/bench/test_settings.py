"""What may be loaded, how proxies are configured, and where processes run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from headway.bench import gateway, nginx, processes, procfs, scenarios
from headway.bench.plan import BenchError, Plan, Target, bounded, loopback


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080", Target("127.0.0.1", 8080)),
        ("http://localhost:8080/", Target("127.0.0.1", 8080)),
        ("http://127.8.8.8:1/v1", Target("127.8.8.8", 1)),
        ("http://[::1]:9/openai/v1", Target("::1", 9, "/openai")),
    ],
)
def test_a_target_on_loopback_is_taken(url: str, target: Target) -> None:
    assert loopback(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:80",
        "http://example.com",
        "http://0.0.0.0:80",
        "https://127.0.0.1",
        "127.0.0.1:80",
        "http://127.0.0.1:99999",
        "http://127.0.0.1.example.com:80",
    ],
)
def test_any_other_target_is_refused(url: str) -> None:
    with pytest.raises(BenchError, match=r"http://"):
        loopback(url)


def test_an_ipv6_target_is_written_with_brackets() -> None:
    assert str(loopback("http://[::1]:9/openai")) == "http://[::1]:9/openai"


@pytest.mark.parametrize(
    "plan",
    [
        Plan(url="http://127.0.0.1:1", shape="closed", seconds=10_000),
        Plan(url="http://127.0.0.1:1", shape="closed", seconds=0),
        Plan(url="http://127.0.0.1:1", shape="closed", connections=0),
        Plan(url="http://127.0.0.1:1", shape="closed", max_requests=10**9),
        Plan(url="http://127.0.0.1:1", shape="streams", streams=10**6),
        Plan(url="http://127.0.0.1:1", shape="open", rate=0),
    ],
)
def test_a_plan_without_bounds_is_refused(plan: Plan) -> None:
    with pytest.raises(BenchError):
        bounded(plan)


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("quick", [False, True])
def test_every_scenario_is_within_bounds(scenario: scenarios.Scenario, quick: bool) -> None:
    plan = scenario.plan("http://127.0.0.1:1", quick=quick)
    assert bounded(plan) is plan


@pytest.mark.parametrize("scenario", [s for s in scenarios.ALL if s.streamed], ids=lambda scenario: scenario.name)
def test_streams_outlast_the_window_in_which_they_are_counted(scenario: scenarios.Scenario) -> None:
    assert scenario.chunks(quick=False) * scenario.interval > scenario.ramp + scenario.seconds


@pytest.mark.parametrize(("buffering", "line"), [(True, "proxy_buffering on;"), (False, "proxy_buffering off;")])
def test_nginx_is_a_plain_proxy_with_one_worker_and_no_log(buffering: bool, line: str) -> None:
    text = nginx.configuration(Path("/x"), port=1, upstream=2, buffering=buffering, files=1000, as_root=False)
    for wanted in (
        line,
        "worker_processes 1;",
        "access_log off;",
        "proxy_http_version 1.1;",
        'proxy_set_header Connection "";',
        "listen 127.0.0.1:1 ",
        "server 127.0.0.1:2;",
        "worker_connections 500;",
    ):
        assert wanted in text
    assert text.startswith("worker_processes")


def test_nginx_keeps_its_rights_when_started_as_root() -> None:
    text = nginx.configuration(Path("/x"), port=1, upstream=2, buffering=True, files=1000, as_root=True)
    assert text.startswith("user root;\n")


def test_the_gateway_balances_over_four_keys_of_the_mock() -> None:
    written = yaml.safe_load(gateway.configuration(4711))
    assert written["models"] == {"bench": {"tiers": [["mock/bench-upstream"]]}}
    assert written["providers"]["mock"]["base_url"] == "http://127.0.0.1:4711/v1"
    assert len({key["value"] for key in written["providers"]["mock"]["keys"]}) == 4


def test_the_process_under_test_gets_the_last_core_for_itself() -> None:
    cores = processes.cores_of([0, 1, 2])
    assert cores.tested == {2}
    assert cores.shared == {0, 1}


def test_a_single_core_is_not_divided() -> None:
    assert processes.cores_of([3]) == processes.Cores()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin processes")
def test_pinning_ends_with_its_block() -> None:
    before = os.sched_getaffinity(0)
    with processes.pinned(frozenset({min(before)})):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def process(proc: Path, pid: int, parent: int, ticks: tuple[int, int, int, int], pages: int) -> None:
    (proc / str(pid)).mkdir()
    stat = f"{pid} (a (b) c) S {parent} 0 0 0 0 0 0 0 0 0 {' '.join(map(str, ticks))} 20 0 1 0 0 0 0\n"
    (proc / str(pid) / "stat").write_text(stat)
    (proc / str(pid) / "statm").write_text(f"999 {pages} 1 1 0 1 0\n")


def test_usage_is_that_of_the_process_and_all_its_descendants(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, (100, 50, 7, 3), 1000)
    process(tmp_path, 20, 10, (10, 10, 0, 0), 100)
    process(tmp_path, 30, 20, (1, 0, 0, 0), 10)
    process(tmp_path, 40, 1, (5000, 5000, 0, 0), 9999)
    used = procfs.usage(10, tmp_path)
    assert used is not None
    assert used.cpu == pytest.approx(181 / os.sysconf("SC_CLK_TCK"))
    assert used.rss == 1110 * os.sysconf("SC_PAGE_SIZE")


def test_what_works_in_the_background_is_counted_apart(tmp_path: Path) -> None:
    for pid, parent, ticks in ((10, 1, 100), (20, 10, 10), (30, 10, 7)):
        process(tmp_path, pid, parent, (ticks, 0, 0, 0), 10)
        (tmp_path / str(pid) / "cmdline").write_bytes(b"python\0-m\0a.writer\0" if pid != 30 else b"nginx: worker")
    used = procfs.usage(10, tmp_path, beside=b"a.writer")
    assert used is not None
    assert used.beside == pytest.approx(10 / os.sysconf("SC_CLK_TCK"))
    assert used.cpu == pytest.approx(107 / os.sysconf("SC_CLK_TCK"))
    assert used.rss == 30 * os.sysconf("SC_PAGE_SIZE")


def test_usage_of_a_process_that_is_gone_is_unknown(tmp_path: Path) -> None:
    assert procfs.usage(10, tmp_path) is None
    assert procfs.usage(10, tmp_path / "no proc at all") is None


def test_time_spent_waiting_is_not_busy(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  10 20 30 9999 9999 1 2 3 0 0\ncpu0 1 1\n")
    assert procfs.machine_busy(tmp_path) == pytest.approx(66 / os.sysconf("SC_CLK_TCK"))
