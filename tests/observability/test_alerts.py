"""Which alerts there are: begun once, told again after a while, ended once; and never more than are kept."""

from __future__ import annotations

from typing import Any

import pytest

from headway.observability.alerts import KINDS, MOST_ALERTS, SETTLES, Alerts, Condition
from headway.types import Alert

START = 1_750_000_000.0
HOUR = 3600.0


def condition(subject: str = "a#k", **facts: Any) -> Condition:
    usual: dict[str, Any] = {"kind": "key_parked", "severity": "warning", "message": f"{subject} is refused"}
    return Condition(subject=subject, **usual | facts)


def at(seconds: float) -> float:
    return START + seconds


@pytest.fixture
def alerts() -> Alerts:
    return Alerts(repeat=HOUR)


def see(alerts: Alerts, seconds: float, *conditions: Condition) -> list[Alert]:
    return alerts.see(conditions, at(seconds))


def test_a_condition_is_told_when_it_begins(alerts: Alerts):
    (alert,) = see(alerts, 0.0, condition(times=2))
    assert alert == Alert(
        kind="key_parked",
        severity="warning",
        subject="a#k",
        message="a#k is refused",
        first_seen=at(0.0),
        last_seen=at(0.0),
        count=2,
    )
    assert alerts.listed() == (alert,)


def test_while_it_lasts_it_is_one_alert_whose_count_grows(alerts: Alerts):
    see(alerts, 0.0, condition(so_far=12))
    for second in range(1, 100):
        assert see(alerts, second, condition(times=3, message=f"seen {second} times")) == []
    (alert,) = alerts.listed()
    assert (alert.count, alert.message) == (12 + 99 * 3, "seen 99 times")
    assert (alert.first_seen, alert.last_seen) == (at(0.0), at(99.0))


def test_what_just_lasts_counts_once(alerts: Alerts):
    see(alerts, 0.0, condition())
    see(alerts, 1.0, condition())
    assert alerts.listed()[0].count == 1


def test_another_kind_or_subject_is_another_alert(alerts: Alerts):
    told = see(alerts, 0.0, condition("a#k"), condition("b#k"), condition("a#k", kind="target_errors"))
    assert len(told) == len(alerts.listed()) == 3


def test_one_that_lasts_is_told_again_after_the_interval(alerts: Alerts):
    told = [second for second in range(0, 8000, 10) if see(alerts, second, condition())]
    assert told == [0, 3600, 7200]


def test_one_that_becomes_critical_is_told_at_once_and_only_then(alerts: Alerts):
    see(alerts, 0.0, condition())
    (worse,) = see(alerts, 1.0, condition(severity="critical"))
    assert worse.severity == "critical"
    assert see(alerts, 2.0, condition(severity="critical")) == []
    assert see(alerts, 3.0, condition()) == []


def test_the_end_is_told_once_when_it_has_been_gone_for_a_while(alerts: Alerts):
    see(alerts, 0.0, condition())
    assert see(alerts, SETTLES - 1.0) == []
    (ended,) = see(alerts, SETTLES)
    assert (ended.last_seen, ended.resolved_at) == (at(0.0), at(SETTLES))
    assert see(alerts, SETTLES + 1.0) == []
    assert alerts.listed() == (ended,)


def test_what_comes_and_goes_is_one_alert(alerts: Alerts):
    told = [second for second in range(0, 600, 10) if see(alerts, second, *([condition()] if second % 60 == 0 else []))]
    assert told == [0]


def test_one_that_comes_back_after_its_end_is_a_new_one(alerts: Alerts):
    see(alerts, 0.0, condition())
    see(alerts, SETTLES)
    (again,) = see(alerts, SETTLES + 1.0, condition())
    assert (again.first_seen, again.resolved_at) == (at(SETTLES + 1.0), None)
    assert [each.resolved_at for each in alerts.listed()] == [None, at(SETTLES)]


def test_the_newest_comes_first(alerts: Alerts):
    for second in range(3):
        see(alerts, second, *(condition(each) for each in "abc"[: second + 1]))
    assert [each.subject for each in alerts.listed()] == ["c", "b", "a"]


def test_those_that_last_are_counted_by_kind(alerts: Alerts):
    assert alerts.firing() == dict.fromkeys(KINDS, 0)
    see(alerts, 0.0, condition("a"), condition("b"), condition("r", kind="route_errors"))
    assert alerts.firing() == dict.fromkeys(KINDS, 0) | {"key_parked": 2, "route_errors": 1}
    see(alerts, SETTLES, condition("a"))
    assert alerts.firing() == dict.fromkeys(KINDS, 0) | {"key_parked": 1}


def test_the_oldest_that_have_ended_make_room(alerts: Alerts):
    see(alerts, 0.0, condition("first"))
    see(alerts, SETTLES, condition("second"))
    see(alerts, 2 * SETTLES)
    see(alerts, 2 * SETTLES, *(condition(f"k{number}") for number in range(MOST_ALERTS - 1)))
    kept = {each.subject for each in alerts.listed()}
    assert len(kept) == MOST_ALERTS
    assert "first" not in kept
    assert "second" in kept


def test_while_all_that_are_kept_last_no_new_one_begins_and_none_is_told_twice(alerts: Alerts):
    many = [condition(f"k{number}") for number in range(MOST_ALERTS + 50)]
    assert len(see(alerts, 0.0, *many)) == MOST_ALERTS
    assert see(alerts, 1.0, *many) == []
    assert len(alerts.listed()) == MOST_ALERTS
    assert alerts.firing()["key_parked"] == MOST_ALERTS


def test_memory_stays_bounded_however_long_it_goes_on(alerts: Alerts):
    for turn in range(20):
        see(alerts, turn * SETTLES, *(condition(f"{turn}-{number}") for number in range(60)))
        assert len(alerts.listed()) <= MOST_ALERTS
    assert len(alerts._told) == len(alerts._firing)
