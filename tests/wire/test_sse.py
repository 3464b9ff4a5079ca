"""Where events end, wherever the bytes are cut, and what their data is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire import sse

if TYPE_CHECKING:
    from wire.conftest import Recording

STREAM = b'data: {"a":1}\n\n: comment\n\nevent: x\ndata: 1\ndata: 2\n\ndata: [DONE]\n\n'
EVENTS = [b'data: {"a":1}\n\n', b": comment\n\n", b"event: x\ndata: 1\ndata: 2\n\n", b"data: [DONE]\n\n"]


def test_a_stream_is_split_into_its_events():
    assert sse.split(STREAM) == (EVENTS, b"")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream_cut_anywhere_has_the_events_that_ended_before_the_cut(line_end: bytes):
    stream = STREAM.replace(b"\n", line_end)
    events = [event.replace(b"\n", line_end) for event in EVENTS]
    for at in range(len(stream) + 1):
        whole, rest = sse.split(stream[:at])
        assert whole == events[: len(whole)]
        assert b"".join(whole) + rest == stream[:at]
        assert len(rest) == at - sse.complete_length(stream[:at])
        assert len(whole) == len(events) or not rest.startswith(events[len(whole)])


lines = st.text("da: x\n\r", max_size=30).map(str.encode)


@given(lines)
def test_no_byte_is_lost_and_both_ways_to_look_agree(data: bytes):
    """But for blank lines between events, which belong to neither."""
    whole, rest = sse.split(data)
    assert b"".join(whole) + rest == data
    complete = sse.complete_length(data)
    assert len(data) - len(rest) <= complete
    assert data[len(data) - len(rest) : complete].strip(b"\r\n") == b""
    assert all(event.endswith((b"\n\n", b"\r\n\r\n")) for event in whole)


@given(st.lists(st.sampled_from(EVENTS), max_size=8), st.booleans(), st.data())
def test_events_are_the_same_however_the_stream_arrives(events: list[bytes], crlf: bool, data: st.DataObject):
    if crlf:
        events = [event.replace(b"\n", b"\r\n") for event in events]
    stream = b"".join(events)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=10)))
    found: list[bytes] = []
    held = b""
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        whole, held = sse.split(held + stream[start:end])
        found += whole
    assert (found, held) == (events, b"")


def test_recorded_streams_are_whole_events(streams: list[Recording]):
    for each in streams:
        events, rest = sse.split(each.body)
        assert rest == b"", each.id
        assert all(sse.data_of(event) is not None or event.startswith(b":") for event in events), each.id


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data:  x\n\n", b" x"),
        (b"data: x\r\n\r\n", b"x"),
        (b"data: 1\ndata: 2\n\n", b"1\n2"),
        (b"event: e\nid: 7\ndata: x\n\n", b"x"),
        (b"data: x\nevent: e\n\n", b"x"),
        (b"data: \n\n", b""),
        (b": comment\n\n", None),
        (b"event: e\n\n", None),
        (b"\n\n", None),
    ],
)
def test_the_data_of_an_event_is_its_data_lines(event: bytes, data: bytes | None):
    assert sse.data_of(event) == data


@given(st.binary(max_size=40).filter(lambda data: b"\n" not in data and b"\r" not in data))
def test_what_is_encoded_is_found_again(data: bytes):
    for event in (None, b"error"):
        encoded = sse.encode(data, event=event)
        assert sse.split(encoded) == ([encoded], b"")
        assert sse.data_of(encoded) == data
