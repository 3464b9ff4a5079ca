"""Tools in groups: one name for all other dialects, and the client's own two in what it reads."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from headway.wire.form.codec import Said, Show
from headway.wire.form.parts import ToolCall
from headway.wire.form.reply import CallBegan, CallDelta, Choice, Finished, PartEnded, Reply, Stop
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.openai_chat.codec import CODEC as CHAT
from headway.wire.openai_responses.codec import CODEC
from headway.wire.openai_responses.groups import joined

LOOK = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": False}
GROUP = {
    "type": "namespace",
    "name": "files",
    "description": "Files of the user.",
    "tools": [LOOK, {**LOOK, "name": "find"}],
}
SEARCH = {"type": "web_search", "external_web_access": False}
CALL = {"type": "function_call", "call_id": "c1", "namespace": "files", "name": "look", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "a"}
ASKED: dict[str, Any] = {
    "model": "m",
    "input": [{"type": "message", "role": "user", "content": "Hi"}, CALL, RESULT],
    "tools": [SEARCH, LOOK, GROUP, {**LOOK, "name": "last", "defer_loading": True}],
}


def read(asked: dict[str, Any]) -> Request:
    fields = msgspec.json.decode(json.dumps(asked), type=dict[str, msgspec.Raw])
    request = CODEC.read_request(fields, Said(model="m", stream=False))
    assert not isinstance(request, Malformed)
    return request


def written(written: Written | Unsupported) -> tuple[dict[str, Any], set[str]]:
    assert isinstance(written, Written)
    return json.loads(written.body), set(written.dropped)


def test_groups_and_calls_from_them_are_put_back_as_they_were_asked_for() -> None:
    body, dropped = written(CODEC.write_request(read(ASKED), Toward(model="m")))
    assert (body["tools"], body["input"]) == (ASKED["tools"], ASKED["input"])
    assert not dropped


def test_nothing_but_an_offered_search_is_put_back_too() -> None:
    body, _ = written(CODEC.write_request(read({**ASKED, "tools": [SEARCH]}), Toward(model="m")))
    assert body["tools"] == [SEARCH]


def test_elsewhere_a_tool_of_a_group_goes_by_one_name_and_the_group_is_described_once() -> None:
    body, dropped = written(CHAT.write_request(read(ASKED), Toward(model="m")))
    told = [(tool["function"]["name"], tool["function"]["description"]) for tool in body["tools"]]
    assert told == [
        ("look", "Looks."),
        ("files__look", "Files of the user.\n\nLooks."),
        ("files__find", "Looks."),
        ("last", "Looks."),
    ]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "files__look"
    assert dropped == {"tools[].web_search", "tools[].defer_loading"}


def test_a_search_of_the_web_itself_is_not_left_out() -> None:
    search = {**SEARCH, "external_web_access": True}
    found = CHAT.write_request(read({**ASKED, "tools": [search]}), Toward(model="m"))
    assert isinstance(found, Unsupported)
    assert found.feature == "web_search"


def test_a_name_is_never_longer_than_everybody_allows_and_always_the_same() -> None:
    name = joined("g" * 60, "t" * 60)
    assert len(name) == 64
    assert name == joined("g" * 60, "t" * 60)
    assert name != joined("g" * 60, "t" * 59)
    assert joined("mcp__files__", "look") == "mcp__files__look"


def show() -> Show:
    return Show(request_id="r", created=1, model="m", request=read(ASKED))


def test_a_whole_answer_names_the_group_of_what_it_calls() -> None:
    calls = [ToolCall(id="1", name="files__find", arguments="{}"), ToolCall(id="2", name="look", arguments="{}")]
    answer = json.loads(CODEC.write_reply(Reply(choices=[Choice(parts=[*calls], stop=Stop.TOOLS)]), show()))
    assert [(item["name"], item.get("namespace")) for item in answer["output"]] == [("find", "files"), ("look", None)]


def test_a_stream_names_the_group_of_what_it_calls_from_the_beginning_to_the_end() -> None:
    writer = CODEC.writer(show())
    data = writer.write(
        [
            CallBegan(part=0, id="1", name="files__find"),
            CallDelta("{}", 0),
            PartEnded(0),
            Finished(Stop.TOOLS),
        ]
    )
    data += writer.end()
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]
    items = [event["item"] for event in events if "item" in event] + events[-1]["response"]["output"]
    assert [(item["name"], item["namespace"]) for item in items] == [("find", "files")] * 3
    (done,) = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert done["name"] == "find"


def test_a_providers_call_from_a_group_is_read_under_the_one_name() -> None:
    item = {**CALL, "id": "fc_1", "status": "completed"}
    body = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [item]}
    reply = CODEC.read_reply(json.dumps(body).encode())
    assert isinstance(reply, Reply)
    (call,) = reply.choices[0].parts
    assert isinstance(call, ToolCall)
    assert call.name == "files__look"
