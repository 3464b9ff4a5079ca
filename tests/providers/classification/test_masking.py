"""What looks like a key is not shown; names of models and identifiers of requests are."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.providers.classification.classify import classify
from headway.providers.classification.masking import masked
from headway.wire.http_head import Head

PREFIXES = [
    "sk-",
    "sk-ant-api03-",
    "sk-proj-",
    "sk-or-v1-",
    "gsk_",
    "xai-",
    "hf_",
    "AIza",
    "AKIA",
    "nvapi-",
    "csk-",
    "dapi",
]


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-abc***xyz.",
        "Incorrect API key provided: xa***xy",
        "x" * 150 + "***abc",
        "bad key gsk_abcdefghijklmnopqrstuv",
        "at https://user:secret@host/v1",
        "GET /v1beta/models?key=abc-def failed",
        "header Authorization: Bearer abcdefghijklmnopqrstu",
        "0123456789abcdef0123456789abcdef is refused",
    ],
)
def test_a_key_is_hidden(text: str) -> None:
    shown = masked(text)
    for secret in ("abc", "xyz", "xy", "secret", "def", "0123"):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "The model `claude-sonnet-4-5-20250929` does not exist",
        "models/gemini-2.5-flash-lite-preview-09-2025 is not found",
        "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "accounts/fireworks/models/llama-v3p1-8b-instruct",
        "Please include the request ID req_011CVEA3SF7rnb3DuBZytqQa",
        "Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        "key-value pairs, a basic risk-free sk- prefix, token limit 128000",
    ],
)
def test_what_is_no_key_is_shown(text: str) -> None:
    assert masked(text) == text


@given(
    st.sampled_from(PREFIXES),
    st.text(string.ascii_letters + string.digits, min_size=24, max_size=60),
    st.sampled_from(["", " ", "'", '"', "`", ": ", "=", "("]),
)
def test_no_key_gets_through_a_failure(prefix: str, secret: str, before: str) -> None:
    for status in (400, 401, 403, 429, 500):
        body = f'{{"error":{{"message":"refused {before.replace(chr(34), "")}{prefix}{secret} at once"}}}}'.encode()
        failure = classify("custom", status, Head(b"HTTP/1.1 400 X\r\n"), body, who="up", wall=0.0)
        assert secret not in failure.message


@given(st.text(max_size=300))
def test_masking_is_total_and_done_once(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
