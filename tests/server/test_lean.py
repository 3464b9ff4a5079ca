"""What only our own protocol class does: order among both lanes, limits, patience, and care with slow clients."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.real

ANSWER = b'{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"content":"hi"}}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
PAGE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
GARBAGE = b"NONSENSE\r\n\r\n"


def numbered(number: int) -> bytes:
    return b'{"object":"x","n":%d}' % number


def serve_in_order(lane, client, count: int) -> None:
    """Each request comes upstream when the one before it has been answered."""
    for number in range(count):
        asked = lane.upstream.request()
        assert b'"n":%d' % number in asked.body
        asked.answer(numbered(number))
    for number in range(count):
        assert client.reply().body == numbered(number)


# Pipelining.


def test_two_requests_at_once_are_answered_in_order(raw, lean):
    client = lean.client()
    client.send(raw({"n": 0}) + raw({"n": 1}))
    serve_in_order(lean, client, 2)


def test_many_requests_at_once_are_answered_in_order(raw, lean):
    client = lean.client()
    client.send(b"".join(raw({"n": number}) for number in range(10)))
    serve_in_order(lean, client, 10)


def test_a_request_sent_while_another_is_answered_waits_its_turn(raw, lean):
    client = lean.client()
    client.send(raw({"n": 0}))
    first = lean.upstream.request()
    client.send(raw({"n": 1}))
    assert lean.upstream.unasked()
    first.answer(numbered(0))
    assert client.reply().body == numbered(0)
    lean.upstream.request().answer(numbered(1))
    assert client.reply().body == numbered(1)


def test_a_page_behind_an_exchange_waits_its_turn(raw, lean):
    client = lean.client()
    client.send(raw() + PAGE)
    asked = lean.upstream.request()
    assert client.silent()
    asked.answer(ANSWER)
    assert client.reply().body == ANSWER
    assert client.reply().json == {"status": "ok"}


def test_an_exchange_behind_a_page_waits_its_turn(raw, lean):
    client = lean.client()
    client.send(PAGE + raw())
    lean.upstream.request().answer(ANSWER)
    assert client.reply().json == {"status": "ok"}
    assert client.reply().body == ANSWER


def test_a_stream_is_not_interrupted_by_what_follows_it(raw, lean):
    client = lean.client()
    client.send(raw({"stream": True}) + PAGE + raw({"stream": True}) + PAGE)
    for _ in range(2):
        asked = lean.upstream.request()
        asked.begin(EVENT)
        client.head()
        assert client.chunk() == EVENT
        asked.end(END)
        assert client.chunks() == END
        assert client.reply().json == {"status": "ok"}


def test_both_lanes_take_turns_on_one_connection(raw, lean):
    client = lean.client()
    client.send(raw() + PAGE + raw() + PAGE)
    for _ in range(2):
        lean.upstream.request().answer(ANSWER)
        assert client.reply().body == ANSWER
        assert client.reply().json == {"status": "ok"}
    client.send(raw())
    lean.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER


def test_three_in_one_packet_of_which_the_last_is_malformed_are_answered_in_order(raw, lean):
    client = lean.client()
    client.send(raw({"n": 0}) + raw({"n": 1}) + GARBAGE)
    serve_in_order(lean, client, 2)
    refusal = client.reply()
    assert refusal.status == 400
    assert refusal.error["message"] == "the request is not valid HTTP"
    assert refusal.field("connection") == "close"
    assert client.ended()


def test_garbage_behind_a_single_exchange_is_refused_after_its_answer(raw, lean):
    client = lean.client()
    client.send(raw() + GARBAGE)
    lean.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER
    assert client.reply().status == 400
    assert client.ended()


def test_garbage_behind_a_page_is_refused_after_it(lean):
    client = lean.client()
    client.send(PAGE + GARBAGE)
    assert client.reply().json == {"status": "ok"}
    assert client.reply().status == 400
    assert client.ended()


def test_a_request_with_a_broken_body_is_refused_after_those_before_it(raw, lean):
    broken = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    client = lean.client()
    client.send(raw({"n": 0}) + raw({"n": 1}) + broken)
    serve_in_order(lean, client, 2)
    assert client.reply().status == 400
    assert client.ended()
    assert lean.upstream.unasked()


def test_a_thousand_refused_requests_in_one_packet_are_answered_one_by_one(raw, lean):
    """Without a recursion a thousand deep."""
    client = lean.client()
    client.send(raw(b"{") * 1000 + PAGE)
    for _ in range(1000):
        assert client.reply().status == 400
    assert client.reply().json == {"status": "ok"}


def test_a_thousand_refused_requests_behind_an_exchange_are_answered_one_by_one(raw, lean):
    client = lean.client()
    client.send(raw() + raw(b"{") * 1000)
    lean.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER
    for _ in range(1000):
        assert client.reply().status == 400


def test_nothing_after_connection_close_is_served(raw, lean):
    client = lean.client()
    client.send(raw(None, "connection: close") + raw())
    lean.upstream.request().answer(ANSWER)
    assert client.reply().field("connection") == "close"
    assert client.ended()
    assert lean.upstream.unasked()


@pytest.mark.parametrize("started", [False, True])
def test_a_client_that_leaves_with_requests_waiting_ends_the_one_that_runs(started, raw, lean):
    client = lean.client()
    client.send(raw({"n": 0}) + raw({"n": 1, "stream": True}) + raw({"n": 2}))
    lean.upstream.request().answer(numbered(0))
    assert client.reply().body == numbered(0)
    asked = lean.upstream.request()
    if started:
        asked.begin(EVENT)
        client.head()
    client.reset()
    assert asked.stream.ended()
    lean.run.settle()
    assert [event.outcome for event in lean.run.recorded()] == ["ok", "cancelled"]


# Limits.


@pytest.mark.parametrize("at_once", [True, False])
def test_a_head_beyond_the_limit_is_refused(at_once, raw, lean):
    client = lean.client()
    data = raw(None, f"x-long: {'y' * 70_000}")
    if at_once:
        client.send(data)
    else:
        for at in range(0, 66_000, 6_000):
            client.send(data[at : at + 6_000])
    reply = client.reply()
    assert reply.status == 431
    assert "65536 bytes" in reply.error["message"]
    assert reply.field("connection") == "close"
    assert client.ended()
    assert lean.upstream.unasked()


@pytest.mark.parametrize("line", [b"GET /%b HTTP/1.1\r\n", b"POST /v1/chat/completions?%b HTTP/1.1\r\n"])
def test_a_request_line_beyond_the_limit_is_refused(line, lean):
    client = lean.client()
    client.send(line % (b"y" * 66_000))
    assert client.reply().status == 431


def test_many_small_lines_beyond_the_limit_are_refused(lean):
    client = lean.client()
    client.send(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 12_000)
    assert client.reply().status == 431


def test_trailers_without_end_are_refused(lean):
    client = lean.client()
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
    for _ in range(150):
        client.send(b"x-trailer: %b\r\n" % (b"y" * 4_000))
    assert client.reply().status == 431
    assert client.ended()


def test_a_large_body_does_not_make_a_small_head_seem_large(raw, lean):
    client = lean.client()
    for _ in range(2):
        client.ask(b'{"model":"default","x":"%b"}' % (b"y" * 200_000))
        lean.upstream.request().answer(ANSWER)
        assert client.reply().status == 200
    client.ask(b"z" * 200_000, path="/v1/nothing")
    assert client.reply().status == 404
    half = raw()
    client.send(half[:20])
    assert client.silent()
    client.send(half[20:])
    lean.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


def test_a_client_sees_why_its_large_body_is_refused_even_if_it_sends_it_all_first(lean):
    client = lean.client()
    client.ask(b"x" * 20_000_000)
    assert client.reply().status == 413
    assert client.ended()


# Patience.


def look(lean, *, later: float) -> None:
    """What the sweep does, so many seconds from now."""

    class Later:
        @staticmethod
        def time() -> float:
            return lean.run.loop.time() + later

        @staticmethod
        def call_later(*_: object) -> None: ...

    lean.run.call(lambda: lean.server.watch_idle(Later()))


def test_an_idle_client_is_closed_after_a_while(lean):
    client = lean.client()
    client.ask()
    lean.upstream.request().answer(ANSWER)
    client.reply()
    look(lean, later=74.0)
    assert client.silent()
    look(lean, later=76.0)
    assert client.ended()


def test_a_client_that_never_asks_is_closed_too(lean):
    client = lean.client()
    lean.run.until(lambda: lean.server.server_state.connections)
    look(lean, later=76.0)
    assert client.ended()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/nothing"])
@pytest.mark.parametrize("cut", [1, 30, -1])
def test_a_request_that_stops_half_way_is_closed(cut, path, raw, lean):
    client = lean.client()
    client.send(raw(path=path)[:cut])
    connection = only_connection(lean)
    lean.run.until(lambda: connection._in_head or connection._endpoint or connection.cycle)
    look(lean, later=76.0)
    client.rest()
    assert lean.upstream.unasked()


def test_a_request_that_stops_half_way_behind_another_is_closed(raw, lean):
    client = lean.client()
    client.send(raw() + raw()[:-1])
    lean.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER
    look(lean, later=76.0)
    assert client.ended()


def test_a_request_that_keeps_coming_is_left_alone(raw, lean):
    client = lean.client()
    data = raw()
    connection = only_connection(lean)
    for byte in data[:60]:
        connection.last_active -= 50.0
        client.send(bytes([byte]))
        lean.run.until(lambda: connection.last_active > lean.run.loop.time() - 5.0)
        look(lean, later=70.0)
    client.send(data[60:])
    lean.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


def test_a_client_that_waits_for_its_answer_is_not_idle(raw, lean):
    client = lean.client()
    client.send(raw({"n": 0}) + raw({"n": 1}))
    for number in range(2):
        asked = lean.upstream.request()
        look(lean, later=500.0)
        asked.answer(numbered(number))
        assert client.reply().body == numbered(number)


def test_a_page_counts_as_activity(lean):
    client = lean.client()
    client.get("/health/live")
    only_connection(lean).last_active -= 70.0
    client.get("/health/live")
    look(lean, later=70.0)
    assert client.get("/health/live").status == 200


def only_connection(lean):
    connections = lean.server.server_state.connections
    lean.run.until(lambda: len(connections) == 1)
    (connection,) = connections
    return connection


# Slow clients.


def fill(lean, client) -> None:
    """Ask for whole answers that the client does not read, until they pile up."""
    connection = only_connection(lean)
    while not lean.run.call(lambda: connection.flow.write_paused):
        client.ask()
        lean.upstream.request().answer(b'{"object":"%b"}' % (b"x" * 900_000))
        lean.run.settle()


def test_a_client_that_asks_on_without_reading_is_not_answered_beyond_measure(lean):
    client = lean.client()
    fill(lean, client)
    connection = only_connection(lean)
    before = lean.run.call(connection.transport.get_write_buffer_size)
    for _ in range(5):
        client.ask({"stream": True})
    asked = lean.upstream.request()
    asked.begin(*[EVENT * 1000] * 20)
    assert lean.upstream.unasked(), "the next one waits"
    assert lean.run.call(connection.transport.get_write_buffer_size) == before
    client.reset()
    assert asked.stream.ended()


def test_a_client_that_stops_reading_is_let_go_in_the_end(lean):
    client = lean.client()
    fill(lean, client)
    look(lean, later=1.0)
    assert len(lean.server.server_state.connections) == 1
    look(lean, later=200.0)
    lean.run.until(lambda: not lean.server.server_state.connections)


def test_a_client_that_reads_slowly_is_left_alone(lean):
    client = lean.client()
    fill(lean, client)
    connection = only_connection(lean)
    look(lean, later=1.0)
    before = lean.run.call(connection.transport.get_write_buffer_size)
    while lean.run.call(connection.transport.get_write_buffer_size) == before:
        client.sock.recv(65536)
    look(lean, later=200.0)
    assert len(lean.server.server_state.connections) == 1


# Details.


def test_an_old_client_gets_a_stream_that_ends_with_the_connection(lean):
    client = lean.client()
    client.ask({"stream": True}, version="1.0")
    asked = lean.upstream.request()
    asked.begin(EVENT)
    asked.end(END)
    reply = client.reply()
    assert reply.field("transfer-encoding") is None
    assert reply.body == EVENT + END


def test_a_client_that_offers_to_upgrade_is_served_without(raw, lean):
    """As Java's own client does with every request."""
    data = raw(None, "connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk")
    client = lean.client()
    for cut in (0, 20, data.index(b"{"), data.index(b"{") + 5):
        client.send(data[:cut])
        client.send(data[cut:])
        asked = lean.upstream.request()
        assert asked.body == b'{"model":"m","messages":[]}'
        asked.answer(ANSWER)
        assert client.reply().body == ANSWER


def test_an_offer_to_upgrade_with_a_chunked_body_is_served_without(lean):
    client = lean.client()
    client.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close, upgrade\r\nupgrade: h2c\r\n"
        b"transfer-encoding: chunked\r\n\r\n13\r\n" + b'{"model":"default"}' + b"\r\n0\r\n\r\n"
    )
    lean.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER
    assert client.ended()


def test_an_offer_to_upgrade_without_a_body_is_refused_for_that(lean):
    client = lean.client()
    client.send(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert client.reply().status == 400
    assert client.get("/health/live", "connection: upgrade", "upgrade: h2c").status == 200


def test_a_bug_while_a_request_begins_is_an_error_of_ours_and_told_in_the_log(lean, caplog, monkeypatch):
    client = lean.client()
    monkeypatch.setattr(type(lean.run.headway.gateway), "handle", lambda *_: 1 / 0)
    client.ask()
    reply = client.reply()
    assert reply.status == 500
    assert reply.error["type"] == "server_error"
    assert client.ended()
    assert "A request could not be handled" in caplog.text


# Framing that could be read in two ways.

CHUNKED_BODY = b"2\r\n{}\r\n0\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
MODEL = b'10\r\n{"model":"none"}\r\n0\r\n'


def test_a_trailer_is_no_header(lean):
    """Or it would pass for one of our own, such as one that lowers the attempts."""
    client = lean.client()
    client.send(POST + CHUNKED + MODEL + b"x-headway-timeout: nonsense\r\n\r\n")
    assert client.reply().status == 404


@pytest.mark.parametrize(
    "head",
    [
        POST + b"transfer-encoding: gzip, chunked\r\n\r\n",
        POST + b"transfer-encoding: gzip\r\n" + CHUNKED,
        POST.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED,
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n" + CHUNKED,
    ],
)
def test_a_body_in_a_coding_that_nobody_undoes_is_refused(lean, head: bytes):
    client = lean.client()
    client.send(head + CHUNKED_BODY)
    assert client.reply().status == 400
    assert client.ended()
