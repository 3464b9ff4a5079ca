"""What a client of the Responses API asks, read into the form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from headway.wire.form.parts import (
    Audio,
    Cache,
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
)
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice
from headway.wire.malformed import Malformed

Ask = Callable[[Mapping[str, Any]], Request | Malformed]
Asked = Callable[..., Request]
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "seen"}


def test_a_text_is_a_message_of_the_user(asked: Asked):
    assert asked(input="Hi").messages == (Message("user", (Text("Hi"),)),)


def test_instructions_stand_before_the_conversation(asked: Asked):
    request = asked(input="Hi", instructions="Be brief.")
    assert request.messages[0] == Message("system", (Text("Be brief."),))


def test_contents_of_a_message_are_parts(asked: Asked):
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "high"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
    ]
    (message,) = asked(input=[{"role": "user", "content": content}]).messages
    assert message.parts == (
        Text("What is it?"),
        Image(Source(media_type="image/png", data="QUJD"), "high"),
        Image(Source(file_id="file-1"), "auto"),
        File(Source(media_type="application/pdf", data="QUJD"), "a.pdf"),
        File(Source(url="https://example.com/a.pdf")),
        Audio(Source(media_type="audio/wav", data="QUJD")),
    )


def test_a_breakpoint_is_a_mark_to_cache_up_to_there(asked: Asked):
    content = [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    (message,) = asked(input=[{"role": "user", "content": content}]).messages
    assert message.parts == (Text("a", cache=Cache()),)


def test_what_the_model_said_and_called_in_one_turn_is_one_message(asked: Asked):
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]}
    second = {**CALL, "call_id": "c2"}
    request = asked(input=[{"role": "user", "content": "Hi"}, said, CALL, second, OUTPUT, {**OUTPUT, "call_id": "c2"}])
    assert [message.role for message in request.messages] == ["user", "assistant", "tool"]
    assert request.messages[1].parts == (
        Text("I look."),
        ToolCall(id="c1", name="look", arguments="{}"),
        ToolCall(id="c2", name="look", arguments="{}"),
    )
    assert request.messages[2].parts == (
        ToolResult(call_id="c1", parts=(Text("seen"),)),
        ToolResult(call_id="c2", parts=(Text("seen"),)),
    )


def test_two_messages_of_the_model_stay_two(asked: Asked):
    said = {"role": "assistant", "content": "One."}
    request = asked(input=[said, {**said, "content": "Two."}])
    assert [message.parts for message in request.messages] == [(Text("One."),), (Text("Two."),)]


def test_calls_stay_together_with_words_between_them(asked: Asked):
    said = {"role": "assistant", "content": "And again."}
    request = asked(input=[CALL, said, {**CALL, "call_id": "c2"}, OUTPUT, {**OUTPUT, "call_id": "c2"}])
    assert [message.role for message in request.messages] == ["assistant", "tool"]


def test_custom_tools_take_and_give_any_text(asked: Asked):
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    request = asked(
        tools=[{"type": "custom", "name": "patch", "description": "Edits", "format": grammar}],
        input=[
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin", "id": "ctc_1"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        ],
    )
    (tool,) = request.tools
    assert isinstance(tool, Tool)
    assert (tool.name, tool.custom, json.loads(bytes(tool.format))) == ("patch", True, grammar)
    assert request.messages[0].parts == (
        ToolCall(id="c1", name="patch", arguments="*** Begin", custom=True, item="ctc_1"),
    )
    assert request.messages[1].parts == (ToolResult(call_id="c1", parts=(Text("done"),), custom=True),)


def test_outputs_of_tools_may_hold_pictures(asked: Asked):
    output = [{"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"}]
    request = asked(input=[CALL, {**OUTPUT, "output": output}])
    (result,) = request.messages[1].parts
    assert isinstance(result, ToolResult)
    assert result.parts == (Image(Source(url="https://example.com/a.png"), "auto"),)


def test_reasoning_keeps_its_texts_apart_and_its_secret_with_the_last(asked: Asked):
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
        "encrypted_content": "gAAA",
    }
    (message,) = asked(input=[item]).messages
    assert message.parts == (
        Reasoning(text="First.", id="rs_1", summary=True),
        Reasoning(text="Then.", id="rs_1", summary=True, signature="gAAA", origin="openai_responses"),
    )


def test_reasoning_that_shows_nothing_is_redacted(asked: Asked):
    (message,) = asked(input=[{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}]).messages
    assert message.parts == (Reasoning(redacted="gAAA", origin="openai_responses"),)


def test_a_refusal_in_the_history_stays_one(asked: Asked):
    content = [{"type": "refusal", "refusal": "No."}]
    assert asked(input=[{"role": "assistant", "content": content}]).messages[0].parts == (Refusal("No."),)


def test_items_of_hosted_tools_are_opaque(asked: Asked):
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    (message,) = asked(input=[search]).messages
    (part,) = message.parts
    assert isinstance(part, Opaque)
    assert (part.kind, json.loads(bytes(part.raw))) == ("web_search_call", search)


@pytest.mark.parametrize("item", [{"id": "msg_1"}, {"type": "item_reference", "id": "msg_1"}])
def test_a_reference_needs_the_provider_that_has_the_item(asked: Asked, item: dict[str, str]):
    assert asked(input=[item]).needs == ("item_reference",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
    ],
)
def test_what_the_provider_keeps_or_does_later_is_needed(asked: Asked, field: str, value: object):
    request = asked({field: value})
    assert request.needs == (field,)
    assert json.loads(bytes(request.extra[field])) == value


def test_without_input_there_must_be_something_kept(ask: Ask):
    assert ask({"model": "m"}) == Malformed("you must provide an input", "input")
    assert isinstance(ask({"model": "m", "prompt": {"id": "pmpt_1"}}), Request)


def test_settings_find_their_places(asked: Asked):
    request = asked(
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=3,
        parallel_tool_calls=False,
        prompt_cache_key="k",
        service_tier="flex",
        user="u",
        metadata={"a": "b"},
        include=["message.output_text.logprobs"],
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low", "format": {"type": "json_object"}},
    )
    assert (request.max_output, request.temperature, request.top_p, request.top_logprobs) == (100, 0.5, 0.9, 3)
    assert (request.parallel_tool_calls, request.cache_key, request.service_tier) == (False, "k", "flex")
    assert (request.user, bytes(request.metadata), request.logprobs) == ("u", b'{"a": "b"}', True)
    assert request.thinking == Thinking(effort="low", summary="auto", show=True)
    assert (request.verbosity, request.output) == ("low", Output())
    assert (request.extra, request.needs) == ({}, ())


def test_a_schema_stays_the_bytes_that_it_was(asked: Asked):
    form = {"type": "json_schema", "name": "city", "schema": {"b": 1, "a": 2}, "strict": True}
    output = asked(text={"format": form}).output
    assert output is not None
    assert (output.name, output.strict, bytes(output.schema)) == ("city", True, b'{"b": 1, "a": 2}')


def test_hosted_tools_are_told_from_those_of_the_client(asked: Asked):
    function = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    first, second = asked(tools=[function, {"type": "web_search", "filters": {}}]).tools
    assert isinstance(first, Tool)
    assert (first.name, first.strict, bytes(first.parameters)) == ("f", True, b'{"type": "object"}')
    assert isinstance(second, HostedTool)
    assert (second.kind, second.dialect) == ("web_search", "openai_responses")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ("f",))),
        ({"type": "custom", "name": "p"}, ToolChoice("required", ("p",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": n} for n in "ab"]},
            ToolChoice("auto", ("a", "b")),
        ),
    ],
)
def test_choices_among_tools(asked: Asked, said: object, meant: ToolChoice):
    assert asked(tool_choice=said).tool_choice == meant


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "web_search"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "x"}]},
        {"type": "mcp", "server_label": "x"},
    ],
)
def test_a_choice_of_hosted_tools_is_needed(asked: Asked, choice: dict[str, Any]):
    request = asked(tool_choice=choice)
    assert (request.tool_choice, request.needs) == (None, ("tool_choice",))


def test_what_is_fulfilled_anyway_is_not_counted_as_beside_the_form(asked: Asked):
    """As Codex asks: nothing stored, encrypted reasoning shown."""
    request = asked(store=False, include=["reasoning.encrypted_content"], stream_options={"include_obfuscation": False})
    assert (request.extra, request.needs) == ({}, ())


def test_what_has_no_place_is_kept_under_its_own_name(asked: Asked):
    request = asked(
        store=True,
        truncation="auto",
        include=["file_search_call.results"],
        reasoning={"context": "all_turns"},
        text={"stop": "x"},
        tools=[{"type": "function", "name": "f", "parameters": None, "strict": None, "defer_loading": True}],
        input=[CALL, {"role": "assistant", "content": "a", "phase": "commentary"}],
    )
    assert set(request.extra) == {
        "store",
        "truncation",
        "include",
        "reasoning.context",
        "text.stop",
        "tools[].defer_loading",
        "input[].phase",
    }


def test_a_safety_identifier_tells_the_user_where_nothing_else_does(asked: Asked):
    assert asked(safety_identifier="s").user == "s"
    both = asked(safety_identifier="s", user="u")
    assert (both.user, bytes(both.extra["safety_identifier"])) == ("u", b'"s"')


def test_nulls_say_nothing(asked: Asked):
    fields = ("temperature", "tools", "reasoning", "text", "include", "metadata", "store", "user", "safety_identifier")
    request = asked(dict.fromkeys(fields))
    assert (request.extra, request.temperature, request.thinking, request.user) == ({}, None, None, None)
