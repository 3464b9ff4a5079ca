"""What a client's request amounts to, and what it is told when it cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire.anthropic.codec import CODEC
from headway.wire.form.codec import Said
from headway.wire.form.parts import Cache, File, Image, Message, Opaque, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.form.request import HostedTool, Request, Thinking, Tool, ToolChoice, Toward, Unsupported, Written
from headway.wire.form.seals import seal
from headway.wire.malformed import Malformed

if TYPE_CHECKING:
    from wire.anthropic.conftest import Body, Read, Refuse, Write


def _body(*content: Any, role: str = "user", **fields: Any) -> Body:
    return {"model": "claude", "max_tokens": 9, "messages": [{"role": role, "content": list(content)}], **fields}


def _fields(text: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


QUESTION = {"type": "text", "text": "?"}


def test_system_text_stands_before_the_conversation(read: Read):
    assert read(_body(QUESTION, system="Be brief")).messages == (
        Message("system", (Text("Be brief"),)),
        Message("user", (Text("?"),)),
    )


def test_system_blocks_keep_their_cache_marks(read: Read):
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]
    assert read(_body(QUESTION, system=blocks)).messages[0].parts == (Text("a"), Text("b", cache=Cache()))


def test_results_of_tools_and_words_of_one_message_are_two(read: Read):
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "18", "is_error": True}
    assert read(_body(QUESTION, result)).messages == (
        Message("tool", (ToolResult(call_id="t1", parts=(Text("18"),), is_error=True),)),
        Message("user", (Text("?"),)),
    )


def test_arguments_of_a_call_keep_their_bytes(read: Read):
    body = (
        b'{"model":"m","messages":[{"role":"assistant","content":'
        b'[{"type":"tool_use","id":"t1","name":"f","input":{"b": 1, "a":2}}]}]}'
    )
    assert read(body).messages[0].parts == (ToolCall(id="t1", name="f", arguments='{"b": 1, "a":2}'),)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "aGk="}, Source(media_type="image/png", data="aGk=")),
        ({"type": "url", "url": "https://x/y.png"}, Source(url="https://x/y.png")),
        ({"type": "file", "file_id": "file_1"}, Source(file_id="file_1")),
    ],
)
def test_a_picture_comes_from_wherever_it_is(read: Read, source: Body, expected: Source):
    block = {"type": "image", "source": source, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert read(_body(block)).messages[0].parts == (Image(expected, cache=Cache("1h")),)


def test_a_document_keeps_title_context_and_the_wish_to_be_cited(read: Read):
    source = {"type": "text", "media_type": "text/plain", "data": "words"}
    block = {"type": "document", "source": source, "title": "T", "context": "C", "citations": {"enabled": True}}
    expected = File(Source(media_type="text/plain", text="words"), name="T", context="C", citations=True)
    assert read(_body(block)).messages[0].parts == (expected,)


def test_a_document_of_blocks_is_text_and_is_written_again_as_blocks(read: Read, write: Write):
    block = {"type": "document", "source": {"type": "content", "content": [QUESTION, {"type": "text", "text": "!"}]}}
    request = read(_body(block))
    (part,) = request.messages[0].parts
    assert isinstance(part, File)
    assert part.source.text == "?\n\n!"
    assert write(request).body["messages"][0]["content"] == [block]


def test_blocks_that_only_anthropic_knows_travel_as_they_are(read: Read, write: Write):
    block = {
        "type": "search_result",
        "source": "s",
        "title": "t",
        "content": [QUESTION],
        "citations": {"enabled": True},
    }
    request = read(_body(block, {"type": "container_upload", "file_id": "f"}))
    assert [part.kind for part in request.messages[0].parts if isinstance(part, Opaque)] == [
        "search_result",
        "container_upload",
    ]
    assert write(request).body["messages"][0]["content"][0] == block


def test_fields_without_a_place_stay_with_their_block(read: Read, write: Write):
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code", "tool_id": "x"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{**QUESTION, "later": 1}, {"type": "tool_reference", "tool_name": "g"}],
    }
    body = {
        "model": "claude",
        "messages": [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result, QUESTION]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}],
        "context_management": {"edits": [{"type": "compact_20260112"}]},
        "thinking": {"type": "enabled", "budget_tokens": 2000, "block_binding": {}},
        "output_config": {"effort": "low", "task_budget": {"total": 1}},
        "metadata": {"user_id": "u", "team": "t"},
    }
    request = read(body)
    assert set(request.extra) == {
        "messages[1].parts[0].parts[0].later",
        "context_management",
        "output_config.task_budget",
        "metadata.team",
    }
    assert set(request.aside) == {"messages[0].parts[0].caller", "tools[0].defer_loading", "thinking.block_binding"}
    written = write(request, "claude").body
    assert {name: written[name] for name in body if name != "messages"} == {
        name: value for name, value in body.items() if name != "messages"
    }
    assert written["messages"] == body["messages"]


def test_thoughts_keep_their_signature_and_whose_it_is(read: Read):
    request = read(
        _body(
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "thinking", "thinking": "h", "signature": seal("g", "gemini", "anthropic")},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            role="assistant",
        )
    )
    assert request.messages[0].parts == (
        Reasoning(text="hm", signature="sig", origin="anthropic"),
        Reasoning(redacted="xyz", origin="anthropic"),
        Reasoning(text="h", signature="g", origin="gemini"),
        Reasoning(text="unsigned"),
    )


def test_a_signature_that_stood_before_a_call_is_the_calls(read: Read):
    sealed = {"type": "thinking", "thinking": "", "signature": seal("g1", "gemini", "anthropic")}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    request = read(_body(QUESTION, sealed, call, {**call, "id": "u"}, role="assistant"))
    assert request.messages[0].parts == (
        Text("?"),
        ToolCall(id="t", name="f", arguments="{}", signature="g1"),
        ToolCall(id="u", name="f", arguments="{}"),
    )


def test_tools_of_the_client_and_of_anthropic_are_told_apart(read: Read):
    search = {"type": "web_search_20250305", "name": "web_search"}
    custom = {"type": "custom", "name": "f", "input_schema": {"type": "object"}, "strict": True}
    own, hosted = read(_body(QUESTION, tools=[custom, search])).tools
    assert isinstance(own, Tool)
    assert (own.name, own.strict, bytes(own.parameters)) == ("f", True, b'{"type": "object"}')
    assert isinstance(hosted, HostedTool)
    assert (hosted.dialect, hosted.kind, json.loads(bytes(hosted.raw))) == ("anthropic", "web_search_20250305", search)


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "tool", "name": "f"}, ToolChoice("required", ("f",)), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto"), True),
    ],
)
def test_the_choice_of_tools(read: Read, said: Body, choice: ToolChoice, parallel: bool | None):
    request = read(_body(QUESTION, tool_choice=said))
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Thinking(budget=2048)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(budget=-1, show=False)),
        ({"thinking": {"type": "disabled"}}, Thinking(budget=0)),
        ({"output_config": {"effort": "high"}}, Thinking(effort="high")),
        (
            {"output_config": {"effort": "max"}, "thinking": {"type": "adaptive", "display": "summarized"}},
            Thinking(effort="max", budget=-1, show=True),
        ),
    ],
)
def test_how_much_to_think(read: Read, write: Write, said: Body, expected: Thinking):
    request = read(_body(QUESTION, **said))
    assert request.thinking == expected
    written = write(request).body
    assert {name: written[name] for name in said} == said


def test_a_schema_for_the_answer_is_read_from_its_old_place_too(read: Read, write: Write):
    format_ = {"type": "json_schema", "schema": {"type": "object"}}
    places: tuple[Body, ...] = ({"output_config": {"format": format_}}, {"output_format": format_})
    for said in places:
        request = read(_body(QUESTION, **said))
        assert request.output is not None
        assert json.loads(bytes(request.output.schema)) == {"type": "object"}
        assert write(request).body["output_config"] == {"format": format_}


def test_settings_have_their_places(read: Read):
    request = read(
        _body(
            QUESTION,
            temperature=1,
            top_p=0.5,
            top_k=3,
            stop_sequences=["a", "b"],
            stream=True,
            metadata={"user_id": "u"},
            service_tier="standard_only",
        )
    )
    assert request.max_output == 9
    assert (request.temperature, request.top_p, request.top_k) == (1.0, 0.5, 3)
    assert (request.stop, request.stream, request.user, request.service_tier) == (("a", "b"), True, "u", "default")
    assert request.extra == {}
    assert request.needs == ()


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        ({"mcp_servers": [{"type": "url"}]}, ("mcp_servers",)),
        ({"mcp_servers": []}, ()),
        ({"container": "c_1"}, ("container",)),
        ({"container": None}, ()),
        ({"thread": {"type": "create"}}, ("thread",)),
        ({"inference_geo": "us"}, ("inference_geo",)),
        ({"inference_geo": "global"}, ()),
        ({"context_management": {"edits": []}}, ()),
        ({"cache_control": {"type": "ephemeral"}}, ()),
    ],
)
def test_what_only_anthropic_can_do_is_needed(read: Read, said: Body, needs: tuple[str, ...]):
    assert read(_body(QUESTION, **said)).needs == needs


@pytest.mark.parametrize(
    "said",
    [
        {"cache_control": {"type": "ephemeral"}},
        {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
        {"anthropic_version": "vertex-2023-10-16"},
        {"billing_policy": {"type": "billing_policy"}},
    ],
)
def test_what_nobody_misses_elsewhere_stands_aside(read: Read, write: Write, said: Body):
    request = read(_body(QUESTION, **said))
    (name,) = said
    assert (set(request.aside), request.extra) == ({name}, {})
    assert write(request).body[name] == said[name]
    assert write(msgspec.structs.replace(request, dialect="converse")).dropped == ()


def test_a_request_without_model_or_stream_has_them_from_elsewhere():
    found = CODEC.read_request(
        _fields(b'{"messages":[{"role":"user","content":"?"}]}'), Said(model="claude-x", stream=True)
    )
    assert isinstance(found, Request)
    assert (found.model, found.stream, found.max_output) == ("claude-x", True, None)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "secret", "content": "?"}]}, "messages[0].role"),
        ({"messages": [{"role": 3, "content": "?"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        (_body(3), "messages[0].content[0]"),
        (_body({}), "messages[0].content[0].type"),
        (_body({"type": 3}), "messages[0].content[0].type"),
        (_body(QUESTION, {"type": "text"}), "messages[0].content[1].text"),
        (_body({"type": "text", "text": 3, "odd": 1}), "messages[0].content[0].text"),
        (_body({"type": "image"}), "messages[0].content[0].source"),
        (_body({"type": "image", "source": {"type": "url", "url": 3}}), "messages[0].content[0].source.url"),
        (_body({"type": "tool_use", "id": "t", "name": "f", "input": {}}), "messages[0].content[0]"),
        (_body({"type": "tool_result", "tool_use_id": "t"}, role="assistant"), "messages[0].content[0]"),
        (
            _body({"type": "tool_use", "id": "t", "name": "f", "input": []}, role="assistant"),
            "messages[0].content[0].input",
        ),
        (
            _body({"type": "tool_result", "tool_use_id": "t", "content": [QUESTION, {"type": "text"}]}),
            "messages[0].content[0].content[1].text",
        ),
        (_body(QUESTION, system=3), "system"),
        (_body(QUESTION, system=[{"type": "text"}]), "system[0].text"),
        (_body(QUESTION, model=3), "model"),
        (_body(QUESTION, max_tokens="9"), "max_tokens"),
        (_body(QUESTION, stop_sequences=[1]), "stop_sequences[0]"),
        (_body(QUESTION, tools={}), "tools"),
        (_body(QUESTION, tools=[{"name": "f"}]), "tools[0].input_schema"),
        (_body(QUESTION, tools=[{"name": "f", "input_schema": 3}]), "tools[0].input_schema"),
        (_body(QUESTION, tools=[{"input_schema": {}, "odd": 1}]), "tools[0].name"),
        (_body(QUESTION, tool_choice={"type": "tool"}), "tool_choice.name"),
        (_body(QUESTION, tool_choice={"type": "secret"}), "tool_choice.type"),
        (_body(QUESTION, thinking={"type": "enabled"}), "thinking.budget_tokens"),
        (_body(QUESTION, output_config={"format": {"type": "json_schema"}}), "output_config.format.schema"),
        (_body(QUESTION, metadata={"user_id": 3}), "metadata.user_id"),
    ],
)
def test_what_cannot_be_read_is_named(refuse: Refuse, body: Body, param: str):
    found = refuse(body)
    assert found.param == param
    assert found.message.startswith(param)
    assert "secret" not in found.message


def test_a_wrong_type_is_told_in_plain_words(refuse: Refuse):
    assert refuse(_body(QUESTION, max_tokens="9")).message == "max_tokens must be a whole number, not a string"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "source", "content", "id", "name", "input", "tool_use_id", "cache_control"]
            ),
            inner
            | st.sampled_from(["text", "image", "document", "tool_use", "tool_result", "thinking", "base64", "url"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "stop_sequences",
    "service_tier",
    "stream",
    "container",
]


def _try(body: bytes) -> None:
    """It is read or refused, and what was read is written or refused."""
    found = CODEC.read_request(_fields(body), Said(model="m", stream=False))
    assert isinstance(found, (Request, Malformed))
    if isinstance(found, Request):
        for request in (found, msgspec.structs.replace(found, dialect="openai_chat")):
            for model in ("claude-sonnet-4-5", "claude-opus-5-5"):
                assert isinstance(CODEC.write_request(request, Toward(model=model)), (Written, Unsupported))


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_request_is_a_crash(body: dict[str, Any]):
    _try(json.dumps(body).encode())


TEXT = st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=3)}, optional={"citations": JSON})
SOURCE = st.fixed_dictionaries(
    {"type": st.sampled_from(["base64", "url", "file", "text", "content", "odd"])},
    optional={
        "media_type": st.sampled_from(["image/png", "application/pdf", "text/plain", ""]),
        "data": st.text(max_size=4),
        "url": st.sampled_from(["https://x/y", "gs://x"]),
        "file_id": st.just("f"),
        "content": st.lists(TEXT, max_size=2),
    },
)
BLOCK = st.one_of(
    TEXT,
    st.fixed_dictionaries({"type": st.sampled_from(["image", "document"]), "source": SOURCE}, optional={"title": JSON}),
    st.fixed_dictionaries(
        {"type": st.just("tool_use"), "id": st.text(max_size=3), "name": st.just("f"), "input": JSON},
        optional={"caller": JSON, "cache_control": JSON},
    ),
    st.fixed_dictionaries(
        {"type": st.just("tool_result"), "tool_use_id": st.text(max_size=3)},
        optional={"content": st.lists(TEXT, max_size=2) | JSON, "is_error": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"type": st.just("thinking"), "thinking": st.text(max_size=2)},
        optional={"signature": st.sampled_from(["", "s", "hw1.gemini.g", "hw1.gemini.{", "hw1.openai_responses.{}"])},
    ),
)
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": st.lists(BLOCK, max_size=3) | st.text(max_size=3),
    }
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(0, 5000),
        "temperature": st.floats(0, 2),
        "system": st.lists(TEXT, max_size=2),
        "thinking": st.sampled_from(
            [{"type": "adaptive"}, {"type": "disabled"}, {"type": "enabled", "budget_tokens": 2000}]
        ),
        "tool_choice": st.sampled_from([{"type": "any"}, {"type": "none"}, {"type": "tool", "name": "f"}]),
        "tools": st.lists(st.fixed_dictionaries({"name": st.just("f"), "input_schema": JSON}), max_size=2),
        "output_config": st.fixed_dictionaries(
            {"format": st.fixed_dictionaries({"type": st.just("json_schema"), "schema": JSON})}
        ),
    },
)


@given(st.lists(MESSAGE, min_size=1, max_size=4), SETTINGS)
def test_no_conversation_is_a_crash(messages: list[dict[str, Any]], settings: dict[str, Any]):
    _try(json.dumps({"model": "claude", "messages": messages, **settings}).encode())


@given(st.lists(JSON, max_size=3), st.sampled_from(["user", "assistant", "system"]))
def test_no_message_is_a_crash(content: list[Any], role: str):
    _try(json.dumps(_body(*content, role=role)).encode())


def test_nesting_beyond_bounds_is_no_crash():
    deep = msgspec.Raw(b'[{"role":"user","content":' + b"[" * 9000 + b"]" * 9000 + b"}]")
    assert isinstance(CODEC.read_request({"messages": deep}, Said(model="m", stream=False)), Malformed)
