"""The simulation itself: the same seed is the same world, and a gateway with a defect does not get away with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headway.core import health
from headway.core.breaker import Breaker
from headway.core.candidates import Candidate
from headway.core.exchange import Exchange
from headway.core.rests import Rest
from headway.pipeline.attempt import Call
from headway.pipeline.dispatch import Dispatch
from headway.pipeline.relay import StreamRelay
from headway.wire.openai import stream
from headway.wire.openai.call import Call as ToolCall
from headway.wire.openai.tool_calls import ToolCalls
from sim.runs import run
from sim.settings import draw
from sim.world import World

TESTS = Path(__file__).parents[1]


def history(seed: int) -> list[str]:
    world = World(draw(seed, heals=False), seed)
    world.finish()
    return world.loop.trace()


def test_a_seed_is_always_the_same_world() -> None:
    assert history(12) == history(12)
    assert history(12) != history(14)


def test_a_seed_is_the_same_world_in_another_process() -> None:
    """Whatever the order of sets there."""
    code = "from sim.test_simulation import history; print(*history(12), sep=chr(10))"
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": "7"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert told.splitlines() == "\n".join(history(12)).splitlines()


def _forgetful(rest: Rest, until: float, kind: Any) -> None:
    rest.until, rest.kind = until, kind


def _deaf(*args: Any, **kwargs: Any) -> None:
    return None


def _one_too_many(exchange: Exchange, attempt: Any, failure: Any, now: float) -> Any:
    exchange.max_attempts += 1
    return FAILED(exchange, attempt, failure, now)


def _twice(dispatch: Dispatch, call: Call, usage: Any, passed: int) -> None:
    RELAYED(dispatch, call, usage, passed)
    dispatch._downstream.end()


def _stays(dispatch: Dispatch, how: str = "") -> None:
    for call in (dispatch._call, dispatch._rival):
        if call is not None:
            call._connection = None
    GONE(dispatch, how)


FAILED, RELAYED, GONE = Exchange.failed, Dispatch.relayed, Dispatch.client_gone

DEFECTS: dict[str, tuple[object, str, Any, str]] = {
    "a shorter rest replaces a longer one": (Rest, "extend", _forgetful, "has become shorter|before the"),
    "a Retry-After is not heard": (health, "_limited", _deaf, "before the pair may be asked again"),
    "a provider's wish to be left alone is not heard": (health, "_left_alone", _deaf, "before the deployment may be"),
    "a body that ends is an answer that is complete": (
        stream,
        "ending",
        lambda *_, **__: stream.Ending.COMPLETE,
        "not finished|not what call",
    ),
    "what is left of a tool call passes for all of it": (
        ToolCall,
        "whole",
        property(lambda _: True),
        "no JSON|part of",
    ),
    "tool calls are not held": (ToolCalls, "_is_blocked", lambda *_: False, "part of a tool call"),
    "an error event is passed on like any other": (StreamRelay, "_ends_in_error", lambda *_: False, "error|end"),
    "the usage chunk is shown": (StreamRelay, "_without_usage", lambda _, data: data, "usage chunk"),
    "attempts are not counted": (Exchange, "failed", _one_too_many, "are allowed"),
    "slots are not given back": (Candidate, "release", _deaf, "slots of|in flight where|well for"),
    "several are tried out at once": (Breaker, "allows", lambda *_: True, "left alone|on trial|second trial|breaker"),
    "the upstream is not closed when the client leaves": (Dispatch, "client_gone", _stays, "connections in use"),
    "a slow client does not slow down the upstream": (Dispatch, "pause", _deaf, "is read on|took none"),
    "an answer ends twice": (Dispatch, "relayed", _twice, "after the end"),
    "nothing is late": (Call, "check", lambda *_, **__: True, "are allowed|waits for ever"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, instead, told = DEFECTS[defect]
    monkeypatch.setattr(where, name, instead)
    broken = next((broken for seed in range(400) if (broken := run(seed)) is not None), None)
    assert broken is not None
    assert any(word in broken.what for word in told.split("|")), broken.what
