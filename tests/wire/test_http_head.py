"""Single header fields, found in a head that is otherwise left unread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire import http_head
from headway.wire.http_head import Head

RAW = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type:  application/json; charset=UTF-8 \r\n"
    b"x-content-length: 1\r\n"
    b"CONTENT-LENGTH:42\r\n"
    b"x-note: content-encoding: gzip\r\n"
    b"retry-after:\r\n"
    b"Retry-After: 9\r\n"
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (http_head.CONTENT_TYPE, b"application/json; charset=UTF-8"),
        (http_head.CONTENT_LENGTH, b"42"),
        (http_head.CONTENT_ENCODING, None),
        (http_head.TRANSFER_ENCODING, None),
        (http_head.RETRY_AFTER, b""),
        (http_head.RETRY_AFTER_MS, None),
    ],
)
def test_a_field_is_found_by_its_whole_name_whatever_its_case(field: bytes, value: bytes | None):
    head = Head(RAW)
    assert head.get(field) == value
    assert head.has(field) is (value is not None)


def test_the_status_line_is_no_field():
    assert Head(b"HTTP/1.1 200 retry-after: 5\r\n").get(http_head.RETRY_AFTER) is None


names = st.sampled_from(["content-type", "retry-after", "x-other", "Retry-After-Ms", "CONTENT-LENGTH"])
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)


@given(st.lists(st.tuples(names, values), max_size=8))
def test_the_first_field_of_a_name_counts(fields: list[tuple[str, str]]):
    head = Head(b"HTTP/1.1 200 OK\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in fields))
    for constant in (http_head.CONTENT_TYPE, http_head.RETRY_AFTER, http_head.RETRY_AFTER_MS, http_head.CONTENT_LENGTH):
        wanted = [value.strip(" ") for name, value in fields if name.lower() == constant[2:-1].decode()]
        assert head.get(constant) == (wanted[0].encode() if wanted else None)
