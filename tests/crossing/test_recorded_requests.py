"""What clients sent to real providers, put into the words of every other provider and back."""

from __future__ import annotations

import pytest

from crossing.lost import unexplained
from crossing.passage import MODELS, Crossed, read, there_and_back, write
from crossing.recorded import CORPUS, all_recorded
from crossing.structure import broken_rule
from crossing.valid import fault_of
from headway.types import Dialect
from headway.wire.form.request import Request, Unsupported

pytestmark = [pytest.mark.sdk, pytest.mark.skipif(not CORPUS.is_dir(), reason="the recordings are not here")]

ASKED: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere")
WAYS = [(client, target) for client in ASKED for target in MODELS if client != target]
LEAST = 10
"""Requests that must come through on every way: Cohere's are the fewest."""


@pytest.mark.parametrize(("client", "target"), [way for way in WAYS if way[1] != "ollama"])
def test_a_translated_request_is_one_that_the_targets_sdk_could_have_sent(client: Dialect, target: Dialect):
    seen = 0
    for asked in all_recorded():
        if asked.dialect == client:
            request = read(asked)
            assert isinstance(request, Request), (asked.id, request)
            written = write(request, target)
            if isinstance(written, Unsupported):
                continue
            assert fault_of(target, written.body) is None, asked.id
            assert broken_rule(target, written.body) is None, asked.id
            seen += 1
    assert seen >= LEAST


@pytest.mark.parametrize(("client", "target"), WAYS)
def test_what_a_request_loses_on_a_way_there_and_back_is_named(client: Dialect, target: Dialect):
    seen = 0
    for asked in all_recorded():
        if asked.dialect == client:
            crossed = there_and_back(asked, target)
            if isinstance(crossed, Crossed):
                lost = unexplained(client, target, asked.body, crossed.body, crossed.dropped)
                assert not lost, (asked.id, list(map(str, lost)), crossed.dropped)
                seen += 1
    assert seen >= LEAST


@pytest.mark.parametrize("client", ASKED)
def test_a_request_for_its_own_provider_loses_nothing(client: Dialect):
    seen = 0
    for asked in all_recorded():
        if asked.dialect == client:
            request = read(asked)
            assert isinstance(request, Request), (asked.id, request)
            written = write(request, client, asked.model)
            assert isinstance(written, Crossed), (asked.id, written)
            lost = unexplained(client, client, asked.body, written.body, ())
            assert not lost, (asked.id, list(map(str, lost)))
            assert written.dropped == (), asked.id
            seen += 1
    assert seen >= LEAST
