"""How failed logins slow down, in numbers for time."""

from __future__ import annotations

import pytest

from headway.admin.attempts import FORGOTTEN, FREE_FOR_ADDRESS, FREE_FOR_NAME, LONGEST_WAIT, MOST, Attempts


def test_a_few_failures_cost_nothing():
    attempts = Attempts()
    assert [attempts.admit("anna", "192.0.2.1", 0.0) for _ in range(FREE_FOR_NAME)] == [0.0] * FREE_FOR_NAME
    assert attempts.admit("anna", "192.0.2.1", 0.0) > 0


def test_each_failure_more_costs_twice_the_time_up_to_a_bound():
    attempts, now = Attempts(), 0.0
    waits: list[float] = []
    for _ in range(FREE_FOR_NAME + 8):
        now += attempts.admit("anna", None, now)
        wait = attempts.admit("anna", None, now)
        waits.append(wait)
    told = [wait for wait in waits if wait]
    assert told[0] == 1.0
    assert told == sorted(told)
    assert told[-1] <= LONGEST_WAIT


def test_a_success_forgives_the_name():
    attempts = Attempts()
    for _ in range(FREE_FOR_NAME):
        attempts.admit("anna", None, 0.0)
    assert attempts.admit("anna", None, 0.5) > 0
    attempts.succeeded("anna", None)
    assert attempts.admit("anna", None, 0.5) == 0.0


def test_others_are_not_slowed_down():
    attempts = Attempts()
    for _ in range(FREE_FOR_NAME):
        attempts.admit("anna", "192.0.2.1", 0.0)
    assert attempts.admit("anna", "192.0.2.2", 0.0) > 0
    assert attempts.admit("olga", "192.0.2.2", 0.0) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("a socket", "a socket", True),
    ],
)
def test_whoever_tries_many_names_is_slowed_down_by_address(one: str, other: str, same: bool):
    attempts = Attempts()
    for number in range(FREE_FOR_ADDRESS):
        assert attempts.admit(f"name{number}", one, 0.0) == 0.0
    assert (attempts.admit("another", other, 0.0) > 0) == same


def test_an_account_of_ones_own_does_not_forgive_the_address():
    attempts = Attempts()
    for number in range(FREE_FOR_ADDRESS - 1):
        attempts.admit(f"name{number}", "192.0.2.1", 0.0)
        attempts.admit("own", "192.0.2.1", 0.0)
        attempts.succeeded("own", "192.0.2.1")
    attempts.admit("last", "192.0.2.1", 0.0)
    assert attempts.admit("another", "192.0.2.1", 0.0) > 0


def test_after_a_while_all_is_forgotten():
    attempts = Attempts()
    for _ in range(FREE_FOR_NAME):
        attempts.admit("anna", None, 0.0)
    assert attempts.admit("anna", None, FORGOTTEN + 1) == 0.0
    assert attempts.admit("anna", None, FORGOTTEN + 1) == 0.0


def test_what_is_counted_is_bounded():
    attempts = Attempts()
    for number in range(MOST + 50):
        attempts.admit(f"name{number}", None, 0.0)
        attempts.is_told(f"name{number}", 0.0)
    assert len(attempts._failures) == len(attempts._told) == MOST


def test_failures_of_a_name_are_told_once_a_minute():
    attempts = Attempts()
    assert [attempts.is_told("anna", now) for now in (0.0, 1.0, 59.0, 61.0, 62.0)] == [True, False, False, True, False]
    assert attempts.is_told("olga", 1.0)
