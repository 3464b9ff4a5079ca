"""Rate-limit headers: every quota has an example, values may be anything, and the page says what the data say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headway.config.load import load
from headway.providers.catalogue import catalogue, find
from headway.providers.ratelimits import GENERIC, LONGEST_RESET, WINDOWS, Row, document, parse, readings, until
from headway.types import Reading
from headway.wire.http_head import NO_HEAD, Head

WALL = 1777636800.0  # 2026-05-01T12:00:00Z
ROWS = document().providers
PAGE = (Path(__file__).parents[2] / "docs" / "rate-limits.md").read_text("utf-8")
NAMES = sorted(
    {quota.headers.replace("*", part) for row in ROWS.values() for quota in row.quotas for part in ("limit", "reset")}
    | {quota.headers.replace("*", "remaining") for row in ROWS.values() for quota in row.quotas}
)


class Fixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: str
    head: dict[str, str]
    says: tuple[dict[str, Any], ...]
    sample: str | None = None
    made: str | None = None


FIXTURES = msgspec.convert(
    yaml.load((Path(__file__).parent / "ratelimits.yaml").read_text("utf-8"), yaml.CSafeLoader), list[Fixture]
)


def head_of(fields: dict[str, str]) -> Head:
    return Head(b"HTTP/1.1 200 OK\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in fields.items()))


def said(kind: str, **fields: str) -> tuple[Reading, ...]:
    """What a reply with these headers says; `reset_requests` stands for `x-ratelimit-reset-requests`."""
    head = head_of({f"x-ratelimit-{name.replace('_', '-')}": value for name, value in fields.items()})
    return readings(kind, head, WALL)


def window_of(limit: int, remaining: int, reset: str) -> float | None:
    (reading,) = said("custom", limit_requests=str(limit), remaining_requests=str(remaining), reset_requests=reset)
    return reading.window


# --- fixtures


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.provider)
def test_headers_say_what_their_fixture_notes(fixture: Fixture):
    found = readings(fixture.provider, head_of(fixture.head), WALL)
    assert len(found) == len(fixture.says)
    for reading, noted in zip(found, fixture.says, strict=True):
        expected = {"limit": None, "reset": None, "window": None, **noted}
        assert msgspec.structs.asdict(reading) == {
            name: value if isinstance(value, str | None) else pytest.approx(value) for name, value in expected.items()
        }


def test_every_quota_of_every_row_has_a_fixture():
    shown = {
        (fixture.provider if fixture.provider in ROWS else GENERIC, name.lower())
        for fixture in FIXTURES
        for name in fixture.head
    }
    missing = [
        (name, quota.headers)
        for name, row in ROWS.items()
        for quota in row.quotas
        if (name, quota.headers.replace("*", "remaining")) not in shown
    ]
    assert missing == []


def test_a_fixture_says_where_it_is_from():
    assert [fixture for fixture in FIXTURES if (fixture.sample is None) is (fixture.made is None)] == []


def test_every_row_is_of_a_provider_in_the_catalogue_under_its_own_name():
    assert [name for name in ROWS if name != GENERIC and name not in catalogue()] == []


def test_a_reply_without_such_headers_says_nothing():
    assert readings("openai", NO_HEAD, WALL) == ()
    assert readings("openai", head_of({"content-type": "application/json"}), WALL) == ()


def test_a_header_that_only_lists_the_names_says_nothing():
    listed = {"access-control-expose-headers": "x-ratelimit-limit-requests, x-ratelimit-remaining-requests"}
    assert readings("openai", head_of(listed), WALL) == ()


@pytest.mark.parametrize("kind", ["custom", "no-such-provider", "xai", "vllm", GENERIC])
def test_who_has_no_row_is_read_by_openais_names(kind: str):
    assert said(kind, limit_tokens="100", remaining_tokens="40") == (
        Reading(dimension="tokens", limit=100.0, remaining=40.0),
    )


def test_names_of_headers_are_read_in_any_case():
    upper = head_of({"X-RATELIMIT-REMAINING-REQUESTS": "7"})
    assert readings("openai", upper, WALL) == (Reading(dimension="requests", remaining=7.0),)


def test_a_limit_alone_says_nothing_of_what_is_left():
    assert said("openai", limit_tokens="100", reset_tokens="1s") == ()


# --- unknown is not used up


@pytest.mark.parametrize("kind", ["openai", "azure", "custom"])
@pytest.mark.parametrize(("limit", "remaining"), [("-1", "-1"), ("-1", "0"), ("0", "-1"), ("0", "0"), ("", "0")])
def test_minus_one_and_nought_in_pairs_are_unknown(kind: str, limit: str, remaining: str):
    assert said(kind, limit_tokens=limit, remaining_tokens=remaining, reset_tokens="0") == ()


def test_nothing_left_of_a_limit_is_used_up():
    (reading,) = said("openai", limit_tokens="30000", remaining_tokens="0", reset_tokens="6s")
    assert (reading.limit, reading.remaining) == (30000.0, 0.0)


def test_nothing_left_is_used_up_where_limits_are_never_told():
    assert said("azure", remaining_tokens="0") == (Reading(dimension="tokens", remaining=0.0, window=60.0),)


def test_what_is_left_is_known_without_a_limit_that_makes_sense():
    for limit in ("-1", "0", "unlimited", ""):
        (reading,) = said("openai", limit_requests=limit, remaining_requests="5")
        assert (reading.limit, reading.remaining) == (None, 5.0)


@pytest.mark.parametrize(
    "remaining", ["", "-1", "-0.5", "many", "nan", "inf", "-inf", "1e999", "0x10", "1 2", "9" * 30]
)
def test_what_is_no_amount_is_unknown(remaining: str):
    assert said("openai", limit_requests="100", remaining_requests=remaining) == ()


@pytest.mark.parametrize(("written", "amount"), [("1,500,000", 1_500_000), ("12.5", 12.5), (" 7 ", 7), ("1e3", 1000)])
def test_amounts_may_have_commas_and_fractions(written: str, amount: float):
    (reading,) = said("openai", limit_requests=written, remaining_requests=written)
    assert (reading.limit, reading.remaining) == (amount, amount)


# --- resets


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1),
        ("6m0s", 360),
        ("2m59.56s", 179.56),
        ("1h2m", 3720),
        ("1d", 86400),
        ("1h0m0s", 3600),
        ("1.5S", 1.5),
        ("500µs", 0.0005),
        ("7ns", 7e-9),
        ("55", 55),
        ("11.382867097854614", 11.382867097854614),
        ("0", 0),
        ("1,777,636,830", 30),
        ("1777636830", 30),
        ("1777636830.5", 30.5),
        ("1777636830500", 30.5),
        ("1777636770", 0),
        ("2026-05-01T12:00:14Z", 14),
        ("2026-05-01t12:00:14z", 14),
        ("2026-05-01T12:00:14.5+00:00", 14.5),
        ("2026-05-01T14:00:14+02:00", 14),
        ("2026-05-01T12:00:14", 14),
        ("2026-05-01T11:00:00Z", 0),
        ("0001-01-01T00:00:00+23:59", 0),
    ],
)
def test_a_reset_is_read_in_any_form(written: str, seconds: float):
    assert until(written.encode(), WALL) == pytest.approx(seconds)


NO_TIMES = """
-1 -5s s ms soon 1x 5s_later 1h-2m nan inf 2026-13-45T99:00:00Z 99999999999s 1.2.3s 9999-12-31T23:59:59Z
2026-05-01T12:00:00+99:00 1111111111111111111 £5s
"""


@pytest.mark.parametrize("written", ["", "5 s", "9" * 40, "1s" * 31, *NO_TIMES.split()])
def test_what_is_no_time_is_unknown(written: str):
    assert until(written.encode(), WALL) is None


# --- windows


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "window"),
    [
        (5000, 4999, "12ms", 60),
        (30000, 29999, "2ms", 60),
        (500, 499, "120ms", 60),
        (14400, 14370, "2m59.56s", 86400),
        (100, 50, "500ms", 1),
        (100, 50, "5s", 10),
        (100, 50, "30m", 3600),
        (100, 62, "22.8s", 60),
        (100, 50, "37.5s", 60),
        (100, 50, "38s", None),
        (100, 50, "22.5s", 60),
        (100, 50, "22s", None),
        (100, 50, "3d", None),
    ],
)
def test_the_window_follows_from_how_long_the_missing_part_takes(limit: int, remaining: int, reset: str, window: Any):
    assert window_of(limit, remaining, reset) == window


@pytest.mark.parametrize("reset", ["0s", "12ms", "1h"])
def test_nothing_follows_from_a_full_quota(reset: str):
    assert window_of(100, 100, reset) is None
    assert window_of(100, 120, reset) is None


@pytest.mark.parametrize("reset", ["59", "1777636859", "1777636859000", "2026-05-01T12:00:59Z"])
def test_nothing_follows_from_the_end_of_a_fixed_window(reset: str):
    """One of 60 used and 59 s to go would otherwise be taken for an hour."""
    assert window_of(60, 59, reset) is None


def test_one_of_a_unit_may_be_rounded_up_so_that_only_short_windows_are_believed():
    assert window_of(60, 59, "1s") == 60
    assert window_of(3600, 3599, "1s") is None
    assert window_of(60_000, 59_999, "1ms") == 60
    assert window_of(3_600_000, 3_599_999, "1ms") is None


def test_a_window_that_the_row_states_is_not_inferred_over():
    (reading,) = said("groq", limit_tokens="18000", remaining_tokens="17991", reset_tokens="1.8s")
    assert reading.window == 60


# --- anything


VALUES = st.one_of(
    st.binary(max_size=40),
    st.from_regex(rb"[-+]?[0-9.,]{0,12}(ms|s|m|h|d|Z)?([0-9]{1,4}(ms|s))?", fullmatch=True),
    st.integers(-2, 10**14).map(lambda value: str(value).encode()),
    st.datetimes().map(lambda moment: moment.isoformat().encode()),
).map(lambda value: value.replace(b"\r\n", b"\n"))
HEADS = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12).map(
        lambda fields: b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b:%b\r\n" % (k.encode(), v) for k, v in fields.items())
    ),
    st.binary(max_size=200).map(lambda junk: b"\r\nx-ratelimit-remaining-requests:" + junk + b"\r\n"),
)


@given(st.sampled_from([*ROWS, "custom"]), HEADS, st.floats(0, 1e10))
def test_it_is_total_and_says_nothing_absurd(kind: str, raw: bytes, wall: float):
    found = readings(kind, Head(raw), wall)
    for reading in found:
        assert 0 <= reading.remaining < float("inf")
        assert reading.limit is None or 0 < reading.limit < float("inf")
        assert reading.reset is None or 0 <= reading.reset <= LONGEST_RESET
        assert reading.window is None or reading.window in WINDOWS
    told = [(reading.dimension, reading.window) for reading in found]
    assert len(told) == len(set(told))


@given(st.integers(2, 10**6), st.sampled_from(WINDOWS), st.data())
def test_the_window_of_a_quota_that_refills_evenly_is_never_mistaken(limit: int, window: float, data: st.DataObject):
    remaining = data.draw(st.integers(0, limit - 1))
    milliseconds = -(-(limit - remaining) * window * 1000 // limit)
    assert window_of(limit, remaining, f"{milliseconds:.0f}ms") in {window, None} or milliseconds == 1


# --- data that do not fit


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{documented: x, quotas: [{dimension: words, headers: x-ratelimit-*}]}", "words"),
        ("{documented: x, quotas: [{dimension: tokens, headers: x-ratelimit-limit}]}", "headers"),
        ("{documented: x, quotas: [{dimension: tokens, headers: X-RateLimit-*}]}", "headers"),
        ("{documented: x, quotas: [{dimension: tokens, headers: x-ratelimit-*, window: 0}]}", "window"),
        ("{documented: x, quotas: [{dimension: tokens, headers: x-ratelimit-*, windows: 60}]}", "windows"),
        ("{documented: x, quotas: []}", "quotas"),
        ("{quotas: [{dimension: tokens, headers: x-ratelimit-*}]}", "'p'.*documented"),
        ("{documented: x, reported: y, quotas: [{dimension: tokens, headers: x-ratelimit-*}]}", "'p'.*documented"),
        ("{documented: x, quotas: [{dimension: tokens, headers: x-tokenlimit-*}]}", "'p'.*no header"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(row: str, complaint: str):
    generic = "{documented: x, quotas: [{dimension: tokens, headers: x-ratelimit-*}]}"
    with pytest.raises(ValueError, match=complaint):
        parse(f"version: 1\nproviders:\n  generic: {generic}\n  p: {row}\n")


def test_a_table_without_the_generic_row_is_refused():
    with pytest.raises(ValueError, match="generic"):
        parse("version: 1\nproviders: {p: {documented: x, quotas: [{dimension: tokens, headers: x-ratelimit-*}]}}")


# --- accounting


def test_how_tokens_are_counted_is_known_for_those_that_say_so():
    told = {entry.name: entry.quirks.accounting for entry in catalogue().values()}
    assert {name for name, how in told.items() if how == "reserved"} == {
        "openai",
        "azure",
        "azure-deployments",
        "cerebras",
        "bedrock-mantle",
    }
    assert {name for name, how in told.items() if how == "input"} == {"gemini"}
    assert told["anthropic"] == told["groq"] == "actual"


@pytest.mark.parametrize(("settings", "accounting"), [("", "reserved"), ("quirks: {accounting: actual}", "actual")])
def test_accounting_comes_from_the_catalogue_unless_it_is_said(tmp_path: Path, settings: str, accounting: str):
    file = tmp_path / "headway.yaml"
    file.write_text(f"providers:\n  openai:\n    keys: [k]\n    {settings}\n")
    quirks = load(file, {}).providers["openai"].quirks
    assert (quirks.accounting, quirks.prefill) == (accounting, "none")


# --- documentation


def rendered(name: str, row: Row) -> list[tuple[str, ...]]:
    by = f"[documented]({row.documented})" if row.documented else f"[reported]({row.reported})"
    windows = {None: "inferred", 1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
    return [(f"`{name}`", q.dimension, f"`{q.headers}`", windows[q.window], by) for q in row.quotas]


def test_the_page_lists_every_quota_in_order():
    table = PAGE.split("\n| provider | counts |", 1)[1].split("\n\n", 1)[0]
    listed = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[2:]]
    assert listed == [cells for name, row in ROWS.items() for cells in rendered(name, row)]


def test_the_page_names_who_counts_tokens_how():
    for how in ("reserved", "input"):
        (line,) = re.findall(rf"^\| `{how}` \|.*$", PAGE, re.MULTILINE)
        names = set(re.findall(r"`([a-z-]+)`", line.split("|")[3]))
        assert names == {entry.name for entry in catalogue().values() if entry.quirks.accounting == how}
        assert all(find(name) is not None for name in names)
