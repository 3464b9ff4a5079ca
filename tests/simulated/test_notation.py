"""How quantities are read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.simulated.notation import Latency, Position, duration, go_duration, latency, position, size


@pytest.mark.parametrize(
    ("text", "seconds"), [("50ms", 0.05), ("2s", 2.0), ("1.5m", 90.0), ("1h", 3600.0), ("1m30s", 90.0), ("0s", 0.0)]
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float):
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-1s", "5sec", "1s2"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ValueError, match="no duration"):
        duration(text)


@pytest.mark.parametrize(("text", "count"), [("200b", 200), ("64KB", 65536), ("1MB", 1048576), ("7", 7)])
def test_a_size_is_read_in_bytes(text: str, count: int):
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "1GB", "many", "²"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="no size"):
        size(text)


def test_a_bare_position_counts_tokens():
    assert position("5") == position("5t") == Position(5, "t")
    assert position("200b") == Position(200, "b")
    with pytest.raises(ValueError, match="no position"):
        position("5x")


def test_jitter_may_be_written_in_ascii():
    assert latency("50ms±20ms") == latency("50ms+-20ms") == Latency(0.05, 0.02)
    assert latency("50ms") == Latency(0.05)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0001, "1ms"),
        (0.012, "12ms"),
        (1.0, "1s"),
        (1.5, "1.5s"),
        (59.999, "59.999s"),
        (60.0, "1m0s"),
        (86.4, "1m26.4s"),
        (360.0, "6m0s"),
        (3600.0, "1h0m0s"),
        (179.56, "2m59.56s"),
    ],
)
def test_a_reset_is_written_as_openai_writes_it(seconds: float, text: str):
    assert go_duration(seconds) == text


@given(st.integers(min_value=1, max_value=100_000_000))
def test_what_is_written_can_be_read_again(milliseconds: int):
    assert duration(go_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
