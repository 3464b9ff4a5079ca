"""From request to reply without sockets: determinism, tokens, refusals, quota and which fault is chosen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.simulated import tokens
from headway.simulated.faults import NO_FAULT, Fault
from headway.simulated.openai.wording import DONE
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Reply
from headway.simulated.service import Answered, Service
from headway.simulated.settings import Quota, Simulation

MESSAGES = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CLOCK = {"type": "function", "function": {"name": "clock"}}


def post(path: str, body: object, *, at: float = 0.0, **headers: Any) -> ReceivedRequest:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return ReceivedRequest("POST", f"/v1{path}", named, raw, at)


def answered(request: ReceivedRequest, simulation: Simulation | None = None, planned: Fault = NO_FAULT) -> Answered:
    return Service(simulation or Simulation()).answer(request, planned, created=1)


def body_of(reply: Reply) -> bytes:
    return b"".join(piece.data for piece in reply.pieces)


def ask(path: str, body: object, simulation: Simulation | None = None) -> Any:
    """The document of a whole reply."""
    return msgspec.json.decode(body_of(answered(post(path, body), simulation).reply))


def chat(simulation: Simulation | None = None, **body: object) -> Any:
    return ask("/chat/completions", {"model": "m", "messages": MESSAGES, **body}, simulation)


def events(path: str, body: dict[str, object]) -> list[Any]:
    raw = body_of(answered(post(path, {**body, "stream": True})).reply)
    lines = [line.removeprefix(b"data: ") for line in raw.split(b"\n") if line.startswith(b"data: ")]
    return [msgspec.json.decode(line) for line in lines if line != b"[DONE]"]


def text_of(document: Any) -> str:
    return document["choices"][0]["message"]["content"]


# Determinism.


def test_the_same_request_gets_the_same_bytes():
    request = post("/chat/completions", {"model": "m", "messages": MESSAGES})
    first, second = answered(request).reply, answered(request).reply
    assert first.headers == second.headers
    assert body_of(first) == body_of(second)


def test_the_order_of_members_does_not_matter():
    assert chat(n=1, seed=4) == ask("/chat/completions", {"seed": 4, "messages": MESSAGES, "n": 1, "model": "m"})


def test_other_questions_models_and_seeds_get_other_texts():
    other = [{"role": "user", "content": "hullo"}]
    texts = [chat(), chat(messages=other), chat(model="n"), chat(seed=5), chat(Simulation(seed=1))]
    assert len({text_of(document) for document in texts}) == 5
    assert len({document["id"] for document in texts}) == 5


def test_the_limit_changes_how_much_is_said_not_what():
    full, short = text_of(chat()), chat(max_tokens=7)
    assert short["choices"][0]["finish_reason"] == "length"
    assert full.startswith(text_of(short))
    assert short["usage"]["completion_tokens"] == 7


def test_ids_and_times_can_be_real():
    service = Service(Simulation(unique_ids=True))
    request = post("/chat/completions", {"model": "m", "messages": MESSAGES})
    replies = [service.answer(request, NO_FAULT, created=now).reply for now in (5, 6)]
    first, second = (msgspec.json.decode(body_of(reply)) for reply in replies)
    assert first["id"] != second["id"]
    assert (first["created"], second["created"]) == (5, 6)
    assert text_of(first) == text_of(second)
    assert dict(replies[0].headers)["x-request-id"] != dict(replies[1].headers)["x-request-id"]


def test_the_text_says_who_answers():
    assert text_of(chat(Simulation(name="alpha"), model="fast")).startswith("This is fast at alpha")


# Tokens.


@given(st.text())
def test_the_tokens_of_a_text_are_the_text(text: str):
    assert "".join(tokens.tokens(text)) == text
    assert tokens.count(text) == len(tokens.tokens(text))


@given(st.integers(1, 120))
def test_usage_chunks_and_limit_count_alike(limit: int):
    body: dict[str, object] = {"model": "m", "messages": MESSAGES, "max_tokens": limit}
    document = ask("/chat/completions", body)
    said = document["usage"]["completion_tokens"]
    assert said <= limit
    assert tokens.count(text_of(document)) == said
    deltas = [event["choices"][0]["delta"].get("content") for event in events("/chat/completions", body)]
    assert [delta for delta in deltas if delta] == tokens.tokens(text_of(document))


@pytest.mark.parametrize("count", [1, 5, 500])
def test_a_text_of_any_length_can_be_asked_for(count: int):
    document = chat(messages=[{"role": "user", "content": f"please tokens:{count}"}])
    assert document["usage"]["completion_tokens"] == count


def test_a_text_can_be_dictated_and_stopped():
    said = [{"role": "user", "content": "say: one, two, three\nfour"}]
    assert text_of(chat(messages=said)) == "one, two, three\nfour"
    assert text_of(chat(messages=said, stop=["three", ", two"])) == "one"


def test_the_prompt_is_counted_with_everything_in_it():
    plain = chat()["usage"]["prompt_tokens"]
    assert plain == 3 + 4 + 1
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"role": "user", "content": [{"type": "text", "text": "hello"}, image]}]
    assert chat(messages=parts)["usage"]["prompt_tokens"] == plain + 85
    assert chat(tools=[WEATHER])["usage"]["prompt_tokens"] > plain


# Chat.


def test_choices_differ_and_are_counted_together():
    document = chat(n=3)
    texts = [choice["message"]["content"] for choice in document["choices"]]
    assert len(set(texts)) == 3
    assert document["usage"]["completion_tokens"] == sum(tokens.count(text) for text in texts)
    streamed = events("/chat/completions", {"model": "m", "messages": MESSAGES, "n": 3})
    for index, text in enumerate(texts):
        own = [event["choices"][0] for event in streamed if event["choices"][0]["index"] == index]
        assert "".join(choice["delta"].get("content", "") for choice in own) == text
        assert [choice["finish_reason"] for choice in own if choice["finish_reason"]] == ["stop"]


def test_a_stream_tells_usage_only_when_asked():
    body: dict[str, object] = {"model": "m", "messages": MESSAGES}
    assert all("usage" not in event for event in events("/chat/completions", body))
    told = events("/chat/completions", {**body, "stream_options": {"include_usage": True}})
    assert all(event["usage"] is None for event in told[:-1])
    assert told[-1]["choices"] == []
    assert told[-1]["usage"] == chat()["usage"]


def test_a_required_choice_calls_the_first_tool():
    choice = chat(tools=[WEATHER, CLOCK], tool_choice="required")["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert list(msgspec.json.decode(call["function"]["arguments"])) == ["city"]


def test_a_named_choice_calls_that_tool_and_stops():
    named = {"type": "function", "function": {"name": "clock"}}
    choice = chat(tools=[WEATHER, CLOCK], tool_choice=named)["choices"][0]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["clock"]
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("hello", []),
        ("call:clock", ["clock"]),
        ("call:clock, call:weather", ["clock", "weather"]),
        ("call:*", ["weather", "clock"]),
        ("call:nothing", []),
    ],
)
def test_the_user_can_ask_for_calls(said: str, called: list[str]):
    document = chat(tools=[WEATHER, CLOCK], messages=[{"role": "user", "content": said}])
    calls = document["choices"][0]["message"].get("tool_calls", [])
    assert [call["function"]["name"] for call in calls] == called
    assert len({call["id"] for call in calls}) == len(called)


def test_parallel_calls_can_be_forbidden_and_all_calls():
    said = [{"role": "user", "content": "call:*"}]
    one = chat(tools=[WEATHER, CLOCK], messages=said, parallel_tool_calls=False)["choices"][0]["message"]
    assert len(one["tool_calls"]) == 1
    none = chat(tools=[WEATHER, CLOCK], messages=said, tool_choice="none")["choices"][0]["message"]
    assert "tool_calls" not in none


def test_streamed_calls_are_the_whole_ones_in_pieces():
    body: dict[str, object] = {
        "model": "m",
        "messages": [{"role": "user", "content": "call:*"}],
        "tools": [WEATHER, CLOCK],
        "stream_options": {"include_usage": True},
    }
    whole = ask("/chat/completions", {**body, "stream_options": None})
    streamed = events("/chat/completions", body)
    deltas = [call for event in streamed[:-1] for call in event["choices"][0]["delta"].get("tool_calls", [])]
    for index, call in enumerate(whole["choices"][0]["message"]["tool_calls"]):
        own = [delta for delta in deltas if delta["index"] == index]
        assert (own[0]["id"], own[0]["function"]["name"]) == (call["id"], call["function"]["name"])
        assert "".join(delta["function"]["arguments"] for delta in own) == call["function"]["arguments"]
    assert len(deltas) == whole["usage"]["completion_tokens"] == streamed[-1]["usage"]["completion_tokens"]


def test_a_limit_cuts_calls_short():
    document = chat(tools=[WEATHER, CLOCK], messages=[{"role": "user", "content": "call:*"}], max_tokens=3)
    choice = document["choices"][0]
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["tool_calls"]) == 1
    assert document["usage"]["completion_tokens"] == 3


def test_the_result_of_a_tool_is_repeated_and_ends_the_calls():
    messages = [
        {"role": "user", "content": "call:clock"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {}}]},
        {"role": "tool", "tool_call_id": "c", "content": "a quarter past nine"},
    ]
    document = chat(tools=[CLOCK], messages=messages)
    assert text_of(document).endswith("The tool returned: a quarter past nine")


def test_structured_output_satisfies_its_schema():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 4}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert msgspec.json.decode(text_of(chat(response_format=wanted)))["n"] in (3, 4)
    assert isinstance(msgspec.json.decode(text_of(chat(response_format={"type": "json_object"}))), dict)


def test_reasoning_is_counted_and_shown_only_to_those_who_ask_for_it():
    plain, kept = chat(), chat(reasoning_effort="low")
    assert text_of(kept) == text_of(plain)
    thought = kept["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert kept["usage"]["completion_tokens"] == plain["usage"]["completion_tokens"] + thought > thought > 0
    shown = chat(thinking={"type": "enabled"})["choices"][0]["message"]["reasoning_content"]
    streamed = events("/chat/completions", {"model": "m", "messages": MESSAGES, "thinking": {"type": "enabled"}})
    assert "".join(each["choices"][0]["delta"].get("reasoning_content", "") for each in streamed) == shown != ""


def test_log_probabilities_are_given_when_asked_for():
    choice = chat(logprobs=True)["choices"][0]
    assert "".join(entry["token"] for entry in choice["logprobs"]["content"]) == choice["message"]["content"]


# The other endpoints, beyond what the SDK's tests see.


def test_responses_number_their_events_and_end_with_the_whole_document():
    body: dict[str, object] = {"model": "m", "input": "hello"}
    streamed = events("/responses", body)
    assert [event["sequence_number"] for event in streamed] == list(range(len(streamed)))
    assert streamed[-1]["type"] == "response.completed"
    assert streamed[-1]["response"] == ask("/responses", body)


def test_a_response_cut_short_is_incomplete():
    document = ask("/responses", {"model": "m", "input": "hello", "max_output_tokens": 3})
    assert (document["status"], document["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert document["output"][0]["status"] == "incomplete"
    streamed = events("/responses", {"model": "m", "input": "hello", "max_output_tokens": 3})
    assert streamed[-1] == {
        "type": "response.incomplete",
        "response": document,
        "sequence_number": len(streamed) - 1,
    }


def test_a_legacy_completion_continues_every_prompt():
    document = ask("/completions", {"model": "m", "prompt": ["a", "b"], "n": 2, "max_tokens": 4, "echo": True})
    assert [choice["text"][0] for choice in document["choices"]] == ["a", "a", "b", "b"]
    assert document["usage"]["completion_tokens"] == 16
    assert ask("/completions", {"model": "m", "prompt": [1, 2, 3]})["usage"]["prompt_tokens"] == 3


def test_an_embedding_depends_on_its_text_alone():
    body = {"model": "m", "input": ["a", "b", "a"], "dimensions": 8}
    first, second, third = (entry["embedding"] for entry in ask("/embeddings", body)["data"])
    assert first == third != second
    assert sum(number * number for number in first) == pytest.approx(1.0, abs=1e-5)


# Refusals.


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "code"),
    [
        ("/chat/completions", b"{", 400, None, None),
        ("/chat/completions", b"", 400, None, None),
        ("/chat/completions", b'{"model":"\xff"}', 400, None, None),
        ("/chat/completions", [], 400, None, None),
        ("/chat/completions", {"messages": MESSAGES}, 400, None, None),
        ("/chat/completions", {"model": "m"}, 400, "messages", "missing_required_parameter"),
        ("/chat/completions", {"model": "m", "messages": []}, 400, "messages", "empty_array"),
        ("/chat/completions", {"model": "m", "messages": "x"}, 400, "messages", "invalid_type"),
        ("/chat/completions", {"model": "m", "messages": [{}]}, 400, "messages[0].role", "missing_required_parameter"),
        ("/chat/completions", {"model": "m", "messages": [{"role": "cat"}]}, 400, "messages[0].role", "invalid_value"),
        ("/chat/completions", {"model": "m", "messages": MESSAGES, "n": 0}, 400, "n", "integer_below_min_value"),
        (
            "/chat/completions",
            {"model": "m", "messages": MESSAGES, "temperature": 3},
            400,
            "temperature",
            "decimal_above_max_value",
        ),
        ("/chat/completions", {"model": "m", "messages": MESSAGES, "stream_options": {}}, 400, "stream_options", None),
        ("/chat/completions", {"model": "m", "messages": MESSAGES, "tool_choice": "auto"}, 400, "tool_choice", None),
        ("/chat/completions", {"model": "x", "messages": MESSAGES}, 404, None, "model_not_found"),
        ("/chat/completions", {"model": "", "messages": MESSAGES}, 400, None, None),
        ("/responses", {"model": "x", "input": "hello"}, 400, "model", "model_not_found"),
        ("/responses", {"model": "m"}, 400, "input", "missing_required_parameter"),
        ("/embeddings", {"model": "m", "input": [{}]}, 400, "input", None),
        ("/embeddings", {"model": "m", "input": []}, 400, "input", None),
        ("/completions", {"model": "m", "prompt": [[], {}]}, 400, "prompt", "invalid_type"),
        ("/moderations", {"input": []}, 400, "input", "empty_array"),
        ("/audio/transcriptions", b"no form", 400, None, None),
        ("/nowhere", {}, 404, None, None),
    ],
)
def test_what_is_wrong_is_refused_in_openais_form(
    path: str, body: object, status: int, param: str | None, code: str | None
):
    reply = answered(post(path, body), Simulation(models=("m",))).reply
    error = msgspec.json.decode(body_of(reply))["error"]
    assert (reply.status, error["param"], error["code"]) == (status, param, code)
    assert error["type"] == "invalid_request_error"
    assert list(error) == ["message", "type", "param", "code"]


def test_a_method_that_is_not_for_a_path_is_refused():
    for method, path in (("GET", "/v1/chat/completions"), ("POST", "/v1/models")):
        assert answered(ReceivedRequest(method, path, (), b"", 0.0)).reply.status == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong-key-here"}, 401),
        ({"authorization": "Basic good"}, 401),
        ({"authorization": "Bearer good"}, 200),
        ({"api_key": "good"}, 200),
        ({"x_api_key": "good"}, 200),
    ],
)
def test_keys_are_checked_where_there_are_any(headers: dict[str, str], status: int):
    request = post("/chat/completions", {"model": "m", "messages": MESSAGES}, at=0.0, **headers)
    reply = answered(request, Simulation(keys=("good",))).reply
    assert reply.status == status
    assert b"wrong-key-here" not in body_of(reply)


# Quota and faults.


def test_tokens_are_reserved_by_the_limit_or_the_prompt():
    service = Service(Simulation(quota=Quota(tpm=1000)))

    def remaining(**body: object) -> str:
        request = post("/chat/completions", {"model": "m", "messages": MESSAGES, **body})
        return dict(service.answer(request, NO_FAULT, 1).reply.headers)["x-ratelimit-remaining-tokens"]

    assert [remaining(), remaining(max_tokens=92), remaining(max_completion_tokens=300)] == ["992", "900", "600"]


def test_a_refusal_for_quota_is_a_429_with_the_state_of_the_buckets():
    service = Service(Simulation(quota=Quota(rpm=1)))
    request = post("/chat/completions", {"model": "m", "messages": MESSAGES})
    service.answer(request, NO_FAULT, 1)
    reply = service.answer(request, NO_FAULT, 1).reply
    headers = dict(reply.headers)
    assert reply.status == 429
    assert (headers["x-ratelimit-remaining-requests"], headers["retry-after"]) == ("0", "60")


def test_an_invalid_request_costs_nothing():
    service = Service(Simulation(quota=Quota(rpm=1)))
    assert service.answer(post("/chat/completions", {"model": "m"}), NO_FAULT, 1).account is None
    good = post("/chat/completions", {"model": "m", "messages": MESSAGES})
    assert service.answer(good, NO_FAULT, 1).reply.status == 200


def test_the_header_outranks_the_models_name_which_outranks_the_plan():
    planned = Fault(status=500)
    body = {"model": "m!status=502", "messages": MESSAGES}
    by_header = answered(post("/chat/completions", body, x_simulated_fault="status=501"), planned=planned)
    by_model = answered(post("/chat/completions", body), planned=planned)
    by_plan = answered(post("/chat/completions", {**body, "model": "m"}), planned=planned)
    none = answered(post("/chat/completions", body, x_simulated_fault="none"), planned=planned)
    assert [each.fault.status for each in (by_header, by_model, by_plan, none)] == [501, 502, 500, None]


def test_the_fault_is_no_part_of_the_models_name():
    document = ask("/chat/completions", {"model": "m!no_done", "messages": MESSAGES}, Simulation(models=("m",)))
    assert document == chat()


def test_a_fault_that_cannot_be_read_is_refused_with_a_hint():
    by_model = answered(post("/chat/completions", {"model": "m!statos=1", "messages": MESSAGES}))
    by_header = answered(post("/chat/completions", b"", x_simulated_fault="statos=1"))
    for each in (by_model, by_header):
        assert each.reply.status == 400
        assert b"did you mean 'status'" in body_of(each.reply)


def test_empty_choices_leave_the_rest_of_the_stream():
    answer = answered(
        post("/chat/completions", {"model": "m", "messages": MESSAGES, "stream": True}),
        planned=Fault(empty_choices=True),
    )
    pieces = [piece.data for piece in answer.reply.pieces]
    assert len(pieces) == 2
    assert b'"choices":[]' in pieces[0]
    assert pieces[1] == DONE


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_body_is_too_strange(body: bytes):
    for path in ("/chat/completions", "/responses", "/embeddings", "/audio/transcriptions"):
        request = post(path, body, content_type="multipart/form-data; boundary=b")
        assert answered(request).reply.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["messages", "input", "prompt", "tools", "stream", "n", "tool_choice"]), JSON))
def test_no_json_is_too_strange(body: dict[str, object]):
    for path in (
        "/chat/completions",
        "/completions",
        "/responses",
        "/embeddings",
        "/moderations",
        "/images/generations",
    ):
        reply = answered(post(path, {"model": "m", **body})).reply
        body_of(reply)
        assert reply.status in (200, 400)
