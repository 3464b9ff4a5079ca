"""Requests have the size asked for, and the mock's replies have the shape of OpenAI's."""

from __future__ import annotations

import json

import pytest

from headway.bench import payloads


@pytest.mark.parametrize("size", [150, 200, 777, 1_300, 10_000, 100_000])
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_request_has_exactly_the_size_asked_for(size: int, stream: bool) -> None:
    body = payloads.chat_body("bench", size + 50 * stream, stream=stream)
    assert len(body) == size + 50 * stream
    sent = json.loads(body)
    assert sent["model"] == "bench"
    assert sent.get("stream", False) is stream
    assert all(message["content"] for message in sent["messages"])


def test_a_size_below_the_envelope_still_gives_a_valid_request() -> None:
    assert json.loads(payloads.chat_body("bench", 1))["messages"][0]["content"]


def test_a_long_prompt_is_a_conversation_of_many_messages() -> None:
    messages = json.loads(payloads.chat_body("bench", 10_000))["messages"]
    assert len(messages) > 10
    assert [message["role"] for message in messages[:3]] == ["user", "assistant", "user"]


def test_the_request_announces_the_length_of_its_body() -> None:
    request = payloads.chat_request(b"{}", authority="127.0.0.1:1", path="/v1/chat/completions", api_key="k")
    assert request.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert request.endswith(b"content-length: 2\r\n\r\n{}")


def test_a_whole_reply_is_about_half_a_kilobyte() -> None:
    assert 450 <= len(payloads.chat_reply()) <= 600


def test_the_realistic_reply_has_24_headers() -> None:
    head = payloads.whole_reply(b"{}", payloads.OPENAI_HEADERS).partition(b"\r\n\r\n")[0]
    assert head.count(b"\r\n") == 24


def test_a_chunk_of_text_has_its_fixed_size() -> None:
    assert len(payloads.content_event()) == payloads.CHUNK_BYTES


@pytest.mark.parametrize("usage", [False, True])
def test_the_end_of_a_stream_has_usage_only_when_asked_for(usage: bool) -> None:
    end = payloads.stream_end(7, usage=usage)
    assert (b'"completion_tokens":7' in end) is usage
    assert end.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert end.count(b"data: ") == payloads.events_of(7, usage=usage) - 1 - 7
