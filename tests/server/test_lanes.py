"""What a client may rely on, on our own protocol class and on any other server alike."""

from __future__ import annotations

import select

import msgspec
import pytest

pytestmark = pytest.mark.real

ANSWER = b'{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"content":"hi"}}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
FORM = (
    b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\ndefault\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\x00\xff\r\n--XX--\r\n'
)

# Answers.


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/openai"])
def test_a_whole_answer_comes_byte_for_byte(prefix, lane):
    client = lane.client()
    client.ask({"zzz": [1, 2.0], "messages": ["é"]}, path=f"{prefix}/chat/completions")
    asked = lane.upstream.request()
    assert asked.line == "POST /v1/chat/completions HTTP/1.1"
    assert asked.body == '{"model":"m","messages":["é"],"zzz":[1,2.0]}'.encode()
    asked.answer(ANSWER)
    reply = client.reply()
    assert reply.line == "HTTP/1.1 200 OK"
    assert reply.body == ANSWER
    assert reply.field("content-length") == str(len(ANSWER))
    assert reply.field("x-headway-attempts") == "up/m#k=200"
    assert reply.field("date") is not None
    assert reply.field("connection") is None


def test_a_stream_comes_event_by_event(lane):
    client = lane.client()
    client.ask({"stream": True})
    asked = lane.upstream.request()
    asked.begin(EVENT)
    reply = client.head()
    assert reply.chunked
    assert reply.field("content-type") == "text/event-stream"
    assert client.chunk() == EVENT
    asked.chunk(EVENT)
    assert client.chunk() == EVENT
    asked.end(STOP, DONE)
    assert client.chunks() == STOP + DONE
    assert client.silent()


def test_a_stream_that_breaks_ends_with_an_error_and_a_proper_end_of_the_body(lane):
    client = lane.client()
    client.ask({"stream": True})
    asked = lane.upstream.request()
    asked.begin(EVENT)
    assert client.head().chunked
    assert client.chunk() == EVENT
    asked.stream.reset()
    assert b'"stream_interrupted"' in client.chunks()
    client.ask()
    lane.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER


def test_a_binary_answer_that_breaks_never_seems_complete(lane):
    client = lane.client()
    client.ask(path="/v1/audio/speech")
    asked = lane.upstream.request()
    asked.begin(b"\x00\x01", kind="audio/mpeg")
    assert client.head().chunked
    assert client.chunk() == b"\x00\x01"
    asked.stream.reset()
    assert client.rest() == b"", "no last chunk"


def test_a_binary_answer_of_known_length_that_breaks_stays_short(lane):
    client = lane.client()
    client.ask(path="/v1/audio/speech")
    asked = lane.upstream.request()
    asked.stream.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: 9\r\n\r\n1234")
    assert client.head().field("content-length") == "9"
    assert client.exactly(4) == b"1234"
    asked.stream.close()
    assert client.rest() == b""


@pytest.mark.parametrize("path", ["audio/transcriptions", "audio/translations", "images/edits", "images/variations"])
def test_a_form_is_sent_on_with_the_model_replaced(path, lane):
    client = lane.client()
    head = f"POST /v1/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=XX\r\n"
    client.send(f"{head}content-length: {len(FORM)}\r\n\r\n".encode() + FORM)
    asked = lane.upstream.request()
    assert asked.line == f"POST /v1/{path} HTTP/1.1"
    assert asked.body == FORM.replace(b"default", b"m")
    asked.answer(b'{"text":"hi"}')
    assert client.reply().json == {"text": "hi"}


def test_the_providers_error_comes_as_it_is(lane):
    error = b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}'
    client = lane.client()
    client.ask()
    lane.upstream.request().answer(error, status=422)
    reply = client.reply()
    assert reply.status == 422
    assert reply.line == "HTTP/1.1 422 Unprocessable Entity" or reply.line.startswith("HTTP/1.1 422 ")
    assert reply.body == error


def test_a_large_answer_arrives_whole(lane):
    body = b'{"object":"x","data":"%b"}' % (b"y" * 3_000_000)
    client = lane.client()
    client.ask(path="/v1/embeddings")
    lane.upstream.request().answer(body)
    assert client.reply().body == body


def test_every_exchange_is_recorded_once(lane):
    client = lane.client()
    client.ask()
    lane.upstream.request().answer(ANSWER)
    reply = client.reply()
    client.ask(b"{")
    client.reply()
    first, second = lane.run.recorded()
    assert first.request_id == reply.field("x-request-id")
    assert (first.outcome, first.status, first.endpoint) == ("ok", 200, "chat")
    assert (second.outcome, second.status) == ("invalid_request", 400)


# Requests that cannot be served.


@pytest.mark.parametrize(
    ("body", "status", "says", "code"),
    [
        (b"", 400, "not valid JSON", "invalid_request"),
        (b"{nope", 400, "not valid JSON", "invalid_request"),
        (b"{}", 400, "model parameter", "invalid_request"),
        (b'{"model":3}', 400, "must be a string", "invalid_request"),
        (b'{"model":"defaul"}', 404, "did you mean 'default'?", "model_not_found"),
        (b'{"model":"other/m"}', 404, "no model 'other/m'", "model_not_found"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_connection_kept(body, status, says, code, lane):
    client = lane.client()
    client.ask(body)
    reply = client.reply()
    assert reply.status == status
    assert says in reply.error["message"]
    assert reply.error["code"] == code
    client.ask()
    lane.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


def test_a_model_of_several_providers_is_refused_with_the_candidates(lane):
    lane.configure("""
providers:
  one: {{base_url: "{base_url}", models: [gpt]}}
  two: {{base_url: "{base_url}", models: [gpt]}}
""")
    client = lane.client()
    client.ask({"model": "gpt"})
    reply = client.reply()
    assert reply.status == 400
    assert reply.error["param"] == "model"
    assert "one/gpt, two/gpt" in reply.error["message"]


def test_a_body_beyond_the_limit_is_refused(lane):
    client = lane.client()
    client.ask(b"x" * 1_000_001)
    reply = client.reply()
    assert reply.status == 413
    assert "1000000 bytes" in reply.error["message"]
    assert lane.upstream.unasked()


def test_a_body_at_the_limit_is_served(lane):
    body = b'{"model":"default","x":"%b"}' % (b"y" * (1_000_000 - 26))
    assert len(body) == 1_000_000
    client = lane.client()
    client.ask(body)
    lane.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


def test_a_chunked_body_beyond_the_limit_is_refused(lane):
    client = lane.client()
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(11):
        client.send(b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000))
    assert client.reply().status == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/models/no/such", 404),
        ("DELETE", "/v1/models", 405),
        ("POST", "/health/live", 405),
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/v1/chat/completions", 405),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v1/chat", 404),
    ],
)
def test_what_is_not_there_is_told_in_openais_form(method, path, status, lane):
    reply = lane.client().get(path, method=method)
    assert reply.status == status
    assert reply.error["type"] == "invalid_request_error"
    assert reply.error["message"]


# Pages.


def test_the_pages_answer(lane):
    client = lane.client()
    assert client.get("/health/live").json == {"status": "ok"}
    ready = client.get("/health/ready")
    assert ready.status == 200
    assert ready.json["status"] == "ok"
    metrics = client.get("/metrics")
    assert metrics.field("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert b"headway_in_flight_requests 0" in metrics.body
    front = client.get("/").json
    assert front["service"] == "headway"
    assert "/v1/chat/completions" in front["endpoints"]
    assert front["models"] == ["default"]


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/openai"])
def test_the_models_are_listed(prefix, lane):
    client = lane.client()
    listed = client.get(f"{prefix}/models").json
    assert listed["object"] == "list"
    assert listed["data"][0] == {"id": "default", "object": "model", "created": 0, "owned_by": "headway"}
    assert client.get(f"{prefix}/models/default").json == listed["data"][0]
    missing = client.get(f"{prefix}/models/up/nothing")
    assert missing.status == 404
    assert missing.error["code"] == "model_not_found"


def test_metrics_count_what_was_served(lane):
    client = lane.client()
    client.ask()
    lane.upstream.request().answer(ANSWER)
    client.reply()
    assert b'status="200"' in client.get("/metrics").body


def test_an_answer_to_head_has_no_body(lane):
    client = lane.client()
    client.send(b"HEAD /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
    assert client.head().status == 200
    assert client.get("/health/live").json == {"status": "ok"}


# Headers.


def test_no_credential_cookie_or_hop_of_the_client_reaches_the_upstream(lane):
    client = lane.client()
    client.ask(
        None,
        "authorization: Bearer sk-client",
        "cookie: a=b",
        "x-api-key: k",
        "connection: keep-alive, x-hop",
        "x-hop: 1",
        "te: trailers",
        "proxy-authorization: Basic eDp5",
    )
    asked = lane.upstream.request()
    assert {name for name, _ in asked.fields} == {
        "host", "authorization", "user-agent", "accept", "accept-encoding", "content-type", "content-length"
    }  # fmt: skip
    assert asked.field("authorization") == "Bearer sk-of-the-provider"
    asked.answer(ANSWER)
    client.reply()


def test_no_cookie_credential_or_hop_of_the_upstream_reaches_the_client(lane):
    client = lane.client()
    client.ask()
    lane.upstream.request().answer(
        ANSWER, "set-cookie: a=b", "connection: keep-alive, x-hop", "x-hop: 1", "authorization: Bearer sk-u",
        "server: secret", "openai-organization: ours", "keep-alive: timeout=5",
    )  # fmt: skip
    assert {name for name, _ in client.reply().fields} == {
        "date", "content-type", "x-request-id", "x-headway-target", "x-headway-key", "x-headway-route",
        "x-headway-attempts", "content-length",
    }  # fmt: skip


def test_a_model_name_cannot_split_a_reply(lane):
    client = lane.client()
    client.ask({"model": "up/x\r\nset-cookie: a=b\r\n\r\n"})
    reply = client.reply()
    assert reply.status == 400
    assert reply.field("set-cookie") is None
    client.ask({"model": "up/ü %0d%0a"})
    lane.upstream.request().answer(ANSWER)
    assert client.reply().field("x-headway-target") == "up/%C3%BC %250d%250a"


# Framing.


def test_a_connection_serves_many_requests(lane):
    client = lane.client()
    for number in range(20):
        client.ask({"n": number})
        asked = lane.upstream.request()
        assert msgspec.json.decode(asked.body)["n"] == number
        asked.answer(ANSWER)
        assert client.reply().status == 200
    assert len(lane.upstream.streams) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_asks_to_close_is_told_and_closed(stream, lane):
    client = lane.client()
    client.ask({"stream": stream}, "connection: close")
    asked = lane.upstream.request()
    if stream:
        asked.begin(EVENT)
        asked.end(STOP + DONE)
    else:
        asked.answer(ANSWER)
    assert client.reply().field("connection") == "close"
    assert client.ended()


def test_an_old_client_gets_a_whole_answer_and_the_end_of_the_connection(lane):
    client = lane.client()
    client.ask(version="1.0")
    lane.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER
    assert client.ended()


def test_a_chunked_request_is_joined(lane):
    client = lane.client()
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    for piece in (b'{"model":', b'"default","messages":[', b"]}"):
        client.send(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece))
    client.send(b"0\r\nx-trailer: 1\r\n\r\n")
    asked = lane.upstream.request()
    assert asked.body == b'{"model":"m","messages":[]}'
    assert asked.field("content-length") == "27"
    assert asked.field("x-trailer") is None
    asked.answer(ANSWER)
    assert client.reply().status == 200


def test_a_request_may_come_byte_by_byte(raw, lane):
    client = lane.client()
    for byte in raw():
        client.send(bytes([byte]))
    lane.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


def test_a_client_that_waits_for_permission_gets_it(raw, lane):
    client = lane.client()
    head, _, body = raw(None, "expect: 100-continue").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)
    lane.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


@pytest.mark.parametrize("query", ["?", "?api-version=2024-10-21", "?a=/v1/models&b=%20"])
def test_a_query_does_not_hide_an_endpoint_and_stays_with_the_gateway(query, lane):
    client = lane.client()
    client.ask(path=f"/v1/chat/completions{query}")
    asked = lane.upstream.request()
    assert asked.line == "POST /v1/chat/completions HTTP/1.1"
    asked.answer(ANSWER)
    assert client.reply().status == 200


@pytest.mark.parametrize("path", ["http://gateway.test/v1/chat/completions", "/v1/chat%2Fcompletions"])
def test_other_ways_to_write_a_path_lead_to_the_same_endpoint(path, lane):
    client = lane.client()
    client.ask(path=path)
    lane.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


HEAD = b"POST %b HTTP/1.1\r\nhost: x\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n"
AMBIGUOUS = {
    "length and chunks": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": CHUNKED + b"content-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a signed length": HEAD + b"content-length: +2\r\n\r\n{}",
    "a list of lengths": HEAD + b"content-length: 2, 2\r\n\r\n{}",
    "chunks that are not last": HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an unknown coding": HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a bare LF after a field": HEAD + b"a: b\ncontent-length: 2\r\n\r\n{}",
    "a bare LF in the request line": b"POST %b HTTP/1.1\nhost: x\r\n\r\n",
    "a bare CR": HEAD + b"a: b\rcontent-length: 2\r\n\r\n{}",
    "a folded line": HEAD + b"a: b\r\n content-length: 2\r\n\r\n{}",
    "a space before the colon": HEAD + b"content-length : 2\r\n\r\n{}",
    "a NUL": HEAD + b"a: \x00\r\n\r\n",
    "a chunk size with a bare LF": CHUNKED + b"\r\n2\n{}\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01 %b\r\n\r\n",
}


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/nothing"])
@pytest.mark.parametrize("how", AMBIGUOUS)
def test_a_request_that_could_be_read_in_two_ways_is_refused(how, path, lane):
    client = lane.client()
    client.send(AMBIGUOUS[how] % path)
    reply = client.head()
    assert reply.status in (400, 404), "404: the path was answered before the body turned out to be wrong"
    if path == b"/v1/chat/completions":
        assert reply.status == 400
    client.rest()
    assert lane.upstream.unasked()


# The client leaves, or reads slowly.


@pytest.mark.parametrize("phase", ["waiting", "held", "streaming"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_the_upstream_is_closed_at_once_when_the_client_leaves(how, phase, lane):
    client = lane.client()
    client.ask({"stream": phase == "streaming"})
    asked = lane.upstream.request()
    if phase == "held":
        asked.begin(b'{"object":', kind="application/json")
    if phase == "streaming":
        asked.begin(EVENT)
        client.head()
        assert client.chunk() == EVENT
    getattr(client, how)()
    assert asked.stream.ended()
    lane.run.settle()
    (event,) = lane.run.recorded()
    assert (event.outcome, event.status) == ("cancelled", 499)


def test_a_client_that_leaves_while_the_upstream_writes_does_it_no_harm(lane):
    for number in range(20):
        client = lane.client()
        client.ask({"stream": True})
        asked = lane.upstream.request()
        asked.begin(EVENT)
        client.head()
        client.reset() if number % 2 else client.close()
        try:
            for _ in range(20):
                asked.chunk(EVENT * 50)
        except OSError:
            pass
        assert asked.stream.ended()
    lane.run.settle()
    assert len(lane.run.recorded()) == 20
    client = lane.client()
    client.ask()
    lane.upstream.request().answer(ANSWER)
    assert client.reply().status == 200


def test_a_client_that_does_not_read_stops_the_upstream_and_gets_it_all_later(lane):
    client = lane.client()
    client.ask({"stream": True})
    asked = lane.upstream.request()
    asked.begin(EVENT)
    asked.stream.sock.setblocking(False)
    event = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % (b"x" * 60_000)
    chunk = b"%x\r\n%b\r\n" % (len(event), event)
    sent = 0
    pending = chunk
    while sent < 200_000_000:
        try:
            sent += asked.stream.sock.send(pending)
        except BlockingIOError:
            if not select.select([], [asked.stream.sock], [], 0.1)[1]:
                break
        else:
            pending = chunk[sent % len(chunk) :]
    assert sent < 40_000_000, "what the kernel's buffers hold, and little more"
    held = lane.run.call(
        lambda: sum(c.transport.get_write_buffer_size() for c in lane.run.server.server_state.connections)
    )
    assert held < 1_000_000
    client.reset()
    assert lane.run.settle() is None


def asked_stays_blocked(asked) -> bool:
    import select

    return not select.select([], [asked.stream.sock], [], 0.2)[1]
