"""How durations, counts, sizes and shares are read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.config import units


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("1.5s", 1.5),
        ("0.1s", 0.1),
        (30, 30.0),
        (0.25, 0.25),
        ("30", 30.0),
        (" 30s ", 30.0),
    ],
)
def test_a_duration_is_seconds(written: object, seconds: float):
    assert units.duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "5 s", "5 parsecs", "30m1h", "1h1h", "1:30", "-5s", -5, True, None, [5], "1_000", "1e3s", "٣s"]
)
def test_anything_else_is_no_duration(written: object):
    with pytest.raises(ValueError, match=r"duration|number|negative"):
        units.duration(written)


@pytest.mark.parametrize(
    ("written", "number"), [("200k", 200_000), ("1.5m", 1_500_000), ("2B", 2_000_000_000), (7, 7), ("7", 7), (3.0, 3)]
)
def test_a_count_is_a_whole_number(written: object, number: int):
    assert units.count(written) == number


@pytest.mark.parametrize("written", [1.5, "1.5", "1.0005k", "k", "10x", float("nan"), float("inf"), "9" * 50])
def test_anything_else_is_no_count(written: object):
    with pytest.raises(ValueError, match=r"count|whole|negative"):
        units.count(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("10MB", 10_000_000),
        ("512KiB", 524_288),
        ("1.5gib", 1_610_612_736),
        ("64 kB", 64_000),
        (100, 100),
        ("100B", 100),
    ],
)
def test_a_size_is_bytes(written: object, size: int):
    assert units.size(written) == size


@pytest.mark.parametrize(
    ("written", "share"), [("2%", 0.02), ("0.5 %", 0.005), ("100%", 1.0), ("0.02", 0.02), (0.2, 0.2), (1, 1.0)]
)
def test_a_share_is_a_part_of_one(written: object, share: float):
    assert units.share(written) == share


@pytest.mark.parametrize("written", ["", "%", "2 percent", "2%%", "-2%", -0.1, True, None, [0.1]])
def test_anything_else_is_no_share(written: object):
    with pytest.raises(ValueError, match=r"share|number|negative"):
        units.share(written)


@given(st.integers(min_value=0, max_value=10**10))
def test_a_duration_is_read_back_as_it_was_written(milliseconds: int):
    assert round(units.duration(units.format_duration(milliseconds / 1000)) * 1000) == milliseconds


@given(st.integers(min_value=0, max_value=2**50))
def test_a_size_is_read_back_as_it_was_written(size: int):
    assert units.size(units.format_size(size)) == size


@given(st.integers(min_value=1, max_value=1000))
def test_a_share_is_read_back_as_it_was_written(thousandths: int):
    assert round(units.share(units.format_share(thousandths / 1000)) * 1000) == thousandths


@given(st.text(max_size=40) | st.from_regex(r"[0-9.]{1,5}[a-zA-Z%]{0,3}", fullmatch=True))
def test_any_text_is_read_or_refused_as_its_pattern_says(text: str):
    for read, pattern in (
        (units.duration, units.DURATION_PATTERN),
        (units.count, units.COUNT_PATTERN),
        (units.size, units.SIZE_PATTERN),
        (units.share, units.SHARE_PATTERN),
    ):
        try:
            read(text)
        except ValueError:
            continue
        assert re.search(pattern, text.strip())
