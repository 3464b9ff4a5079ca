"""Arbitrary bytes in the codecs of every dialect: what a client asks, what a provider answers, whole and in pieces.

Promises: nothing raises; what is read can be written in every dialect, as JSON or as whole frames; the same stream says
the same however it is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness import CUT, check, fuzz, instrumented

with instrumented():
    import msgspec

    from headway.wire.dialects import CODECS
    from headway.wire.foreign_json import is_text
    from headway.wire.form.codec import Codec, Said, Show
    from headway.wire.form.reply import Event, Malformed, NoReply, Reported
    from headway.wire.form.request import Request, Toward, Unsupported
    from headway.wire.malformed import Malformed as BadRequest
    from headway.wire.openai.peek import peek_json

ALL = list(CODECS.values())
CLIENTS = [CODECS[name] for name in ("openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere")]
TOWARD = Toward(model="m", most_output=4096)
SHOW = Show(request_id="r", created=1, model="m", request=Request(dialect="openai_chat", model="m", messages=()))


def asks(codec: Codec, data: bytes) -> None:
    facts = peek_json(data, "m")
    if isinstance(facts, BadRequest) or not is_text(data):
        return
    read = codec.read_request(facts.fields, Said(model="m", stream=facts.stream))
    if isinstance(read, BadRequest):
        read.message.encode()
        return
    for target in ALL:
        written = target.write_request(read, TOWARD)
        if isinstance(written, Unsupported):
            written.message.encode()
        else:
            msgspec.json.decode(written.body, type=dict[str, object])


def answers(codec: Codec, data: bytes) -> None:
    if not is_text(data):
        return
    reply = codec.read_reply(data)
    if isinstance(reply, NoReply):
        reply.why.encode()
        return
    for client in CLIENTS:
        msgspec.json.decode(client.write_reply(reply, SHOW), type=dict[str, object])


def streams(codec: Codec, data: bytes) -> None:
    pieces = data.split(CUT)
    events = heard(codec, pieces)
    check(events == heard(codec, [b"".join(pieces)]), "what is said depends on how it arrived")
    if events and isinstance(events[-1], Reported | Malformed):
        events.pop()
    check(not any(isinstance(event, Reported | Malformed) for event in events), "something after the end")
    for client in CLIENTS:
        writer = client.writer(SHOW)
        sent = b"".join([writer.write([event]) for event in events]) + writer.end()
        check(not client.split(sent)[1], f"{client.dialect} wrote a frame that is not whole")
        heard(client, [sent])


def heard(codec: Codec, pieces: list[bytes]) -> list[Event]:
    reader, events, rest = codec.reader(), list[Event](), b""
    for piece in pieces:
        frames, rest = codec.split(rest + piece)
        for frame in frames:
            reader.read(frame, events)
            if events and isinstance(events[-1], Reported | Malformed):
                return [*events[:-1], Malformed("") if isinstance(events[-1], Malformed) else events[-1]]
    reader.end(events)
    return events


TARGETS: tuple[Callable[[Codec, bytes], None], ...] = (asks, answers, streams)


def test_one(data: bytes) -> None:
    if data:
        TARGETS[data[0] % len(TARGETS)](ALL[data[0] // len(TARGETS) % len(ALL)], data[1:])


CHAT = CODECS["openai_chat"]
ASKED = (
    b'{"model":"m","stream":true,"max_tokens":9,"temperature":0.5,"stop":["x"],"messages":['
    b'{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"t"},'
    b'{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},'
    b'{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f",'
    b'"arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"r"}],'
    b'"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],'
    b'"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}'
)
ANSWERED = (
    b'{"id":"i","model":"m","created":1,"choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant",'
    b'"content":"c","reasoning_content":"r","tool_calls":[{"id":"a","type":"function","function":{"name":"f",'
    b'"arguments":"{}"}}]}}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
)
PIECES = (b'{"reasoning_content":"r"}', b'{"content":"c"}', b'{"content":"d"}')
CALLS = (
    b'{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}',
    b'{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}',
)
CHUNK = b'data: {"id":"i","choices":[{"index":0,"delta":%b,"finish_reason":null}]}\n\n'
STREAMED = (
    b"".join([CHUNK % delta for delta in (*PIECES, *CALLS)])
    + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
)


def seeds() -> Iterator[bytes]:
    """The same request, answer and stream in every dialect."""
    facts = peek_json(ASKED)
    assert not isinstance(facts, BadRequest)
    request = CHAT.read_request(facts.fields, Said(model="m", stream=True))
    reply = CHAT.read_reply(ANSWERED)
    assert not isinstance(request, BadRequest)
    assert not isinstance(reply, NoReply)
    events = heard(CHAT, [STREAMED])
    for number, codec in enumerate(ALL):
        written = codec.write_request(request, TOWARD)
        if not isinstance(written, Unsupported):
            yield bytes([number * 3]) + written.body
        yield bytes([number * 3 + 1]) + codec.write_reply(reply, SHOW)
        writer = codec.writer(SHOW)
        sent = b"".join([writer.write([event]) for event in events])
        yield bytes([number * 3 + 2]) + sent + writer.end()
        yield bytes([number * 3 + 2]) + sent + writer.error("e", status=500, code="server_error")


TOKENS = [
    *(b"null", b"true", b"[]", b"{}", b"-1", b"1e400", b"99999999999999999999", b"\\ud800", b"[" * 64, b'{"a":' * 32),
    *(
        b'"content"',
        b'"role"',
        b'"type"',
        b'"text"',
        b'"index":1',
        b'"id":"b"',
        b'"arguments":"',
        b'"name"',
        b'"usage"',
    ),
    *(
        b"data: ",
        b"\n\n",
        b"event: ",
        b'"error":',
        b'"message"',
        b'"delta":',
        b'"finish_reason":"stop"',
        b'"parts"',
        CUT,
    ),
]

if __name__ == "__main__":
    fuzz("dialects", test_one, list(seeds()), TOKENS)
