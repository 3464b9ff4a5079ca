"""Requests with something wrong in them: they are read, or refused in words that name the field."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crossing.made import asked
from crossing.passage import MODELS, read_bytes
from headway.types import Dialect
from headway.wire.dialects import CODECS
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

pytestmark = pytest.mark.sdk

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
ASKED: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere")
JUNK = st.sampled_from(
    [None, True, -1, 0.5, 1e300, 10**30, "", "\x00", "x", [], {}, [[[]]], [None], {"type": "x"}, {"": []}]
)
Place = tuple[str | int, ...]


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a document, the outermost first."""
    yield place
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from _places(each, (*place, key))


def _spoilt(body: dict[str, Any], place: Place, junk: Any) -> dict[str, Any]:
    body = copy.deepcopy(body)
    inside: Any = body
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = junk
    return body


@pytest.mark.parametrize("client", ASKED)
@settings(max_examples=60, phases=[Phase.generate], suppress_health_check=SLOW)
@given(data=st.data())
def test_a_spoilt_request_is_read_or_refused_by_the_name_of_a_field(client: Dialect, data: st.DataObject):
    body = data.draw(asked(client)).body
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from([place for place in _places(body) if place]))
        body = _spoilt(body, place, data.draw(JUNK))
    request = read_bytes(client, json.dumps(body).encode(), MODELS[client], False)
    if isinstance(request, Malformed):
        assert request.message
        assert request.param
        return
    assert isinstance(request, Request)
    for target, codec in CODECS.items():
        written = codec.write_request(request, Toward(model=MODELS.get(target, "model")))
        assert isinstance(written, Written | Unsupported)


@pytest.mark.parametrize("client", ASKED)
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=SLOW)
@given(data=st.data())
def test_a_field_that_nests_without_end_is_read_or_refused(client: Dialect, data: st.DataObject):
    body = data.draw(asked(client)).body
    name = data.draw(st.sampled_from(sorted(body)))
    for deep in (b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000):
        document = b"{%b:%b}" % (json.dumps(name).encode(), deep)
        if name not in ("messages", "contents", "input"):
            document = json.dumps(body | {name: 0}).encode()
            document = document.replace(
                b"%b: 0" % json.dumps(name).encode(), b"%b: %b" % (json.dumps(name).encode(), deep)
            )
        try:
            request = read_bytes(client, document, MODELS[client], False)
        except RecursionError:
            return  # the fields are taken apart before any codec sees them
        assert isinstance(request, Request | Malformed)


@pytest.mark.parametrize("client", [client for client in ASKED if client != "converse"])  # which knows stored prompts
def test_a_request_without_a_conversation_is_refused(client: Dialect):
    refused = read_bytes(client, b"{}", MODELS[client], False)
    assert isinstance(refused, Malformed)
    assert refused.param in ("messages", "contents", "input")
