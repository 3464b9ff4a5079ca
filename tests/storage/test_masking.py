"""What is masked before it is kept: secrets and what names people, however they are written or cut into pieces."""

from __future__ import annotations

import json
import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.storage import contents
from headway.storage.contents import content_row
from headway.storage.masking import Masks
from headway.storage.texts import masked
from headway.types import Body, Content, Masked, Masking
from headway.wire import eventstream

ALL = Masks(Masking(kinds=get_args(Masked)))
USUAL = Masks(Masking())
MUCH = 2**20
JSON, EVENTS = "application/json", "text/event-stream"
KEYS = (
    "sk-proj-0123456789abcdefGHIJ_klmn-opqrstuv",
    "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "xoxb-123456789012-abcdefghijkl",
    "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "gsk_abcdefghijklmnopqrstuvwxyz0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
)


def of(text: str | bytes, kind: str = JSON) -> Body:
    data = text.encode() if isinstance(text, str) else text
    return Body(data, len(data), kind)


def streamed(*words: str) -> str:
    chunks = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in words]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def said(text: str) -> str:
    """What the model says in a stream, its pieces together."""
    events = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")]
    return "".join(event["choices"][0]["delta"]["content"] for event in events)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        *((f"use {key}, please", "use [secret], please") for key in KEYS),
        ("Authorization: Bearer abc.def-ghi_jkl=", "Authorization: Bearer [secret]"),
        ("password: hunter22!", "password: [secret]"),
        ('"api_key": "0123456789"', '"api_key": "[secret]"'),
        ("postgres://user:pass@host/db", "postgres://[secret]@host/db"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", "[secret]\n"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "[secret]"),
        ("write to jane.doe+x@example.co.uk.", "write to [email]."),
        ("4111 1111 1111 1111", "[card]"),
        ("12 4111-1111-1111-1111 12", "12 [card] 12"),
        ("DE89 3704 0044 0532 0130 00 AND MORE", "[iban] AND MORE"),
        ("GB82WEST12345698765432", "[iban]"),
        ("+49 (151) 123-45678", "[phone]"),
    ],
)
def test_what_is_masked(text: str, clean: str):
    assert ALL.masked(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "task-management-and-compliance-matters",
        "4111 1111 1111 1112",
        "DE00 3704 0044 0532 0130 00",
        "version 1.2.3, 2026-11-23, 10:15",
        "a@b, or x = y @ z",
        '"max_tokens": 100000',
        "",
    ],
)
def test_what_is_left(text: str):
    assert ALL.masked(text) == text


def test_by_default_only_secrets_are_masked():
    assert USUAL.masked(f"jane@example.com has {KEYS[0]}") == "jane@example.com has [secret]"


def test_patterns_of_ones_own_are_masked_by_their_names():
    masks = Masks(Masking(kinds=(), patterns=(("ticket", r"TCK-\d+"), ("name", "(?i)jane"))))
    assert masks.masked("Jane has TCK-17") == "[name] has [ticket]"


def test_what_overlaps_is_masked_once():
    masks = Masks(Masking(kinds=(), patterns=(("one", "abcd"), ("two", "cdef"))))
    assert masks.masked("xabcdefx") == "x[one]x"


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
keys = st.sampled_from(KEYS)


@given(words, keys, words, st.booleans())
def test_a_secret_in_json_is_never_kept(before: str, key: str, after: str, plain: bool):
    text = json.dumps({"messages": [{"content": f"{before} {key} {after}"}]}, ensure_ascii=plain)
    clean, cut = masked(of(text), USUAL, MUCH)
    assert key not in clean
    assert not cut
    assert "[secret]" in json.loads(clean)["messages"][0]["content"]


@given(words, keys, words)
def test_nor_is_one_in_json_within_json(before: str, key: str, after: str):
    arguments = json.dumps({"value": f"{before}\n{key}\n{after}"})
    text = json.dumps({"tool_calls": [{"function": {"arguments": arguments}}]})
    clean, _ = masked(of(text), USUAL, MUCH)
    assert key not in clean
    json.loads(json.loads(clean)["tool_calls"][0]["function"]["arguments"])


@given(keys, st.data())
def test_nor_is_one_whose_letters_are_written_as_escapes(key: str, data: st.DataObject):
    chosen = data.draw(st.sets(st.integers(0, len(key) - 1), min_size=1))
    written = "".join(f"\\u{ord(each):04x}" if at in chosen else each for at, each in enumerate(key))
    clean, _ = masked(of(f'{{"content": "{written}"}}'), USUAL, MUCH)
    assert json.loads(clean) == {"content": "[secret]"}


@given(words, keys, words, st.data())
def test_nor_is_one_that_a_stream_tells_in_pieces(before: str, key: str, after: str, data: st.DataObject):
    text = f"{before} {key} {after}"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    clean, cut = masked(of(streamed(*pieces), EVENTS), USUAL, MUCH)
    assert not cut
    assert key not in said(clean)
    assert "[secret]" in said(clean)
    assert clean.rstrip().endswith("data: [DONE]")


@given(keys, st.integers(64, 2000), st.data())
def test_nor_the_beginning_of_one_that_is_cut(key: str, cap: int, data: st.DataObject):
    at = data.draw(st.integers(0, cap))
    body = of("x" * (at - 1) + " " + key + " more" * 1000, "text/plain")
    clean, cut = masked(body, USUAL, cap)
    assert cut
    assert len(clean) <= cap
    assert key[:8] not in clean


def test_several_answers_of_one_stream_are_told_apart():
    key = KEYS[0]
    chunks = [
        {"choices": [{"index": at % 2, "delta": {"content": key[at // 2] if at % 2 == 0 else "-"}}]}
        for at in range(2 * len(key))
    ]
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    clean, _ = masked(of(text, EVENTS), USUAL, MUCH)
    events = [json.loads(line[6:])["choices"][0] for line in clean.split("\n") if line]
    assert "".join(each["delta"]["content"] for each in events if each["index"] == 0) == "[secret]"
    assert {each["delta"]["content"] for each in events if each["index"] == 1} == {"-"}


def test_streams_of_other_framings_are_kept_as_lines():
    key = KEYS[0]
    halves = [json.dumps({"delta": {"text": part}}) for part in (f"a {key[:9]}", f"{key[9:]} b")]
    frames = b"".join(eventstream.encode(eventstream.Message({":event-type": "x"}, half.encode())) for half in halves)
    for body in (
        of(frames, "application/vnd.amazon.eventstream"),
        of("\n".join(halves) + "\n", "application/x-ndjson"),
        of("[" + ",\r\n".join(halves) + "]"),
        of("[" + ",\r\n".join(halves) + ',{"delta": {"te'),
    ):
        clean, _ = masked(body, USUAL, MUCH)
        lines = [json.loads(line) for line in clean.split("\n")]
        assert [line["delta"]["text"] for line in lines] == ["a [secret]", " b"], body.kind


def test_a_stream_is_cut_between_events():
    text = streamed(*(f"word {n} " for n in range(1000)))
    clean, cut = masked(of(text, EVENTS), USUAL, 2000)
    assert cut
    assert len(clean) <= 2000
    assert text.startswith(clean.rstrip("\n"))
    assert said(clean).startswith("word 0 word 1 ")


def test_a_stream_that_was_not_heard_to_its_end_loses_what_is_not_whole():
    text = streamed("one", KEYS[0][:12], KEYS[0][12:])
    half = text[: text.index(KEYS[0][12:]) + 10]
    clean, cut = masked(Body(half.encode(), len(text), EVENTS), USUAL, MUCH)
    assert cut
    assert KEYS[0][12:20] not in clean


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\0", b"[", b"{", b'{"a": 1e999}', b"[" * 100_000, b"data: {", b'"\\'])
@pytest.mark.parametrize("kind", [JSON, EVENTS, "text/plain", "application/vnd.amazon.eventstream"])
def test_whatever_comes_is_kept_as_some_text(data: bytes, kind: str):
    content = Content(request_id="r", at=1.0, request=of(data, kind))
    row = content_row(content, ALL, 1000)
    assert row is not None
    assert "\0" not in str(row["request"])


@given(st.binary(max_size=300), st.sampled_from([JSON, EVENTS, "application/x-ndjson"]), st.integers(1, 300))
def test_no_more_is_kept_than_may_be(data: bytes, kind: str, cap: int):
    clean, _ = masked(of(data, kind), ALL, cap)
    assert len(clean.encode()) <= cap


def test_a_pattern_that_goes_astray_is_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contents, "LONGEST", 0.1)
    masks = Masks(Masking(patterns=(("astray", "(a+)+$"),)))
    began = time.monotonic()
    assert content_row(Content(request_id="r", at=1.0, request=of("a" * 5000 + "b")), masks, MUCH) is None
    assert time.monotonic() - began < 2.0
    assert content_row(Content(request_id="r", at=1.0, request=of("fine")), masks, MUCH) is not None
