"""However the kernel cuts a reply, and whatever an upstream sends: one meaning, one ending, no doubtful reuse.

h11, which shares no code with the parser used here, is the second opinion: what leaves a connection in its pool must be
a whole reply with the same status and body to h11 as well.
"""

from __future__ import annotations

from typing import NamedTuple

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

RESET = ConnectionResetError()
NEXT = b"HTTP/1.1 418 Next\r\nx-next: yes\r\ncontent-length: 4\r\n\r\nnext"


class Reply(NamedTuple):
    raw: bytes
    status: int
    head: bytes
    body: bytes
    reusable: bool
    ends_with_connection: bool = False


tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(
    lambda text: b"x-" + text.encode()
)
values = st.binary(max_size=30).map(
    lambda raw: bytes(byte for byte in raw if byte == 9 or 32 <= byte < 127 or byte >= 128)
)
field_lines = st.lists(
    st.builds(
        lambda name, space, value: b"%b:%b%b\r\n" % (name, space, value),
        tokens,
        st.sampled_from([b"", b" ", b"\t "]),
        values,
    ),
    max_size=5,
).map(b"".join)
interims = st.lists(
    st.builds(
        lambda status, fields: b"HTTP/1.1 %d Wait\r\n%b\r\n" % (status, fields),
        st.sampled_from([100, 102, 103, 199]),
        field_lines,
    ),
    max_size=3,
).map(b"".join)
bodies = st.binary(max_size=300) | st.sampled_from([b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
extensions = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b";a;b=c"])


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    style = draw(st.sampled_from([b"%x", b"%X", b"00%x"]))
    lines = [style % len(chunk) + draw(extensions) + b"\r\n" + chunk + b"\r\n" for chunk in chunks if chunk]
    return b"".join(lines) + b"0" + draw(extensions) + b"\r\n" + draw(field_lines) + b"\r\n"


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply that is beyond doubt."""
    framing = draw(st.sampled_from(["length", "chunks", "connection", "none"]))
    keep = draw(st.booleans())
    before, after = draw(field_lines), draw(field_lines)
    body = b"" if framing == "none" else draw(bodies)
    status = draw(st.sampled_from([204, 304] if framing == "none" else [200, 201, 299, 400, 404, 429, 500, 529, 599]))
    line = {"length": b"content-length: %d\r\n" % len(body), "chunks": b"Transfer-Encoding: chunked\r\n"}.get(
        framing, b""
    )
    closing = b"" if keep else b"Connection: close\r\n"
    head = b"HTTP/1.1 %d Some reason\r\n" % status + before + line + closing + after
    sent = draw(chunked(body)) if framing == "chunks" else body
    raw = draw(interims) + head + b"\r\n" + sent
    return Reply(raw, status, head, body, keep and framing != "connection", framing == "connection")


def split(raw: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(raw) + 1) for cut in cuts})
    return [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]


cuts_of = st.lists(st.integers(0, 10_000), max_size=8)


@given(reply=replies(), cuts=cuts_of)
def test_every_split_of_a_reply_means_the_same(wire_up, reply, cuts):
    wired = wire_up()
    ear = wired.ask()
    wired.says(*split(reply.raw, cuts))
    if reply.ends_with_connection:
        assert not ear.complete
        wired.ends()
    assert (ear.status, ear.body, ear.complete) == (reply.status, reply.body, True)
    assert ear.head._raw == reply.head
    assert wired.pooled == reply.reusable
    assert wired.socket.closed != reply.reusable


@given(reply=replies(), cut=st.integers(0, 10_000))
def test_a_reply_cut_short_is_never_taken_for_a_whole_one(wire_up, reply, cut):
    wired = wire_up()
    ear = wired.ask()
    wired.says(reply.raw[: cut % len(reply.raw)])
    finished = ear.complete
    wired.ends()
    assert ear.ends == 1
    assert ear.complete == finished or reply.ends_with_connection
    if finished:
        assert reply.status in (204, 304) or reply.body == ear.body


# Anything at all.

PIECES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 304 Not Modified\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
    b"content-length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: gzip\r\n",
    b"connection: close\r\n",
    b"connection: keep-alive\r\n",
    b"connection: upgrade\r\nupgrade: x\r\n",
    b"x-a: b\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b"hello",
    b"5\r\nhello\r\n",
    b"5;ext\r\nhello\r\n",
    b"0\r\n",
    b"0\r\n\r\n",
    b":",
    b" ",
]
noise = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=12).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good reply with something deleted, doubled or put in, and perhaps something after it."""
    raw = draw(replies()).raw
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 6)))
        raw = raw[:start] + draw(st.sampled_from([b"", raw[start:end] * 2, *PIECES])) + raw[end:]
    return raw + draw(st.just(b"") | noise)


def second_opinion(raw: bytes) -> tuple[int, bytes] | None:
    """Status and body of a reply that h11 reads in full and would reuse the connection after; None otherwise."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    status, body = 0, b""
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            return None
        match event:
            case h11.Response():
                status = event.status_code
            case h11.Data():
                body += event.data
            case h11.EndOfMessage():
                return (status, body) if client.their_state is h11.DONE else None
            case h11.NEED_DATA | h11.PAUSED | h11.ConnectionClosed():
                return None
            case _:
                pass


@pytest.mark.parametrize("error", [None, RESET])
@given(raw=noise | mutated(), cuts=cuts_of)
@example(
    raw=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Forged\r\ncontent-length: 1\r\n\r\nx", cuts=[]
)
def test_whatever_an_upstream_sends_has_one_ending(wire_up, error, raw, cuts):
    wired = wire_up()
    ear = wired.ask()
    for piece in split(raw, cuts):
        wired.says(piece)
        if wired.pooled:
            break
    if wired.pooled:
        assert ear.complete
        second = wired.ask()
        wired.says(NEXT)
        assert (second.status, second.body, second.complete, second.field("x-next")) == (418, b"next", True, b"yes")
        assert wired.pooled
    wired.ends(error)
    assert ear.ends == 1
    assert not wired.pooled
    assert wired.home.open == 0
    if ear.failure is not None:
        assert not ear.failure.stale_connection


@given(raw=noise | mutated(), cuts=cuts_of)
def test_what_returns_to_the_pool_is_a_whole_reply_to_others_as_well(wire_up, raw, cuts):
    wired = wire_up()
    ear = wired.ask()
    wired.says(*split(raw, cuts))
    if wired.pooled:
        assert second_opinion(raw) == (ear.status, ear.body)
