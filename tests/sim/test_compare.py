"""The comparison of the strategies: the same seed gives the same figures, and the picture is one."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from headway.types import BalanceName
from sim.compare import COMPARISONS, STRATEGIES, Comparison, curve, picture, table
from sim.plot import Curve, plot
from sim.workloads import four_keys, play

SVG = "{http://www.w3.org/2000/svg}"


def short(balance: BalanceName, seed: int) -> list[str]:
    outcomes = play(four_keys(balance, length=30.0), seed)
    return [cell(outcomes) for _, cell in COMPARISONS[0].columns]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_always_gives_the_same_figures(strategy: BalanceName) -> None:
    assert short(strategy, 1) == short(strategy, 1)


def test_the_strategies_differ() -> None:
    assert len({tuple(short(strategy, 1)) for strategy in ("adaptive", "round_robin", "least_busy")}) == 3


def test_every_comparison_has_a_row_for_each_strategy_and_a_cell_for_each_column() -> None:
    comparison = COMPARISONS[0]
    rows = [(strategy, ["1 %"] * len(comparison.columns)) for strategy in STRATEGIES]
    lines = [line for line in table(comparison, rows).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(STRATEGIES)
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda each: each.title)
def test_every_strategy_gets_the_same_requests(comparison: Comparison) -> None:
    assert comparison.make("adaptive").wishes == comparison.make("least_busy").wishes


def test_a_curve_is_a_share_over_time() -> None:
    outcomes = play(four_keys("adaptive", length=10.0))
    values = curve(outcomes)
    assert values[0] == 1.0  # all of its keys belong to one provider
    assert set(values[3:]) == {0.0}


def test_the_picture_has_a_curve_for_each_strategy_within_its_frame() -> None:
    root = ElementTree.fromstring(picture([Curve(name, [0.0, 0.5, 2.0]) for name in STRATEGIES]))
    lines = root.findall(f"{SVG}polyline")
    assert len(lines) == len(STRATEGIES)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for line in lines:
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0.0 <= x <= width
            assert 0.0 <= y <= height


def test_curves_differ_without_colours() -> None:
    root = ElementTree.fromstring(plot("a < b", [Curve(str(n), [0.1]) for n in range(6)], every=1.0, highest=1.0))
    assert len({line.attrib.get("stroke-dasharray", "") for line in root.findall(f"{SVG}polyline")}) == 6
