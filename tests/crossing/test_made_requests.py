"""Requests made from the SDKs' own types, put into the words of every other provider and back."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crossing.lost import unexplained
from crossing.made import asked
from crossing.passage import MODELS, Crossed, read, there_and_back, write
from crossing.structure import broken_rule
from crossing.valid import fault_of
from headway.types import Dialect
from headway.wire.form.request import Request

pytestmark = pytest.mark.sdk

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
ASKED: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere")
few = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target],
    suppress_health_check=SLOW,
)


@pytest.mark.parametrize("client", ASKED)
@few
@given(data=st.data())
def test_a_made_request_is_read_and_its_own_provider_is_told_all_of_it(client: Dialect, data: st.DataObject):
    made = data.draw(asked(client))
    assert fault_of(client, made.body) is None
    assert broken_rule(client, made.body) is None
    request = read(made)
    assert isinstance(request, Request), request
    written = write(request, client, made.model)
    assert isinstance(written, Crossed), written
    lost = unexplained(client, client, made.body, written.body, written.dropped)
    assert not lost, (list(map(str, lost)), written)


@pytest.mark.parametrize("client", ASKED)
@few
@given(data=st.data())
def test_a_made_request_in_other_words_is_one_that_the_targets_sdk_could_have_sent(
    client: Dialect, data: st.DataObject
):
    request = read(data.draw(asked(client)))
    assert isinstance(request, Request), request
    for target in ASKED:
        written = None if target == client else write(request, target)
        if isinstance(written, Crossed):
            assert fault_of(target, written.body) is None, (target, written)
            assert broken_rule(target, written.body) is None, (target, written)


@pytest.mark.parametrize("client", ASKED)
@few
@given(data=st.data())
def test_what_a_made_request_loses_on_a_way_there_and_back_is_named(client: Dialect, data: st.DataObject):
    made = data.draw(asked(client))
    for target in MODELS:
        crossed = None if target == client else there_and_back(made, target)
        if isinstance(crossed, Crossed):
            lost = unexplained(client, target, made.body, crossed.body, crossed.dropped)
            assert not lost, (target, list(map(str, lost)), crossed)
