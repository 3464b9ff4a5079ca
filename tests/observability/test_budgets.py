"""Budgets: from which part on they are told of, for how long, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random

import pytest

from headway.core.periods import began
from headway.observability.alarm import Alarm
from headway.observability.budgets import nearly_spent, used
from headway.observability.posting import Address, Answered
from headway.observability.webhooks import Webhooks
from headway.types import AlertRules, Budget, Period, Severity, Spent, Troubles

DOLLAR = 1_000_000
NOW = datetime(2026, 11, 30, 23, 0, tzinfo=UTC).timestamp()
SEARCH = Budget(name="search", amount=50 * DOLLAR, per="month", tag="search")


def spent(amount: int, at: float = NOW, *, per: Period = "month", budget: str = "search") -> Spent:
    return Spent(budget=budget, since=began(per, at), amount=amount)


def severity_at(amount: int) -> Severity | None:
    found = list(nearly_spent([SEARCH], [spent(amount)], NOW))
    return found[0].severity if found else None


@pytest.mark.parametrize(
    ("amount", "severity"),
    [
        (0, None),
        (39_999_999, None),
        (40 * DOLLAR, "warning"),
        (49_999_999, "warning"),
        (50 * DOLLAR, "critical"),
        (500 * DOLLAR, "critical"),
    ],
)
def test_it_is_told_at_four_fifths_and_is_critical_at_all_of_it(amount: int, severity: Severity | None):
    assert severity_at(amount) == severity


def test_the_message_says_what_was_spent_of_what_and_when_and_the_way_out():
    (found,) = nearly_spent([SEARCH], [spent(41_204_000)], NOW)
    assert (found.kind, found.subject) == ("budget", "search")
    assert found.message == (
        "search has spent $41.20 of its $50.00 for November 2026 (82%). "
        "Raise it, or send its traffic to cheaper models."
    )


def test_large_amounts_are_easy_to_read():
    budget = Budget(name="all", amount=12_000 * DOLLAR, per="day")
    (found,) = nearly_spent([budget], [spent(13_500 * DOLLAR, per="day", budget="all")], NOW)
    assert "all has spent $13,500.00 of its $12,000.00 for 30 November 2026 (112%)." in found.message


def test_what_is_nearly_all_is_not_told_as_all_of_it():
    (found,) = nearly_spent([SEARCH], [spent(49_999_999)], NOW)
    assert "$49.99 of its $50.00 for November 2026 (99%)" in found.message


def test_what_is_told_of_a_period_that_is_over_counts_no_more():
    told = [spent(60 * DOLLAR)]
    assert list(nearly_spent([SEARCH], told, NOW + 3599.0))
    assert list(nearly_spent([SEARCH], told, NOW + 3600.0)) == []
    assert list(used([SEARCH], told, NOW + 3600.0)) == []


def test_what_is_told_of_a_budget_that_is_gone_counts_no_more():
    assert list(nearly_spent([SEARCH], [spent(60 * DOLLAR, budget="gone")], NOW)) == []


def test_the_part_that_is_spent_is_told_from_the_beginning():
    assert list(used([SEARCH], [spent(0)], NOW)) == [(("search",), 0.0)]
    assert list(used([SEARCH], [spent(75 * DOLLAR)], NOW)) == [(("search",), 1.5)]
    assert list(used([SEARCH], [], NOW)) == []


# --- as alerts ---


class Scene:
    """An alarm that looks once a second."""

    def __init__(self, *, tells_of_budgets: bool = True) -> None:
        async def post(_: Address, __: bytes, ___: float) -> Answered:
            return Answered(200)

        self.now = NOW
        self.spent: tuple[Spent, ...] = ()
        self.troubles = Troubles()
        self.told: list[tuple[str, object, object]] = []
        self.alarm = Alarm(
            AlertRules(budgets=(SEARCH,)),
            troubles=lambda: self.troubles,
            lost=lambda: 0,
            spent=lambda: self.spent,
            wall=lambda: self.now,
            notice=self.notice,
            webhooks=Webhooks(post, lambda *_: None, Random(1)),
            tells_of_budgets=tells_of_budgets,
        )

    def notice(self, event: str, message: str, facts: Iterable[tuple[str, object]] = ()) -> None:
        found = dict(facts)
        self.told.append((event, found["severity"], found["subject"]))

    def spend(self, amount: int) -> None:
        self.spent = (spent(amount, self.now),)

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.alarm.look()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_warning_that_becomes_critical_is_told_again(scene: Scene):
    for amount in (39 * DOLLAR, 40 * DOLLAR, 45 * DOLLAR, 50 * DOLLAR, 55 * DOLLAR):
        scene.spend(amount)
        scene.pass_by(10)
    assert scene.told == [("alert_firing", "warning", "search"), ("alert_firing", "critical", "search")]
    (alert,) = scene.alarm.listed()
    assert (alert.severity, alert.count) == ("critical", 1)
    assert "$55.00 of its $50.00" in alert.message


def test_it_ends_with_its_period_though_nobody_has_told_of_the_next(scene: Scene):
    scene.spend(50 * DOLLAR)
    scene.pass_by(10)
    scene.now = NOW + 3590.0
    scene.pass_by(9)
    assert len(scene.told) == 1
    scene.pass_by(61)
    assert scene.told[1:] == [("alert_resolved", "critical", "search")]
    scene.spend(40 * DOLLAR)
    scene.pass_by(1)
    assert scene.told[2:] == [("alert_firing", "warning", "search")]
    assert "December 2026 (80%)" in scene.alarm.listed()[0].message


def test_a_budget_that_is_raised_ends_it(scene: Scene):
    scene.spend(50 * DOLLAR)
    scene.pass_by(1)
    scene.alarm.adjust(AlertRules(budgets=(Budget(name="search", amount=100 * DOLLAR, per="month"),)))
    scene.pass_by(61)
    assert [event for event, *_ in scene.told] == ["alert_firing", "alert_resolved"]


def test_who_does_not_tell_of_budgets_lists_them_and_tells_all_else():
    scene = Scene(tells_of_budgets=False)
    scene.spend(50 * DOLLAR)
    scene.troubles = Troubles(parked=frozenset({"a#k"}))
    scene.pass_by(1)
    assert scene.told == [("alert_firing", "critical", "a#k")]
    assert {alert.kind for alert in scene.alarm.listed()} == {"budget", "key_parked"}


def test_how_much_is_spent_is_told_while_alerts_are_turned_off(scene: Scene):
    scene.spend(25 * DOLLAR)
    scene.alarm.adjust(AlertRules(enabled=False, budgets=(SEARCH,)))
    scene.pass_by(1)
    assert list(scene.alarm.budgets_used()) == [(("search",), 0.5)]
    assert scene.told == []
