"""Bedrock's runtime: AWS's own client and its parser of event streams as the witnesses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError
from hypothesis import given
from hypothesis import strategies as st

from headway.simulated.bedrock.frames import frame, padded
from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Quota

HELLO: Any = [{"role": "user", "content": [{"text": "hello"}]}]
CALL_ALL: Any = [{"role": "user", "content": [{"text": "call:*"}]}]


def tool(name: str, **properties: Any) -> Any:
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object", "properties": properties}}}}


TOOLS: Any = {"tools": [tool("weather", city={"type": "string"}), tool("clock")]}
THINKING: Any = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


@pytest.fixture(scope="module")
def client(alpha: SimulatedProvider) -> Iterator[Any]:
    client: Any = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=alpha.root_url,
        aws_access_key_id="good",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 0}),
    )
    yield client
    client.close()


def gathered(events: Any) -> tuple[list[Any], str, Any]:
    """The blocks that the events build, why they stop, and the usage."""
    blocks: dict[int, Any] = {}
    stop, usage = "", None
    for event in events:
        ((name, body),) = event.items()
        if name == "contentBlockStart":
            blocks[body["contentBlockIndex"]] = {"toolUse": {**body["start"]["toolUse"], "input": ""}}
        elif name == "contentBlockDelta":
            delta, index = body["delta"], body["contentBlockIndex"]
            if "toolUse" in delta:
                blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "text" in delta:
                blocks.setdefault(index, {"text": ""})["text"] += delta["text"]
            else:
                told = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {}}})
                text = told["reasoningContent"]["reasoningText"]
                for key, value in delta["reasoningContent"].items():
                    text[key] = text.get(key, "") + value
        elif name == "messageStop":
            stop = body["stopReason"]
        elif name == "metadata":
            usage = body["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    return [blocks[index] for index in sorted(blocks)], stop, usage


@pytest.mark.sdk
@pytest.mark.parametrize("model", ["us.anthropic.claude", "nova"])
def test_a_stream_builds_the_message_that_comes_whole(client: Any, model: str):
    asked: Any = {
        "modelId": model,
        "messages": CALL_ALL,
        "toolConfig": TOOLS,
        "additionalModelRequestFields": THINKING,
    }
    whole = client.converse(**asked)
    blocks, stop, usage = gathered(client.converse_stream(**asked)["stream"])
    assert blocks == whole["output"]["message"]["content"]
    assert [next(iter(block)) for block in blocks] == ["reasoningContent", "toolUse", "toolUse"]
    assert ("signature" in blocks[0]["reasoningContent"]["reasoningText"]) == (model != "nova")
    assert (stop, usage) == ("tool_use", whole["usage"])


@pytest.mark.sdk
def test_a_text_and_its_usage(client: Any):
    whole = client.converse(modelId="nova", messages=HELLO, system=[{"text": "be brief"}])
    assert whole["output"]["message"]["content"][0]["text"].startswith("This is nova at alpha")
    assert whole["usage"]["totalTokens"] == whole["usage"]["inputTokens"] + whole["usage"]["outputTokens"]
    blocks, stop, _ = gathered(client.converse_stream(modelId="nova", messages=HELLO)["stream"])
    assert stop == "end_turn"
    assert len(blocks) == 1


@pytest.mark.sdk
def test_results_are_repeated_and_a_signature_of_somebody_else_is_refused(client: Any):
    asked: Any = {"modelId": "us.anthropic.claude", "toolConfig": TOOLS, "additionalModelRequestFields": THINKING}
    first = client.converse(messages=CALL_ALL, **asked)["output"]["message"]
    calls = [block["toolUse"] for block in first["content"] if "toolUse" in block]
    results = [
        {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": f"{call['name']} says nine"}]}}
        for call in calls
    ]
    history = [*CALL_ALL, first, {"role": "user", "content": results}]
    second = client.converse(messages=history, **asked)["output"]["message"]["content"]
    assert second[-1]["text"].endswith("The tool returned: weather says nine\nclock says nine")
    first["content"][0]["reasoningContent"]["reasoningText"]["signature"] = "c29tZWJvZHk="
    with pytest.raises(ClientError, match="Invalid `signature` in `thinking` block"):
        client.converse(messages=history, **asked)


@pytest.mark.sdk
@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("status=429", "ThrottlingException", 429),
        ("status=503", "ServiceUnavailableException", 503),
        ("status=500", "InternalServerException", 500),
        ("status=424", "ModelErrorException", 424),
        ("status=429,error.type=ModelNotReadyException", "ModelNotReadyException", 429),
    ],
)
def test_faults_are_exceptions_of_bedrocks(client: Any, fault: str, code: str, status: int):
    with pytest.raises(ClientError) as raised:
        client.converse(modelId=f"nova!{fault}", messages=HELLO)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert isinstance(raised.value, getattr(client.exceptions, code))


@pytest.mark.sdk
@pytest.mark.parametrize("error", ["throttlingException", "modelStreamErrorException"])
def test_an_exception_in_the_midst_of_a_stream_raises(client: Any, error: str):
    fault = f"error_event_at=2t,error.type={error}"
    stream = client.converse_stream(modelId=f"nova!{fault}", messages=HELLO)["stream"]
    events = iter(stream)
    assert [next(iter(next(events))) for _ in range(3)] == ["messageStart", "contentBlockDelta", "contentBlockDelta"]
    with pytest.raises(EventStreamError) as raised:
        next(events)
    stream.close()
    assert raised.value.response["Error"]["Code"] == error


@pytest.mark.sdk
def test_a_stream_that_is_cut_has_no_stop(client: Any):
    _, stop, _ = gathered(client.converse_stream(modelId="nova!end_at=2t", messages=HELLO)["stream"])
    assert stop == ""


@pytest.mark.sdk
def test_embeddings_rankings_and_counts(client: Any):
    def invoked(**body: Any) -> Any:
        reply = client.invoke_model(modelId="nova", body=json.dumps(body))
        return json.loads(reply["body"].read())

    assert len(invoked(inputText="hello", dimensions=256)["embedding"]) == 256
    cohere = invoked(texts=["a", "b"], input_type="search_query")
    assert (cohere["response_type"], len(cohere["embeddings"])) == ("embeddings_floats", 2)
    by_type = invoked(texts=["a"], input_type="search_query", embedding_types=["float"])
    assert by_type["embeddings"]["float"][0] == cohere["embeddings"][0]
    ranked = invoked(query="red fox", documents=["a dog", "the red fox"], api_version=2)
    assert [place["index"] for place in ranked["results"]] == [1, 0]
    params = {"text": {"value": "hello"}, "embeddingDimension": 256}
    nova = invoked(taskType="SINGLE_EMBEDDING", singleEmbeddingParams=params)
    assert len(nova["embeddings"][0]["embedding"]) == 256
    assert client.count_tokens(modelId="nova", input={"converse": {"messages": HELLO}})["inputTokens"] == 8
    claude = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hello"}],
    }
    body = json.dumps(claude).encode()
    assert client.count_tokens(modelId="nova", input={"invokeModel": {"body": body}})["inputTokens"] == 8


@pytest.mark.sdk
def test_claude_can_be_invoked_in_anthropics_own_words(client: Any):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "hello"}],
    }
    whole = client.invoke_model(modelId="us.anthropic.claude", body=json.dumps(body))
    text = json.loads(whole["body"].read())["content"][0]["text"]
    stream = client.invoke_model_with_response_stream(modelId="us.anthropic.claude", body=json.dumps(body))
    events = [json.loads(event["chunk"]["bytes"]) for event in stream["body"]]
    assert "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta") == text
    assert events[-1]["type"] == "message_stop"


@given(st.text(alphabet=st.characters(codec="ascii"), min_size=1, max_size=30), st.binary(max_size=200))
def test_awss_parser_reads_every_frame(name: str, payload: bytes):
    buffer = EventStreamBuffer()
    buffer.add_data(frame(name, payload))
    (event,) = list(buffer)
    assert event.headers[":event-type"] == name
    assert event.payload == payload


def test_awss_parser_reads_a_frame_that_was_made_longer():
    buffer = EventStreamBuffer()
    buffer.add_data(padded(frame("messageStart", b'{"role":"assistant"}'), 1000))
    (event,) = list(buffer)
    assert json.loads(event.payload) == {"role": "assistant", "padding": "x" * 1000}


def turn(*content: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


CALL = {"toolUse": {"toolUseId": "t1", "name": "clock", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "nine"}]}}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"messages": []}, "A conversation must start with a user message"),
        ({"messages": [*HELLO, *HELLO]}, "A conversation must alternate between user and assistant roles"),
        ({"messages": [turn({"text": " "})]}, "messages.0.content.0 is blank"),
        ({"messages": [turn()]}, "The content field in the Message object at messages.0 is empty"),
        ({"messages": [turn({"foo": 1})]}, "must set one of the following keys"),
        ({"messages": [*HELLO, turn(CALL, role="assistant"), turn(RESULT)]}, "The toolConfig field must be defined"),
        (
            {"messages": [*HELLO, turn(CALL, role="assistant"), turn({"text": "x"})], "toolConfig": TOOLS},
            "Expected toolResult blocks at messages.2.content for the following Ids: t1",
        ),
        ({"messages": [turn(RESULT)], "toolConfig": TOOLS}, "exceeds the number of toolUse blocks of previous turn"),
        ({"messages": HELLO, "inferenceConfig": {"temperature": 1.5}}, "inferenceConfig.temperature"),
        ({"messages": HELLO, "inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        (b"{", "Unable to parse request body"),
    ],
)
def test_what_is_wrong_is_refused_in_bedrocks_form(ask: Any, body: Any, complaint: str):
    said = ask("/model/nova/converse", body)
    assert said.status == 400
    assert complaint in said.document["message"]
    assert said.headers["x-amzn-errortype"].partition(":")[0] in {"ValidationException", "SerializationException"}


SIGNED = (
    "AWS4-HMAC-SHA256 Credential={}/20250101/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature="
    + "a" * 64
)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ((), "MissingAuthenticationTokenException"),
        ((("authorization", "Bearer bad"),), "AccessDeniedException"),
        ((("authorization", "AWS4-HMAC-SHA256 nonsense"),), "IncompleteSignatureException"),
        ((("authorization", SIGNED.format("good")),), "IncompleteSignatureException"),
        ((("authorization", SIGNED.format("bad")), ("x-amz-date", "1")), "UnrecognizedClientException"),
        ((("authorization", SIGNED.format("good")), ("x-amz-date", "1")), None),
        ((("authorization", "Bearer good"),), None),
    ],
)
def test_whoever_asks_must_say_who_it_is(ask: Any, headers: Any, error: str | None):
    said = ask("/model/nova/converse", {"messages": HELLO}, headers=headers)
    assert said.headers.get("x-amzn-errortype", "").partition(":")[0] == (error or "")
    assert said.status == (403 if error else 200)


def test_an_unknown_model_and_an_empty_quota_are_exceptions(ask: Any):
    assert ask("/model/other/converse", {"messages": HELLO}).document["message"].endswith("identifier is invalid.")
    quota = Quota(rpm=1)
    statuses = [ask("/model/nova/converse", {"messages": HELLO}, quota=quota).status for _ in range(2)]
    assert statuses == [200, 429]


def test_structured_output_satisfies_its_schema(ask: Any):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    wanted = {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema), "name": "x"}}}
    }
    said = ask("/model/nova/converse", {"messages": HELLO, "outputConfig": wanted})
    assert list(json.loads(said.document["output"]["message"]["content"][0]["text"])) == ["n"]
