"""Requests of other dialects in the words of Converse, each as the SDK's own model has it."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from headway.wire.form.parts import (
    Audio,
    Cache,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Thinking, Tool, ToolChoice, Unsupported

LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
USER = Message("user", (Text("Hi"),))
CALL = Message("assistant", (ToolCall(id="t1", name="weather", arguments='{"city":"Paris"}'),))
RESULT = Message("tool", (ToolResult(call_id="t1", parts=(Text("21"),)),))
WEATHER = Tool(name="weather", description="Of a city", parameters=msgspec.Raw(b'{"type":"object"}'))
PNG = "iVBORw0KGgoAAAA="


def test_a_conversation_with_a_tool(foreign, write):
    messages = (Message("developer", (Text("Be short."),)), USER, CALL, RESULT, Message("user", (Text("So?"),)))
    request = foreign(*messages, tools=(WEATHER,), tool_choice=ToolChoice("auto"), max_output=50, stop=("x", ""))
    assert write(request) == (
        {
            "system": [{"text": "Be short."}],
            "messages": [
                {"role": "user", "content": [{"text": "Hi"}]},
                {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Paris"}}}],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "21"}]}}, {"text": "So?"}],
                },
            ],
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "weather",
                            "description": "Of a city",
                            "inputSchema": {"json": {"type": "object"}},
                        }
                    }
                ],
                "toolChoice": {"auto": {}},
            },
            "inferenceConfig": {"maxTokens": 50, "stopSequences": ["x"]},
        },
        (),
    )


def test_tools_that_the_conversation_has_used_are_described_where_the_request_does_not(foreign, write):
    body, dropped = write(foreign(USER, CALL, RESULT))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["weather"]
    assert dropped == ()


def test_results_alone_need_a_tool_as_well(foreign, write):
    body, _ = write(foreign(RESULT, tools=(WEATHER,), tool_choice=ToolChoice("none")))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["weather"]
    body, _ = write(foreign(RESULT))
    assert len(body["toolConfig"]["tools"]) == 1


def test_no_tool_is_shown_that_must_not_be_called(foreign, write):
    body, dropped = write(foreign(tools=(WEATHER,), tool_choice=ToolChoice("none")))
    assert ("toolConfig" in body, dropped) == (False, ())
    body, dropped = write(foreign(USER, CALL, RESULT, tools=(WEATHER,), tool_choice=ToolChoice("none")))
    assert ("toolChoice" in body["toolConfig"], dropped) == (False, ("tool_choice",))


def test_only_allowed_tools_are_shown(foreign, write):
    tools = (WEATHER, Tool(name="time"), Tool(name="news"))
    body, _ = write(foreign(tools=tools, tool_choice=ToolChoice("required", ("time", "news"))))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["time", "news"]
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    body, _ = write(foreign(tools=tools, tool_choice=ToolChoice("required", ("time",))))
    assert len(body["toolConfig"]["tools"]) == 3
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "time"}}


def test_a_tool_without_parameters_takes_an_empty_object(foreign, write):
    body, _ = write(foreign(tools=(Tool(name="a"), Tool(name="b", description="", parameters=msgspec.Raw(b"{}")))))
    schema = {"json": {"type": "object", "properties": {}}}
    assert [tool["toolSpec"] for tool in body["toolConfig"]["tools"]] == [
        {"name": "a", "inputSchema": schema},
        {"name": "b", "inputSchema": schema},
    ]


def test_messages_of_one_side_are_merged_and_empty_ones_left_out(foreign, write):
    messages = (
        USER,
        Message("user", (Text(" \n"), Text(""))),
        Message("user", (Text("Again"),)),
        Message("assistant", (Text(""),)),
        Message("user", (Text("And"),)),
    )
    body, dropped = write(foreign(*messages))
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}, {"text": "Again"}, {"text": "And"}]}]
    assert dropped == ()


def test_instructions_in_the_midst_stay_in_place_as_the_users(foreign, write):
    body, dropped = write(foreign(USER, Message("system", (Text("Now in French."),))))
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}, {"text": "Now in French."}]}]
    assert dropped == ("messages[1].role",)


def test_where_there_are_instructions_alone_the_last_are_the_users(foreign, write):
    body, dropped = write(foreign(Message("system", (Text("Be short."),)), Message("system", (Text("Greet."),))))
    assert body["system"] == [{"text": "Be short."}]
    assert body["messages"] == [{"role": "user", "content": [{"text": "Greet."}]}]
    assert dropped == ("messages[1].role",)


def test_what_cannot_be_said_is_listed(foreign, write):
    request = foreign(
        Message("user", (Text("Hi"), Image(Source(media_type="image/png", data=PNG), detail="low")), name="ann"),
        Message(
            "assistant", (Text("So.", (Citation(url="https://a.b"),)), Opaque("anthropic", "server_tool_use", RAW))
        ),
        tools=(WEATHER,),
        parallel_tool_calls=False,
        seed=1,
        frequency_penalty=0.5,
        presence_penalty=0.5,
        logprobs=True,
        top_logprobs=2,
        logit_bias=RAW,
        user="u",
        verbosity="low",
        cache_key="k",
        top_k=3,
        service_tier="scale",
        metadata=msgspec.Raw(b'{"k":"not \\u00fc fit"}'),
        extra={"store": RAW},
    )
    _, dropped = write(request, LLAMA)
    assert sorted(dropped) == sorted(
        [
            *("seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias", "user"),
            *("verbosity", "cache_key", "top_k", "service_tier", "metadata", "store", "parallel_tool_calls"),
            *("messages[0].name", "messages[0].detail", "messages[1].citations", "messages[1].server_tool_use"),
        ]
    )


RAW = msgspec.Raw(b"{}")


def test_parameters_out_of_range_are_brought_back_and_listed(foreign, write):
    body, dropped = write(foreign(temperature=1.7, top_p=-0.5))
    assert body["inferenceConfig"] == {"temperature": 1.0, "topP": 0.0}
    assert dropped == ("temperature", "top_p")


def test_a_bound_beyond_what_aws_can_count_is_the_most_that_it_can(foreign, write):
    body, _ = write(foreign(max_output=10**40, top_k=10**40))
    assert body["inferenceConfig"]["maxTokens"] == 2**31 - 1
    assert body["additionalModelRequestFields"] == {"top_k": 2**31 - 1}


def test_what_the_model_is_known_to_refuse_is_left_out(foreign, write):
    names = frozenset({"temperature", "top_p", "stop", "max_output", "top_k", "thinking", "metadata", "service_tier"})
    request = foreign(
        temperature=0.5,
        top_p=0.5,
        stop=("x",),
        max_output=9,
        top_k=2,
        thinking=Thinking(effort="high"),
        metadata=msgspec.Raw(b'{"k":"v"}'),
        service_tier="flex",
        tools=(msgspec.structs.replace(WEATHER, strict=True),),
        tool_choice=ToolChoice("required"),
    )
    body, dropped = write(request, lacks=names | {"tool_choice", "strict"})
    assert set(body) == {"messages", "toolConfig"}
    assert set(body["toolConfig"]) == {"tools"}
    assert set(dropped) == names | {"tool_choice", "tools.strict"}


def test_metadata_and_tier_have_their_places(foreign, write):
    body, dropped = write(foreign(metadata=msgspec.Raw(b'{"team":"a b"}'), service_tier="priority"))
    assert (body["requestMetadata"], body["serviceTier"], dropped) == ({"team": "a b"}, {"type": "priority"}, ())
    body, dropped = write(foreign(metadata=RAW, service_tier="auto"))
    assert (set(body), dropped) == ({"messages"}, ())


def test_an_answer_held_to_a_schema(foreign, write):
    schema = msgspec.Raw(b'{"type":"object","properties":{}}')
    body, _ = write(foreign(output=Output(schema=schema, name="n", description="d", strict=True)))
    assert body["outputConfig"]["textFormat"] == {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": '{"type":"object","properties":{}}', "name": "n", "description": "d"}},
    }


@pytest.mark.parametrize(
    ("more", "feature"),
    [
        ({"n": 2}, "n"),
        ({"tools": (HostedTool("anthropic", "web_search", RAW),)}, "web_search"),
        ({"tools": (Tool(name="a", custom=True),)}, "custom_tools"),
        ({"needs": ("previous_response_id",)}, "previous_response_id"),
    ],
)
def test_what_would_change_the_meaning_is_refused(more, feature, foreign, refuse):
    assert refuse(foreign(**more)).feature == feature


@pytest.mark.parametrize(
    ("part", "feature"),
    [
        (Image(Source(url="https://a.b/c.png")), "images"),
        (Image(Source(file_id="file-1")), "images"),
        (Image(Source(media_type="image/tiff", data="AAAA")), "images"),
        (Audio(Source(media_type="audio/amr", data="AAAA")), "audio"),
        (Video(Source(url="https://a.b/c.mp4")), "video"),
        (File(Source(url="https://a.b/c.pdf")), "files"),
        (File(Source(media_type="application/zip", data="AAAA")), "files"),
        (File(Source(data="AAAA"), name="noextension"), "files"),
    ],
)
def test_content_that_bedrock_cannot_take_is_refused(part, feature, foreign, refuse):
    assert refuse(foreign(Message("user", (part,)))).feature == feature


def test_a_picture_by_url_is_refused_in_plain_words(foreign, refuse):
    refused = refuse(foreign(Message("user", (Image(Source(url="https://a.b/c.png")),))))
    assert refused == Unsupported("images", "takes images as data only, not by URL")


def test_a_model_without_sight_is_not_shown_pictures(foreign, refuse):
    part = Image(Source(media_type="image/png", data=PNG))
    assert refuse(foreign(Message("user", (part,))), lacks=frozenset({"images"})).feature == "images"


def test_media_as_data(foreign, write):
    parts = (
        Image(Source(data=PNG)),
        Image(Source(media_type="image/jpg", data="/9j/")),
        Image(Source(media_type="image/png", url="s3://b/a.png")),
        Audio(Source(media_type="audio/x-wav", data="AAAA")),
        Video(Source(media_type="video/3gpp", data="AAAA")),
    )
    body, dropped = write(foreign(Message("user", parts)))
    assert body["messages"][0]["content"] == [
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"image": {"format": "jpeg", "source": {"bytes": "/9j/"}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/a.png"}}}},
        {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}},
        {"video": {"format": "three_gp", "source": {"bytes": "AAAA"}}},
    ]
    assert dropped == ()


def test_documents_get_names_that_bedrock_takes_and_no_two_the_same(foreign, write):
    parts = (
        File(Source(media_type="application/pdf", data="AAAA"), name="report_v1.2  (final).pdf"),
        File(Source(data="AAAA"), name="report v1 2 (final).pdf"),
        File(Source(media_type="application/json; charset=utf-8", text="{}"), context="c", citations=True),
        File(Source(text="plain"), name="../../étude"),
    )
    body, _ = write(foreign(Message("user", parts)))
    documents = [block["document"] for block in body["messages"][0]["content"] if "document" in block]
    assert [document["name"] for document in documents] == [
        "report v1 2 (final) pdf",
        "report v1 2 (final) pdf (2)",
        "Document 3",
        "tude",
    ]
    assert [document["format"] for document in documents] == ["pdf", "pdf", "txt", "txt"]
    assert documents[2]["source"] == {"bytes": base64.b64encode(b"{}").decode()}
    assert (documents[2]["context"], documents[2]["citations"]) == ("c", {"enabled": True})


def test_a_cache_hint_within_a_result_stands_after_it(foreign, write):
    picture = Image(Source(data="AAAA", media_type="image/png"), cache=Cache())
    call = ToolCall(id="a", name="look", arguments="{}")
    result = ToolResult(call_id="a", parts=(Text("Here."), picture))
    body, dropped = write(foreign(Message("assistant", (call,)), Message("user", (result,)), tools=(WEATHER,)))
    shown, point = next(each["content"] for each in body["messages"] if "toolResult" in each["content"][0])
    assert [list(block) for block in shown["toolResult"]["content"]] == [["text"], ["image"]]
    assert point == {"cachePoint": {"type": "default"}}
    assert dropped == ()


def test_cache_hints_are_cache_points_where_the_model_has_a_cache(foreign, write):
    tool = msgspec.structs.replace(WEATHER, cache=Cache("5m"))
    request = foreign(
        Message("system", (Text("Long.", cache=Cache("1h")),)),
        Message("user", (Text("Hi", cache=Cache()),)),
        tools=(tool,),
    )
    body, dropped = write(request)
    assert body["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["messages"][0]["content"][1] == {"cachePoint": {"type": "default"}}
    assert body["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default"}}
    assert dropped == ()
    body, dropped = write(request, LLAMA)
    assert "cachePoint" not in json.dumps(body)
    assert set(dropped) == {"messages[0].cache", "messages[1].cache", "tools.cache"}


def test_results_are_documents_pictures_or_text(foreign, write):
    parts = (Text("see"), Image(Source(data=PNG)), File(Source(media_type="text/csv", data="AAAA"), name="t"))
    results = (
        ToolResult(call_id="t1", parts=(Text('{"a":1}'),), json=True),
        ToolResult(call_id="t2", parts=(Text("[1]"),), json=True, is_error=True),
        ToolResult(call_id="t3", parts=(*parts, Audio(Source(data="AAAA")), Text(""))),
    )
    body, dropped = write(foreign(Message("tool", results)))
    told = [block["toolResult"] for block in body["messages"][0]["content"]]
    assert told[0] == {"toolUseId": "t1", "content": [{"json": {"a": 1}}]}
    assert told[1] == {"toolUseId": "t2", "content": [{"text": "[1]"}], "status": "error"}
    assert [next(iter(block)) for block in told[2]["content"]] == ["text", "image", "document"]
    assert dropped == ("messages[0].audio",)


def test_arguments_that_are_no_object_are_made_one(foreign, write):
    calls = tuple(ToolCall(id=f"t{i}", name="a", arguments=text) for i, text in enumerate(("", '{"a":', "[1]")))
    body, _ = write(foreign(USER, Message("assistant", calls)))
    inputs = [block["toolUse"]["input"] for block in body["messages"][1]["content"]]
    assert inputs == [{}, {"input": '{"a":'}, {"input": "[1]"}]


def test_an_identifier_that_bedrock_refuses_is_the_same_for_call_and_result(foreign, write):
    odd = "call|" + "x" * 90
    call = Message("assistant", (ToolCall(id=odd, name="a", arguments="{}"),))
    body, _ = write(foreign(USER, call, Message("tool", (ToolResult(call_id=odd, parts=()),))))
    used = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert used == body["messages"][2]["content"][0]["toolResult"]["toolUseId"]
    assert len(used) <= 64
    assert "|" not in used


def test_claudes_thoughts_are_bedrocks_whether_anthropic_or_bedrock_gave_them(foreign, write):
    thoughts = (
        Reasoning(text="A", signature="s1", origin="anthropic"),
        Reasoning(text="B", signature="s2", origin="converse"),
        Reasoning(redacted="EtkE", origin="anthropic"),
    )
    body, dropped = write(foreign(USER, Message("assistant", (*thoughts, Text("So.")))))
    assert body["messages"][1]["content"][:3] == [
        {"reasoningContent": {"reasoningText": {"text": "A", "signature": "s1"}}},
        {"reasoningContent": {"reasoningText": {"text": "B", "signature": "s2"}}},
        {"reasoningContent": {"redactedContent": base64.b64encode(b"EtkE").decode()}},
    ]
    assert dropped == ()


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning(text="unsigned"),
        Reasoning(text="", signature="s", origin="gemini"),
        Reasoning(redacted="s", origin="openai_responses"),
    ],
)
def test_thoughts_of_others_are_left_out_and_listed(thought, foreign, write):
    body, dropped = write(foreign(USER, Message("assistant", (thought, Text("So.")))))
    assert body["messages"][1]["content"] == [{"text": "So."}]
    assert dropped == ("messages[1].reasoning",)


def test_claudes_thoughts_are_not_for_another_model(foreign, write):
    thought = Reasoning(text="A", signature="s1", origin="anthropic")
    body, dropped = write(foreign(USER, Message("assistant", (thought, Text("So.")))), NOVA)
    assert body["messages"][1]["content"] == [{"text": "So."}]
    assert dropped == ("messages[1].reasoning",)


def test_a_refusal_is_what_the_assistant_said(foreign, write):
    body, _ = write(foreign(USER, Message("assistant", (Refusal("I will not."),))))
    assert body["messages"][1]["content"] == [{"text": "I will not."}]


def test_any_json_as_the_answer_is_left_to_the_prompt_and_listed(foreign, write):
    """OpenAI demands that the prompt asks for it."""
    body, dropped = write(foreign(output=Output()))
    assert ("outputConfig" in body, dropped) == (False, ("output",))
