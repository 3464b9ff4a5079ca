"""Requests to Ollama: what is read from them, and what others' become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire.form.codec import Said
from headway.wire.form.parts import (
    Audio,
    Cache,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice, Unsupported
from headway.wire.malformed import Malformed
from headway.wire.ollama.codec import CODEC

Read = Callable[..., Request]
ReadAny = Callable[[Any], Request | Malformed]
Write = Callable[..., tuple[Any, tuple[str, ...]]]
Refuse = Callable[[Request], Unsupported]

HELLO = (Message("user", (Text("hi"),)),)
TOOL = Tool(name="f", parameters=msgspec.Raw(b'{"type":"object"}'))
CALL = {"function": {"name": "f", "arguments": {"a": 1}}}


def asked(*messages: Message, **fields: Any) -> Request:
    return Request(dialect="openai_chat", model="m", messages=messages or HELLO, **fields)


def said(*parts: Part) -> Message:
    return Message("assistant", parts)


def test_it_streams_unless_told_not_to(read: Read):
    assert read().stream
    assert read(stream=True).stream
    assert not read(stream=False).stream


def test_options_get_the_names_of_the_form(read: Read):
    options = {"num_predict": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 1, "stop": ["x"]}
    request = read(
        options={**options, "frequency_penalty": 0.1, "presence_penalty": 0.2}, logprobs=True, top_logprobs=2
    )
    assert (request.max_output, request.temperature, request.top_p, request.top_k) == (9, 0.5, 0.9, 3)
    assert (request.seed, request.stop, request.logprobs, request.top_logprobs) == (1, ("x",), True, 2)
    assert (request.frequency_penalty, request.presence_penalty) == (0.1, 0.2)
    assert not request.extra
    assert read(options={"stop": "x"}).stop == ("x",)


def test_what_the_form_has_no_place_for_is_kept_by_its_place(read: Read):
    request = read(options={"num_ctx": 4096, "num_predict": -1, "mirostat": 1}, keep_alive="5m", truncate=False)
    assert {name: bytes(raw) for name, raw in request.extra.items()} == {
        "options.mirostat": b"1",
        "truncate": b"false",
    }
    assert {name: bytes(raw) for name, raw in request.aside.items()} == {
        "options.num_ctx": b"4096",
        "options.num_predict": b"-1",
        "keep_alive": b'"5m"',
    }
    assert request.max_output is None
    assert request.needs == ()


@pytest.mark.parametrize(
    ("think", "thinking"),
    [(True, Thinking(budget=-1)), (False, Thinking(budget=0)), ("high", Thinking(effort="high")), (None, None)],
)
def test_thinking_is_on_off_or_a_level(read: Read, think: Any, thinking: Thinking | None):
    assert read(think=think).thinking == thinking


def test_json_is_asked_for_with_or_without_a_schema(read: Read):
    assert read(format="json").output == Output()
    assert read(format="").output is None
    assert read(format={"z": 1, "a": 2}).output == Output(schema=msgspec.Raw(b'{"z": 1, "a": 2}'))


def test_pictures_are_data_of_no_told_kind(read: Read):
    message = {"role": "USER", "content": "what?", "images": ["QUJD"]}
    assert read(messages=[message]).messages == (Message("user", (Text("what?"), Image(Source(data="QUJD")))),)


def test_a_call_without_an_id_gets_one_that_its_result_shares(read: Read):
    messages = [
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [CALL, CALL]},
        {"role": "tool", "content": "one", "tool_name": "f"},
        {"role": "tool", "content": "two", "tool_name": "f"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "three"},
    ]
    first, one, two, second, three = read(messages=messages).messages
    assert first.parts[0] == Reasoning(text="hm", origin="ollama")
    calls = [part for part in (*first.parts, *second.parts) if isinstance(part, ToolCall)]
    results = [part for message in (one, two, three) for part in message.parts if isinstance(part, ToolResult)]
    assert [call.id for call in calls] == [result.call_id for result in results]
    assert len({call.id for call in calls}) == 3
    assert [result.name for result in results] == ["f", "f", "f"]
    assert calls[0].arguments == '{"a": 1}'
    assert read(messages=messages).messages == (first, one, two, second, three)


def test_a_call_with_an_id_keeps_it(read: Read):
    messages = [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c9", **CALL}]},
        {"role": "tool", "content": "one", "tool_call_id": "c9"},
    ]
    call, result = (message.parts[0] for message in read(messages=messages).messages)
    assert call == ToolCall(id="c9", name="f", arguments='{"a": 1}')
    assert result == ToolResult(call_id="c9", name="f", parts=(Text("one"),))


@pytest.mark.parametrize(
    ("wrong", "message", "param"),
    [
        ({"messages": {}}, "messages must be a list, not an object", "messages"),
        (
            {"messages": [{"role": "user", "content": []}]},
            "messages[0].content must be a string, not a list",
            "messages[0].content",
        ),
        (
            {"messages": [{"role": "x"}]},
            "messages[0].role must be system, user, assistant or tool",
            "messages[0].role",
        ),
        ({"options": []}, "options must be an object, not a list", "options"),
        ({"options": {"top_k": "x"}}, "options.top_k must be a whole number, not a string", "options.top_k"),
        ({"format": "xml"}, "format must be json or a JSON schema", "format"),
        ({"think": 5}, "think must be true or false or a string, not a whole number", "think"),
        ({"tools": [{}]}, "tools[0].function is missing", "tools[0].function"),
    ],
)
def test_a_wrong_field_is_named_in_plain_words(read_any: ReadAny, wrong: Any, message: str, param: str):
    assert read_any({"model": "m", "messages": [], **wrong}) == Malformed(message, param)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "function", "name", "tool_calls", "arguments"]), inner)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["messages", "tools", "format", "think", "options", "stream"]), JSON, max_size=4)
)
def test_nothing_that_a_client_sends_raises(body: dict[str, Any]):
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()}
    assert isinstance(CODEC.read_request(fields, Said(model="m", stream=False)), Request | Malformed)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'[{"role":"\xff"}]', b"[{", b""])
def test_bytes_that_are_no_json_are_told_so(raw: bytes):
    assert isinstance(CODEC.read_request({"messages": msgspec.Raw(raw)}, Said(model="m", stream=False)), Malformed)


# --- written ---


def test_parameters_are_options(write: Write):
    body, dropped = write(
        asked(max_output=9, temperature=1.5, top_p=0.9, top_k=3, seed=1, stop=("x",), logprobs=True, stream=True)
    )
    assert body == {
        "model": "llama",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "logprobs": True,
        "options": {"num_predict": 9, "temperature": 1.5, "top_p": 0.9, "top_k": 3, "seed": 1, "stop": ["x"]},
    }
    assert dropped == ()


def test_not_to_stream_is_said(write: Write):
    assert write(asked())[0]["stream"] is False


def test_what_ollama_has_no_word_for_is_listed(write: Write):
    _, dropped = write(
        asked(
            parallel_tool_calls=False,
            user="u",
            metadata=msgspec.Raw(b"{}"),
            service_tier="flex",
            verbosity="low",
            cache_key="k",
            logit_bias=msgspec.Raw(b"{}"),
            tools=(msgspec.structs.replace(TOOL, strict=True, cache=Cache()),),
            tool_choice=ToolChoice("required"),
            extra={"store": msgspec.Raw(b"true")},
            aside={"include": msgspec.Raw(b"[]")},
        )
    )
    assert set(dropped) == {
        "parallel_tool_calls",
        "user",
        "metadata",
        "service_tier",
        "verbosity",
        "cache_key",
        "logit_bias",
        "tools[0].strict",
        "tools[0].cache",
        "tool_choice",
        "store",
    }


def test_what_the_model_is_known_to_refuse_is_left_out(write: Write):
    body, dropped = write(
        asked(seed=1, stop=("x",), thinking=Thinking()), lacks=frozenset({"seed", "stop", "thinking"})
    )
    assert set(body) == {"model", "messages", "stream"}
    assert dropped == ("seed", "stop", "thinking")


@pytest.mark.parametrize(
    ("thinking", "model", "think", "dropped"),
    [
        (Thinking(), "qwen3", True, ()),
        (Thinking(budget=0), "qwen3", False, ()),
        (Thinking(effort="none"), "gpt-oss:20b", False, ()),
        (Thinking(effort="low"), "gpt-oss:20b", "low", ()),
        (Thinking(effort="max"), "gpt-oss:20b", "high", ("thinking.effort",)),
        (Thinking(effort="low"), "qwen3", True, ("thinking.effort",)),
        (Thinking(budget=500), "qwen3", True, ("thinking.budget",)),
    ],
)
def test_thinking_is_a_level_only_for_those_that_know_levels(
    write: Write, thinking: Thinking, model: str, think: Any, dropped: tuple[str, ...]
):
    body, left = write(asked(thinking=thinking), model=model)
    assert (body["think"], left) == (think, dropped)


def test_json_is_asked_for_by_its_schema(write: Write):
    assert write(asked(output=Output()))[0]["format"] == "json"
    assert write(asked(output=Output(schema=msgspec.Raw(b'{"type":"object"}'))))[0]["format"] == {"type": "object"}


def test_a_choice_among_the_tools_is_kept_by_offering_only_those(write: Write):
    tools = (TOOL, Tool(name="g", description="d"))
    body, dropped = write(asked(tools=tools, tool_choice=ToolChoice("auto", ("g",))))
    function = {"name": "g", "description": "d", "parameters": {"type": "object", "properties": {}}}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert dropped == ()
    assert "tools" not in write(asked(tools=tools, tool_choice=ToolChoice("none")))[0]


def test_calls_have_objects_and_results_the_name_of_their_tool(write: Write):
    image = Image(Source(media_type="image/png", data="QUJD"))
    call = ToolCall(id="c1", name="f", arguments='{\n"a": 1}')
    blank = ToolCall(id="c2", name="g", arguments="")
    result = ToolResult(call_id="c1", parts=(Text("4"), image))
    body, dropped = write(
        asked(*HELLO, said(Reasoning(text="hm"), Text("let "), Text("me"), call, blank), Message("tool", (result,)))
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "let me",
            "thinking": "hm",
            "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "4", "images": ["QUJD"], "tool_name": "f", "tool_call_id": "c1"},
    ]
    assert dropped == ()


def test_what_has_no_place_in_the_history_is_listed_where_it_stood(write: Write):
    foreign = Reasoning(text="hm", signature="s", origin="anthropic")
    parts = (foreign, Opaque("anthropic", "search", msgspec.Raw(b"{}")), ToolCall(id="c", name="f", arguments="[1]"))
    picture = Image(Source(data="QUJD"), "low", cache=Cache())
    body, dropped = write(asked(said(*parts), Message("developer", (Text("a"), Refusal("b"), picture), name="ann")))
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == {}
    assert body["messages"][1] == {"role": "system", "content": "a\n\nb", "images": ["QUJD"]}
    assert dropped == (
        "messages[0].reasoning",
        "messages[0].search",
        "messages[0].arguments",
        "messages[1].name",
        "messages[1].cache",
        "messages[1].detail",
    )


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (asked(n=2), "n"),
        (asked(tools=(Tool(name="c", custom=True),)), "tools"),
        (asked(tools=(HostedTool("gemini", "google_search", msgspec.Raw(b"{}")),)), "google_search"),
        (asked(tools=(TOOL,), tool_choice=ToolChoice("required", ("other",))), "tool_choice"),
        (asked(needs=("previous_response_id",)), "previous_response_id"),
        (asked(Message("user", (Audio(Source(data="QQ==")),))), "audio"),
        (asked(Message("user", (Video(Source(data="QQ==")),))), "video"),
        (asked(Message("user", (File(Source(data="QQ==")),))), "files"),
        (asked(Message("user", (Image(Source(url="https://a.example/b")),))), "images"),
        (asked(said(ToolCall(id="c", name="f", arguments="free", custom=True))), "tools"),
    ],
)
def test_what_would_change_the_meaning_is_refused(refuse: Refuse, request_: Request, feature: str):
    assert refuse(request_).feature == feature


EVERYTHING: dict[str, Any] = {
    "model": "llama",
    "stream": False,
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what?", "images": ["QUJD", "REVG"]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1.5}}}],
        },
        {"role": "tool", "content": "4", "tool_name": "f", "tool_call_id": "c1"},
        {"role": "assistant", "content": "It is 4."},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "description": "d"}}],
    "format": {"type": "object"},
    "think": "max",
    "keep_alive": 0,
    "logprobs": True,
    "top_logprobs": 3,
    "options": {
        "num_predict": 10,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "seed": 1,
        "stop": ["x"],
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "repeat_penalty": 1.1,
        "num_ctx": 4096,
    },
    "something_new": {"b": [1]},
}


def test_ollama_s_own_request_comes_back_whole(read: Read, write: Write):
    assert write(read(**EVERYTHING)) == (EVERYTHING, ())


def test_ids_that_were_made_up_are_all_that_a_request_without_them_gains(read: Read, write: Write):
    messages = [
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "4", "tool_name": "f"},
    ]
    first, second, third = write(read(messages=messages))[0]["messages"]
    call = second["tool_calls"][0]
    assert third.pop("tool_call_id") == call.pop("id")
    assert call["function"].pop("index") == 0
    assert [first, second, third] == messages
