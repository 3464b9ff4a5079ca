"""A conversation stays with its target, by what the client says or by how it began."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from headway.pipeline.conversation import Headers, session_of
from headway.pipeline.principal import principal_of, tenant_of
from headway.wire.openai.peek import JsonRequest, peek_json

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
KEYS = [["a", "b", "c", "d"]]
SYSTEM = {"role": "system", "content": "You are a help."}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.fixture
def wide(make_world):
    return make_world(KEYS, affinity=600.0)


def served(world: Any, **fields: Any) -> str:
    client = world.ask(**fields)
    (origin,) = [origin for origin in world.origins.values() if any(d.pending for d in origin.dials) or _busy(origin)]
    origin.serving().answer(200, ANSWER)
    return client.field("x-headway-target").partition("/")[0]


def _busy(origin: Any) -> bool:
    return any(peer.waiting for peer in origin.peers)


def test_turns_of_a_conversation_go_to_the_same_target(wide):
    conversation = [SYSTEM, user("What is a headway?")]
    first = served(wide, messages=conversation)
    for turn in range(8):
        conversation += [said(f"answer {turn}"), user(f"and {turn}?")]
        assert served(wide, messages=conversation) == first


def test_other_conversations_with_the_same_instructions_are_spread(wide):
    places = {served(wide, messages=[SYSTEM, user(f"question {number}")]) for number in range(40)}
    assert places == set("abcd")


@pytest.mark.parametrize("header", ["x-headway-session", "x-claude-code-session-id", "session_id"])
def test_a_session_that_is_named_counts_more_than_how_it_began(header, wide):
    places = {served(wide, messages=[user(f"q{number}")], headers={header: "one"}) for number in range(12)}
    assert len(places) == 1


def test_a_prompt_cache_key_names_a_conversation(wide):
    places = {served(wide, messages=[user(f"q{number}")], prompt_cache_key="agent 7") for number in range(12)}
    assert len(places) == 1


def test_a_conversation_leaves_a_target_that_has_to_rest(wide):
    messages = [user("hello")]
    first = served(wide, messages=messages)
    for candidate in wide.candidates:
        if candidate.name.startswith(first):
            candidate.state.pair.extend(wide.clock.now + 50.0, candidate.state.pair.kind)
    second = served(wide, messages=messages)
    assert second != first
    wide.wait(60.0)
    assert served(wide, messages=messages) == second, "one detour is enough"


def test_a_conversation_that_paused_for_long_begins_anew(make_world):
    world = make_world(KEYS, affinity=60.0)
    messages = [user("hello")]
    places: set[str] = set()
    for _ in range(12):
        places.add(served(world, messages=messages))
        world.wait(61.0)
    assert len(places) > 1


def test_without_affinity_conversations_move(make_world):
    world = make_world(KEYS)
    assert len({served(world, messages=[user("hello")]) for _ in range(4)}) == 4


# --- how a conversation is known ---


def number_of(body: bytes, headers: dict[bytes, bytes] | None = None) -> int | None:
    request = peek_json(body)
    assert isinstance(request, JsonRequest)
    return session_of(headers or {}, request, body)


ROLE_FIRST = b'{"model":"m","messages":[{"role":"user","content":"hi"}%b]}'
CONTENT_FIRST = b'{"model":"m","messages":[{"content":"hi","role":"user"}%b]}'


@pytest.mark.parametrize("form", [ROLE_FIRST, CONTENT_FIRST])
def test_what_was_said_later_does_not_matter(form: bytes):
    turn = number_of(form % b"")
    assert turn is not None
    assert number_of(form % b',{"role":"assistant","content":"a \\"user\\" {}"},{"role":"user","content":"x"}') == turn
    assert number_of((form % b"").replace(b"hi", b"ho")) != turn


def test_other_fields_may_differ_from_turn_to_turn():
    first = b'{"user":"u1","temperature":0,"model":"m","messages":[{"role":"user","content":"hi"}]}'
    assert number_of(first) == number_of(first.replace(b"u1", b"u2").replace(b":0", b":1"))


def test_a_request_without_a_user_belongs_to_no_conversation():
    assert number_of(b'{"model":"m","input":"hello"}') is None
    assert number_of(b'{"model":"m","user":"u1","messages":[]}') is None


def test_tenants_are_told_apart_by_the_key_that_they_show_which_is_not_kept():
    keys = [(b"x-api-key", b"k1"), (b"x-api-key", b"k2"), (b"authorization", b"Bearer k3"), (b"api-key", b"k4")]
    tenants = [tenant_of([(b"accept", b"*/*"), pair]) for pair in keys]
    assert len(set(tenants)) == 4
    assert tenants == [tenant_of([pair]) for pair in keys]
    assert not any(pair[1] in tenant for pair, tenant in zip(keys, tenants, strict=True))
    assert tenant_of([(b"accept", b"*/*")]) == b""


def test_a_client_is_the_same_however_it_shows_its_key():
    said = [b"Bearer k1", b"bearer  k1"]
    shown = [(b"x-api-key", b"k1"), (b"api-key", b"k1"), *((b"authorization", each) for each in said)]
    assert len({tenant_of([pair]) for pair in shown}) == 1
    assert {principal_of([pair]) for pair in shown} == {"key-" + sha256(b"k1").hexdigest()[:8]}
    assert principal_of([(b"authorization", b"Basic k1")]) != principal_of(shown[:1])
    assert principal_of([(b"accept", b"*/*")]) is None


def test_a_client_that_signs_its_requests_is_known_by_its_access_key():
    def signed(key: bytes, signature: bytes) -> Headers:
        scope = b"%b/20260101/us-east-1/bedrock/aws4_request" % key
        value = b"AWS4-HMAC-SHA256 Credential=%b, SignedHeaders=host;x-amz-date, Signature=%b" % (scope, signature)
        return [(b"authorization", value)]

    assert (
        tenant_of(signed(b"AKIA1", b"aa")) == tenant_of(signed(b"AKIA1", b"bb")) != tenant_of(signed(b"AKIA2", b"aa"))
    )
    assert principal_of(signed(b"AKIA1", b"aa")) == principal_of(signed(b"AKIA1", b"bb"))
    assert principal_of([(b"authorization", b"AWS4-HMAC-SHA256 nothing")]) is not None
