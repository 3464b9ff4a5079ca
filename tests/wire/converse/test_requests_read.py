"""What the form knows of a client's Converse request, and how a bad one is refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.wire.converse.codec import CODEC
from headway.wire.form.codec import Said
from headway.wire.form.parts import Cache, File, Image, Message, Opaque, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.form.request import Output, Request, Thinking, Tool, ToolChoice, Toward, Unsupported, Written
from headway.wire.form.seals import seal
from headway.wire.malformed import Malformed

USER = {"role": "user", "content": [{"text": "Hi"}]}


def test_a_conversation_with_a_tool(read):
    request = read(
        {
            "system": [{"text": "Be short."}, {"cachePoint": {"type": "default"}}],
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
                        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Paris"}}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"toolResult": {"toolUseId": "t1", "content": [{"json": {"c": 21}}], "status": "error"}},
                        {"cachePoint": {"type": "default", "ttl": "1h"}},
                    ],
                },
            ],
        },
        "m",
        stream=True,
    )
    assert (request.dialect, request.model, request.stream) == ("converse", "m", True)
    assert request.messages == (
        Message("system", (Text("Be short.", cache=Cache()),)),
        Message("user", (Text("Hi"),)),
        Message(
            "assistant",
            (
                Reasoning(text="Hm.", signature="c2ln", origin="converse"),
                ToolCall(id="t1", name="weather", arguments='{"city": "Paris"}'),
            ),
        ),
        Message(
            "tool",
            (ToolResult(call_id="t1", parts=(Text('{"c": 21}'),), is_error=True, json=True, cache=Cache("1h")),),
        ),
    )


def test_settings_have_their_places_and_the_rest_keeps_its_name(read):
    request = read(
        {
            "messages": [USER],
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"], "topK": 3},
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "a", "description": "d", "inputSchema": {"json": {"type": "object"}}}}],
                "toolChoice": {"any": {}},
            },
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}},
            "additionalModelRequestFields": {"top_k": 5, "thinking": {"type": "adaptive"}, "anthropic_beta": ["b"]},
            "additionalModelResponseFieldPaths": ["/other"],
            "requestMetadata": {"k": "v"},
            "serviceTier": {"type": "flex"},
            "somethingNew": 1,
            "performanceConfig": None,
        }
    )
    assert (request.max_output, request.temperature, request.top_p, request.stop) == (9, 0.5, 0.9, ("x",))
    assert (request.top_k, request.thinking, request.service_tier) == (5, Thinking(budget=-1), "flex")
    tool = request.tools[0]
    assert isinstance(tool, Tool)
    assert (tool.name, tool.description, bytes(tool.parameters)) == ("a", "d", b'{"type": "object"}')
    assert request.tool_choice == ToolChoice("required")
    assert isinstance(request.output, Output)
    assert bytes(request.output.schema) == b"{}"
    assert json.loads(bytes(request.metadata)) == {"k": "v"}
    assert {name: json.loads(bytes(raw)) for name, raw in request.extra.items()} == {
        "inferenceConfig.topK": 3,
        "additionalModelRequestFields.anthropic_beta": ["b"],
        "additionalModelResponseFieldPaths": ["/other"],
        "somethingNew": 1,
    }


@pytest.mark.parametrize(
    ("told", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Thinking(budget=1024)),
        ({"thinking": {"type": "disabled"}}, Thinking(budget=0)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(budget=-1, show=False)),
        ({"output_config": {"effort": "high"}}, Thinking(effort="high")),
        ({"reasoning_effort": "low"}, Thinking(effort="low")),
        ({"reasoning_config": "high"}, Thinking(effort="high")),
        ({"reasoning_config": {"type": "enabled", "budget_tokens": 2000}}, Thinking(budget=2000)),
        ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, Thinking(effort="medium")),
        ({"reasoningConfig": {"type": "disabled"}}, Thinking(budget=0)),
        ({"thinking": {"type": "enabled"}}, None),
        ({"thinking": 7, "top_k": "x"}, None),
    ],
)
def test_each_familys_words_for_thinking_are_understood(told, thinking, read):
    request = read({"messages": [USER], "additionalModelRequestFields": told})
    assert request.thinking == thinking
    assert bool(request.extra) is (thinking is None)


def test_pictures_and_documents_have_media_types(read):
    content = [
        {"image": {"format": "jpeg", "source": {"bytes": "/9j/"}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/a.png"}}}},
        {"document": {"format": "md", "name": "n", "source": {"content": [{"text": "a"}, {"text": "b"}]}}},
    ]
    request = read({"messages": [{"role": "user", "content": content}]})
    assert request.messages[0].parts == (
        Image(Source(media_type="image/jpeg", data="/9j/")),
        Image(Source(media_type="image/png", url="s3://b/a.png")),
        File(Source(media_type="text/markdown", text="a\n\nb"), name="n"),
    )
    assert request.needs == ("s3Location",)


def test_a_block_that_nobody_knows_is_opaque(read):
    content = [{"hologram": {"depth": 3}}, {"text": "?"}, {"strange kind!": 1}]
    parts = read({"messages": [{"role": "user", "content": content}]}).messages[0].parts
    kinds = [(part.kind, json.loads(bytes(part.raw))) for part in parts if isinstance(part, Opaque)]
    assert kinds == [("hologram", {"hologram": {"depth": 3}}), ("unknown", {"strange kind!": 1})]


def test_a_cache_point_without_anything_before_it_is_opaque(read):
    content = [{"cachePoint": {"type": "default"}}, {"text": "a"}, {"cachePoint": {"type": "default"}}]
    first, second = read({"messages": [{"role": "user", "content": content}]}).messages[0].parts
    assert isinstance(first, Opaque)
    assert first.kind == "cachePoint"
    assert second == Text("a", cache=Cache())


def test_a_foreign_signature_comes_back_as_that_of_its_dialect(read):
    content = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": seal("sig", "gemini", "converse")}}},
        {"text": "So."},
    ]
    part = read({"messages": [USER, {"role": "assistant", "content": content}]}).messages[1].parts[0]
    assert part == Reasoning(text="Hm.", signature="sig", origin="gemini")


def test_the_signature_of_a_call_comes_back_onto_the_call(read):
    sealed = seal("sig", "gemini", "converse")
    content = [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": sealed}}},
        {"toolUse": {"toolUseId": "t", "name": "a", "input": {}}},
    ]
    parts = read({"messages": [USER, {"role": "assistant", "content": content}]}).messages[1].parts
    assert parts == (ToolCall(id="t", name="a", arguments="{}", signature="sig"),)


def test_an_unspoken_thought_of_claudes_stays_before_its_call(read):
    content = [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "c2ln"}}},
        {"toolUse": {"toolUseId": "t", "name": "a", "input": {}}},
    ]
    thought, call = read({"messages": [USER, {"role": "assistant", "content": content}]}).messages[1].parts
    assert thought == Reasoning(signature="c2ln", origin="converse")
    assert call == ToolCall(id="t", name="a", arguments="{}")


def test_a_redaction_of_claudes_is_anthropics(recordings, read):
    parts = [
        part
        for recorded in recordings
        if "redactedContent" in str(recorded.request)
        for message in read(recorded.request).messages
        for part in message.parts
        if isinstance(part, Reasoning) and part.redacted
    ]
    assert parts
    assert all(part.origin == "anthropic" and part.redacted and part.redacted[0] == "E" for part in parts)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": 5}, "messages"),
        ({"messages": [USER, {"role": "tool", "content": []}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "secret"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": 5}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}, {}]}]}, "messages[0].content[1]"),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {}}}]}]},
            "messages[0].content[0].image.source",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"toolResult": {"toolUseId": "t", "content": [{"text": "a"}, {"video": {"source": {}}}]}}
                        ],
                    }
                ]
            },
            "messages[0].content[0].toolResult.content[1].video.source",
        ),
        ({"system": [{"text": []}]}, "system[0].text"),
        ({"inferenceConfig": {"temperature": "secret"}}, "inferenceConfig.temperature"),
        ({"inferenceConfig": {"maxTokens": 10**30}}, "inferenceConfig.maxTokens"),
        ({"toolConfig": {"tools": [{}]}}, "toolConfig.tools[0]"),
        ({"toolConfig": {"tools": [{"toolSpec": {}}]}}, "toolConfig.tools[0].toolSpec.name"),
        (
            {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": "secret"}}}}},
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
        ({"additionalModelRequestFields": [1]}, "additionalModelRequestFields"),
        ({"requestMetadata": {"secret": 1}}, "requestMetadata"),
        ({"serviceTier": "secret"}, "serviceTier"),
    ],
)
def test_what_is_wrong_is_named_and_never_repeated(body, param, complaint):
    malformed = complaint(body)
    assert malformed.param == param
    assert param in malformed.message
    assert "secret" not in malformed.message


def test_nesting_without_end_is_refused():
    raw = msgspec.Raw(b'[{"role":"user","content":[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}]")
    found = CODEC.read_request({"messages": raw}, Said(model="m", stream=False))
    assert found == Malformed("messages is nested too deeply", "messages")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("role", "content", "text", "image", "source", "bytes", "format", "toolUse", "toolUseId", "input"),
                    *(
                        "toolResult",
                        "cachePoint",
                        "type",
                        "reasoningContent",
                        "reasoningText",
                        "redactedContent",
                        "name",
                    ),
                    *("citationsContent", "citations", "document", "s3Location", "uri", "json", "tools", "toolSpec"),
                    *("toolChoice", "thinking", "output_config", "effort", "top_k", "maxTokens", "textFormat", "stray"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BLOCKS = st.lists(st.dictionaries(st.sampled_from(["text", "image", "toolUse", "toolResult", "cachePoint"]), JSON))


@settings(max_examples=100)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "messages": JSON
            | st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": BLOCKS}), max_size=3),
            "system": JSON | BLOCKS,
            "inferenceConfig": JSON,
            "toolConfig": JSON,
            "outputConfig": JSON,
            "additionalModelRequestFields": JSON,
            "requestMetadata": JSON,
            "serviceTier": JSON,
        },
    )
)
def test_no_request_makes_it_raise(body):
    fields = msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])
    found = CODEC.read_request(fields, Said(model="m", stream=False))
    assert isinstance(found, Request | Malformed)
    if isinstance(found, Request):
        for dialect in ("converse", "openai_chat"):
            asked = msgspec.structs.replace(found, dialect=dialect)
            assert isinstance(CODEC.write_request(asked, Toward(model="m")), Written | Unsupported)
