"""Once the client has seen part of an answer, nothing is replaced in silence.

What breaks then ends with an error event, or in a way that the client must notice.
"""

from __future__ import annotations

import msgspec
import pytest

from headway.types import Quirks, Usage

FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
SECOND = b'data: {"choices":[{"index":0,"delta":{"content":" you"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
WORD = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","delta":"hi","sequence_number":1}\n\n'
)


def error_after(body: bytes, seen: bytes) -> dict[str, object]:
    """The one event that follows what had been seen."""
    assert body.startswith(seen)
    rest = body[len(seen) :]
    assert rest.startswith(b"data: ")
    assert rest.endswith(b"\n\n")
    assert rest.count(b"\n\n") == 1
    return msgspec.json.decode(rest[6:])["error"]


def test_a_stream_that_breaks_ends_with_an_error_event_and_without_its_terminal(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.data(SECOND)
    peer.lose()
    error = error_after(client.body, FIRST + SECOND)
    assert error["code"] == "stream_interrupted"
    assert error["type"] == "server_error"
    assert "broke off" in str(error["message"])
    assert client.ended, "the body itself ends properly"
    assert world.b.dials == []
    assert world.event.outcome == "bad_reply"
    assert world.event.broke
    assert world.event.status == 200


def test_a_stream_that_ends_early_ends_with_an_error_event(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end()
    assert error_after(client.body, FIRST)["code"] == "stream_interrupted"
    assert world.event.outcome == "truncated"
    assert world.event.broke


@pytest.mark.parametrize("before", [b"", SECOND])
@pytest.mark.parametrize(
    "spoilt", [SECOND[:40] + b"\n\n", b"data: oops\n\n", b"data: oops\r\n\r\n", SECOND[:40] + b"\n\nda"]
)
def test_an_event_that_is_no_json_breaks_the_stream_before_it(before, spoilt, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.data(before + spoilt)
    assert error_after(client.body, FIRST + before)["code"] == "stream_interrupted"
    assert client.ended
    assert world.event.outcome == "bad_reply"
    assert world.event.broke


@pytest.mark.parametrize(
    "unusual",
    [
        b": a comment\n\n",
        b"data: \n\n",
        b"data: [DONE] \n\n",
        b"id: 7\n\n",
        b'data: {"choices": []\ndata: }\n\n',
        b"\n\n",
    ],
)
def test_an_event_that_ends_like_no_chunk_is_passed_on(unusual, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.data(unusual)
    peer.end(STOP + DONE)
    assert client.body == FIRST + unusual + STOP + DONE
    assert world.event.outcome == "ok"


def test_half_an_event_is_not_shown_when_the_stream_breaks(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST + SECOND[:30])
    peer.lose()
    error_after(client.body, FIRST)


def test_a_response_that_breaks_off_fails_in_its_own_words(world):
    created = (
        b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"r"}}\n\n'
    )
    client = world.ask(stream=True, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, created)
    peer.data(WORD)
    peer.lose()
    assert client.body.startswith(created + WORD + b"event: response.failed\ndata: ")
    failed = client.events[-1]
    assert failed["type"] == "response.failed"
    assert failed["sequence_number"] == 2
    assert failed["response"]["id"] == "r"
    assert failed["response"]["status"] == "failed"
    assert "broke off" in failed["response"]["error"]["message"]
    assert client.ended


def test_a_response_that_never_said_what_it_is_gets_a_plain_error_event(world):
    client = world.ask(stream=True, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, WORD)
    peer.lose()
    assert client.body.startswith(WORD + b"event: error\ndata: ")
    error = client.events[-1]
    assert error["type"] == "error"
    assert error["code"] == "stream_interrupted"
    assert error["sequence_number"] == 2


def test_a_binary_answer_that_breaks_is_broken_off_for_the_client_too(world):
    client = world.ask(endpoint="audio.speech")
    peer = world.a.connect()
    peer.begin(200, b"\x00\x01", kind="audio/mpeg")
    peer.lose()
    assert client.body == b"\x00\x01"
    assert client.aborted
    assert not client.ended
    assert world.event.outcome == "bad_reply"


def test_a_stream_with_a_finish_reason_needs_no_terminal(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end(STOP)
    assert client.body == FIRST + STOP
    assert world.event.outcome == "ok"


@pytest.mark.parametrize("both", [True, False])
def test_a_provider_known_to_send_no_terminal_ends_a_stream_with_the_finish_reason_of_each_choice(both, make_world):
    world = make_world(quirks=Quirks(stream_done=False))
    client = world.ask(stream=True, n=2)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    if both:
        peer.data(STOP.replace(b'"index":0', b'"index":1') + SECOND)
    peer.end(STOP)
    assert client.ended
    assert client.body.endswith(STOP) is both
    assert world.event.outcome == ("ok" if both else "truncated")


def test_of_several_choices_one_that_has_finished_says_nothing_of_the_others(world):
    client = world.ask(stream=True, n=2)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end(STOP)
    error_after(client.body, FIRST + STOP)
    assert world.event.outcome == "truncated"


def test_a_provider_known_to_send_no_terminal_must_give_a_finish_reason(make_world):
    world = make_world(quirks=Quirks(stream_done=False))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end()
    error_after(client.body, FIRST)
    assert world.event.outcome == "truncated"


def test_events_are_passed_on_whole_and_as_they_come(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    assert not client.begun
    for byte in FIRST + SECOND + STOP + DONE:
        peer.data(bytes([byte]))
    assert client.pieces == [FIRST, SECOND, STOP, DONE]
    peer.end()
    assert client.ended


@pytest.mark.parametrize("ending", ["\n\n", "\r\n\r\n"])
def test_either_line_ending_separates_events(ending, world):
    data = (FIRST + STOP + DONE).replace(b"\n\n", ending.encode())
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    for at in range(0, len(data), 7):
        peer.data(data[at : at + 7])
    peer.end()
    assert client.body == data
    assert len(client.pieces) == 3
    assert world.event.outcome == "ok"


def test_a_comment_is_no_answer_and_is_kept_for_later(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, b": waiting for a machine\n\n")
    assert not client.begun
    peer.data(FIRST)
    assert client.body == b": waiting for a machine\n\n" + FIRST
    peer.end(STOP + DONE)


def test_an_event_beyond_all_bounds_is_passed_on_in_pieces(world):
    huge = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % (b"x" * 600_000)
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    for at in range(0, len(huge), 50_000):
        peer.data(huge[at : at + 50_000])
    peer.end(STOP + DONE)
    assert client.body == huge + STOP + DONE
    assert len(client.pieces) > 2
    assert world.event.outcome == "ok"


def test_a_stream_in_one_read_is_passed_on_in_one_write(world):
    client = world.ask(stream=True)
    world.a.connect().answer(200, FIRST + STOP + DONE, kind="text/event-stream")
    assert client.pieces == [FIRST + STOP + DONE]
    assert client.ended
    assert client.length is None


def test_a_streamed_transcription_is_passed_on_like_any_stream(world):
    form = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ndefault\r\n'
        b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--b--\r\n'
    )
    delta = b'event: transcript.text.delta\ndata: {"type":"transcript.text.delta","delta":"hi"}\n\n'
    client = world.ask(
        form, endpoint="audio.transcriptions", headers={"content-type": "multipart/form-data; boundary=b"}
    )
    peer = world.a.connect()
    assert b'name="model"\r\n\r\nm\r\n' in peer.requests[0][1]
    peer.begin(200, delta)
    peer.end()
    assert client.body == delta
    assert world.event.stream


# Large and binary answers.


def test_a_whole_answer_is_held_until_it_is_complete(world):
    client = world.ask()
    peer = world.a.connect()
    peer.begin(200, b'{"object":"list",', kind="application/json")
    peer.data(b'"data":[')
    assert not client.begun
    peer.end(b"]}")
    assert client.pieces == [b'{"object":"list","data":[]}']
    assert client.length == 27


def test_a_whole_answer_too_large_to_hold_is_passed_on_as_it_comes(world):
    piece = b"x" * 400_000
    client = world.ask(endpoint="embeddings", input="x")
    peer = world.a.connect()
    peer.begin(200, b'{"data":"', kind="application/json", content_length="1200011")
    peer.data(piece)
    peer.data(piece)
    assert not client.begun
    peer.data(piece)
    assert client.begun
    assert client.length == 1200011
    peer.end(b'"}')
    assert client.body == b'{"data":"' + piece * 3 + b'"}'
    assert world.event.outcome == "ok"
    assert world.event.reply_bytes == 1200011


def test_a_large_answer_that_breaks_after_it_began_is_broken_off(world):
    client = world.ask(endpoint="embeddings", input="x")
    peer = world.a.connect()
    peer.begin(200, b'{"data":"' + b"x" * 1_100_000, kind="application/json")
    peer.data(b"x")
    assert client.begun
    peer.lose()
    assert client.aborted


@pytest.mark.parametrize("length", ["5", None])
def test_a_binary_answer_is_passed_on_with_its_length_and_type(length, world):
    client = world.ask(endpoint="audio.speech", input="x")
    peer = world.a.connect()
    peer.begin(200, b"\x00\xff", kind="audio/wav", **({"content_length": length} if length else {}))
    assert client.pieces == [b"\x00\xff"]
    peer.end(b"\xfe\r\n")
    assert client.body == b"\x00\xff\xfe\r\n"
    assert client.length == (None if length is None else 5)
    assert client.field("content-type") == "audio/wav"


def test_a_compressed_answer_keeps_its_coding(world):
    client = world.ask()
    world.a.connect().answer(200, b"\x1f\x8b...", content_encoding="gzip")
    assert client.body == b"\x1f\x8b..."
    assert client.field("content-encoding") == "gzip"


# Usage.

USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}\n\n'


@pytest.mark.parametrize("apart", [False, True])
def test_usage_that_nobody_asked_for_is_counted_and_hidden(apart, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    assert peer.sent["stream_options"] == {"include_usage": True}
    peer.begin(200, FIRST)
    for piece in (STOP, USAGE, DONE) if apart else (STOP + USAGE + DONE,):
        peer.data(piece)
    peer.end()
    assert client.body == FIRST + STOP + DONE
    assert world.event.usage == Usage(7, 2)
    assert world.event.reply_bytes == len(client.body)


def test_usage_that_was_asked_for_is_shown(world):
    client = world.ask(stream=True, stream_options={"include_usage": True})
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end(STOP + USAGE + DONE)
    assert client.body == FIRST + STOP + USAGE + DONE
    assert world.event.usage == Usage(7, 2)


def test_a_provider_that_knows_no_stream_options_is_sent_none(make_world):
    world = make_world(quirks=Quirks(stream_usage=False))
    world.ask(stream=True)
    peer = world.a.connect()
    assert "stream_options" not in peer.sent
    peer.begin(200, FIRST)
    peer.end(STOP + DONE)


def test_a_whole_answer_is_not_asked_for_stream_options(world):
    world.ask()
    peer = world.a.connect()
    assert "stream_options" not in peer.sent
    peer.answer(200, b'{"object":"x","usage":{"prompt_tokens":1,"completion_tokens":2}}')
    assert world.event.usage == Usage(1, 2)


def test_usage_seen_before_a_break_is_recorded(world):
    world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.data(b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n')
    peer.lose()
    assert world.event.usage == Usage(7, 1)
