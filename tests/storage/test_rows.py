"""Rows of the log: numbered by time, and of values that every database takes."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events import NOW, made_event
from headway.storage.rows import LONGEST_LINE, MOST, Ids, first_id, fit, moment, read_line, row_of
from headway.types import AttemptRecord, ExchangeEvent, Usage
from storage.made import logged

TIMES = st.floats(min_value=0, max_value=4e9)


@given(TIMES, TIMES)
def test_ids_are_in_the_order_of_time(one: float, other: float):
    ids = Ids()
    first, second = ids.new(one), ids.new(other)
    if first_id(one) < first_id(other):
        assert first < second


@given(TIMES)
def test_an_id_tells_the_moment_to_the_microsecond(at: float):
    assert abs(moment(Ids().new(at)) - at) < 2e-6


def test_rows_of_one_microsecond_are_told_apart_however_many():
    ids = Ids()
    found = [ids.new(NOW) for _ in range(5000)]
    assert len(set(found)) == 5000
    assert all(abs(moment(each) - NOW) < 1e-5 for each in found)


def test_moments_out_of_all_bounds_still_have_ids_of_64_bits():
    assert first_id(-5.0) == first_id(float("nan")) == 0
    assert first_id(1e300) == first_id(float("inf")) < 2**63


@given(st.text(), st.sampled_from(["request_id", "route", "target", "key", "model", "session"]))
def test_a_text_that_is_too_long_or_odd_is_made_to_fit(text: str, column: str):
    text = text * 50
    found = fit(column, text)
    assert "\0" not in found
    assert len(found.encode()) <= 384
    assert fit(column, found) == found
    assert text.replace("\0", "\ufffd").startswith(found)


def test_a_line_that_tells_of_no_exchange_is_none():
    ids = Ids()
    for line in (b"", b"{", b"[]", b'{"event":"draining","at":1.0}', b"\xff", b'{"event":"exchange"}'):
        assert read_line(line, ids) is None


def row(event: ExchangeEvent) -> dict[str, object]:
    (only,) = logged(event)
    return row_of(only)


def test_a_row_tells_who_was_asked_last():
    attempts = (AttemptRecord("a/m#k", "429", 0.0, 0.1), AttemptRecord("b/x/y#k2", "200", 0.1, 0.1))
    found = row(made_event(attempts=attempts))
    assert (found["provider"], found["target"], found["key"]) == ("b", "b/x/y", "k2")
    nobody = row(made_event(attempts=()))
    assert (nobody["provider"], nobody["target"], nobody["key"]) == ("", "", "")


def test_what_a_provider_counts_cannot_overflow_a_sum():
    found = row(made_event(usage=Usage(10**30, -(10**30)), cost=10**40))
    assert (found["input_tokens"], found["output_tokens"], found["cost"]) == (MOST, -MOST, MOST)


def test_a_very_long_event_is_kept_shortened_and_is_still_one():
    attempts = (AttemptRecord("a/m#k", "500", 0.0, 0.1),) * 3000
    event = made_event(model="m" * 10**6, error="e" * 10**6, dropped=("d" * 10**5,) * 1000, attempts=attempts)
    found = row(event)
    assert len(str(found["event"])) < LONGEST_LINE
    again = msgspec.json.decode(str(found["event"]), type=ExchangeEvent)
    assert (again.request_id, again.model, again.error) == (event.request_id, "m" * 256, "e" * 2000)


def test_a_line_that_is_not_too_long_is_kept_as_it_came():
    event = made_event(error="naïve \u0000 ☃")
    assert row(event)["event"] == msgspec.json.encode(event).decode()
