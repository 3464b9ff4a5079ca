"""Recorded exchanges with the Gemini API and Vertex AI, through the codec."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from google.genai import types

from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.reply import Event, NoReply
from headway.wire.gemini import array
from headway.wire.gemini.codec import CODEC
from headway.wire.gemini.shapes import camel

if TYPE_CHECKING:
    from wire.gemini.conftest import Recorded, Speak

JSON_SCHEMAS = frozenset(
    {"parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "args", "response", "labels"}
)
LISTS = frozenset({"contents", "parts", "tools", "functionDeclarations"})


def official(reply: dict[str, Any]) -> types.GenerateContentResponse:
    return types.GenerateContentResponse._from_response(response=reply, kwargs={})


def usual(value: Any, name: str = "") -> Any:
    """The request in the API's usual spelling: names in camel case, lists where lists are due, base64 in the standard
    alphabet.
    """
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if name in JSON_SCHEMAS or name in {"toolCall", "toolResponse"}:
            return fields
        tidy = {camel(key): usual(each, camel(key)) for key, each in fields.items() if each is not None}
        return [tidy] if name in LISTS else tidy
    if isinstance(value, list):
        return [usual(each) for each in cast("list[Any]", value)]
    if name == "data":
        return value.replace("-", "+").replace("_", "/")
    return value


def comparable(request: dict[str, Any]) -> dict[str, Any]:
    """Without what the API takes for the same: neighbouring contents of one role, the role of the instruction, an empty
    generationConfig, whole numbers with a fraction of zero, pieces of a model's text.
    """
    told = usual(request)
    told.get("systemInstruction", {}).pop("role", None)
    contents: list[dict[str, Any]] = []
    for content in told["contents"]:
        if contents and contents[-1].get("role") == content.get("role"):
            contents[-1]["parts"].extend(content["parts"])
        else:
            contents.append(content)
    told["contents"] = contents
    declared = [tool for tool in told.get("tools", []) if "functionDeclarations" in tool]
    for tool in declared[1:]:
        declared[0]["functionDeclarations"].extend(tool["functionDeclarations"])
        told["tools"].remove(tool)
    for content in contents:
        if content["role"] == "model":
            content["parts"] = joined(content["parts"])
        for part in content["parts"]:
            for inner in (part.get("toolCall"), part.get("toolResponse")):
                if inner is not None:
                    inner["toolType"] = inner.pop("tool_type", inner.get("toolType"))
    if not told.get("generationConfig", True):
        del told["generationConfig"]
    return told


def without_ids(request: dict[str, Any]) -> dict[str, Any]:
    for content in request["contents"]:
        for part in content["parts"]:
            part.get("functionCall", {}).pop("id", None)
            part.get("functionResponse", {}).pop("id", None)
    return request


def joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for part in parts:
        goes_on = made and set(made[-1]) <= {"text", "thought"} and "text" in part
        if goes_on and made[-1].get("thought") == part.get("thought"):
            made[-1] = {**part, "text": made[-1]["text"] + part["text"]}
        else:
            made.append(part)
    return made


def test_every_recorded_request_is_read_and_written_again_as_it_was(gemini: Speak, recorded: list[Recorded]):
    for exchange in recorded:
        written, dropped = gemini.write(gemini.read(exchange.request))
        after, before = comparable(written), comparable(exchange.request)
        if '"functionCall"' in json.dumps(before) and '"id"' not in json.dumps(before["contents"]):
            after = without_ids(after)  # calls that have none are given one
        assert after == before, exchange.id
        assert dropped == (), exchange.id


@pytest.mark.sdk
def test_every_recorded_request_as_of_another_dialect_has_the_form_of_the_official_types(
    gemini: Speak, recorded: list[Recorded]
):
    for exchange in recorded:
        read = gemini.read(exchange.request)
        tools = tuple(tool for tool in read.tools if hasattr(tool, "parameters"))
        asked = msgspec.structs.replace(
            read, dialect="openai_responses", tools=tools, extra={}, aside={}, needs=(), metadata=msgspec.Raw()
        )
        written, _ = gemini.write(asked)
        assert [types.Content.model_validate(content) for content in written.pop("contents")], exchange.id
        types.Content.model_validate(written.pop("systemInstruction", {}))
        types.ToolConfig.model_validate(written.pop("toolConfig", {}))
        types.GenerationConfig.model_validate(written.pop("generationConfig", {}))
        for tool in written.pop("tools", []):
            types.Tool.model_validate(tool)
        assert written == {}, exchange.id


def test_a_recorded_reply_shown_to_a_client_and_read_again_is_the_same(gemini: Speak, recorded: list[Recorded]):
    for exchange in recorded:
        if isinstance(exchange.reply, dict) and exchange.status == 200:
            reply = gemini.reply(exchange.reply)
            again = gemini.reply(gemini.shown(reply))
            assert [told(choice) for choice in again.choices] == [told(choice) for choice in reply.choices], exchange.id
            assert again.usage is not None
            assert reply.usage is not None
            again.usage = msgspec.structs.replace(again.usage, searches=reply.usage.searches)
            again.choices, again.id = reply.choices, again.id if reply.id else None
            assert again == reply, exchange.id


def test_a_recorded_reply_taken_apart_into_events_is_shown_with_the_same_content(
    gemini: Speak, recorded: list[Recorded]
):
    for exchange in recorded:
        if not isinstance(exchange.reply, dict) or exchange.status != 200:
            continue
        reply = gemini.reply(exchange.reply)
        chunks = gemini.chunks(list(events_of(reply)))
        events, complete = gemini.events(*chunks)
        assert complete, exchange.id
        assembly = Assembly()
        assembly.feed(events)
        assert [without_places(choice) for choice in assembly.reply.choices] == [
            without_places(choice) for choice in reply.choices
        ], exchange.id
        usage, before = assembly.reply.usage, reply.usage
        assert usage is not None
        assert before is not None
        assert msgspec.structs.replace(usage, searches=0) == msgspec.structs.replace(before, searches=0), exchange.id


def told(choice: Any) -> Any:
    """Without the provider's own words for citations."""
    parts = [
        msgspec.structs.replace(
            part, citations=[msgspec.structs.replace(each, raw=msgspec.Raw(), quoted=None) for each in part.citations]
        )
        if hasattr(part, "citations")
        else part
        for part in choice.parts
    ]
    return msgspec.structs.replace(choice, parts=parts)


def without_places(choice: Any) -> Any:
    """A stream cannot tell where a citation stands in a text that is not ASCII; log probabilities come once."""
    parts = [
        msgspec.structs.replace(part, citations=len(part.citations)) if hasattr(part, "citations") else part
        for part in choice.parts
    ]
    return msgspec.structs.replace(choice, parts=parts)


@pytest.mark.sdk
def test_the_official_types_find_in_a_shown_reply_what_they_find_in_the_recorded_one(
    gemini: Speak, recorded: list[Recorded]
):
    for exchange in recorded:
        if not isinstance(exchange.reply, dict) or exchange.status != 200 or "candidates" not in exchange.reply:
            continue
        theirs = official(exchange.reply)
        ours = official(gemini.shown(gemini.reply(exchange.reply)))
        assert theirs.candidates
        assert ours.candidates
        before, after = theirs.candidates[0].content, ours.candidates[0].content
        calls = [call.name for call in theirs.function_calls or []]
        assert [call.name for call in ours.function_calls or []] == calls
        assert after is not None
        said = [part.text for part in (before.parts if before else None) or [] if part.text]
        assert [part.text for part in after.parts or [] if part.text] == said, exchange.id
        signed = [part.thought_signature for part in (before.parts if before else None) or [] if part.thought_signature]
        assert [part.thought_signature for part in after.parts or [] if part.thought_signature] == signed
        assert theirs.usage_metadata
        assert ours.usage_metadata
        assert ours.usage_metadata.total_token_count == theirs.usage_metadata.total_token_count, exchange.id


def streams(recorded: list[Recorded]) -> list[Recorded]:
    found = [exchange for exchange in recorded if ":streamGenerateContent" in exchange.url]
    assert len(found) > 5
    return found


def test_a_recorded_stream_says_the_same_however_it_is_cut(gemini: Speak, recorded: list[Recorded]):
    for exchange in streams(recorded):
        body = exchange.reply.encode()
        whole, complete = gemini.streamed(body)
        assert complete
        for size in (1, 7, 61, 4096) if len(body) < 20_000 else (997, 65536):
            reader, events, rest = CODEC.reader(), list[Event](), b""
            for start in range(0, len(body), size):
                frames, rest = CODEC.split(rest + body[start : start + size])
                for frame in frames:
                    reader.read(frame, events)
            reader.end(events)
            assert rest == b""
            assert repr(events) == repr(whole) or events == whole, exchange.id


def test_a_recorded_stream_that_ends_too_soon_is_not_complete(gemini: Speak, recorded: list[Recorded]):
    for exchange in streams(recorded):
        frames, _ = CODEC.split(exchange.reply.encode())
        for length in range(len(frames)):
            events, complete = gemini.streamed(b"".join(frames[:length]))
            assert not complete, exchange.id
            assert not any(type(event).__name__ == "Finished" for event in events)


@pytest.mark.sdk
def test_a_recorded_stream_written_again_holds_what_the_official_types_find_in_it(
    gemini: Speak, recorded: list[Recorded]
):
    for exchange in streams(recorded):
        events, _ = gemini.streamed(exchange.reply.encode())
        ours = [official(chunk) for chunk in gemini.chunks(events)]
        lines = [frame.removeprefix("data: ") for frame in exchange.reply.split("\r\n\r\n")[:-1]]
        theirs = [official(json.loads(line)) for line in lines]
        assert said(ours) == said(theirs), exchange.id
        assert ours[-1].usage_metadata
        assert theirs[-1].usage_metadata
        assert ours[-1].usage_metadata.total_token_count == theirs[-1].usage_metadata.total_token_count
        assert ours[-1].candidates
        assert theirs[-1].candidates
        assert ours[-1].candidates[0].finish_reason == theirs[-1].candidates[0].finish_reason


def said(chunks: list[types.GenerateContentResponse]) -> tuple[str, str, list[Any], list[Any]]:
    parts = [
        part
        for chunk in chunks
        for candidate in chunk.candidates or []
        for part in (candidate.content.parts if candidate.content else None) or []
    ]
    return (
        "".join(part.text or "" for part in parts if not part.thought),
        "".join(part.text or "" for part in parts if part.thought),
        [part.function_call for part in parts if part.function_call],
        [part.thought_signature for part in parts if part.thought_signature],
    )


def test_a_recorded_stream_as_an_array_is_read_to_the_same_end(gemini: Speak, recorded: list[Recorded]):
    for exchange in streams(recorded):
        lines = [frame.removeprefix("data: ") for frame in exchange.reply.split("\r\n\r\n")[:-1]]
        body = ("[" + "\n,\r\n".join(lines) + "\n]").encode()
        reader, events, rest = array.ArrayReader(), list[Event](), b""
        for start in range(0, len(body), 997):
            frames, rest = array.split(rest + body[start : start + 997])
            for frame in frames:
                reader.read(frame, events)
        reader.end(events)
        assert reader.complete
        assert rest == b""
        assert len(events) == len(gemini.streamed(exchange.reply.encode())[0])


def test_recorded_errors_are_no_replies(gemini: Speak, recorded: list[Recorded]):
    errors = [exchange for exchange in recorded if exchange.status >= 400]
    assert errors
    for exchange in errors:
        assert gemini.no_reply(json.dumps(exchange.reply).encode()) == NoReply("it is an error", is_error=True)
