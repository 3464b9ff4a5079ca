"""Ratios are taken within a round, medians over rounds, and latencies are merged and not averaged."""

from __future__ import annotations

from random import Random

import pytest

from headway.bench import figures, latency, report
from headway.bench.figures import Sample, Spread
from headway.bench.plan import BenchError, Result
from headway.bench.rounds import order
from headway.bench.scenarios import named


def sample(
    configuration: str,
    cpu: float | None = None,
    *,
    ms: float = 1.0,
    replies: int = 1000,
    errors: dict[str, int] | None = None,
) -> Sample:
    result = Result(
        seconds=2.0,
        replies=replies,
        chunks=0,
        errors=errors or {},
        latency=latency.packed([ms / 1000] * 100),
        first_token="",
        gaps="",
        behind="",
    )
    return Sample(configuration=configuration, streamed=False, result=result, cpu=cpu)


def test_cpu_is_counted_per_reply_and_busy_per_second() -> None:
    taken = sample("gateway", cpu=1.0, replies=10_000)
    assert taken.cpu_us == pytest.approx(100.0)
    assert taken.busy == pytest.approx(0.5)
    assert taken.per_second == pytest.approx(5000.0)


def test_streams_are_counted_per_chunk() -> None:
    result = Result(seconds=1.0, replies=2, chunks=500, errors={}, latency="", first_token="", gaps="", behind="")
    taken = Sample(configuration="nginx", streamed=True, result=result, cpu=0.01)
    assert taken.cpu_us == pytest.approx(20.0)


def test_a_run_without_replies_has_no_cpu_per_reply() -> None:
    assert sample("gateway", cpu=1.0, replies=0).cpu_us is None


def test_the_floor_is_the_mean_of_nginx_before_and_after() -> None:
    samples = [sample("nginx", 0.030), sample("gateway", 0.105), sample("nginx", 0.040)]
    assert figures.floor(samples) == pytest.approx(35.0)
    assert figures.ratio(samples[1], samples) == pytest.approx(3.0)


def test_without_nginx_there_is_no_ratio() -> None:
    samples = [sample("direct", 0.01), sample("gateway", 0.1)]
    assert figures.ratio(samples[1], samples) is None


def test_ratios_are_taken_in_the_same_round() -> None:
    quiet = [sample("nginx", 0.02), sample("gateway", 0.06), sample("nginx", 0.02)]
    noisy = [sample("nginx", 0.04), sample("gateway", 0.12), sample("nginx", 0.04)]
    found = figures.summary("gateway", [quiet, noisy]).ratio
    assert found is not None
    assert (found.low, found.median, found.high) == pytest.approx((3.0, 3.0, 3.0))


def test_a_spread_is_the_median_and_the_range_of_what_is_known() -> None:
    assert figures.spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert figures.spread([None]) is None


def test_added_latency_is_the_difference_within_a_round() -> None:
    rounds = [
        [sample("direct", ms=1.0), sample("gateway", ms=1.5)],
        [sample("direct", ms=3.0), sample("gateway", ms=4.0)],
    ]
    found = figures.summary("gateway", rounds).added_p50
    assert found is not None
    assert found.low == pytest.approx(500, rel=0.02)
    assert found.high == pytest.approx(1000, rel=0.02)
    assert figures.summary("direct", rounds).added_p50 is None


def test_merged_histograms_hold_the_values_of_all() -> None:
    texts = [latency.packed([0.001] * 90), "", latency.packed([0.100] * 10)]
    merged = latency.merged(texts)
    assert merged.get_total_count() == 100
    assert latency.percentile(merged, 50) == pytest.approx(1_000, rel=0.01)
    assert latency.percentile(merged, 99) == pytest.approx(100_000, rel=0.01)


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert latency.packed([]) == ""
    assert latency.percentile(latency.merged([""]), 50) is None


def test_a_latency_beyond_the_scale_is_kept_at_its_end() -> None:
    assert latency.percentile(latency.merged([latency.packed([1e6])]), 50) == pytest.approx(1e8, rel=0.01)


def test_errors_of_all_rounds_are_added_up_and_fail_the_report() -> None:
    rounds = [[sample("gateway", errors={"status 500": 2})], [sample("gateway", errors={"status 500": 1})]]
    measured = report.measured(named("small"), rounds)
    assert measured.summaries[0].errors == {"status 500": 3}
    assert report.failed([measured])
    assert not report.failed([report.measured(named("small"), [[sample("gateway")]])])


def test_the_log_of_the_first_failure_is_kept() -> None:
    failing = [
        Sample(configuration="gateway", streamed=False, result=sample("gateway").result, said=said)
        for said in ("", "first", "second")
    ]
    assert figures.summary("gateway", [failing]).said == "first"


def test_summaries_come_from_the_floor_upwards() -> None:
    rounds = [[sample("gateway"), sample("nginx"), sample("direct")]]
    assert [found.configuration for found in figures.summaries(rounds)] == ["direct", "nginx", "gateway"]


def test_every_round_has_nginx_before_and_after_the_others() -> None:
    names = ["direct", "nginx", "gateway"]
    rounds = [order(names, Random(seed)) for seed in range(20)]
    assert all(played[0] == played[-1] == "nginx" for played in rounds)
    assert {tuple(played[1:-1]) for played in rounds} == {("direct", "gateway"), ("gateway", "direct")}


def test_without_nginx_the_others_are_shuffled_alone() -> None:
    assert sorted(order(["direct", "gateway"], Random(1))) == ["direct", "gateway"]


def test_the_block_of_figures_is_replaced_and_nothing_else() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.written(document, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"


def test_a_document_without_the_block_is_not_written_to() -> None:
    with pytest.raises(BenchError, match="no lines"):
        report.written("nothing here", "new")


def test_the_written_block_is_a_table_per_scenario_and_says_when_it_does_not_count() -> None:
    rounds = [[sample("nginx", 0.03), sample("gateway", 0.09, errors={"status 500": 1}), sample("nginx", 0.03)]]
    measured = report.measured(named("small"), rounds)
    machine = report.Machine("a cpu", 2, "Linux", "Python 3.11", None, pinned=True, at="2025-01-01 00:00 UTC")
    text = report.markdown(report.Report(machine, [measured], failed=True))
    assert "do not count" in text
    assert "| gateway | 90.0 (90.0-90.0) | 3.00 (3.00-3.00) |" in text
    assert "1 x status 500" in text


def test_a_busy_machine_is_mentioned() -> None:
    quiet, busy = (
        sample("nginx", 0.03),
        Sample(configuration="nginx", streamed=False, result=sample("nginx").result, cpu=0.03, foreign=0.7),
    )
    assert report.disturbance(report.measured(named("small"), [[quiet]])) == ""
    assert "0.7 cores" in report.disturbance(report.measured(named("small"), [[busy]]))
