"""A request of another dialect, written for a Gemini."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from wire.gemini.conftest import Speak

SKIP = base64.b64encode(b"skip_thought_signature_validator").decode()
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}')


def user(*parts: Any) -> Message:
    return Message("user", parts or (Text("hi"),))


def test_instructions_in_front_are_the_system_instruction(gemini: Speak):
    asked = gemini.asked(Message("system", (Text("Be brief."),)), Message("developer", (Text("No jokes."),)), user())
    body, dropped = gemini.write(asked)
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "No jokes."}]},
    }
    assert dropped == ()


def test_later_instructions_are_words_of_the_user_and_listed(gemini: Speak):
    asked = gemini.asked(user(), Message("system", (Text("Be brief."),)))
    body, dropped = gemini.write(asked)
    assert body == {"contents": [{"role": "user", "parts": [{"text": "hi"}, {"text": "Be brief."}]}]}
    assert dropped == ("messages[1].role",)


def test_an_instruction_by_itself_is_the_users_since_contents_must_not_be_empty(gemini: Speak):
    body, dropped = gemini.write(gemini.asked(Message("system", (Text("Say hi."),))))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}
    assert dropped == ("messages[0].role",)


def test_neighbours_of_one_role_become_one_content(gemini: Speak):
    call = ToolCall(id="1", name="f", arguments='{"a":1}')
    result = ToolResult(call_id="1", parts=(Text("x"),))
    asked = gemini.asked(user(), Message("assistant", (call,)), Message("tool", (result,)), user(Text("go on")))
    body, dropped = gemini.write(asked, "gemini-2.5-flash")
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}}]},
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}}},
                {"text": "go on"},
            ],
        },
    ]
    assert dropped == ()


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult(call_id="1", parts=(Text("x"),)), {"result": "x"}),
        (ToolResult(call_id="1", parts=()), {"result": ""}),
        (ToolResult(call_id="1", parts=(Text("a"), Text("b"))), {"result": "a\nb"}),
        (ToolResult(call_id="1", parts=(Text('{"a": 1}'),)), {"a": 1}),
        (ToolResult(call_id="1", parts=(Text('{"a": '),)), {"result": '{"a": '}),
        (ToolResult(call_id="1", parts=(Text("[1]"),)), {"result": "[1]"}),
        (ToolResult(call_id="1", parts=(Text("bad"),), is_error=True), {"error": "bad"}),
        (ToolResult(call_id="1", parts=(Text('{"a":1}'),), is_error=True, json=True), {"error": {"a": 1}}),
    ],
)
def test_a_result_is_an_object(gemini: Speak, result: ToolResult, response: Any):
    body, _ = gemini.write(gemini.asked(Message("tool", (result,))))
    assert body["contents"][0]["parts"][0]["functionResponse"]["response"] == response


def test_pictures_of_a_result_are_in_it_from_gemini_3_on_and_after_it_before(gemini: Speak):
    picture = Image(Source(media_type="image/png", data="AAAA"))
    asked = gemini.asked(Message("tool", (ToolResult(call_id="1", name="f", parts=(Text("x"), picture)),)))
    written = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    new, _ = gemini.write(asked, "gemini-3-pro-preview")
    assert new["contents"][0]["parts"] == [
        {"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}, "parts": [written]}}
    ]
    old, _ = gemini.write(asked, "gemini-2.5-flash")
    assert old["contents"][0]["parts"] == [
        {"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}}},
        written,
    ]


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), (" ", {}), ('{"a":1}', {"a": 1}), ("not json", {"input": "not json"}), ("[1]", {"input": "[1]"})],
)
def test_arguments_are_an_object(gemini: Speak, arguments: str, args: Any):
    asked = gemini.asked(user(), Message("assistant", (ToolCall(id="1", name="f", arguments=arguments),)))
    assert gemini.write(asked)[0]["contents"][1]["parts"][0]["functionCall"]["args"] == args


def test_gemini_3_gets_calls_that_it_did_not_make_with_the_first_marked(gemini: Speak):
    calls = (ToolCall(id="1", name="f", arguments="{}"), ToolCall(id="2", name="f", arguments="{}"))
    asked = gemini.asked(user(), Message("assistant", calls), user(), Message("assistant", calls[:1]))
    for model, mark in (("gemini-3-flash-preview", SKIP), ("gemini-flash-latest", SKIP), ("gemini-2.5-flash", None)):
        contents = gemini.write(asked, model)[0]["contents"]
        signatures = [
            part.get("thoughtSignature") for content in (contents[1], contents[3]) for part in content["parts"]
        ]
        assert signatures == [mark, None, mark]


def test_geminis_own_signature_of_a_call_goes_back_to_it(gemini: Speak):
    asked = gemini.asked(user(), Message("assistant", (ToolCall(id="1", name="f", arguments="{}", signature="c2ln"),)))
    assert gemini.write(asked)[0]["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"


def test_reasoning_goes_back_to_gemini_and_that_of_others_is_left_out_and_listed(gemini: Speak):
    thoughts = (
        Reasoning(text="a", signature="c2ln", origin="gemini"),
        Reasoning(text="b", signature="s", origin="anthropic"),
        Reasoning(text="c"),
        Text("hi"),
    )
    body, dropped = gemini.write(gemini.asked(user(), Message("assistant", thoughts)))
    assert body["contents"][1]["parts"] == [{"text": "a", "thought": True, "thoughtSignature": "c2ln"}, {"text": "hi"}]
    assert dropped == ("messages[1].reasoning",)


def test_files_by_content_and_by_address(gemini: Speak):
    asked = gemini.asked(
        user(
            Image(Source(data="iVBORw0KGgo=")),
            Image(Source(url="https://e.org/a.webp?x=1")),
            Image(Source(url="data:image/gif;base64,R0lGOD")),
            Audio(Source(media_type="audio/mp3", data="AAAA")),
            Video(Source(url="https://youtu.be/1")),
            File(Source(text="words")),
            File(Source(media_type="application/pdf", file_id="gs://b/a.pdf")),
        )
    )
    body, dropped = gemini.write(asked)
    assert body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://e.org/a.webp?x=1"}},
        {"inlineData": {"mimeType": "image/gif", "data": "R0lGOD"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/1"}},
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"words").decode()}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}},
    ]
    assert dropped == ()


def test_a_file_that_another_provider_keeps_is_refused(gemini: Speak):
    written = gemini.writing(gemini.asked(user(File(Source(file_id="file-123")))))
    assert written == Unsupported("file_id", "cannot read a file that another provider keeps")


def test_a_sound_that_another_provider_keeps_is_told_by_its_words(gemini: Speak):
    sound = Audio(Source(), transcript="hello", id="audio_1")
    body, dropped = gemini.write(gemini.asked(user(), Message("assistant", (sound,))))
    assert body["contents"][1]["parts"] == [{"text": "hello"}]
    assert dropped == ("messages[1].audio",)


def test_what_parts_and_messages_say_that_gemini_cannot_is_listed_by_its_place(gemini: Speak):
    asked = gemini.asked(
        Message("user", (Image(Source(data="AAAA"), detail="low"),), name="ann"),
        user(File(Source(data="JVBERi0="), name="a.pdf", context="c", citations=True)),
        Message("assistant", (Text("x", citations=(Citation(url="u"),)), Refusal("no"))),
        user(Opaque("anthropic", "server_tool_use", msgspec.Raw(b"{}"))),
    )
    body, dropped = gemini.write(asked)
    assert body["contents"][1] == {"role": "model", "parts": [{"text": "x"}, {"text": "no"}]}
    assert dropped == (
        "messages[0].detail",
        "messages[0].name",
        "messages[1].name",
        "messages[1].context",
        "messages[1].citations",
        "messages[2].citations",
        "messages[3].server_tool_use",
    )


def test_an_empty_text_is_left_out_beside_others_and_kept_alone(gemini: Speak):
    call = ToolCall(id="1", name="f", arguments="{}")
    asked = gemini.asked(user(Text("")), Message("assistant", (Text(""), call)))
    contents = gemini.write(asked)[0]["contents"]
    assert contents[0]["parts"] == [{"text": ""}]
    assert [list(part) for part in contents[1]["parts"]] == [["functionCall", "thoughtSignature"]]


def test_schemas_go_as_the_json_schemas_that_they_are(gemini: Speak):
    asked = gemini.asked(tools=(Tool(name="f", description="d", parameters=SCHEMA), Tool(name="g", strict=True)))
    body, dropped = gemini.write(asked)
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": msgspec.json.decode(SCHEMA)},
                {"name": "g"},
            ]
        }
    ]
    assert dropped == ("tools[1].strict",)
    assert gemini.write(msgspec.structs.replace(asked, tool_choice=ToolChoice("required")))[1] == ()
    output, _ = gemini.write(gemini.asked(output=Output(schema=SCHEMA, name="x", strict=True)))
    assert output["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": msgspec.json.decode(SCHEMA),
    }


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto", ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_the_choice_of_tools(gemini: Speak, choice: ToolChoice, config: Any):
    body, _ = gemini.write(gemini.asked(tools=(Tool(name="f"),), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": config}


def test_settings_have_their_places(gemini: Speak):
    body, dropped = gemini.write(
        gemini.asked(
            temperature=0.5,
            top_p=0.9,
            top_k=4,
            seed=1,
            n=2,
            max_output=10,
            stop=("a",),
            frequency_penalty=0.1,
            presence_penalty=0.2,
            logprobs=True,
            top_logprobs=3,
            service_tier="flex",
            parallel_tool_calls=True,
        )
    )
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 4,
        "candidateCount": 2,
        "maxOutputTokens": 10,
        "stopSequences": ["a"],
        "seed": 1,
        "presencePenalty": 0.2,
        "frequencyPenalty": 0.1,
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert body["serviceTier"] == "flex"
    assert dropped == ()


def test_what_cannot_be_said_is_listed(gemini: Speak):
    asked = gemini.asked(
        user="u",
        verbosity="low",
        cache_key="k",
        logit_bias=msgspec.Raw(b"{}"),
        parallel_tool_calls=False,
        metadata=msgspec.Raw(b"{}"),
        service_tier="scale",
        tools=(Tool(name="f", cache=Cache()),),
        extra={"store": msgspec.Raw(b"true")},
    )
    body, dropped = gemini.write(asked)
    assert set(body) == {"contents", "tools"}
    assert set(dropped) == {
        "user",
        "verbosity",
        "cache_key",
        "logit_bias",
        "parallel_tool_calls",
        "metadata",
        "service_tier",
        "cache",
        "store",
    }


def test_values_out_of_range_are_brought_into_it_and_listed(gemini: Speak):
    stops = tuple("abcdefg")
    body, dropped = gemini.write(gemini.asked(temperature=3, top_logprobs=50, stop=stops, seed=2**40 + 5))
    assert body["generationConfig"] == {"temperature": 2, "logprobs": 20, "stopSequences": list("abcde"), "seed": 5}
    assert dropped == ("temperature", "stop", "seed", "top_logprobs")


def test_parameters_that_the_model_refuses_are_left_out_and_renamed_ones_renamed(gemini: Speak):
    lacks = frozenset({"temperature", "thinking", "service_tier", "tool_choice"})
    asked = gemini.asked(
        temperature=1,
        max_output=5,
        thinking=Thinking(effort="low"),
        service_tier="flex",
        tools=(Tool(name="f"),),
        tool_choice=ToolChoice("required"),
    )
    body, dropped = gemini.write(asked, lacks=lacks, renames={"maxOutputTokens": "maxTokens"})
    assert body["generationConfig"] == {"maxTokens": 5}
    assert set(body) == {"contents", "tools", "generationConfig"}
    assert set(dropped) == lacks


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"n": 9}, "n"),
        ({"tools": (Tool(name="f", custom=True),)}, "custom_tools"),
        ({"tools": (HostedTool("anthropic", "web_search", msgspec.Raw(b"{}")),)}, "web_search"),
        ({"needs": ("previous_response_id",)}, "previous_response_id"),
    ],
)
def test_what_would_change_the_meaning_is_refused(gemini: Speak, fields: dict[str, Any], feature: str):
    written = gemini.writing(gemini.asked(**fields))
    assert isinstance(written, Unsupported)
    assert written.feature == feature


def test_a_model_without_an_ability_is_refused(gemini: Speak):
    asked = gemini.asked(user(Image(Source(data="AAAA"))))
    assert gemini.writing(asked, lacks=frozenset({"images"})) == Unsupported("images", "takes no images")


def test_json_together_with_tools_needs_gemini_3(gemini: Speak):
    asked = gemini.asked(tools=(Tool(name="f"),), output=Output(schema=SCHEMA))
    assert gemini.writing(asked, "gemini-2.5-pro") == Unsupported(
        "json_schema", "cannot be held to JSON while it has tools"
    )
    assert "responseJsonSchema" in gemini.write(asked, "gemini-3-pro-preview")[0]["generationConfig"]


SHOWN = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "thinking", "config", "exact"),
    [
        ("gemini-3-flash", Thinking(effort="low"), {"thinkingLevel": "LOW"} | SHOWN, True),
        ("gemini-3-flash", Thinking(effort="minimal"), {"thinkingLevel": "MINIMAL"} | SHOWN, True),
        ("gemini-3.1-pro", Thinking(effort="minimal"), {"thinkingLevel": "LOW"} | SHOWN, False),
        ("gemini-3-pro-preview", Thinking(effort="medium"), {"thinkingLevel": "HIGH"} | SHOWN, False),
        ("gemini-3-flash", Thinking(effort="max"), {"thinkingLevel": "HIGH"} | SHOWN, False),
        ("gemini-3-flash", Thinking(effort="none"), {"thinkingLevel": "MINIMAL"}, False),
        ("gemini-3-flash", Thinking(effort="low", show=False), {"thinkingLevel": "LOW"}, True),
        ("gemini-3-flash", Thinking(budget=1024), {"thinkingLevel": "LOW"} | SHOWN, True),
        ("gemini-3-flash", Thinking(budget=10_000), {"thinkingLevel": "MEDIUM"} | SHOWN, True),
        ("gemini-3-flash", Thinking(budget=-1), SHOWN, True),
        ("gemini-3-flash", Thinking(show=True), SHOWN, True),
        ("gemini-3-flash", Thinking(show=True, summary="detailed"), SHOWN, False),
        ("gemini-flash-latest", Thinking(effort="high"), {"thinkingLevel": "HIGH"} | SHOWN, True),
        ("gemini-2.5-flash", Thinking(effort="low"), {"thinkingBudget": 1024} | SHOWN, True),
        ("gemini-2.5-flash", Thinking(effort="medium"), {"thinkingBudget": 8192} | SHOWN, True),
        ("gemini-2.5-flash", Thinking(effort="high"), {"thinkingBudget": 24576} | SHOWN, True),
        ("gemini-2.5-flash", Thinking(effort="low", budget=-1), {"thinkingBudget": 1024} | SHOWN, True),
        ("gemini-2.5-flash", Thinking(budget=-1), {"thinkingBudget": -1} | SHOWN, True),
        ("gemini-2.5-flash", Thinking(effort="none"), {"thinkingBudget": 0}, True),
        ("gemini-2.5-flash", Thinking(effort="xhigh"), {"thinkingBudget": 24576} | SHOWN, False),
        ("gemini-2.5-pro", Thinking(effort="none"), {"thinkingBudget": 128}, False),
        ("gemini-2.5-pro", Thinking(budget=100_000), {"thinkingBudget": 32768} | SHOWN, False),
        ("gemini-2.5-flash-lite", Thinking(budget=100), {"thinkingBudget": 512} | SHOWN, False),
        ("gemini-2.0-flash", Thinking(effort="high"), None, False),
        ("gemini-2.0-flash", Thinking(effort="none"), None, True),
    ],
)
def test_thinking_is_told_as_the_model_knows_it(
    gemini: Speak, model: str, thinking: Thinking, config: dict[str, Any] | None, exact: bool
):
    body, dropped = gemini.write(gemini.asked(thinking=thinking), model)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert dropped == (() if exact else ("thinking",))
