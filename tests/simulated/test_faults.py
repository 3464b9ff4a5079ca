"""Reading faults and schedules, and which fault a request gets."""

from __future__ import annotations

from random import Random

import pytest

from headway.simulated.faults import NO_FAULT, Fault, FaultError, parse_fault, parse_request_fault
from headway.simulated.notation import Latency, Position
from headway.simulated.schedule import NO_SCHEDULE, FaultPlan, Schedule, parse_schedule

DOWN = Fault(status=503)


def plan(constant: Fault = NO_FAULT, schedule: str = "", started: float = 0.0) -> FaultPlan:
    return FaultPlan(constant, parse_schedule(schedule), started, Random(1))


def test_options_can_be_combined():
    fault = parse_fault("status=503, body=html,header.retry-after=5,latency=50ms±20ms,rst_at=3t")
    assert fault == Fault(
        status=503,
        body="html",
        headers=(("retry-after", "5"),),
        latency=Latency(0.05, 0.02),
        rst_at=Position(3, "t"),
    )


@pytest.mark.parametrize("text", ["", "none", " none , "])
def test_no_fault_can_be_said(text: str):
    assert parse_fault(text) == NO_FAULT


def test_values_are_percent_decoded():
    fault = parse_fault("error.message=one%2C two,header.x-a=b%3Dc")
    assert fault.error == (("message", "one, two"),)
    assert fault.headers == (("x-a", "b=c"),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("statuss=503", "did you mean 'status'"),
        ("wobble", "known are status"),
        ("status", "needs a value, as in 'status=503'"),
        ("status=999", "no number from 200 to 599"),
        ("status=many", "no number"),
        ("body=xml", "none of json, html"),
        ("no_done=1", "takes no value"),
        ("stall_after=5x", "'stall_after': '5x' is no position"),
        ("header.=1", "needs a name"),
        ("header.x=a%0D%0Ab", "no line breaks"),
        ("error.colour=red", "an error has message, type, param, code"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, complaint: str):
    with pytest.raises(FaultError, match=complaint):
        parse_fault(text)


def test_one_request_cannot_close_the_listener():
    with pytest.raises(FaultError, match="closes the listener"):
        parse_request_fault("refuse")
    assert parse_fault("refuse").refuse


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tomorrow", "cannot read 'tomorrow'"),
        ("20s-10s html", "ends before it starts"),
        ("1s-2s statuss=1", "did you mean"),
        ("every 3 refuse", "closes the listener"),
        ("period 0s", "longer than nothing"),
        ("period soon", "no duration"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_explained(text: str, complaint: str):
    with pytest.raises(FaultError, match=complaint):
        parse_schedule(text)


def test_an_empty_schedule_is_none():
    assert parse_schedule(" ; ") == NO_SCHEDULE == Schedule()


def test_a_window_begins_with_its_first_second_and_ends_before_its_last():
    faults = plan(schedule="10s-20s status=503", started=100.0)
    chosen = [faults.choose(100.0 + at) for at in (9.99, 10.0, 19.99, 20.0)]
    assert chosen == [NO_FAULT, DOWN, DOWN, NO_FAULT]


def test_a_period_repeats_the_windows():
    faults = plan(schedule="10s-20s status=503; period 1m")
    assert [faults.choose(at) for at in (75.0, 85.0, 135.0)] == [DOWN, NO_FAULT, DOWN]


def test_every_nth_request_is_counted_from_one():
    faults = plan(schedule="every 3 status=503")
    assert [faults.choose(0.0) for _ in range(7)] == [NO_FAULT, NO_FAULT, DOWN, NO_FAULT, NO_FAULT, DOWN, NO_FAULT]


def test_chance_is_seeded_and_about_as_frequent_as_it_says():
    first, second = plan(schedule="30% status=503"), plan(schedule="30% status=503")
    chosen = [first.choose(0.0) for _ in range(1000)]
    assert chosen == [second.choose(0.0) for _ in range(1000)]
    assert 250 < chosen.count(DOWN) < 350


def test_a_window_outranks_every_which_outranks_chance_which_outranks_the_constant():
    faults = plan(Fault(status=500), "0s-1s status=501; every 2 status=502; 100% status=503")
    assert [faults.choose(at).status for at in (0.5, 2.0, 2.0)] == [501, 502, 503]
    assert plan(Fault(status=500)).choose(0.0).status == 500


def test_a_new_schedule_begins_anew():
    faults = plan(schedule="0s-1s status=503")
    assert faults.choose(5.0) == NO_FAULT
    faults.set_schedule(parse_schedule("0s-1s status=503"), now=5.0)
    assert faults.choose(5.5) == DOWN


def test_the_listener_is_refused_in_its_window_only():
    faults = plan(schedule="1s-2s refuse")
    assert faults.may_refuse
    assert [faults.refusing(at) for at in (0.5, 1.5, 2.5)] == [False, True, False]


def test_a_window_without_refuse_opens_a_port_that_is_otherwise_closed():
    faults = plan(Fault(refuse=True), "1s-2s status=503")
    assert [faults.refusing(at) for at in (0.5, 1.5)] == [True, False]
