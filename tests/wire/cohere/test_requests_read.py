"""What is read from requests to Cohere, and what clients are told of those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire.cohere.codec import CODEC
from headway.wire.form.codec import Said
from headway.wire.form.parts import Citation, Image, Message, Opaque, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice
from headway.wire.malformed import Malformed

Read = Callable[..., Request]
ReadAny = Callable[[Any], Request | Malformed]

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_the_parameters_get_the_names_of_the_form(read: Read):
    request = read(
        max_tokens=9,
        temperature=0.5,
        p=0.9,
        k=3,
        seed=1,
        stop_sequences=["x"],
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logprobs=True,
        stream=True,
    )
    assert (request.model, request.max_output, request.temperature, request.top_p) == ("command", 9, 0.5, 0.9)
    assert (request.top_k, request.seed, request.stop, request.stream) == (3, 1, ("x",), True)
    assert (request.frequency_penalty, request.presence_penalty, request.logprobs) == (0.1, 0.2, True)
    assert not request.extra


def test_null_is_the_same_as_nothing(read: Read):
    assert read(max_tokens=None, tools=None, tool_choice=None, thinking=None, citation_options=None) == read()


def test_the_model_outside_the_body_stands_in(read_any: ReadAny):
    request = read_any({"messages": []})
    assert isinstance(request, Request)
    assert request.model == "said"


def test_what_the_form_has_no_place_for_is_kept_as_it_was(read: Read):
    request = read(safety_mode="STRICT", priority=3, citation_options={"mode": "FAST"})
    assert {name: bytes(raw) for name, raw in request.extra.items()} == {
        "safety_mode": b'"STRICT"',
        "priority": b"3",
        "citation_options": b'{"mode": "FAST"}',
    }
    assert request.needs == ()


def test_documents_beside_the_conversation_must_not_be_left_out(read: Read):
    assert read(documents=["one"]).needs == ("documents",)
    assert read(documents=[]).needs == ()


def test_a_tool_takes_its_strictness_from_the_request(read: Read):
    tool = Tool(name="f", description="d", parameters=msgspec.Raw(b'{"type": "object"}'), strict=True)
    assert read(tools=[TOOL], strict_tools=True).tools == (tool,)
    assert read(strict_tools=True, tools=[TOOL]).tools == (tool,)
    assert read(tools=[TOOL]).tools == (msgspec.structs.replace(tool, strict=None),)
    assert set(read(strict_tools=True).aside) == {"strict_tools"}


def test_a_tool_of_another_kind_is_one_that_the_provider_runs(read: Read):
    assert read(tools=[{"type": "search", "x": 1}]).tools == (
        HostedTool("cohere", "search", msgspec.Raw(b'{"type": "search", "x": 1}')),
    )


def test_tools_can_be_required_or_forbidden(read: Read):
    assert read(tool_choice="REQUIRED").tool_choice == ToolChoice("required")
    assert read(tool_choice="NONE").tool_choice == ToolChoice("none")


def test_thinking_is_on_off_or_bounded(read: Read):
    assert read(thinking={"type": "enabled"}).thinking == Thinking(budget=-1)
    assert read(thinking={"type": "enabled", "token_budget": 50}).thinking == Thinking(budget=50)
    assert read(thinking={"type": "disabled"}).thinking == Thinking(budget=0)


def test_json_is_asked_for_with_or_without_a_schema(read: Read):
    text = read(response_format={"type": "text"})
    assert text.output is None
    assert set(text.aside) == {"response_format"}
    assert read(response_format={"type": "json_object"}).output == Output()
    schema = read(response_format={"type": "json_object", "json_schema": {"b": 1, "a": 2}}).output
    assert schema == Output(schema=msgspec.Raw(b'{"b": 1, "a": 2}'))


def test_pictures_are_data_or_addresses(read: Read):
    content = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
    ]
    assert read(messages=[{"role": "user", "content": content}]).messages[0].parts == (
        Text("what?"),
        Image(Source(media_type="image/png", data="QUJD"), "low"),
        Image(Source(url="https://a.example/b.png")),
    )


def test_a_plan_is_a_summary_and_thinking_is_none(read: Read):
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]
    message = {"role": "assistant", "content": content, "tool_plan": "I will", "tool_calls": [CALL]}
    assert read(messages=[message]).messages[0].parts == (
        Reasoning(text="I will", summary=True, origin="cohere"),
        Reasoning(text="hm", origin="cohere"),
        Text("so"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
    )


def test_the_result_of_a_tool_knows_the_name_of_its_call(read: Read):
    messages = [
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    ]
    assert read(messages=messages).messages[1] == Message(
        "tool", (ToolResult(call_id="c1", name="f", parts=(Text("4"),)),)
    )


def test_one_document_is_the_json_result_of_a_tool(read: Read):
    document = {"type": "document", "document": {"data": {"sky": "clear"}}}
    request = read(messages=[{"role": "tool", "tool_call_id": "c1", "content": [document]}])
    assert request.messages[0].parts == (ToolResult(call_id="c1", parts=(Text('{"sky": "clear"}'),), json=True),)
    assert not request.extra


def test_several_documents_are_texts_and_are_kept_beside_the_form(read: Read):
    documents = [
        {"type": "document", "document": {"id": "1", "data": {"sky": "clear"}}},
        {"type": "document", "document": {"data": '{"sky": "dark"}'}},
    ]
    request = read(messages=[{"role": "tool", "tool_call_id": "c1", "content": documents}])
    texts = (Text('{"sky": "clear"}'), Text('{"sky": "dark"}'))
    assert request.messages[0].parts == (ToolResult(call_id="c1", parts=texts),)
    assert msgspec.json.decode(request.aside["messages[0].documents"]) == documents
    assert not request.extra


def test_each_source_of_a_citation_is_one_and_the_first_carries_the_whole(read: Read):
    cited = {
        "start": 0,
        "end": 3,
        "text": "Yes",
        "sources": [
            {"type": "document", "id": "d1", "document": {"title": "T", "url": "https://a.example", "snippet": "yes!"}},
            {"type": "tool", "id": "t:0", "tool_output": {"content": "yes"}},
        ],
        "type": "TEXT_CONTENT",
    }
    request = read(messages=[{"role": "assistant", "content": "Yes.", "citations": [cited]}])
    (text,) = request.messages[0].parts
    assert isinstance(text, Text)
    first, second = text.citations
    assert msgspec.json.decode(first.raw) == cited
    assert msgspec.structs.replace(first, raw=msgspec.Raw()) == Citation(
        url="https://a.example", title="T", quoted="yes!", start=0, end=3, dialect="cohere"
    )
    assert second == Citation(title="t:0", start=0, end=3, dialect="cohere")


def test_a_citation_of_no_text_stays_beside_it(read: Read):
    cited = {"start": 0, "end": 1, "type": "PLAN"}
    message = {"role": "assistant", "tool_plan": "p", "tool_calls": [CALL], "citations": [cited]}
    kinds = [type(part) for part in read(messages=[message]).messages[0].parts]
    assert kinds == [Reasoning, Opaque, ToolCall]


def test_an_unknown_part_is_kept_as_it_came(read: Read):
    content = [{"type": "text", "text": "a"}, {"type": "smell", "of": ["roses"]}]
    assert read(messages=[{"role": "user", "content": content}]).messages[0].parts == (
        Text("a"),
        Opaque("cohere", "smell", msgspec.Raw(b'{"type": "smell", "of": ["roses"]}')),
    )


@pytest.mark.parametrize(
    ("wrong", "message", "param"),
    [
        ({"messages": None}, "messages must be a list, not null", "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role is missing", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content is missing", "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": 5}]},
            "messages[0].content must be a string or a list, not a whole number",
            "messages[0].content",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text is missing",
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "wizard", "content": "x"}]},
            "messages[0].role must be system, user, assistant or tool",
            "messages[0].role",
        ),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            "messages[0].tool_call_id is missing",
            "messages[0].tool_call_id",
        ),
        ({"temperature": "hot"}, "temperature must be a number, not a string", "temperature"),
        ({"max_tokens": 1.5}, "max_tokens must be a whole number, not a number", "max_tokens"),
        ({"stop_sequences": "x"}, "stop_sequences must be a list, not a string", "stop_sequences"),
        ({"tools": [{"type": "function"}]}, "tools[0].function is missing", "tools[0].function"),
        ({"tools": [{"function": {}}]}, "tools[0].function.name is missing", "tools[0].function.name"),
        ({"tool_choice": "auto"}, "tool_choice must be REQUIRED or NONE", "tool_choice"),
        ({"thinking": {"type": "maybe"}}, "thinking.type must be enabled or disabled", "thinking.type"),
        (
            {"response_format": {"type": "xml"}},
            "response_format.type must be text or json_object",
            "response_format.type",
        ),
    ],
)
def test_a_wrong_field_is_named_in_plain_words(read_any: ReadAny, wrong: Any, message: str, param: str):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **wrong}
    assert read_any(body) == Malformed(message, param)


def test_a_request_without_messages_is_told_so(read_any: ReadAny):
    assert read_any({"model": "m"}) == Malformed("messages is missing", "messages")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "function", "name", "id", "document", "data", "citations"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = ["messages", "tools", "tool_choice", "thinking", "response_format", "p", "k", "stream", "model", "documents"]


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
def test_nothing_that_a_client_sends_raises(body: dict[str, Any]):
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()}
    assert isinstance(CODEC.read_request(fields, Said(model="m", stream=False)), Request | Malformed)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'[{"role":"\xff"}]', b"[{", b""])
def test_bytes_that_are_no_json_are_told_so(raw: bytes):
    found = CODEC.read_request({"messages": msgspec.Raw(raw)}, Said(model="m", stream=False))
    assert isinstance(found, Malformed)
    assert found.param is not None
    assert found.param.startswith("messages")
