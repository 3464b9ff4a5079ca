"""AWS's binary framing, against the SDK's own parser."""

from __future__ import annotations

import struct
from binascii import crc32
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.wire.eventstream import (
    LARGEST,
    Broken,
    HeaderValue,
    Message,
    Timestamp,
    Uuid,
    decode,
    encode,
    frame,
    header_block,
    split,
)

botocore_eventstream = pytest.importorskip("botocore.eventstream")

EVENT = frame(header_block({":event-type": "messageStop", ":message-type": "event"}), b'{"stopReason":"end_turn"}')
NAMES = st.text(min_size=1, max_size=40).filter(lambda name: len(name.encode(errors="replace")) <= 255)
VALUES: st.SearchStrategy[HeaderValue] = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=300),
    st.text(max_size=100),
    st.builds(Timestamp, st.integers(-(2**63), 2**63 - 1)),
    st.builds(Uuid, st.binary(min_size=16, max_size=16)),
)
MESSAGES = st.builds(Message, st.dictionaries(NAMES, VALUES, max_size=8), st.binary(max_size=500))


def as_botocore(value: HeaderValue) -> Any:
    match value:
        case Timestamp():
            return value.milliseconds
        case Uuid():
            return value.raw
        case _:
            return value


def parsed_by_botocore(data: bytes) -> list[tuple[dict[str, Any], bytes]] | None:
    """What the SDK makes of it; None if it raises."""
    buffer = botocore_eventstream.EventStreamBuffer()
    buffer.add_data(data)
    try:
        return [(event.headers, event.payload) for event in buffer]
    except (botocore_eventstream.ParserError, ValueError, LookupError, struct.error):
        return None


@given(MESSAGES)
def test_a_message_survives_and_the_sdk_reads_the_same(message: Message):
    data = encode(message)
    assert decode(data) == message
    headers = {name: as_botocore(value) for name, value in message.headers.items()}
    assert parsed_by_botocore(data) == [(headers, message.payload)]


@given(MESSAGES, st.data())
def test_no_byte_can_be_changed_unseen(message: Message, data: st.DataObject):
    good = bytearray(encode(message))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))
    assert isinstance(decode(bytes(good)), Broken)


@given(st.binary(max_size=200))
def test_nothing_that_arrives_raises(data: bytes):
    assert isinstance(decode(data), Message | Broken)
    frames, rest = split(data)
    assert b"".join(frames) + rest == data
    for each in frames:
        assert isinstance(decode(each), Message | Broken)


@given(st.binary(max_size=120), st.binary(max_size=20))
def test_headers_that_only_the_checksums_vouch_for_are_read_as_the_sdk_reads_them(headers: bytes, payload: bytes):
    data = frame(headers, payload)
    ours, theirs = decode(data), parsed_by_botocore(data)
    if isinstance(ours, Message):
        assert theirs == [({name: as_botocore(value) for name, value in ours.headers.items()}, payload)]


@settings(max_examples=30)
@given(st.lists(MESSAGES, max_size=4), st.integers(1, 60))
def test_messages_are_whole_however_they_arrive(messages: list[Message], size: int):
    data = b"".join(map(encode, messages))
    found: list[bytes] = []
    rest = b""
    for start in range(0, len(data), size):
        frames, rest = split(rest + data[start : start + size])
        found += frames
    assert rest == b""
    assert [decode(each) for each in found] == messages


def test_a_length_out_of_bounds_is_not_waited_for():
    huge = bytearray(EVENT)
    huge[:4] = (LARGEST + 1).to_bytes(4, "big")
    frames, rest = split(bytes(huge[:12]))
    assert (len(frames), rest) == (1, b"")
    assert isinstance(decode(frames[0]), Broken)


def test_a_prelude_with_a_wrong_checksum_is_not_waited_for():
    wrong = bytearray(EVENT)
    wrong[3] += 1
    frames, rest = split(bytes(wrong))
    assert (frames, rest) == ([bytes(wrong)], b"")


def test_a_prelude_with_a_wrong_checksum_is_broken_even_if_the_whole_has_a_good_one():
    wrong = bytearray(EVENT)
    wrong[8] ^= 1
    wrong[-4:] = crc32(wrong[:-4]).to_bytes(4, "big")
    assert decode(bytes(wrong)) == Broken("the checksum of a message's lengths is wrong")


def test_a_message_may_be_as_long_as_aws_allows_and_no_longer():
    assert isinstance(decode(frame(b"", bytes(LARGEST - 16))), Message)
    assert isinstance(decode(frame(b"", bytes(LARGEST - 15))), Broken)


def test_what_follows_a_broken_message_stays_with_it():
    frames, _ = split(EVENT + b"\xff" * 40 + EVENT)
    assert frames[0] == EVENT
    assert len(frames) == 2


def test_a_header_given_twice_is_broken():
    block = header_block({"a": 1})
    assert decode(frame(block + block, b"")) == Broken("a header has no name, or one that another has")


def test_a_name_that_cannot_be_written_is_a_bug_of_ours():
    with pytest.raises(ValueError, match="1 to 255 bytes"):
        header_block({"n" * 256: "x"})
    with pytest.raises(ValueError, match="at most 32767"):
        header_block({"n": b"x" * 32768})
    with pytest.raises(ValueError, match="16 bytes"):
        header_block({"n": Uuid(b"short")})
