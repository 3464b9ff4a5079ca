"""A Gemini client's request, read into the form."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from headway.wire.form.codec import Said
from headway.wire.form.parts import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice, Unsupported
from headway.wire.form.seals import seal
from headway.wire.gemini.codec import CODEC
from headway.wire.malformed import Malformed

if TYPE_CHECKING:
    from wire.gemini.conftest import Recorded, Speak


def asks(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts) or [{"text": "hi"}]}], **fields}


def plain(value: Any) -> Any:
    return json.loads(bytes(value))


def test_the_model_and_whether_to_stream_are_told_outside_the_body(gemini: Speak):
    request = gemini.read(asks(), stream=True)
    assert request == Request(
        dialect="gemini", model="gemini-3-flash", messages=(Message("user", (Text("hi"),)),), stream=True
    )


def test_the_instruction_is_the_first_message(gemini: Speak):
    request = gemini.read(asks(systemInstruction={"parts": [{"text": "Be brief."}]}))
    assert request.messages == (Message("system", (Text("Be brief."),)), Message("user", (Text("hi"),)))


def test_one_object_is_taken_where_a_list_is_due_and_a_missing_role_is_the_users(gemini: Speak):
    request = gemini.read({"contents": {"parts": {"text": "hi"}}, "tools": {"function_declarations": {"name": "f"}}})
    assert request.messages == (Message("user", (Text("hi"),)),)
    assert request.tools == (Tool(name="f"),)


def test_both_spellings_numbers_in_quotes_and_nulls_are_read(gemini: Speak):
    camel = gemini.read(
        asks(
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            generationConfig={"maxOutputTokens": 5, "topK": 40, "thinkingConfig": {"thinkingBudget": 10}},
            systemInstruction={"parts": [{"text": "x"}]},
        )
    )
    snake = gemini.read(
        {
            "contents": [
                {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}, "text": None}]}
            ],
            "generation_config": {"max_output_tokens": "5", "top_k": 40.0, "thinking_config": {"thinking_budget": 10}},
            "system_instruction": {"parts": [{"text": "x"}]},
            "tools": None,
        }
    )
    assert camel == snake
    assert (camel.max_output, camel.top_k) == (5, 40)


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [("image/png", Image), ("audio/wav", Audio), ("video/mp4", Video), ("application/pdf", File), ("text/plain", File)],
)
def test_files_are_told_apart_by_their_type(gemini: Speak, mime_type: str, kind: type):
    request = gemini.read(asks({"inlineData": {"mimeType": mime_type, "data": "_-8"}}))
    (part,) = request.messages[0].parts
    assert isinstance(part, kind)
    assert isinstance(part, Image | Audio | Video | File)
    assert part.source == Source(media_type=mime_type, data="/+8=")


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://e.org/a.png", Source(media_type="image/png", url="https://e.org/a.png")),
        ("https://www.youtube.com/watch?v=1", Source(media_type="video/mp4", url="https://www.youtube.com/watch?v=1")),
        ("gs://bucket/a.pdf", Source(media_type="application/pdf", file_id="gs://bucket/a.pdf")),
        (
            "https://generativelanguage.googleapis.com/v1beta/files/1",
            Source(file_id="https://generativelanguage.googleapis.com/v1beta/files/1"),
        ),
    ],
)
def test_files_that_google_keeps_are_no_addresses(gemini: Speak, uri: str, source: Source):
    (part,) = gemini.read(asks({"fileData": {"fileUri": uri}})).messages[0].parts
    assert isinstance(part, Image | Video | File)
    assert part.source == source


def test_results_stand_in_messages_of_their_own(gemini: Speak):
    request = gemini.read(
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}}]},
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}}},
                        {"text": "go on"},
                    ],
                },
            ]
        }
    )
    assert request.messages == (
        Message("assistant", (ToolCall(id="1", name="f", arguments='{"a": 1}'),)),
        Message("tool", (ToolResult(call_id="1", name="f", parts=(Text("x"),)),)),
        Message("user", (Text("go on"),)),
    )


@pytest.mark.parametrize(
    ("response", "text", "is_error", "is_json"),
    [
        ({"result": "x"}, "x", False, False),
        ({"error": "no"}, "no", True, False),
        ({"result": {"a": 1}}, '{"result": {"a": 1}}', False, True),
        ({"a": 1, "b": 2}, '{"a": 1, "b": 2}', False, True),
        ({}, "{}", False, True),
    ],
)
def test_a_result_is_its_text_or_a_document(gemini: Speak, response: Any, text: str, is_error: bool, is_json: bool):
    document = {
        "contents": [{"role": "function", "parts": [{"functionResponse": {"name": "f", "response": response}}]}]
    }
    (result,) = gemini.read(document).messages[0].parts
    assert isinstance(result, ToolResult)
    assert (result.parts, result.is_error, result.json) == ((Text(text),), is_error, is_json)
    assert gemini.write(gemini.read(document))[0]["contents"][0]["parts"][0]["functionResponse"]["response"] == response


def test_calls_without_ids_are_told_apart_and_found_by_their_results(gemini: Speak):
    call, answer = {"functionCall": {"name": "f", "args": {}}}, {"functionResponse": {"name": "f", "response": {}}}
    other = {"functionCall": {"name": "g", "args": {}}}
    request = gemini.read(
        {
            "contents": [
                {"role": "model", "parts": [call, call, other]},
                {"role": "user", "parts": [{"functionResponse": {"name": "g", "response": {}}}, answer, answer]},
                {"role": "model", "parts": [call]},
                {"role": "user", "parts": [answer]},
            ]
        }
    )
    first, second, third, fourth = request.messages
    made = [part.id for part in (*first.parts, *third.parts) if isinstance(part, ToolCall)]
    found = [part.call_id for part in (*second.parts, *fourth.parts) if isinstance(part, ToolResult)]
    assert len(set(made)) == 4
    assert found == [made[2], made[0], made[1], made[3]]


def test_a_file_in_a_result_is_part_of_it(gemini: Speak):
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    document = asks({"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}, "parts": [picture]}})
    request = gemini.read(document)
    (result,) = request.messages[0].parts
    assert isinstance(result, ToolResult)
    assert result.parts == (Text("x"), Image(Source(media_type="image/png", data="AAAA")))
    assert gemini.write(request)[0] == document


def test_the_pieces_of_a_models_text_are_one_text(gemini: Speak):
    pieces = [
        {"text": "I ", "thought": True},
        {"text": "think", "thought": True},
        {"text": "He"},
        {"text": "llo"},
        {"text": "", "thoughtSignature": "c2ln"},
    ]
    request = gemini.read({"contents": [{"role": "model", "parts": pieces}]})
    assert request.messages[0].parts == (Reasoning(text="I think", summary=True), Text("Hello", signature="c2ln"))


def test_texts_of_the_user_stay_apart(gemini: Speak):
    assert gemini.read(asks({"text": "a"}, {"text": "b"})).messages[0].parts == (Text("a"), Text("b"))


def test_a_signature_of_another_dialect_is_recognised_with_all_the_text_that_it_signs(gemini: Speak):
    sealed = base64.urlsafe_b64encode(seal("sig+/=", "anthropic", "gemini").encode()).decode()
    pieces = [{"text": "I ", "thought": True}, {"text": "think", "thought": True}]
    signed = {"text": "", "thought": True, "thoughtSignature": sealed}
    request = gemini.read({"contents": [{"role": "model", "parts": [*pieces, signed]}]})
    assert request.messages[0].parts == (Reasoning(text="I think", signature="sig+/=", origin="anthropic"),)
    assert gemini.write(request)[1] == ("messages[0].reasoning",)


def test_parts_that_only_gemini_knows_go_back_to_it_and_are_left_out_elsewhere(gemini: Speak):
    code = {"executableCode": {"code": "1+1", "language": "PYTHON"}, "thoughtSignature": "c2ln"}
    document = {"contents": [{"role": "model", "parts": [code, {"text": "2"}]}]}
    request = gemini.read(document)
    part = request.messages[0].parts[0]
    assert isinstance(part, Opaque)
    assert (part.dialect, part.kind, plain(part.raw)) == ("gemini", "executableCode", code)
    assert gemini.write(request) == (document, ())
    elsewhere = msgspec.structs.replace(request, dialect="anthropic")
    assert gemini.write(elsewhere)[1] == ("messages[0].executableCode",)


def test_what_a_part_says_beside_its_content_is_kept(gemini: Speak):
    film = {
        "fileData": {"fileUri": "gs://a.mp4", "mimeType": "video/mp4", "displayName": "x"},
        "videoMetadata": {"fps": 1},
    }
    document = asks({"text": "look"}, film)
    request = gemini.read(document)
    assert {name: plain(raw) for name, raw in request.extra.items()} == {
        "messages[0].parts[1].videoMetadata": {"fps": 1},
        "messages[0].parts[1].fileData.displayName": "x",
    }
    assert gemini.write(request) == (document, ())


def test_settings_have_their_places(gemini: Speak):
    config = {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "candidateCount": 2,
        "maxOutputTokens": 100,
        "stopSequences": ["a", "b"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
    }
    request = gemini.read(asks(generationConfig=config, labels={"a": "b"}, serviceTier="standard"))
    expected = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "n": 2,
        "max_output": 100,
        "stop": ("a", "b"),
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "thinking": Thinking(effort="low", show=True),
        "service_tier": "default",
    }
    assert {name: getattr(request, name) for name in expected} == expected
    assert plain(request.metadata) == {"a": "b"}
    written, dropped = gemini.write(request)
    assert written["generationConfig"] == config
    assert (written["labels"], written["serviceTier"], dropped) == ({"a": "b"}, "standard", ())


def test_what_has_no_place_is_kept_under_its_name_and_written_again(gemini: Speak):
    document = asks(
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW", "thinkingConfig": {"new": 1}},
        toolConfig={"retrievalConfig": {"languageCode": "de"}},
    )
    request = gemini.read(document)
    assert set(request.extra) == {
        "safetySettings",
        "generationConfig.mediaResolution",
        "generationConfig.thinkingConfig.new",
        "toolConfig.retrievalConfig",
    }
    assert request.needs == ()
    assert gemini.write(request) == (document, ())


@pytest.mark.parametrize(
    ("fields", "need"),
    [
        ({"cachedContent": "cachedContents/1"}, "cachedContent"),
        ({"generationConfig": {"responseModalities": ["AUDIO"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
    ],
)
def test_what_only_gemini_can_do_is_needed(gemini: Speak, fields: dict[str, Any], need: str):
    request = gemini.read(asks(**fields))
    assert request.needs == (need,)
    assert gemini.write(request) == (asks(**fields), ())
    elsewhere = msgspec.structs.replace(request, dialect="anthropic")
    assert gemini.writing(elsewhere) == Unsupported(need, f"cannot do what {need!r} asks for")


def test_an_answer_in_text_is_what_everybody_gives(gemini: Speak):
    document = asks(generationConfig={"responseModalities": ["TEXT"], "responseMimeType": "text/plain"})
    request = gemini.read(document)
    assert (request.extra, request.needs, request.output) == ({}, (), None)
    assert gemini.write(request) == (document, ())


def test_json_is_asked_for_by_its_type_or_its_schema(gemini: Speak):
    assert gemini.read(asks(generationConfig={"responseMimeType": "application/json"})).output == Output()
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    output = gemini.read(
        asks(generationConfig={"responseMimeType": "application/json", "responseJsonSchema": schema})
    ).output
    assert output is not None
    assert plain(output.schema) == schema


def test_geminis_own_schemas_become_json_schemas_and_go_back_as_they_were(gemini: Speak):
    own = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": True, "maxLength": "5"},
            "tags": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": 1},
            "size": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
            "kind": {"type": "STRING", "enum": ["OBJECT"], "nullable": True, "example": "OBJECT"},
        },
        "required": ["type"],
        "propertyOrdering": ["type", "tags"],
    }
    document = asks(
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "d", "parameters": own, "behavior": "BLOCKING"}]}
        ],
        generationConfig={"responseMimeType": "application/json", "responseSchema": own},
    )
    request = gemini.read(document)
    (tool,) = request.tools
    assert isinstance(tool, Tool)
    expected = {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "maxLength": 5},
            "tags": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "size": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
            "kind": {"type": ["string", "null"], "enum": ["OBJECT", None], "examples": ["OBJECT"]},
        },
        "required": ["type"],
    }
    assert plain(tool.parameters) == expected
    assert request.output is not None
    assert plain(request.output.schema) == expected
    assert gemini.write(request) == (document, ())


def test_a_json_schema_stays_byte_for_byte_what_it_is(gemini: Speak):
    tools = b'[{"functionDeclarations":[{"name":"f","parameters":{"b": 1,  "a":2}}]}]'
    raw = b'{"contents":[{"parts":[{"text":"x"}]}],"tools":%b}' % tools
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    request = CODEC.read_request(fields, Said(model="m", stream=False))
    assert isinstance(request, Request)
    (tool,) = request.tools
    assert isinstance(tool, Tool)
    assert bytes(tool.parameters) == b'{"b": 1,  "a":2}'


def test_tools_that_google_runs_are_hosted_tools(gemini: Speak):
    document = asks(
        tools=[{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}, {"codeExecution": {}}],
        toolConfig={"includeServerSideToolInvocations": True},
    )
    request = gemini.read(document)
    kinds = [tool.kind if isinstance(tool, HostedTool) else tool.name for tool in request.tools]
    assert kinds == ["googleSearch", "f", "codeExecution"]
    assert request.extra == {}
    assert gemini.write(request) == (document, ())


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("required", ("f",))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f", "g"]}, ToolChoice("auto", ("f", "g"))),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
    ],
)
def test_the_choice_of_tools(gemini: Speak, config: dict[str, Any], choice: ToolChoice):
    document = asks(toolConfig={"functionCallingConfig": config})
    request = gemini.read(document)
    assert request.tool_choice == choice
    assert gemini.write(request) == (document, ())


@pytest.mark.parametrize(
    ("document", "param", "message"),
    [
        ({}, "contents", "contents is missing"),
        ({"contents": "hi"}, "contents", "contents must be a list, not a string"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text", None),
        ({"contents": [{"parts": [{"text": "a"}, {}]}]}, "contents[0].parts[1]", None),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role", "contents[0].role must be user or model"),
        ({"contents": [{"parts": [{"inlineData": {}}]}]}, "contents[0].parts[0].inlineData.data", None),
        ({"contents": [{"parts": [{"fileData": {"mimeType": "a"}}]}]}, "contents[0].parts[0].fileData.fileUri", None),
        ({"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}, "contents[0].parts[0]", None),
        (
            {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}]},
            "contents[0].parts[0].functionCall.args",
            "contents[0].parts[0].functionCall.args must be an object",
        ),
        (asks({"functionResponse": {"response": "x"}}), "contents[0].parts[0].functionResponse.response", None),
        (asks({"functionResponse": {"parts": [{}]}}), "contents[0].parts[0].functionResponse.parts[0]", None),
        (asks(systemInstruction={"parts": [{"text": []}]}), "systemInstruction.parts[0].text", None),
        (asks(generationConfig={"temperature": "hot"}), "generationConfig.temperature", None),
        (asks(generationConfig={"stopSequences": [1]}), "generationConfig.stopSequences[0]", None),
        (asks(generationConfig=[]), "generationConfig", "generationConfig must be an object, not a list"),
        (asks(tools=[{"functionDeclarations": [{}]}]), "tools[0].functionDeclarations[0].name", None),
        (asks(tools=5), "tools", None),
        (asks(toolConfig={"functionCallingConfig": {"mode": "X"}}), "toolConfig.functionCallingConfig.mode", None),
        (asks(labels={"a": 1}), "labels", "a value in labels must be a string, not a whole number"),
        (asks(serviceTier=1), "serviceTier", "serviceTier must be a string, not a whole number"),
    ],
)
def test_what_cannot_be_read_is_named(gemini: Speak, document: dict[str, Any], param: str, message: str | None):
    malformed = gemini.refused(document)
    assert malformed.param == param
    assert param in malformed.message
    assert message is None or malformed.message == message


def test_messages_about_errors_quote_no_content(gemini: Speak):
    malformed = gemini.refused({"contents": [{"parts": [{"text": ["my secret"]}]}]})
    assert "secret" not in malformed.message


WEIRD = [
    None,
    True,
    -1,
    1e300,
    10**30,
    "",
    "x",
    [],
    {},
    [[]],
    {" rest": {"a.b": 1}},
    {"x.y": 1},
    "aHcxLgAA",
    "aHcxLnhh",
]
NAMES = [" rest", "a.b", "text", "thought", "functionCall", "functionResponse", "inlineData", "parts", "id", "args"]


def bent(value: Any, random: random.Random, share: float) -> Any:
    """The document with some of it replaced by what does not belong there."""
    if random.random() < share:
        return random.choice(WEIRD)
    if isinstance(value, dict):
        return {
            (random.choice(NAMES) if random.random() < share / 2 else name): bent(each, random, share)
            for name, each in value.items()
        }
    return [bent(each, random, share) for each in value] if isinstance(value, list) else value


def test_nothing_that_a_client_sends_raises_and_what_is_read_can_be_written(gemini: Speak, recorded: list[Recorded]):
    chance = random.Random(7)
    requests = [each.request for each in recorded if len(str(each.request)) < 10_000]
    outcomes: set[type] = set()
    for _ in range(1500):
        document = bent(chance.choice(requests), chance, chance.choice([0.005, 0.02, 0.1]))
        if isinstance(document, dict):
            request = gemini.reading(document)
            outcomes.add(type(request))
            if isinstance(request, Request):
                gemini.writing(request)
                gemini.writing(msgspec.structs.replace(request, dialect="anthropic", needs=()), "gemini-2.5-pro")
    assert outcomes == {Request, Malformed}


def test_deep_nesting_is_refused_or_kept_but_never_raises(gemini: Speak):
    deep = msgspec.Raw(b"[" * 900 + b"]" * 900)
    said = Said(model="m", stream=False)
    assert isinstance(CODEC.read_request({"contents": deep}, said), Malformed)
    fields = {**gemini.fields(asks()), "safetySettings": deep}
    assert isinstance(CODEC.read_request(fields, said), Request)
