"""Arbitrary bytes in everything that reads what clients and upstreams send.

Promises: every reader is total; what is rewritten is what was there with only the named thing changed; what a client
is told can be told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from harness import CUT, check, fuzz, instrumented

with instrumented():
    import msgspec

    from headway.failures import Failure, FailureKind
    from headway.providers.classification import reported
    from headway.providers.classification.classify import classify, classify_event, classify_ok
    from headway.providers.classification.hints import retry_after
    from headway.types import Usage
    from headway.wire import http_head, multipart, sse
    from headway.wire.endpoints import ENDPOINTS
    from headway.wire.malformed import Malformed
    from headway.wire.openai import errors, request, response, stream
    from headway.wire.openai.opening import created_in, judge
    from headway.wire.openai.peek import peek_json, peek_multipart
    from headway.wire.openai.tool_calls import ToolCalls

MODEL = msgspec.Raw(b'"the/other"')
TYPE = b"multipart/form-data; boundary=cut"
TERMINALS = {endpoint.terminals for endpoint in ENDPOINTS}
FIELDS = [value for name, value in vars(http_head).items() if name.isupper() and isinstance(value, bytes)]


def peeks_at_json(data: bytes) -> None:
    found = peek_json(data)
    if isinstance(found, Malformed):
        found.message.encode()
        return
    check(found.model.isprintable() and found.model, "a model that cannot be shown")
    before = {name: bytes(raw) for name, raw in found.fields.items()}
    options = request.asking_for_usage(found.fields.get("stream_options"))
    after = msgspec.json.decode(request.prepare(found, MODEL, options), type=dict[str, msgspec.Raw])
    check(after.pop("model") == MODEL, "the model was not replaced")
    check(after.pop("stream_options", None) == options, "other options than asked for")
    kept = [(name, raw) for name, raw in before.items() if name not in ("model", "stream_options")]
    check([(name, bytes(raw)) for name, raw in after.items()] == kept, "what nobody named was changed")


def peeks_at_a_form(data: bytes) -> None:
    body, _, kind = data.partition(CUT)
    found = peek_multipart(body, kind or TYPE)
    if isinstance(found, Malformed):
        found.message.encode()
        return
    changed = peek_multipart(found.form.replaced("model", b"other"), found.content_type)
    check(not isinstance(changed, Malformed) and changed.model == "other", "the model was not replaced")
    back = cast(Any, changed).form.replaced("model", found.model.encode())
    check(back == body, "what nobody named was changed")


def reads_a_form(data: bytes) -> None:
    body, _, kind = data.partition(CUT)
    found = multipart.parse(body, kind or TYPE)
    if not isinstance(found, str):
        check(found.replaced("nobody has this name", b"x") == body, "a form changed by itself")


def reads_a_reply(data: bytes) -> None:
    reply = response.read(data)
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        valid = False
    else:
        valid = True
    check(reply.valid or not valid, "JSON was taken for none")
    check(reply.valid or not (reply.error or reply.empty or reply.fault), "a judgement on what could not be read")
    check(not (reply.empty and reply.fault), "a fault of nobody")
    if reply.usage is not None:
        check(is_counted(reply.usage), "fewer tokens than none")


def is_counted(usage: Usage) -> bool:
    return all(number is None or number >= 0 for number in msgspec.structs.astuple(usage))


def reads_an_error(data: bytes) -> None:
    message = errors.message_in(data)
    if message is not None:
        check(0 < len(message) <= errors.MAX_QUOTED, "a message without bounds")
        check("\n" not in message and "\r" not in message, "a message of several lines")
        for status in (400, 500):
            msgspec.json.decode(errors.body(message, status=status, code=None))
        check(len(sse.split(errors.event(message, code="x"))[0]) == 1, "an event that is more than one")
    if errors.is_error_body(data):
        check(data.lstrip()[:1] == b"{", "an error that is no object")


def reads_a_stream(data: bytes) -> None:
    stream.is_filler(data)
    found = stream.error_in(data)
    if found is not None:
        start, end, payload = found
        check(sse.data_of(data[start:end]) == payload, "an error that is not where it was found")
    for terminals in TERMINALS:
        stream.ending(data, terminals, finishes=(None, 1, 2)[len(data) % 3])
    usage = stream.usage_in(data)
    check(usage is None or is_counted(usage), "fewer tokens than none")
    shown = stream.without_usage_chunk(data)
    check(stream.without_usage_chunk(shown) == shown, "a usage chunk was left")
    stream.is_usage_chunk(data)


def judges_an_opening(data: bytes) -> None:
    events, rest = sse.split(data)
    for endpoint in ENDPOINTS[:4]:
        opening = judge(endpoint, data[: len(data) - len(rest)])
        one_by_one = (judge(endpoint, event) for event in events)
        check(opening == next((each for each in one_by_one if each is not None), None), "judged by how it arrived")
        if opening is not None:
            check((opening.payload is not None) == (opening.kind in ("error", "fault")), "an error without its data")
    created = created_in(data)
    for given in (None, created, data):
        told = errors.response_event("x", code="c", seen=data, created=given)
        check(len(sse.split(told)[0]) == 1, "an event that is more than one")
        check(stream.error_in(told) is not None, "an ending that is no error")


def follows_tool_calls(data: bytes) -> None:
    """Cut anywhere between events, a stream is shown and held in the same way."""
    choices, stream_of = data[0] if data else 0, data[1:].replace(CUT, b"")
    endpoint, hold = ENDPOINTS[2 if choices & 1 else 0], bool(choices & 2)
    one, many = ToolCalls(endpoint, hold), ToolCalls(endpoint, hold)
    shown = one.feed(stream_of)
    events, rest = sse.split(stream_of)
    step = choices // 4 % 5 + 1
    parts = [b"".join(events[at : at + step]) for at in range(0, len(events), step)]
    again = b"".join([many.feed(part) for part in parts] + [many.feed(rest)])
    check(shown == again, "shown by how it arrived")
    check((one.broken, one.held, one.pending) == (many.broken, many.held, many.pending), "followed by how it arrived")
    check(one.broken is not None or len(shown) + one.held == len(stream_of), "neither shown nor held")
    check(one.broken is not None or hold or choices & 1 or shown == stream_of, "held without a wish for it")
    check(one.broken is None or one.feed(stream_of) == b"", "something behind the end")


def frames_events(data: bytes) -> None:
    events, rest = sse.split(data)
    check(b"".join(events) + rest == data, "bytes were lost")
    whole = sse.complete_length(data)
    check(0 <= whole <= len(data), "more than there is")
    check(sse.complete_length(data[whole:]) == 0, "whole events were left")
    for event in events:
        payload = sse.data_of(event)
        if payload is not None and b"\n" not in payload and b"\r" not in payload:
            check(sse.data_of(sse.encode(payload)) == payload, "an event does not mean what it says")


def reads_a_head(data: bytes) -> None:
    head = http_head.Head(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n")
    for field in (*FIELDS, b"\r\n"):
        value = head.get(field)
        check((value is not None) == head.has(field) == (head.count(field) > 0), "there and not there")
        check(value is None or b"\r\n" not in value, "a value of several lines")
    hint = retry_after(head, reported.read(b""), FailureKind.RATE_LIMITED, 1.8e9)
    check(hint is None or 0.0 <= hint <= 86400.0, "a hint without bounds")


def judges_an_error(data: bytes) -> None:
    fields, _, body = data.partition(CUT)
    head = http_head.Head(b"HTTP/1.1 500 X\r\n" + fields + b"\r\n")
    for status in (199, 302, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529, 599):
        failure = classify("openai", status, head, body, who="p/m#k", wall=1.8e9)
        check(isinstance(cast(object, failure), Failure), "no judgement")
        failure.message.encode()
    classify_event("openai", body, who="p/m#k", wall=1.8e9)
    classify_ok("openai", head, body, who="p/m#k", wall=1.8e9)


TARGETS: tuple[Callable[[bytes], None], ...] = (
    peeks_at_json,
    peeks_at_a_form,
    reads_a_form,
    reads_a_reply,
    reads_an_error,
    reads_a_stream,
    judges_an_opening,
    follows_tool_calls,
    frames_events,
    reads_a_head,
    judges_an_error,
)


def test_one(data: bytes) -> None:
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


USAGE = b'{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}'
PART = b'--cut\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
FORM = PART % (b"model", b"", b"m") + PART % (b"file", b'; filename="f"', b"data") + b"--cut--\r\n"
CALL = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,%b"function":{"name":"f","arguments":"{}"}}]}}]}\n\n'
ITEM = b'data: {"type":"response.output_item.%b","output_index":0,"item":{"type":"function_call","arguments":""}}\n\n'
ARGUMENTS = b'data: {"type":"response.function_call_arguments.done","output_index":0,"arguments":"{"}\n\n'
BODIES: dict[Callable[[bytes], None], list[bytes]] = {
    peeks_at_json: [
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}',
        b'{"stream_options":{"include_usage":false,"x":1},"model":"a","model":"b\\u00e9"}',
    ],
    peeks_at_a_form: [FORM, FORM + CUT + b'multipart/form-data; charset=x; boundary="cut"'],
    reads_a_form: [FORM + CUT + b"multipart/form-data;boundary=cut", PART % (b"a", b"; x=y", b"") + b"--cut--"],
    reads_a_reply: [b'{"object":"x","usage":%b}' % USAGE, b'{"error":{"message":"no"}}', b"[NaN]", b'"\\ud800"'],
    reads_an_error: [b'{"error":{"message":"no\\nway"}}', b'{"detail":"x"}', b'{"message":"x"}', b'{"error":"x"}'],
    reads_a_stream: [
        b': hi\n\ndata: {"choices":[{"delta":{}}]}\n\ndata: {"choices":[],"usage":%b}\n\ndata: [DONE]\n\n' % USAGE,
        b'event: error\r\ndata: {"type":"error","code":"x"}\r\n\r\n',
        b'data: {"type":"response.completed","response":{"usage":{"input_tokens":1}}}\n\n',
        b'data: {"choices":[{"finish_reason":"stop"}]}\n\n',
    ],
    judges_an_opening: [
        b': hi\n\ndata: {"choices":[{"delta":{"role":"x"}}]}\n\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n',
        b'data: {"choices":[{"delta":{},"finish_reason":"function_call_filter: x"}]}\n\ndata: [DONE]\n\n',
        b'event: response.created\ndata: {"type":"response.created","sequence_number":1,"response":{"id":"r"}}\n\n',
        b'data: {"type":"response.output_item.added","item":{"type":"message"}}\n\ndata: {"type":"error"}\n\n',
        b'event: ping\r\ndata: {"type":"ping"}\r\n\r\ndata: {"type":"response.completed","response":{"output":[]}}\n\n',
    ],
    follows_tool_calls: [
        b"\x02"
        + CALL % b'"id":"a",'
        + CALL % b""
        + b'data: {"choices":[{"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n',
        b"\x04" + CALL % b'"id":"a",' + CALL % b'"id":"b",' + b'data: {"choices":[{"finish_reason":"length"}]}\n\n',
        b"\x06" + CALL % b'"id":"a",' + b'data: {"choices":[{"index":1,"delta":{"content":"x"}},{"index":0}]}\n\n',
        b"\x03" + ITEM % b"added" + ARGUMENTS + ITEM % b"done" + b'data: {"type":"response.completed"}\n\n',
        b"\x01" + ITEM % b"added" + ARGUMENTS + b'data: {"type":"response.incomplete"}\n\n',
    ],
    frames_events: [b"data: a\r\ndata: b\r\n\r\nid: 1\ndata:c\n\n:x\n\ndata", b"\n\r\n\n\r\n\r\n"],
    reads_a_head: [b"retry-after: 7\r\nRetry-After-MS: 1.5\r\n", b"retry-after: Wed, 21 Oct 2037 07:28:00 GMT\r\n"],
    judges_an_error: [b"retry-after: 1" + CUT + b'{"error":{"message":"slow down"}}', CUT + b"<html>"],
}
SEEDS = [bytes([TARGETS.index(target)]) + seed for target, seeds in BODIES.items() for seed in seeds]
TOKENS = [
    *(b'"model"', b'"stream_options"', b'"include_usage"', b'"usage"', b'"error"', b'"message"', b'"choices"', b"null"),
    *(b'"response"', b'"finish_reason":"stop"', b'"type":"error"', b"true", b"[]", b"{}", b"data: ", b"event: error\n"),
    *(
        b"\n\n",
        b"\r\n\r\n",
        b"\r\n",
        b"[DONE]",
        b"--cut",
        b"--cut--",
        b'; name="model"',
        b"; boundary=",
        b'filename="x"',
    ),
    *(b"Content-Disposition: form-data", b"retry-after: ", b"retry-after-ms: ", b"\\ud800", b"\\u0000", b"1e400", CUT),
    *(
        b'"delta":',
        b'"tool_calls"',
        b'"function_call"',
        b'"arguments":"',
        b'"index":1',
        b'"id":"b"',
        b'"output_index":',
    ),
    *(
        b'"response.completed"',
        b'"response.output_item.added"',
        b'"item":',
        b'"content":"x"',
        b": x\n\n",
        b"event: ping\n",
    ),
    *(b"-1", b"99999999999999999999", b"nan", b"inf", b"[" * 64, b'{"a":' * 32, b"GMT", b"-0000", b"+9999"),
]

if __name__ == "__main__":
    fuzz("wire", test_one, SEEDS, TOKENS)
