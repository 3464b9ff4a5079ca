"""Answers of Ollama's, whole and as lines, read and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Image, Opaque, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Choice,
    Counted,
    Event,
    Finished,
    Logprobs,
    Malformed,
    NoReply,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Reported,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.form.request import Request
from headway.wire.ollama.codec import CODEC

Events = Callable[[bytes], list[Event]]

MOMENT = "2023-08-04T08:52:19.385406455-07:00"
SECONDS = 1691164339
SHOW = Show(
    request_id="req-1",
    created=1_700_000_000,
    model="llama",
    request=Request(dialect="ollama", model="llama", messages=()),
)


def line(message: Any = None, **more: Any) -> Any:
    said = {"role": "assistant", "content": "", **(message or {})}
    return {"model": "llama", "created_at": MOMENT, "message": said, "done": False, **more}


def last(reason: str | None = "stop", **more: Any) -> Any:
    return line(done=True, done_reason=reason, total_duration=5, prompt_eval_count=26, eval_count=7, **more)


def lines(*each: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in each)


CALL = {"function": {"name": "f", "arguments": {"a": 1}}}
ANSWER = (
    line({"thinking": "hm, "}),
    line({"thinking": "well"}),
    line({"content": "It is "}),
    line({"content": "späť 🌍."}),
    line({"tool_calls": [CALL, {"id": "c2", "function": {"name": "g", "arguments": {}}}]}),
    last(),
)


def read(body: Any) -> Reply:
    reply = CODEC.read_reply(json.dumps(body).encode())
    assert isinstance(reply, Reply)
    return reply


def test_a_whole_answer_is_read():
    message = {
        "thinking": "hm",
        "content": "so",
        "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
    }
    assert read({**last(), "message": message}) == Reply(
        model="llama",
        created=SECONDS,
        choices=[
            Choice(
                parts=[
                    Reasoning(text="hm", origin="ollama"),
                    Text("so"),
                    ToolCall(id="c1", name="f", arguments='{"a": 1}'),
                ],
                stop=Stop.TOOLS,
            )
        ],
        usage=Usage(input_tokens=26, output_tokens=7),
    )


@pytest.mark.parametrize(("reason", "stop"), [("stop", Stop.END), ("length", Stop.LENGTH), (None, Stop.END)])
def test_why_the_model_stopped(events: Events, reason: str | None, stop: Stop):
    assert read(last(reason)).choices[0].stop == stop
    assert Finished(stop) in events(lines(last(reason)))


def test_calls_without_ids_get_one_that_stays_the_same_and_no_other_has():
    def ids(moment: str) -> list[str]:
        reply = read({**last(), "created_at": moment, "message": {"tool_calls": [CALL, CALL]}})
        return [part.id for part in reply.choices[0].parts if isinstance(part, ToolCall)]

    assert ids("a") == ids("a")
    assert len({*ids("a"), *ids("b")}) == 4


def test_a_prompt_that_was_in_memory_has_no_count():
    assert read({**line(), "done": True, "eval_count": 3}).usage == Usage(output_tokens=3)
    assert read({**line(), "done": True}).usage is None


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [("2023-08-04T15:52:19Z", SECONDS), ("2023-08-04T15:52:19", SECONDS), ("soon", None), (None, None)],
)
def test_when_it_answered(moment: str | None, seconds: int | None):
    assert read({**last(), "created_at": moment}).created == seconds


def test_an_error_is_no_answer():
    assert CODEC.read_reply(b'{"error":"model not found"}') == NoReply("the reply is an error", is_error=True)
    assert isinstance(CODEC.read_reply(b"{}"), NoReply)
    assert isinstance(CODEC.read_reply(b"<html>"), NoReply)


def test_likelihoods_are_in_the_words_of_chat_completions(events: Events):
    tokens = [{"token": "Hi", "logprob": -0.5, "top_logprobs": []}]
    assert msgspec.json.decode(read(last(logprobs=tokens)).choices[0].logprobs) == {"content": tokens}
    (found,) = [event for event in events(lines(last(logprobs=tokens))) if isinstance(event, Logprobs)]
    assert msgspec.json.decode(found.raw) == {"content": tokens}


def test_a_stream_is_read_line_by_line(events: Events):
    found = events(lines(*ANSWER))
    (began,) = [event for event in found if isinstance(event, CallBegan) and event.name == "f"]
    assert found == [
        Began(model="llama", created=SECONDS),
        ReasoningDelta("hm, ", 0),
        ReasoningDelta("well", 0),
        PartEnded(0),
        TextDelta("It is ", 1),
        TextDelta("späť 🌍.", 1),
        PartEnded(1),
        CallBegan(part=2, id=began.id, name="f"),
        CallDelta('{"a": 1}', 2),
        PartEnded(2),
        CallBegan(part=3, id="c2", name="g"),
        CallDelta("{}", 3),
        PartEnded(3),
        Finished(Stop.TOOLS),
        Counted(Usage(input_tokens=26, output_tokens=7)),
    ]


def test_any_way_of_cutting_the_bytes_reads_the_same(events: Events):
    data = lines(*ANSWER).replace(b"\n", b"\r\n")
    whole = events(data)
    for size in range(1, 60):
        found: list[Event] = []
        reader = CODEC.reader()
        rest = b""
        for start in range(0, len(data), size):
            frames, rest = CODEC.split(rest + data[start : start + size])
            for frame in frames:
                reader.read(frame, found)
        reader.end(found)
        assert (rest, reader.complete, found) == (b"", True, whole)


def test_a_stream_is_complete_with_its_last_line_and_not_before():
    for length in range(len(ANSWER) + 1):
        reader = CODEC.reader()
        found: list[Event] = []
        for frame in CODEC.split(lines(*ANSWER[:length]))[0]:
            reader.read(frame, found)
        reader.end(found)
        assert reader.complete is (length == len(ANSWER))
        assert any(isinstance(event, Finished) for event in found) is reader.complete


def test_an_error_in_the_midst_is_reported(events: Events):
    error = {"error": "an error was encountered while running the model"}
    found = events(lines(ANSWER[2], error, last()))
    assert found[1:] == [TextDelta("It is ", 0), Reported(json.dumps(error).encode())]
    assert isinstance(events(lines(line(error=None)))[0], Began)


@pytest.mark.parametrize("frame", [b"{\n", b"5\n", b"\xff\n", b'{"message":5}\n', b"[" * 100_000 + b"\n"])
def test_what_is_no_line_of_ollama_s_ends_the_stream(events: Events, frame: bytes):
    found = events(lines(ANSWER[2]) + frame + lines(last()))
    assert [type(event) for event in found] == [Began, TextDelta, Malformed]


def test_empty_lines_say_nothing(events: Events):
    assert events(b"\n\r\n" + lines(last())) == events(lines(last()))


@given(st.lists(st.sampled_from(ANSWER), max_size=8), st.binary(max_size=20))
def test_no_order_of_lines_and_no_bytes_raise(shape: list[Any], data: bytes):
    reader = CODEC.reader()
    found: list[Event] = []
    for each in shape:
        reader.read(lines(each), found)
    reader.read(data + b"\n", found)
    reader.end(found)
    assert not [event for event in found[1:] if isinstance(event, Began)]
    assert isinstance(CODEC.read_reply(data), Reply | NoReply)


# --- written ---


def test_an_answer_of_another_dialect_is_shown_as_ollama_s():
    parts: list[Part] = [
        Reasoning(text="hm", signature="s", origin="anthropic"),
        Text("Yes. "),
        Refusal("No."),
        Audio(Source(data="QQ=="), transcript="spoken"),
        Image(Source(data="QUJD")),
        Opaque("anthropic", "search", msgspec.Raw(b"{}")),
        ToolCall(id="c1", name="f", arguments='{"a": 1}'),
        ToolCall(id="c2", name="g", arguments="broken"),
    ]
    reply = Reply(
        model="other",
        created=SECONDS,
        choices=[Choice(parts=parts, stop=Stop.TOOLS)],
        usage=Usage(input_tokens=10, output_tokens=5),
    )
    assert json.loads(CODEC.write_reply(reply, SHOW)) == {
        "model": "other",
        "created_at": "2023-08-04T15:52:19Z",
        "message": {
            "role": "assistant",
            "content": "Yes. No.spoken",
            "thinking": "hm",
            "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}},
            ],
            "images": ["QUJD"],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 10,
        "eval_count": 5,
    }


def test_what_the_provider_did_not_name_is_the_client_s(show: Show):
    answer = json.loads(CODEC.write_reply(Reply(choices=[Choice(parts=[], stop=Stop.LENGTH)]), show))
    assert (answer["model"], answer["created_at"]) == ("llama", "2023-11-14T22:13:20Z")
    assert answer["done_reason"] == "length"


def test_a_moment_that_no_calendar_holds_is_the_beginning_of_time():
    reply = Reply(created=10**18, choices=[Choice(parts=[])])
    assert json.loads(CODEC.write_reply(reply, SHOW))["created_at"] == "1970-01-01T00:00:00Z"


def written(events: list[Event], size: int = 1) -> bytes:
    writer = CODEC.writer(SHOW)
    return b"".join(writer.write(events[i : i + size]) for i in range(0, len(events), size)) + writer.end()


STREAM: list[Event] = [
    Began(id="r1", model="other", created=SECONDS),
    ReasoningDelta("hm", 0),
    Signed(part=0, signature="s", origin="anthropic"),
    PartEnded(0),
    TextDelta('It "is"\n🌍', 1),
    PartEnded(1),
    CallBegan(part=2, id="c1", name="f"),
    CallBegan(part=3, id="c2", name="g"),
    CallDelta('{\n"a":', 2),
    CallDelta("{}", 3),
    CallDelta("1}", 2),
    PartEnded(2),
    PartEnded(3),
    Finished(Stop.TOOLS),
    Counted(Usage(input_tokens=9, output_tokens=5)),
]


def test_a_stream_is_lines_and_calls_come_whole():
    found = [json.loads(each) for each in written(STREAM).splitlines()]
    assert [each["message"] for each in found] == [
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "assistant", "content": 'It "is"\n🌍'},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}}],
        },
        {"role": "assistant", "content": ""},
    ]
    assert [each["done"] for each in found] == [False, False, False, False, True]
    assert {each["model"] for each in found} == {"other"}
    assert {each["created_at"] for each in found} == {"2023-08-04T15:52:19Z"}
    assert (found[-1]["done_reason"], found[-1]["prompt_eval_count"], found[-1]["eval_count"]) == ("stop", 9, 5)


@pytest.mark.parametrize("size", [2, 3, 100])
def test_however_events_are_gathered_the_bytes_are_the_same(size: int):
    assert written(STREAM, size) == written(STREAM)


def test_a_call_that_never_ended_is_told_with_the_end():
    calls = json.loads(written([Began(), CallBegan(part=0, id="c", name="f")]).splitlines()[0])["message"]["tool_calls"]
    assert calls[0]["function"] == {"index": 0, "name": "f", "arguments": {}}


def test_what_has_no_place_is_left_out():
    raw = msgspec.Raw(b'{"content":[{"token":"a",\n"logprob":-0.5}]}')
    events: list[Event] = [
        Began(),
        Whole(Opaque("anthropic", "search", msgspec.Raw(b"{}")), 0),
        TextDelta("other", 0, 1),
        Whole(Image(Source(data="QUJD")), 1),
        Whole(Audio(Source(data="QQ=="), transcript="spoken"), 2),
        RefusalDelta("no", 3),
        Logprobs(raw),
        Finished(Stop.END),
    ]
    picture, spoken, refusal, likely, _ = (json.loads(each) for each in written(events).splitlines())
    assert picture["message"]["images"] == ["QUJD"]
    assert (spoken["message"]["content"], refusal["message"]["content"]) == ("spoken", "no")
    assert likely["logprobs"] == [{"token": "a", "logprob": -0.5}]


def test_an_answer_that_breaks_off_ends_with_an_error():
    writer = CODEC.writer(SHOW)
    assert writer.error("it broke", status=502, code="upstream") == b'{"error":"it broke"}\n'
    assert CODEC.error_body("no such model", 404, "not_found", "model") == b'{"error":"no such model"}'


PARTS = st.one_of(
    st.text(min_size=1).map(Text),
    st.text(min_size=1).map(lambda text: Reasoning(text=text, origin="ollama")),
    st.tuples(st.text("abc", min_size=1), st.text()).map(
        lambda pair: ToolCall(id=pair[0], name="f", arguments=json.dumps({"x": pair[1]}, indent=1))
    ),
)


@given(st.lists(PARTS, max_size=6))
def test_what_is_written_reads_back_the_same(parts: list[Any]):
    reply = Reply(choices=[Choice(parts=parts, stop=Stop.END)], usage=Usage(1, 2))
    found: list[Event] = []
    reader = CODEC.reader()
    for frame in CODEC.split(written(list(events_of(reply))))[0]:
        reader.read(frame, found)
    assembly = Assembly()
    assembly.feed(found)
    assert (reader.complete, assembly.reply.usage) == (True, Usage(1, 2))
    assert said(assembly.reply) == said(reply)


def said(reply: Reply) -> list[tuple[str, Any]]:
    """What the parts say; texts that follow one another are one."""
    found: list[tuple[str, Any]] = []
    for part in (part for choice in reply.choices for part in choice.parts):
        match part:
            case ToolCall():
                found.append(("call", (part.id, part.name, json.loads(part.arguments))))
            case Text() | Reasoning():
                kind = type(part).__name__
                before = found.pop()[1] if found and found[-1][0] == kind else ""
                found.append((kind, before + part.text))
            case _:
                found.append(("other", part))
    return found
