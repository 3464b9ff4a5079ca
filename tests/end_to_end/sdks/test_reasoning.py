"""A model's thoughts reach every official client, and go back with it: to who signed them, and to nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from end_to_end.sdks.place import Place
from end_to_end.sdks.seen import Application, Seen, Wish, result_of
from end_to_end.sdks.upstreams import UPSTREAMS, Upstream

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

THINKERS = [each for each in UPSTREAMS if each.thinker]
CALLING = "call:weather"


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def wish(request: pytest.FixtureRequest) -> Wish:
    return Wish(stream=request.param, tools=True, thinks=True)


@pytest.fixture(params=THINKERS, ids=lambda each: f"{each.name}-thinks")
def thinker(request: pytest.FixtureRequest) -> Upstream:
    return request.param


def test_thoughts_go_back_to_who_had_them(place: Place, client: Application, thinker: Upstream, wish: Wish):
    history = [client.said(CALLING)]
    called = client.ask(f"think-{thinker.name}", history, wish)
    assert f"What would {thinker.thinker} at {thinker.name} say? " in called.thought
    assert "So be it." in called.thought
    assert [call.name for call in called.calls] == ["weather"]
    final = answered(client, f"think-{thinker.name}", history, called, wish)
    assert final.text.endswith(result_of(called.calls[0]))
    sent = place.last(thinker)[1]
    if thinker.mark and client.keeps_signatures:
        assert final.thought
        assert signatures(sent, thinker.mark)
        assert not any(sealed(each) for each in signatures(sent, thinker.mark))


@pytest.mark.parametrize("other", UPSTREAMS, ids=lambda each: f"{each.name}-goes-on")
def test_a_conversation_with_thoughts_goes_on_elsewhere(
    place: Place, client: Application, thinker: Upstream, other: Upstream
):
    history = [client.said(CALLING)]
    called = client.ask(f"think-{thinker.name}", history, Wish(tools=True, thinks=True))
    assert called.thought
    final = answered(client, f"to-{other.name}", history, called, Wish(tools=True))
    assert final.text.endswith(result_of(called.calls[0]))
    assert not sealed(json.dumps(place.last(other)[1]))


def answered(client: Application, model: str, history: list[Any], called: Seen, wish: Wish) -> Seen:
    return client.ask(model, [*history, *called.turn, *client.answered(called.calls)], wish)


def sealed(text: str) -> bool:
    """Whether it holds a signature as the gateway shows it to clients of other dialects, also where those are bytes."""
    return "hw1." in text or "aHcxL" in text


def signatures(found: Any, name: str) -> list[str]:
    """All that stands under this name, however deep."""
    if isinstance(found, list):
        return [each for inner in found for each in signatures(inner, name)]
    if not isinstance(found, dict):
        return []
    own = [found[name]] if isinstance(found.get(name), str) else []
    return [*own, *(each for inner in found.values() for each in signatures(inner, name))]
