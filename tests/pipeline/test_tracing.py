"""W3C trace context: what a client's `traceparent` means, and what providers are told."""

from __future__ import annotations

import re
from random import Random

import msgspec
import pytest

from headway.pipeline.tracing import LONGEST_STATE, Tracing, state_of
from headway.types import Observability, Otel, Trace

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
ON = Otel(endpoint="http://127.0.0.1:4318")


def begun(*headers: tuple[str, str], sample: float = 1.0) -> Trace:
    return Tracing(sample, Random(7)).begin([(name.encode(), value.encode()) for name, value in headers])


def field(head: bytes, name: str) -> list[str]:
    return re.findall(rf"(?im)^{name}: (.*?)\r$", head.decode())


def test_an_exchange_is_a_child_of_the_clients_span():
    trace = begun(("traceparent", PARENT))
    assert (trace.trace_id, trace.parent_id, trace.sampled) == (TRACE, SPAN, True)
    assert re.fullmatch("[0-9a-f]{16}", trace.span_id)
    assert trace.span_id not in (SPAN, "0" * 16)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-01\r\nx: y",
        f"01-{TRACE}-{SPAN}-01more",
        f"{PARENT}, {PARENT}",
    ],
)
def test_what_is_no_parent_begins_a_new_trace(value: str):
    trace = begun(("traceparent", value))
    assert trace.trace_id != TRACE
    assert trace.parent_id is None


def test_two_parents_are_none():
    assert begun(("traceparent", PARENT), ("traceparent", PARENT)).parent_id is None


def test_a_later_version_may_say_more():
    assert begun(("traceparent", f"01-{TRACE}-{SPAN}-03-what-comes")).parent_id == SPAN


@pytest.mark.parametrize(
    "value",
    ["", "a", "A=1", "a=1\r\nx: y", "a=1;b=", "=1", "a=\x7f", "a=" + "x" * 257, "a=1," + "b=1," * LONGEST_STATE],
)
def test_a_state_that_is_not_valid_is_left_out(value: str):
    assert state_of([(b"tracestate", value.encode())]) == b""


def test_states_of_several_lines_are_one():
    assert state_of([(b"tracestate", b" a=1"), (b"x", b"y"), (b"tracestate", b"b@v=x y ")]) == b"a=1,b@v=x y"


def test_the_parent_decides_what_is_sampled_else_the_share():
    assert begun(("traceparent", PARENT), sample=0.0).sampled
    assert not begun(("traceparent", PARENT[:-1] + "0"), sample=1.0).sampled
    tracing = Tracing(0.25, Random(1))
    assert 200 < sum(tracing.begin([]).sampled for _ in range(1000)) < 300


def test_ids_of_attempts_are_valid_and_differ():
    for seed in range(200):
        trace = Tracing(1.0, Random(seed)).begin([])
        ids = {trace.span_id, *(trace.attempt_id(number) for number in range(1, 21))}
        assert len(ids) == 21
        assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)
    highest = Trace("1" * 32, f"{2**63 - 1:016x}", True)
    assert len(highest.attempt_id(20)) == 16


# --- through the gateway ---


def traced(make_world, *args, otel: Otel | None = ON, **facts):
    world = make_world(*args, **facts)
    snapshot = msgspec.structs.replace(world.gateway.snapshot, observability=Observability(otel=otel))
    world.gateway.publish(snapshot)
    return world


def test_each_attempt_tells_its_provider_of_its_own_span(make_world):
    world = traced(make_world, [["a"], ["b"]])
    world.ask(headers={"traceparent": PARENT, "tracestate": "v=1"})
    first = world.a.connect()
    first.answer(500, b"{}")
    second = world.b.connect()
    second.answer(200, ANSWER)
    trace = world.event.trace
    assert trace is not None
    assert (trace.trace_id, trace.parent_id) == (TRACE, SPAN)
    assert world.event.attempts[0].result == "500"
    for number, peer in enumerate((first, second), 1):
        assert field(peer.head, "traceparent") == [f"00-{TRACE}-{trace.attempt_id(number)}-01"]
        assert field(peer.head, "tracestate") == ["v=1"]
        assert peer.head.endswith(b"\r\n\r\n")
        assert peer.head.count(b"\r\n\r\n") == 1


def test_what_is_not_sampled_is_told_too(make_world):
    world = traced(make_world, [["a"]])
    world.ask(headers={"traceparent": PARENT[:-1] + "0"})
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    (told,) = field(peer.head, "traceparent")
    assert told.startswith(f"00-{TRACE}-")
    assert told.endswith("-00")
    assert world.event.trace is not None
    assert not world.event.trace.sampled


def test_a_refused_request_has_its_place_in_the_trace(make_world):
    world = traced(make_world, [["a"]])
    world.ask(model="nowhere", headers={"traceparent": PARENT})
    assert world.event.outcome == "no_target"
    assert world.event.trace is not None
    assert world.event.trace.parent_id == SPAN


def test_a_state_without_a_parent_goes_nowhere(make_world):
    world = traced(make_world, [["a"]])
    world.ask(headers={"tracestate": "v=1"})
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    assert len(field(peer.head, "traceparent")) == 1
    assert field(peer.head, "tracestate") == []


@pytest.mark.parametrize("otel", [None, msgspec.structs.replace(ON, traces=False)])
def test_without_traces_no_context_passes(make_world, otel: Otel | None):
    world = traced(make_world, [["a"]], otel=otel)
    world.ask(headers={"traceparent": PARENT, "tracestate": "v=1"})
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    assert b"trace" not in peer.head.lower()
    assert world.event.trace is None


def test_a_repeated_request_has_a_place_of_its_own(make_world):
    world = traced(make_world, [["a"]])
    world.ask(headers={"idempotency-key": "k"})
    world.a.connect().answer(200, ANSWER)
    world.ask(headers={"idempotency-key": "k", "traceparent": PARENT})
    world.clock.pass_by(0.1)
    first, second = world.events
    assert second.replayed
    assert first.trace is not None
    assert second.trace is not None
    assert second.trace.parent_id == SPAN
    assert second.trace.trace_id != first.trace.trace_id
