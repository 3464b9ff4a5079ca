"""Between a client of one dialect and targets of others: what goes out, what comes back, who is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.core.lessons import LASTS
from headway.failures import FailureKind
from headway.types import Resilience, Usage

MESSAGES = [{"role": "user", "content": "Hello!"}]
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [{"type": "text", "text": "Good day."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 8, "output_tokens": 3, "cache_read_input_tokens": 4},
}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-test",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good day."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
}

Make = Callable[..., Any]


def encoded(document: object) -> bytes:
    return msgspec.json.encode(document)


def event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encoded({"type": name, **fields}))


BEGINNING = event("message_start", message={**MESSAGE, "content": [], "stop_reason": None})
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
WORD = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Good"})
END = (
    event("content_block_stop", index=0)
    + event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 3})
    + event("message_stop")
)


@pytest.fixture
def world(make_world: Make) -> Any:
    """`a` speaks Anthropic's dialect, `b` OpenAI's."""
    return make_world(dialects={"a": "anthropic"})


# --- what goes out, what comes back ---


def test_a_request_goes_out_in_the_targets_words(world: Any):
    client = world.ask(messages=MESSAGES, temperature=0.5, max_tokens=20)
    peer = world.a.serving()
    assert peer.head.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert b"\r\nanthropic-version: 2023-06-01\r\n" in peer.head
    assert peer.sent["model"] == "m"
    assert (peer.sent["max_tokens"], peer.sent["temperature"]) == (20, 0.5)
    peer.answer(200, encoded(MESSAGE))
    assert client.status == 200
    assert client.json["choices"][0]["message"]["content"] == "Good day."
    assert client.json["usage"]["prompt_tokens"] == 12
    assert client.field("content-type") == "application/json"
    assert world.event.usage == Usage(12, 3, 4)


def test_a_stream_is_told_in_the_clients_words_piece_by_piece(world: Any):
    client = world.ask(messages=MESSAGES, stream=True, stream_options={"include_usage": True})
    peer = world.a.serving()
    peer.begin(200, BEGINNING + BLOCK)
    assert not client.begun  # the model has not said anything yet
    peer.data(WORD)
    assert client.begun
    assert client.text == "Good"
    peer.data(event("content_block_delta", index=0, delta={"type": "text_delta", "text": " day."}))
    assert client.text == "Good day."
    peer.end(END)
    assert client.events[-1] == "[DONE]"
    assert client.events[-2]["usage"]["completion_tokens"] == 3
    assert client.field("content-type") == "text/event-stream"
    assert world.event.usage is not None
    assert world.event.usage.output_tokens == 3


def test_pieces_may_be_cut_anywhere(world: Any):
    client = world.ask(messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200)
    for byte in BEGINNING + BLOCK + WORD + END:
        peer.data(bytes([byte]))
    peer.end()
    assert client.text == "Good"
    assert client.events[-1] == "[DONE]"


def test_what_the_target_cannot_be_told_is_named_in_the_clients_words(world: Any):
    client = world.ask(messages=MESSAGES, seed=7, logit_bias={"1": 2}, max_completion_tokens=9)
    world.a.serving().answer(200, encoded(MESSAGE))
    assert set((client.field("x-headway-dropped") or "").split(",")) == {"seed", "logit_bias"}
    assert set(world.event.dropped) == {"seed", "logit_bias"}


def test_names_that_a_client_made_up_cannot_break_the_header(world: Any):
    client = world.ask(messages=MESSAGES, **{"a\r\nb: c, ü": 1})
    world.a.serving().answer(200, encoded(MESSAGE))
    dropped = client.field("x-headway-dropped")
    assert dropped is not None
    assert dropped.isascii()
    assert client.field("b") is None


def test_a_stream_names_what_was_dropped_too(world: Any):
    client = world.ask(messages=MESSAGES, stream=True, seed=7)
    world.a.serving().begin(200, BEGINNING + BLOCK + WORD)
    assert client.field("x-headway-dropped") == "seed"
    world.a.serving().end(END)


def test_headers_of_one_api_do_not_go_to_targets_of_another(world: Any):
    world.ask(messages=MESSAGES, headers={"openai-beta": "assistants=v2", "anthropic-beta": "x"})
    peer = world.a.serving()
    assert b"beta" not in peer.head
    peer.answer(200, encoded(MESSAGE))


def test_headers_of_an_api_go_to_targets_of_its_own_dialect(world: Any):
    fields = {"anthropic-beta": "fine-grained", "anthropic-version": "2024-01-01", "openai-beta": "x"}
    world.ask(endpoint="anthropic.messages", messages=MESSAGES, max_tokens=5, headers=fields)
    peer = world.a.serving()
    assert b"\r\nanthropic-beta: fine-grained\r\n" in peer.head
    assert peer.head.count(b"anthropic-version:") == 1
    assert b"2024-01-01" in peer.head
    assert b"openai-beta" not in peer.head
    peer.answer(200, encoded(MESSAGE))


# --- the same dialect on both sides ---


def test_bytes_pass_where_both_speak_the_same(world: Any):
    body = (
        b'{"model": "default",  "max_tokens":5,"messages":[ {"role":"user","content":"x"} ], "unheard_of": {"a" : 1}}'
    )
    client = world.ask(body, endpoint="anthropic.messages")
    peer = world.a.serving()
    sent = peer.requests[-1][1]
    assert b'"messages":[ {"role":"user","content":"x"} ]' in sent
    assert b'"unheard_of":{"a" : 1}' in sent
    reply = encoded({**MESSAGE, "of_tomorrow": [1]})
    peer.answer(200, reply)
    assert client.body == reply
    assert client.field("x-headway-dropped") is None
    assert world.event.usage == Usage(12, 3, 4)


def test_a_stream_passes_byte_by_byte_and_is_followed(world: Any):
    client = world.ask(endpoint="anthropic.messages", messages=MESSAGES, max_tokens=5, stream=True)
    peer = world.a.serving()
    stream = BEGINNING + b'event: ping\ndata: {"type": "ping"}\n\n' + BLOCK + WORD + END
    peer.begin(200, stream[:40])
    peer.data(stream[40:90])
    peer.end(stream[90:])
    assert client.body == stream
    assert world.event.outcome == "ok"
    assert world.event.usage is not None


def test_the_body_of_a_request_whose_path_names_the_model_is_not_touched(make_world: Make):
    world = make_world([["a"]], dialects={"a": "gemini"})
    body = b'{ "contents": [{"parts": [{"text": "x"}]}] }'
    client = world.ask(body, endpoint="gemini.generateContent", named="default")
    peer = world.a.serving()
    assert peer.head.startswith(b"POST /v1/models/m:generateContent HTTP/1.1\r\n")
    assert peer.requests[-1][1] == body
    reply = encoded({"candidates": [{"content": {"parts": [{"text": "y"}]}, "finishReason": "STOP"}]})
    peer.answer(200, reply)
    assert client.body == reply


def test_a_signature_of_another_dialect_does_not_pass(world: Any):
    history = [
        *MESSAGES,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "hw1.gemini.c2lnbmF0dXJl"},
                {"type": "text", "text": "Yes?"},
            ],
        },
        *MESSAGES,
    ]
    client = world.ask(endpoint="anthropic.messages", messages=history, max_tokens=5)
    peer = world.a.serving()
    assert b"hw1." not in peer.requests[-1][1]
    assert "Hm." not in encoded(peer.sent).decode()
    peer.answer(200, encoded(MESSAGE))
    assert client.field("x-headway-dropped") == "messages[1].reasoning"


def test_a_stream_for_clients_that_want_an_array_is_one(make_world: Make):
    world = make_world([["a"]], dialects={"a": "gemini"})
    client = world.ask(b'{"contents":[]}', endpoint="gemini.streamGenerateContent.array", named="default")
    peer = world.a.serving()
    assert b":streamGenerateContent?alt=sse HTTP/1.1" in peer.head
    first = b'{"candidates": [{"content": {"parts": [{"text": "y"}]}}]}'
    last = b'{"candidates": [{"content": {"parts": [{"text": "z"}]}, "finishReason": "STOP"}]}'
    peer.begin(200, b"data: %b\r\n\r\n" % first)
    peer.end(b"data: %b\r\n\r\n" % last)
    assert client.body == b"[%b,\r\n%b]" % (first, last)
    assert client.field("content-type") == "application/json"


# --- passing over ---


def test_a_target_that_cannot_do_it_is_passed_over_without_being_asked(make_world: Make):
    world = make_world([["a"], ["b"]], lacks={"a": frozenset({"tools"})}, dialects={"a": "anthropic"})
    client = world.ask(messages=MESSAGES, tools=TOOLS)
    assert world.a.asked == 0
    world.b.serving().answer(200, encoded(ANSWER))
    assert client.field("x-headway-attempts") == "a/m#default=unsupported_feature b/m#default=200"
    assert world.tried == [("a", "unsupported_feature", "first"), ("b", "200", "first")]


def test_passing_over_costs_no_attempt(make_world: Make):
    world = make_world(
        [["a"], ["b"], ["c"]],
        resilience=Resilience(attempts=1),
        lacks={"a": frozenset({"images"}), "b": frozenset({"images"})},
        dialects={"a": "anthropic", "b": "anthropic"},
    )
    client = world.ask(messages=PICTURE)
    world["c"].serving().answer(200, encoded(ANSWER))
    assert client.status == 200


def test_if_nobody_can_the_client_is_told_who_lacks_what(make_world: Make):
    lacks = frozenset({"tools"})
    world = make_world([["a"], ["b"]], lacks={"a": lacks, "b": lacks}, dialects={"a": "anthropic", "b": "gemini"})
    client = world.ask(messages=MESSAGES, tools=TOOLS)
    assert client.status == 400
    assert client.error["code"] == "unsupported_feature"
    assert "a/m#default takes no tools" in client.error["message"]
    assert "b/m#default takes no tools" in client.error["message"]
    assert (world.a.asked, world.b.asked) == (0, 0)


def test_the_health_and_room_of_who_is_passed_over_stay_as_they_were(make_world: Make):
    world = make_world([["a"], ["b"]], lacks={"a": frozenset({"tools"})}, dialects={"a": "anthropic"})
    for _ in range(20):
        world.ask(messages=MESSAGES, tools=TOOLS)
        world.b.serving().answer(200, encoded(ANSWER))
    client = world.ask(messages=MESSAGES)
    world.a.serving().answer(200, encoded(MESSAGE))
    assert client.status == 200


def test_a_strict_route_passes_over_who_cannot_be_told_everything(make_world: Make):
    world = make_world([["a"], ["b"]], dialects={"a": "anthropic"}, strict=True)
    client = world.ask(messages=MESSAGES, seed=7)
    assert world.a.asked == 0
    world.b.serving().answer(200, encoded(ANSWER))
    assert client.status == 200


def test_a_strict_route_refuses_what_no_target_can_be_told(make_world: Make):
    world = make_world([["a"]], dialects={"a": "anthropic"}, strict=True)
    client = world.ask(messages=MESSAGES, seed=7, logit_bias={"1": 1})
    assert client.status == 400
    assert "seed" in client.error["message"]
    assert "logit_bias" in client.error["message"]


def test_an_endpoint_that_a_target_does_not_have_is_looked_for_elsewhere(world: Any):
    client = world.ask(endpoint="moderations", input="x")
    assert world.a.asked == 0
    world.b.serving().answer(200, b"{}")
    assert client.status == 200


def test_who_is_able_but_has_no_room_is_waited_for(make_world: Make):
    world = make_world([["a"], ["b"]], lacks={"a": frozenset({"tools"})}, dialects={"a": "anthropic"}, concurrency=1)
    first = world.ask(messages=MESSAGES, tools=TOOLS)
    second = world.ask(messages=MESSAGES, tools=TOOLS)
    world.b.serving().answer(200, encoded(ANSWER))
    assert first.status == 200
    world.wait(0.2)
    world.b.serving().answer(200, encoded(ANSWER))
    assert second.status == 200
    assert world.b.asked == 2


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("endpoint", "named", "fields", "found"),
    [
        ("chat", None, {"messages": "no"}, lambda told: told["error"]["param"] == "messages"),
        ("anthropic.messages", None, {"messages": "no"}, lambda told: told["error"]["type"] == "invalid_request_error"),
        ("gemini.generateContent", "default", {"contents": "no"}, lambda told: told["error"]["code"] == 400),
        ("bedrock.converse", "default", {"messages": "no"}, lambda told: "messages" in told["message"]),
        ("cohere.chat", None, {"messages": "no"}, lambda told: "messages" in told["message"]),
        ("responses", None, {"input": 7}, lambda told: "input" in told["error"]["message"]),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_in_its_own_dialect(
    make_world: Make, endpoint: str, named: str | None, fields: dict[str, Any], found: Callable[[Any], bool]
):
    dialect = "cohere" if endpoint != "cohere.chat" else "anthropic"
    world = make_world([["a"]], dialects={"a": dialect})
    client = world.ask(endpoint=endpoint, named=named, **fields)
    assert client.status == 400
    assert found(client.json)
    assert world.a.asked == 0


@pytest.mark.parametrize("broken", [b'{"content":"\x85"}', b'{"content":"hi","\x85":1}'])
def test_a_body_that_is_no_text_is_refused_before_a_target_is_asked(make_world: Make, broken: bytes):
    world = make_world([["a"]], dialects={"a": "anthropic"})
    client = world.ask(b'{"model":"default","messages":[],"x":%b}' % broken)
    assert client.status == 400
    assert "UTF-8" in client.json["error"]["message"]
    assert world.a.asked == 0


def test_an_answer_that_is_no_text_is_a_bad_reply(make_world: Make):
    world = make_world([["a"], ["b"]], dialects={"a": "anthropic"})
    client = world.ask(messages=MESSAGES)
    world.a.serving().answer(200, encoded(ANSWER).replace(b"{", b'{"\x85":"\x85",', 1))
    world.b.serving().answer(200, b'{"choices":[{"message":{"content":"ok"}}]}')
    assert client.status == 200
    assert client.json["choices"][0]["message"]["content"] == "ok"


def test_the_providers_refusal_is_told_in_the_clients_words(world: Any):
    client = world.ask(endpoint="anthropic.messages", model="b/m", messages=MESSAGES, max_tokens=5)
    world.b.serving().answer(400, b'{"error":{"message":"max_tokens is too small","type":"invalid_request_error"}}')
    assert client.status == 400
    assert client.json["type"] == "error"
    assert "max_tokens is too small" in client.json["error"]["message"]


@pytest.mark.parametrize(
    "last",
    [
        b"",
        event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
        b"event: content_block_delta\ndata: {nonsense\n\n",
    ],
)
def test_a_stream_that_breaks_after_its_first_word_ends_with_an_error_of_the_clients_dialect(world: Any, last: bytes):
    client = world.ask(messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200, BEGINNING + BLOCK + WORD)
    if last:
        peer.data(last)
    else:
        peer.end()
    assert "error" in client.events[-1]
    assert "[DONE]" not in client.events
    assert world.event.broke


def test_a_stream_that_breaks_before_its_first_word_goes_to_somebody_else(world: Any):
    client = world.ask(messages=MESSAGES, stream=True)
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    world.a.serving().begin(200, BEGINNING + error)
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    world.b.serving().begin(200, b"data: %b\n\n" % encoded(chunk))
    world.b.serving().end(b"data: [DONE]\n\n")
    assert client.text == "Hi"
    assert [failed.failure for failed in world.event.attempts] == [FailureKind.OVERLOADED.value, None]


def test_a_tool_call_that_was_cut_short_does_not_pass_for_whole(world: Any):
    client = world.ask(messages=MESSAGES, stream=True, tools=TOOLS)
    peer = world.a.serving()
    block = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    peer.begin(200, BEGINNING + event("content_block_start", index=0, content_block=block))
    peer.data(event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"a": '}))
    peer.data(END)
    assert "error" in client.events[-1]
    assert world.event.outcome == "truncated"


def test_tool_calls_that_must_be_whole_are_held_until_they_are(make_world: Make):
    world = make_world([["a"]], dialects={"a": "anthropic"}, resilience=Resilience(tool_calls="whole"))
    client = world.ask(messages=MESSAGES, stream=True, tools=TOOLS)
    peer = world.a.serving()
    block = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    peer.begin(200, BEGINNING + event("content_block_start", index=0, content_block=block))
    peer.data(event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"a": '}))
    assert not client.begun
    peer.data(event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "1}"}))
    peer.end(END)
    calls = [
        call
        for each in client.events[:-1]
        for choice in each["choices"]
        for call in choice["delta"].get("tool_calls", [])
    ]
    assert "".join(call["function"].get("arguments", "") for call in calls) == '{"a": 1}'


def test_a_stream_that_must_be_whole_shows_nothing_before_its_end(make_world: Make):
    world = make_world([["a"]], dialects={"a": "anthropic"}, resilience=Resilience(stream="whole"))
    client = world.ask(messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200, BEGINNING + BLOCK + WORD)
    assert not client.begun
    peer.end(END)
    assert client.text == "Good"


def test_an_error_for_a_cohere_client_breaks_its_connection(make_world: Make):
    """Its official client takes no notice of an error event."""
    world = make_world([["a"]], dialects={"a": "anthropic"})
    client = world.ask(endpoint="cohere.chat", messages=MESSAGES, stream=True)
    peer = world.a.serving()
    peer.begin(200, BEGINNING + BLOCK + WORD)
    peer.end()
    assert client.aborted


# --- learning ---

UNSUPPORTED = encoded(
    {
        "error": {
            "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "type": "invalid_request_error",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
    }
)


def test_a_parameter_that_a_model_refuses_is_left_out_at_once_and_from_then_on(world: Any):
    client = world.ask(model="b/m", messages=MESSAGES, max_tokens=9)
    world.b.serving().answer(400, UNSUPPORTED)
    again = world.b.serving()
    assert again.sent["max_completion_tokens"] == 9
    again.answer(200, encoded(ANSWER))
    assert client.status == 200
    assert [each.reason for each in world.event.attempts] == ["first", "adapted"]
    world.ask(model="b/m", messages=MESSAGES, max_tokens=8)
    later = world.b.serving()
    assert (later.sent.get("max_tokens"), later.sent["max_completion_tokens"]) == (None, 8)
    later.answer(200, encoded(ANSWER))
    assert world.b.asked == 3


def test_a_strict_route_does_not_learn_to_leave_things_out(make_world: Make):
    world = make_world([["b"]], strict=True)
    client = world.ask(messages=MESSAGES, max_tokens=9)
    world.b.serving().answer(400, UNSUPPORTED)
    assert client.status == 400
    assert client.body == UNSUPPORTED


def test_what_was_learnt_is_forgotten_after_a_while(world: Any):
    world.ask(model="b/m", messages=MESSAGES, max_tokens=9)
    world.b.serving().answer(400, UNSUPPORTED)
    world.b.serving().answer(200, encoded(ANSWER))
    world.wait(LASTS + 1.0)
    world.ask(model="b/m", messages=MESSAGES, max_tokens=9)
    assert "max_tokens" in world.b.serving().sent
    world.b.serving().answer(200, encoded(ANSWER))


def test_a_missing_ability_sends_the_request_elsewhere_and_the_next_one_at_once(make_world: Make):
    world = make_world([["a"], ["b"]], kind="ollama", dialects={"b": "anthropic"})
    client = world.ask(messages=MESSAGES, tools=TOOLS)
    world.a.serving().answer(400, b'{"error":{"message":"registry.ollama.ai/library/m does not support tools"}}')
    world.b.serving().answer(200, encoded(MESSAGE))
    assert client.status == 200
    client = world.ask(messages=MESSAGES, tools=TOOLS)
    world.b.serving().answer(200, encoded(MESSAGE))
    assert client.status == 200
    assert world.a.asked == 1
    world.ask(messages=MESSAGES)
    world.a.serving().answer(200, encoded(ANSWER))
    assert world.a.asked == 2


# --- counting ---


def test_a_target_that_cannot_count_tokens_is_not_asked_and_the_gateway_estimates(world: Any):
    text = "four" * 100
    client = world.ask(endpoint="anthropic.count_tokens", model="b/m", messages=[{"role": "user", "content": text}])
    assert client.status == 200
    assert 90 < client.json["input_tokens"] < 120
    assert world.b.asked == 0


def test_counting_goes_to_a_target_that_can(world: Any):
    client = world.ask(endpoint="gemini.countTokens", named="a/m", contents=[{"parts": [{"text": "x"}]}])
    peer = world.a.serving()
    assert peer.head.startswith(b"POST /v1/messages/count_tokens ")
    peer.answer(200, b'{"input_tokens": 17}')
    assert client.json["totalTokens"] == 17


# --- costs ---


class Tariff:
    def cost(
        self, usage: Usage, *, at: float, service: str | None = None, seconds: float = 0.0, characters: int = 0
    ) -> int | None:
        assert at > 1e9
        return usage.input_tokens * 1000 + usage.output_tokens + (1_000_000 if service == "priority" else 0)


def test_what_an_answer_cost_is_told_in_dollars_and_recorded(make_world: Make):
    world = make_world([["b"]], tariff=Tariff())
    client = world.ask(messages=MESSAGES)
    world.b.serving().answer(200, encoded(ANSWER))
    assert client.field("x-headway-cost") == "0.005003"
    assert world.event.cost == 5003


def test_the_tier_that_served_it_makes_the_price(make_world: Make):
    world = make_world([["b"]], tariff=Tariff())
    client = world.ask(messages=MESSAGES, service_tier="priority")
    world.b.serving().answer(200, encoded({**ANSWER, "service_tier": "default"}))
    assert client.field("x-headway-cost") == "0.005003"
    client = world.ask(messages=MESSAGES, service_tier="priority")
    world.b.serving().answer(200, encoded({**ANSWER, "service_tier": "priority"}))
    assert client.field("x-headway-cost") == "1.005003"


def test_a_stream_is_priced_too(make_world: Make):
    world = make_world([["a"]], dialects={"a": "anthropic"}, tariff=Tariff())
    world.ask(messages=MESSAGES, stream=True)
    world.a.serving().begin(200, BEGINNING + BLOCK + WORD)
    world.a.serving().end(END)
    assert world.event.cost == 12003


def test_a_text_that_is_read_aloud_is_paid_by_the_character(make_world: Make):
    class ByCharacter:
        def cost(self, usage: Usage, *, at: float, service: str | None = None, seconds: float, characters: int) -> int:
            return characters * 15

    world = make_world([["b"]], tariff=ByCharacter())
    client = world.ask(endpoint="audio.speech", input="Good däy", voice="alloy")
    world.b.serving().answer(200, b"\x00\x01", kind="audio/mpeg")
    assert client.body == b"\x00\x01"
    assert world.event.cost == 120
