"""Google's API at both of its places: Google's own client as the witness, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Quota

WEATHER = types.FunctionDeclaration(
    name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}}
)
CLOCK = types.FunctionDeclaration(name="clock")
CALLING = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[WEATHER, CLOCK])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)
THINKING = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))


@pytest.fixture(scope="module")
def client(alpha: SimulatedProvider) -> Iterator[genai.Client]:
    client = genai.Client(api_key="good", http_options=types.HttpOptions(base_url=alpha.root_url))
    yield client
    client.close()


def content(response: types.GenerateContentResponse) -> types.Content:
    candidates = response.candidates or []
    assert candidates[0].content is not None
    return candidates[0].content


def built(chunks: list[types.GenerateContentResponse]) -> list[types.Part]:
    """The parts of a stream, with texts of one kind put together and the empty ones left out."""
    parts: list[types.Part] = []
    for part in [part for chunk in chunks for part in content(chunk).parts or ()]:
        last = parts[-1] if parts else None
        if last is not None and part.text is not None and last.text is not None and last.thought == part.thought:
            last.text += part.text
            last.thought_signature = part.thought_signature
        elif part.text != "" or part.thought_signature:
            parts.append(part)
    return parts


@pytest.mark.sdk
@pytest.mark.parametrize("config", [None, THINKING, CALLING])
@pytest.mark.parametrize("model", ["gemini-2.5", "gemini-3"])
def test_a_stream_builds_the_response_that_comes_whole(client: genai.Client, model: str, config: Any):
    asked: Any = {"model": model, "contents": "call:*", "config": config}
    whole = client.models.generate_content(**asked)
    chunks = list(client.models.generate_content_stream(**asked))
    assert built(chunks) == content(whole).parts
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert [bool(chunk.candidates and chunk.candidates[0].finish_reason) for chunk in chunks].count(True) == 1
    assert {chunk.response_id for chunk in chunks} == {whole.response_id}


def test_a_stream_without_sse_is_one_array(ask: Any):
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    whole = ask("/v1beta/models/gemini-3:generateContent", body).document
    chunks = ask("/v1beta/models/gemini-3:streamGenerateContent", body).document
    texts = [part["text"] for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == whole["candidates"][0]["content"]["parts"][0]["text"]


@pytest.mark.sdk
def test_usage_counts_thoughts_apart(client: genai.Client):
    usage: Any = client.models.generate_content(model="gemini-3", contents="hello", config=THINKING).usage_metadata
    assert usage.thoughts_token_count > 5
    spent = usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    assert usage.total_token_count == spent


@pytest.mark.sdk
def test_a_gemini_3_wants_the_signature_of_its_call_back(client: genai.Client):
    first = client.models.generate_content(model="gemini-3", contents="call:*", config=CALLING)
    calls = content(first)
    signed = [part.thought_signature is not None for part in calls.parts or ()]
    assert signed == [True, False]
    results = [types.Part.from_function_response(name=n, response={"result": "nine"}) for n in ("weather", "clock")]
    user = types.Content(role="user", parts=[types.Part(text="call:*")])
    history: Any = [user, calls, types.Content(role="user", parts=results)]
    again = client.models.generate_content(model="gemini-3", contents=history, config=CALLING)
    assert str(again.text).endswith("The tool returned: nine\nnine")
    part: Any = (calls.parts or [])[0]
    for signature, complaint in ((None, "missing a thought_signature"), (b"somebody else's", "signature is not valid")):
        part.thought_signature = signature
        with pytest.raises(errors.ClientError, match=complaint):
            client.models.generate_content(model="gemini-3", contents=history, config=CALLING)
    part.thought_signature = b"skip_thought_signature_validator"
    assert client.models.generate_content(model="gemini-3", contents=history, config=CALLING).text
    part.thought_signature = None
    assert client.models.generate_content(model="gemini-2.5", contents=history, config=CALLING).text


@pytest.mark.sdk
def test_functions_can_be_required_chosen_and_forbidden(client: genai.Client):
    def called(said: str, **choice: Any) -> list[str | None]:
        config = CALLING.model_copy(
            update={
                "tool_config": types.ToolConfig(function_calling_config=types.FunctionCallingConfig(**choice)),
            }
        )
        calls = client.models.generate_content(model="gemini-3", contents=said, config=config).function_calls
        return [call.name for call in calls or ()]

    assert called("hello", mode="ANY") == ["weather"]
    assert called("hello", mode="ANY", allowed_function_names=["clock"]) == ["clock"]
    assert called("call:*", mode="NONE") == []


@pytest.mark.sdk
def test_structured_output_satisfies_either_kind_of_schema(client: genai.Client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    for wanted in ({"response_schema": schema}, {"response_json_schema": schema}):
        config = types.GenerateContentConfig.model_validate({"response_mime_type": "application/json", **wanted})
        response = client.models.generate_content(model="gemini-3", contents="hello", config=config)
        assert list(json.loads(str(response.text))) == ["n"]


@pytest.mark.sdk
def test_what_is_filtered_says_why(client: genai.Client):
    prompt = client.models.generate_content(model="gemini-3", contents="block:prompt")
    assert prompt.candidates is None
    assert prompt.prompt_feedback is not None
    assert prompt.prompt_feedback.block_reason == types.BlockedReason.SAFETY
    for response in (
        client.models.generate_content(model="gemini-3", contents="block:answer"),
        list(client.models.generate_content_stream(model="gemini-3", contents="block:answer"))[-1],
    ):
        assert [candidate.finish_reason for candidate in response.candidates or ()] == [types.FinishReason.SAFETY]


@pytest.mark.sdk
def test_several_candidates_and_limits(client: genai.Client):
    config = types.GenerateContentConfig(candidate_count=2, max_output_tokens=5)
    whole = client.models.generate_content(model="gemini-2.5", contents="tokens:9", config=config)
    assert [c.finish_reason for c in whole.candidates or ()] == [types.FinishReason.MAX_TOKENS] * 2
    chunks = list(client.models.generate_content_stream(model="gemini-2.5", contents="tokens:9", config=config))
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.candidates_token_count == 10


@pytest.mark.sdk
def test_embeddings_tokens_and_models(client: genai.Client):
    config = types.EmbedContentConfig(output_dimensionality=8)
    embedded = client.models.embed_content(model="gemini-2.5", contents=["a", "b"], config=config)
    assert {len(each.values or []) for each in embedded.embeddings or ()} == {8}
    assert client.models.count_tokens(model="gemini-2.5", contents="hello").total_tokens == 8
    assert "models/gemini-3" in [model.name for model in client.models.list()]


@pytest.mark.sdk
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("status=429,header.retry-after=3", "RESOURCE_EXHAUSTED", 429),
        ("status=503", "UNAVAILABLE", 503),
        ("status=500", "INTERNAL", 500),
        ("status=403,error.code=SERVICE_DISABLED", "PERMISSION_DENIED", 403),
    ],
)
def test_faults_are_told_in_googles_words(client: genai.Client, fault: str, status: str, code: int):
    with pytest.raises(errors.APIError) as raised:
        client.models.generate_content(model=f"gemini-3!{fault}", contents="hello")
    assert (raised.value.status, raised.value.code) == (status, code)
    told: Any = raised.value.details
    kinds = {"429": "RetryInfo", "403": "ErrorInfo"}
    named = [each["@type"].rpartition(".")[2] for each in told["error"].get("details", [])]
    assert named == [kinds[str(code)]] if str(code) in kinds else named == []


@pytest.mark.sdk
def test_an_error_in_the_midst_of_a_stream_raises(client: genai.Client):
    chunks = iter(client.models.generate_content_stream(model="gemini-3!error_event_at=2t", contents="hello"))
    assert [next(chunks).text for _ in range(2)] == ["This", " is"]
    with pytest.raises(errors.ServerError, match="overloaded"):
        next(chunks)


def test_vertex_speaks_alike(ask: Any):
    place = "/v1/projects/p/locations/eu/publishers/google/models/gemini-3"
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    bearer = (("authorization", "Bearer good"),)
    said = ask(f"{place}:generateContent", body, headers=bearer)
    types.GenerateContentResponse.model_validate(said.document)
    assert said.document["usageMetadata"]["trafficType"] == "ON_DEMAND"
    predicted = ask(f"{place}:predict", {"instances": [{"content": "hello"}]}, headers=bearer).document
    assert len(predicted["predictions"][0]["embeddings"]["values"]) == 768
    assert ask(f"{place}:generateContent", body, headers=()).status == 401
    unknown = ask(f"{place}x:generateContent", body, headers=bearer)
    assert (unknown.status, unknown.document["error"]["status"]) == (404, "NOT_FOUND")


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


HELLO = user({"text": "hello"})
CALL = {"role": "model", "parts": [{"functionCall": {"name": "clock", "args": {}}}]}
RESULT = {"functionResponse": {"name": "clock", "response": {"result": 1}}}
CLOSED = {"type": "OBJECT", "additionalProperties": False}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "contents is not specified"),
        ({"contents": [HELLO], "foo": 1}, 'Unknown name "foo": Cannot find field.'),
        ({"contents": [{"role": "cat", "parts": [{"text": "x"}]}]}, "Invalid value at 'contents[0].role'"),
        ({"contents": [user({})]}, "required oneof field 'data'"),
        ({"contents": [user()]}, "contents.parts must not be empty"),
        ({"contents": [HELLO, CALL]}, "function response turn comes immediately after a function call turn"),
        ({"contents": [HELLO, CALL, HELLO]}, "the number of function response parts is equal"),
        ({"contents": [CALL, user(RESULT)]}, "function call turn comes immediately after a user turn"),
        ({"contents": [HELLO], "generationConfig": {"temperature": 3}}, "generation_config.temperature"),
        (
            {"contents": [HELLO], "generation_config": {"response_schema": {"type": "OBJECT"}}},
            "only allowed with response_mime_type",
        ),
        (
            {"contents": [HELLO], "tools": [{"functionDeclarations": [{"name": "a", "parameters": CLOSED}]}]},
            "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters'",
        ),
        ({"contents": [HELLO], "tools": [{"functionDeclarations": [{"name": "a b"}]}]}, "Invalid function name"),
        (b"{", "Invalid JSON payload received."),
    ],
)
def test_what_is_wrong_is_refused_in_googles_form(ask: Any, body: Any, complaint: str):
    said = ask("/v1beta/models/gemini-2.5:generateContent", body)
    error = said.document["error"]
    assert (said.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert complaint in error["message"]


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ((), "", 403),
        ((("x-goog-api-key", "bad"),), "", 400),
        ((("x-goog-api-key", "good"),), "", 200),
        ((), "?key=good", 200),
    ],
)
def test_a_key_comes_as_a_header_or_in_the_query(ask: Any, headers: Any, path: str, status: int):
    said = ask(f"/v1beta/models/gemini-3:generateContent{path}", {"contents": [HELLO]}, headers=headers)
    assert said.status == status


def test_an_empty_quota_says_when_to_come_back(ask: Any):
    quota = Quota(rpm=2)
    replies = [ask("/v1beta/models/gemini-3:generateContent", {"contents": [HELLO]}, quota=quota) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    (info,) = replies[2].document["error"]["details"]
    assert info == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}
