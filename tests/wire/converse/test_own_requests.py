"""A request of Converse read and written again says the same as before."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from headway.wire.form.parts import Opaque
from headway.wire.form.request import HostedTool

OPUS = "us.anthropic.claude-opus-4-6-v1:0"
USER: dict[str, Any] = {"role": "user", "content": [{"text": "Hi"}]}


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """The harmless differences left out: settings that hold nothing, a success that is said, a media type that stands
    for its format, and an input or schema with other white space.
    """
    body = copy.deepcopy(body)
    for name in ("system", "inferenceConfig"):
        if not body.get(name):
            body.pop(name, None)
    for message in body.get("messages", ()):
        for block in message["content"]:
            result = block.get("toolResult", {})
            if "type" not in result and result.get("status") == "success":
                del result["status"]
            if "video" in block:
                block["video"]["format"] = block["video"]["format"].rpartition("/")[2]
    return body


def test_all_recorded_requests_are_kept_whole(recordings, read, write):
    seen = 0
    for recorded in recordings:
        if recorded.operation.startswith("converse"):
            body, dropped = write(read(recorded.request, recorded.model), recorded.model)
            assert plain(body) == plain(recorded.request), recorded.id
            assert dropped == (), recorded.id
            seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    "body",
    [
        {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
        {"promptVariables": {"name": {"text": "Ann"}}},
        {"performanceConfig": {"latency": "optimized"}},
        {"additionalModelResponseFieldPaths": ["/stop_sequence"]},
        {"additionalModelResponseFieldPaths": ["/stop_sequence", "/other"]},
        {"requestMetadata": {"team": "a"}, "serviceTier": {"type": "flex"}},
        {"additionalModelRequestFields": {"top_k": 5, "anthropic_beta": ["x"], "top_a": {"b": [1]}}},
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
        {"additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "summarized"}}},
        {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}},
        {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}},
        {"additionalModelRequestFields": {"thinking": {"type": "unheard of", "deep": True}}},
        {"additionalModelRequestFields": {"output_config": {"effort": "low", "format": {}}}},
        {"outputConfig": {"effort": "high"}},
        {
            "outputConfig": {"effort": "low"},
            "additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        },
        {
            "outputConfig": {
                "effort": "high",
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"schema": '{ "type":"object" }', "name": "n", "description": "d"}},
                },
            }
        },
        {"inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 1.0, "stopSequences": ["a", "b"]}},
        {"system": [{"text": "Be short."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]},
        {"system": [{"cachePoint": {"type": "default"}}, {"text": "Late."}]},
        {"system": [{"guardContent": {"text": {"text": "guarded"}}}]},
        {
            "toolConfig": {
                "tools": [
                    {"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}, "strict": False}},
                    {"cachePoint": {"type": "default"}},
                    {"systemTool": {"name": "nova_grounding"}},
                ],
                "toolChoice": {"tool": {"name": "a"}},
            }
        },
        {"toolConfig": {"tools": [{"systemTool": {"name": "s"}}, {"cachePoint": {"type": "default"}}]}},
        {
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}],
                "toolChoice": {"any": {}},
            }
        },
    ],
    ids="-".join,
)
def test_every_setting_is_kept(body, read, write):
    body = {"messages": [USER]} | body
    assert write(read(body, OPUS), OPUS) == (body, ())


@pytest.mark.parametrize(
    "block",
    [
        {"image": {"format": "webp", "source": {"bytes": "UklGRg=="}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a", "bucketOwner": "123456789012"}}}},
        {"video": {"format": "three_gp", "source": {"bytes": "AAAA"}}},
        {"video": {"format": "mpg", "source": {"bytes": "AAAA"}}},
        {"audio": {"format": "mka", "source": {"bytes": "AAAA"}}},
        {"document": {"format": "docx", "name": "a b", "source": {"bytes": "AAAA"}}},
        {"document": {"name": "notes", "source": {"text": "All of it."}}},
        {
            "document": {
                "format": "txt",
                "name": "n",
                "source": {"text": "All of it."},
                "context": "old",
                "citations": {"enabled": True},
            }
        },
        {"guardContent": {"text": {"text": "guarded", "qualifiers": ["query"]}}},
        {"searchResult": {"source": "s", "title": "t", "content": [{"text": "c"}]}},
        {"toolResult": {"toolUseId": "t1", "content": [{"json": {"a": [1, 2]}}]}},
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "no"}], "status": "error"}},
        {"toolResult": {"toolUseId": "t1", "content": []}},
        {
            "toolResult": {
                "toolUseId": "t1",
                "content": [
                    {"text": "a"},
                    {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                    {"document": {"format": "pdf", "name": "d", "source": {"bytes": "AAAA"}}},
                    {"searchResult": {"source": "s", "title": "t", "content": [{"text": "c"}]}},
                ],
            }
        },
    ],
    ids=lambda block: next(iter(block)),
)
def test_every_block_of_a_user_is_kept(block, read, write):
    body = {"messages": [{"role": "user", "content": [{"text": "See:"}, block, {"cachePoint": {"type": "default"}}]}]}
    assert write(read(body)) == (body, ())


@pytest.mark.parametrize(
    "block",
    [
        {"toolUse": {"toolUseId": "t1", "name": "a", "input": {"b": [1, {"c": None}]}}},
        {"toolUse": {"toolUseId": "t1", "name": "a", "input": {}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "t1", "content": [{"json": {}}], "type": "x_result", "status": "success"}},
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
        {"reasoningContent": {"redactedContent": "RXRrRQ=="}},
        {"reasoningContent": {"redactedContent": "/////w=="}},
        {"reasoningContent": {"redactedContent": "RXRrRR=="}},  # decodes to text, but not back from it
        {
            "citationsContent": {
                "content": [{"text": "So it is."}],
                "citations": [
                    {"title": "t", "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}},
                ],
            }
        },
    ],
    ids=lambda block: next(iter(block)),
)
def test_every_block_of_an_assistant_is_kept(block, read, write):
    body = {"messages": [USER, {"role": "assistant", "content": [block, {"text": "So."}]}, USER]}
    assert write(read(body)) == (body, ())


def test_a_system_message_in_the_midst_stays_where_it_is(read, write):
    body: dict[str, Any] = {"messages": [USER, {"role": "assistant", "content": [{"text": "Yes?"}]}]}
    body["messages"] += [{"role": "system", "content": [{"toolRemoval": {"tool": {"name": "a"}}}]}, USER]
    assert write(read(body)) == (body, ())


def test_results_and_words_of_a_user_are_told_apart_and_written_as_one_again(read, write):
    content: list[dict[str, Any]] = [
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "21"}]}},
        {"text": "Go on."},
    ]
    body = {"messages": [USER, {"role": "user", "content": content}]}
    request = read(body)
    assert [message.role for message in request.messages] == ["user", "tool", "user"]
    assert write(request)[0]["messages"] == [{"role": "user", "content": USER["content"] + content}]


def test_content_that_only_bedrock_knows_is_named_as_needed(read):
    owned = {"s3Location": {"uri": "s3://b/a", "bucketOwner": "123456789012"}}
    content = [
        {"guardContent": {"text": {"text": "guarded"}}},
        {"toolResult": {"toolUseId": "t", "content": [{"searchResult": {"source": "", "title": "", "content": []}}]}},
        {"image": {"format": "png", "source": owned}},
    ]
    request = read({"messages": [{"role": "user", "content": content}], "guardrailConfig": {}, "promptVariables": {}})
    assert set(request.needs) == {"guardContent", "searchResult", "s3Location", "guardrailConfig", "promptVariables"}


def test_a_tool_that_bedrock_runs_is_hosted_and_what_it_did_is_opaque(recordings, read):
    request = next(
        read(recorded.request, recorded.model) for recorded in recordings if "server_tool_use" in str(recorded.request)
    )
    assert any(isinstance(tool, HostedTool) and tool.kind == "nova_code_interpreter" for tool in request.tools)
    kinds = [part.kind for message in request.messages for part in message.parts if isinstance(part, Opaque)]
    assert kinds == ["toolUse", "toolResult"]
