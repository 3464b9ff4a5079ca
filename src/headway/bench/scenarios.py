"""What is measured: the scenarios by name, and how long each run of them takes."""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.bench import payloads
from headway.bench.plan import Plan, Shape

Name = Literal["small", "10k", "100k", "translated", "stream", "stream-translated", "streams2000", "latency"]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of load. `interval` is the mock's, between two chunks of a stream; `title` says what is done."""

    name: str
    title: str
    shape: Shape
    prompt_bytes: int = 200
    connections: int = 32
    rate: float = 0.0
    streams: int = 0
    interval: float = 0.01
    ramp: float = 0.4
    seconds: float = 2.0
    quick_seconds: float = 0.8
    foreign: bool = False
    """The gateway asks the mock in another dialect than the client's; nginx passes the same load untranslated."""
    once: bool = False
    """A run that is not repeated in rounds and not put through nginx: it asks whether, not how fast."""

    @property
    def streamed(self) -> bool:
        return self.shape == "streams"

    def length(self, *, quick: bool) -> float:
        return self.quick_seconds if quick else self.seconds

    def chunks(self, *, quick: bool) -> int:
        """Chunks of text in a stream: enough to outlast ramp and window."""
        return round((self.ramp + self.length(quick=quick)) / self.interval * 1.1) + 5

    def plan(self, url: str, *, quick: bool, verified: bool = True) -> Plan:
        """One run of it against `url`; unverified where the replies are not the mock's."""
        chunks = self.chunks(quick=quick) if self.streamed else 0
        expect = payloads.events_of(chunks, usage=True) if self.streamed else len(payloads.chat_reply())
        return Plan(
            url=url,
            shape=self.shape,
            prompt_bytes=self.prompt_bytes,
            connections=self.connections,
            rate=self.rate,
            streams=self.streams,
            chunks=chunks,
            ramp=self.ramp,
            seconds=self.length(quick=quick),
            drain=10.0 + 0.2 * self.length(quick=quick),
            expect=expect if verified else None,
        )


ALL: tuple[Scenario, ...] = (
    Scenario(name="small", title="whole replies, prompts of 0.2 KB, 32 connections, closed loop", shape="closed"),
    Scenario(
        name="10k",
        title="whole replies, prompts of 10 KB, 32 connections, closed loop",
        shape="closed",
        prompt_bytes=10_000,
    ),
    Scenario(
        name="100k",
        title="whole replies, prompts of 100 KB, 32 connections, closed loop",
        shape="closed",
        prompt_bytes=100_000,
    ),
    Scenario(
        name="translated",
        title="whole replies, prompts of 1 KB, translated to Anthropic's dialect and back, 32 connections, closed loop",
        shape="closed",
        prompt_bytes=1_000,
        foreign=True,
    ),
    Scenario(
        name="latency",
        title="whole replies, prompts of 0.2 KB, 300 requests/s, open loop from the intended send time",
        shape="open",
        rate=300.0,
        connections=16,
        seconds=4.0,
        quick_seconds=1.5,
    ),
    Scenario(
        name="stream",
        title="200 concurrent streams of 100 chunks/s, 250 B a chunk",
        shape="streams",
        streams=200,
        ramp=0.6,
        seconds=3.0,
        quick_seconds=1.0,
    ),
    Scenario(
        name="stream-translated",
        title="200 concurrent streams of 100 chunks/s, translated from Anthropic's dialect",
        shape="streams",
        streams=200,
        ramp=0.6,
        seconds=3.0,
        quick_seconds=1.0,
        foreign=True,
    ),
    Scenario(
        name="streams2000",
        title="2,000 concurrent streams of 2 chunks/s",
        shape="streams",
        streams=2000,
        interval=0.5,
        ramp=3.0,
        seconds=15.0,
        quick_seconds=5.0,
        once=True,
    ),
)


def named(name: str) -> Scenario:
    return next(scenario for scenario in ALL if scenario.name == name)
