"""The reader of PromQL refuses what Prometheus refuses, so that what it accepts may be believed."""

from __future__ import annotations

import pytest

from deploy.promql import PromqlError, Selector, labels, parse, selectors

SERIES = {
    "a_total": frozenset({"job", "x", "y"}),
    "b": frozenset({"job", "x"}),
    "c_bucket": frozenset({"job", "le"}),
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("b", {"job", "x"}),
        ('sum by (x) (rate(a_total{y=~"1|2", job="j"}[5m]))', {"x"}),
        ("sum(rate(a_total[1h30m])) by (x, y)", {"x", "y"}),
        ("sum (b) / (sum (b) > 0) or vector(0)", set[str]()),
        ("sum by (x) (a_total) and on (x) b > 0.05", {"x"}),
        ("histogram_quantile(0.95, sum by (job, le) (rate(c_bucket[5m])))", {"job"}),
        ("0 * b", {"job", "x"}),
        ("-b ^ 2 ^ 1e3", {"job", "x"}),
        ("max_over_time(b[5m] offset 1d) == bool 0", {"job", "x"}),
    ],
)
def test_what_prometheus_takes_is_taken(text: str, found: set[str]):
    assert labels(parse(text), SERIES) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b b",
        "sum (b",
        "sum by (x (b)",
        "sum by (x, x) (b)",
        "rate(a_total)",
        "rate(sum (a_total)[5m])",
        "rate(a_total[5])",
        "rate(a_total[$__rate_interval])",
        "sum (a_total[5m])",
        "b[5m] + 1",
        "rates(a_total[5m])",
        "histogram_quantile(c_bucket, 0.9)",
        "b or 1",
        "1 + on (x) b",
        'b{x=="1"}',
        "b{x=1}",
        'b{x="1}',
        "b @@ 1",
        "5x",
        "+",
    ],
)
def test_what_prometheus_refuses_is_refused(text: str):
    with pytest.raises(PromqlError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "d",
        'b{y="1"}',
        "sum by (y) (b)",
        "sum by (y) (sum by (x) (a_total))",
        "histogram_quantile(0.9, sum by (job) (rate(c_bucket[5m])))",
        "a_total and on (y) b",
        "a_total / b",
    ],
)
def test_what_would_never_find_anything_is_refused(text: str):
    with pytest.raises(PromqlError):
        labels(parse(text), SERIES)


def test_selectors_are_found_wherever_they_stand():
    text = 'sum (rate(a_total{x!~"\\\\d"}[5m])) / sum (b) or vector(0)'
    assert list(selectors(parse(text))) == [Selector("a_total", (("x", "!~", "\\d"),), ranged=True), Selector("b", ())]
