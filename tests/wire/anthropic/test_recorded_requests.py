"""What clients sent to Anthropic, read into the form and written again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from headway.wire.form.abilities import wanted
from headway.wire.form.request import HostedTool, Tool

if TYPE_CHECKING:
    from wire.anthropic.conftest import Read, Recording, Write


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_block(each) for each in content]


def _block(block: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in block.items() if value is not None}
    if found.get("caller") == {"type": "direct"}:  # what a call without it means
        del found["caller"]
    if found["type"] == "tool_result":
        if not found.get("is_error"):
            found.pop("is_error", None)
        if "content" in found:
            found["content"] = _blocks(found["content"])
    return found


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """A request as the API understands it: texts as blocks, neighbours of one role joined, results of tools first,
    fields without a value and those that say the default left out.
    """
    found = {name: value for name, value in json.loads(json.dumps(body)).items() if value is not None}
    if "system" in found:
        found["system"] = _blocks(found["system"])
    joined: list[dict[str, Any]] = []
    for message in found["messages"]:
        content = _blocks(message["content"])
        if joined and joined[-1]["role"] == message["role"] != "system":
            joined[-1]["content"] += content
        else:
            joined.append({**message, "content": content})
    for message in joined:
        if message["role"] == "user":
            message["content"].sort(key=lambda block: block["type"] != "tool_result")
    found["messages"] = joined
    for tool in found.get("tools", []):
        if tool.get("type") == "custom":
            del tool["type"]
    if not found.get("stream"):
        found.pop("stream", None)
    return found


def test_every_recorded_request_is_written_as_it_was_read(recordings: list[Recording], read: Read, write: Write):
    assert len(recordings) > 150
    for recording in recordings:
        body, dropped = write(read(recording.request), recording.request["model"])
        assert _plain(body) == _plain(recording.request), recording.id
        assert dropped == (), recording.id


def test_what_another_dialect_says_the_same_way_reaches_claude_unchanged(
    recordings: list[Recording], read: Read, write: Write
):
    seen = 0
    for recording in recordings:
        request = read(recording.request)
        hosted = any(isinstance(tool, HostedTool) for tool in request.tools)
        if (
            request.needs
            or request.extra
            or request.aside
            or hosted
            or request.thinking
            or wanted(request) & {"files", "images"}
        ):
            continue
        if any(message.role == "system" for message in request.messages[1:]):
            continue  # which only this dialect has
        body, _ = write(msgspec.structs.replace(request, dialect="openai_chat"), "claude-sonnet-4-5")
        told, asked = _plain(body), _plain(recording.request)
        for name in ("messages", "system", "tools", "tool_choice", "temperature", "output_config", "stop_sequences"):
            assert told.get(name) == asked.get(name), (recording.id, name)
        seen += 1
    assert seen > 70


def test_the_schema_of_a_tool_keeps_its_bytes(read: Read):
    schema = b'{"type": "object",  "properties": {"b": {}, "a": {}}}'
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"?"}],'
        b'"tools":[{"name":"t","input_schema":' + schema + b"}]}"
    )
    tool = read(body).tools[0]
    assert isinstance(tool, Tool)
    assert bytes(tool.parameters) == schema


@pytest.mark.sdk
def test_every_written_request_has_the_shape_of_the_sdks_types(recordings: list[Recording], read: Read, write: Write):
    pydantic = pytest.importorskip("pydantic")
    types = pytest.importorskip("anthropic.types.beta.message_create_params")
    check: Callable[[Any], Any] = pydantic.TypeAdapter(types.MessageCreateParams).validate_python
    for recording in recordings:
        body = write(read(recording.request), recording.request["model"]).body
        check({"max_tokens": 1, **body})
