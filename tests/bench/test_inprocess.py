"""The in-process instrument measures what it says: whole requests and chunks that arrive."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from headway.bench import inprocess, payloads
from headway.bench.decisions import decision
from headway.config.load import load_text


@pytest.fixture
async def rig():
    snapshot = load_text(inprocess.CONFIG, name="bench", folder=Path(), environ={})
    rig = inprocess.Rig(asyncio.get_running_loop(), snapshot)
    yield rig
    rig.headway.close()


async def test_a_step_is_a_whole_request_answered(rig: inprocess.Rig):
    body = payloads.chat_reply()
    step = rig.whole(inprocess.client_request(200), payloads.whole_reply(body))
    step()
    step()
    assert rig.client_socket.last.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rig.client_socket.last.endswith(b"\r\n\r\n" + body)
    assert b'"model":"upstream-model"' in rig.upstream_socket.last
    assert (rig.client_socket.written, rig.upstream_socket.written) == (2, 2)
    assert rig.headway.in_flight == 0


async def test_a_chunk_of_a_stream_is_passed_on_as_it_is(rig: inprocess.Rig):
    first = payloads.event({"role": "assistant", "content": ""}) + payloads.content_event()
    beginning = payloads.stream_head() + payloads.framed(first)
    chunk = payloads.framed(payloads.content_event())
    step = rig.stream(inprocess.client_request(200, stream=True), beginning, chunk)
    step()
    assert rig.client_socket.last == chunk
    rig.client.connection_lost(None)


@pytest.mark.parametrize("count", [1, 4, 50])
def test_a_decision_always_finds_somebody(count: int):
    step = decision(count)
    for _ in range(200):
        step()  # raises if it does not


def test_figures_come_from_interleaved_slices():
    counts = {"a": 0, "b": 0}

    def counting(name: str) -> Callable[[], None]:
        def step() -> None:
            counts[name] += 1

        return step

    figures = inprocess.measure({name: counting(name) for name in counts}, seconds=0.05, rng=Random(1))
    assert [figure.scenario for figure in figures] == ["a", "b"]
    assert figures[0].slices == figures[1].slices > 0
    assert all(0 < figure.p10 <= figure.median for figure in figures)
    assert all(count > 200 for count in counts.values())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_leaves_nothing_for_the_garbage_collector(rig: inprocess.Rig, stream: bool):
    """Bodies are large: one that is freed only by the collector is held for thousands of requests."""
    if stream:
        events = payloads.event({"role": "assistant", "content": ""}) + payloads.stream_end(1, usage=True)
        reply = payloads.stream_head() + payloads.framed(events) + b"0\r\n\r\n"
    else:
        reply = payloads.whole_reply(payloads.chat_reply())
    step = rig.whole(inprocess.client_request(200, stream=stream), reply)
    step()
    rig.headway.recorder.drain()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            step()
        rig.headway.recorder.drain()
        assert rig.headway.in_flight == 0
        assert gc.collect() == 0
    finally:
        gc.enable()
