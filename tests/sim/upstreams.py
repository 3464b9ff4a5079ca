"""A provider: what state it is in, how it answers each call, and what it truly said.

Its replies are bytes on a connection, framed in all the ways that HTTP has, cut at any byte, and coming in pieces whose
ends mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, inf
from random import Random
from typing import Any, Protocol

import msgspec

from headway.failures import FailureKind
from headway.pipeline.attempt import Call
from sim import answers
from sim.answers import Answer, Asking, Style
from sim.capacity import Capacity, Load, Size
from sim.faults import DIALS, LIMITED, WELL, Fault, applies, occurring
from sim.loop import Loop, Violation
from sim.performance import Act, Performance
from sim.sockets import Dialling, Socket

_decode = msgspec.json.Decoder(dict[str, Any]).decode
PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/audio/speech": "audio.speech"}


class Mood(msgspec.Struct, frozen=True):
    """A state of health: how many of the calls go well, and what happens to the others."""

    well: float = 1.0
    faults: tuple[str, ...] = ()
    slower: float = 1.0
    """So many times as slow as usual, where its capacity says how long answers take."""


class Temper(msgspec.Struct):
    """What kind of provider it is, and how its health changes: from each moment on, a mood. `rate` and `burst` are the
    quota of each key, in calls per second and calls.
    """

    kind: str
    style: Style
    moods: list[tuple[float, Mood]]
    rate: float = inf
    burst: float = 1.0
    hints: tuple[float, ...] = (1.0,)
    quick: float = 1.0
    """Seconds that its answers take, about."""
    capacity: Capacity | None = None
    """What it bears, and how long its answers take then. Only for terse ones."""


class Heard(msgspec.Struct, eq=False):
    """One call as it reached the upstream. `fault` is what happened to it."""

    number: int
    provider: str
    key: str
    asking: Asking
    socket: Socket
    at: float
    fault: Fault
    answer: Answer


class Watcher(Protocol):
    """The world, which notes what each attempt meets, and counts the calls."""

    loop: Loop

    def next_call(self) -> int: ...

    def met(self, call: Call, fault: Fault, heard: Heard | None) -> None: ...


class Upstream:
    def __init__(self, name: str, temper: Temper, rng: Random, watcher: Watcher) -> None:
        self.name = name
        self.temper = temper
        self._loop = watcher.loop
        self._rng = rng
        self._watcher = watcher
        self._levels: dict[str, tuple[float, float]] = {}
        """Of each key: calls left, and when that was."""
        self.load = None if temper.capacity is None else Load(temper.capacity, rng)

    # --- how it is ---

    def mood(self) -> Mood:
        now = self._loop.now()
        return next((mood for since, mood in reversed(self.temper.moods) if since <= now), Mood())

    def heal(self) -> None:
        self.temper.moods = [(0.0, Mood())]
        self.temper.rate = inf
        self.load = None

    # --- connections ---

    def dialled(self, dialling: Dialling, timeout: float) -> None:
        rng, mood = self._rng, self.mood()
        names = [name for name in mood.faults if name in DIALS]
        call = dialling.dialer
        if not isinstance(call, Call):
            raise Violation("somebody else than an attempt dials")
        if not names or rng.random() >= (1.0 - mood.well) * len(names) / len(mood.faults):
            wait, kind = rng.choice((0.0, 0.001, 0.03)), None
        else:
            fault = occurring(rng.choice(names), self.temper.kind, rng, self.temper.hints)
            self._watcher.met(call, fault, None)
            self._loop.note(self.name, fault.name)
            if fault.name == "refuse":
                wait, kind = rng.choice((0.0, 0.001, 0.2)), FailureKind.TRANSPORT
            else:
                wait, kind = rng.uniform(0.0, 2.0) * timeout if fault.name == "dial_slow" else inf, None
        if wait >= timeout:
            wait, kind = timeout, FailureKind.TIMEOUT
        act = dialling.succeed if kind is None else lambda: dialling.fail(kind)
        dialling.timer = self._loop.call_later(wait, act)

    def received(self, socket: Socket, data: bytes) -> None:
        call = socket.protocol._listener
        if not isinstance(call, Call):
            raise Violation("somebody else than an attempt sends")
        asking, key = self._read(data)
        fault, load = self._fate(asking, key), self.load
        size = None if load is None else load.size(asking, self.mood().slower)
        if load is not None and size is not None and fault is WELL:
            fault = self._beyond(load, key, asking, size)
        number = self._watcher.next_call()
        answer = answers.compose(self._rng, number, asking, self.temper.style, fit=fault.name != "half_call")
        heard = Heard(number, self.name, key, asking, socket, self._loop.now(), fault, answer)
        self._loop.note(self.name, "call", number, "of client", asking.client, "with", key, "->", fault.name)
        self._watcher.met(call, fault, heard)
        quick, times, told = self.temper.quick, None, ()
        if load is not None and size is not None:
            told = load.fields(key, self._loop.now())
            if fault is WELL:
                answer.tokens = size.sent, size.answered
                times = self._serve(load, key, size)
        self._perform(socket, Performance(answer, fault, self._rng, quick, times=times, told=told).steps())

    def _serve(self, load: Load, key: str, size: Size) -> tuple[float, float]:
        """When its answer begins, and when it is complete."""
        wait = load.begins(self._loop.now(), size.whole)
        self._loop.call_later(wait + size.whole, lambda: load.ends(key, size, self._loop.now()))
        return wait + size.first, wait + size.whole

    def _beyond(self, load: Load, key: str, asking: Asking, size: Size) -> Fault:
        """Is it more than this upstream bears?"""
        if load.is_full():
            return occurring(load.capacity.beyond, self.temper.kind, self._rng, self.temper.hints)
        wait = load.refuses(key, asking, size, self._loop.now())
        if wait <= 0.0:
            return WELL
        hint = float(ceil(wait)) if load.capacity.tells else None
        return Fault("quota", frozenset({FailureKind.RATE_LIMITED}), LIMITED[0], hint)

    def _perform(self, socket: Socket, reply: Iterator[tuple[float, Act]]) -> None:
        """Send a reply, piece by piece."""
        found = next(reply, None)
        if found is None or socket.closed:
            return
        wait, act = found
        request = socket.protocol.requests

        def then() -> None:
            if socket.protocol.requests != request:  # it is in use again: what was still to come is lost
                return
            if isinstance(act, bytes):
                socket.deliver(act)
            else:
                socket.end(ConnectionResetError() if act == "reset" else None)
            self._perform(socket, reply)

        self._loop.call_later(wait, then)

    def _read(self, data: bytes) -> tuple[Asking, str]:
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        lines = dict(field.split(": ", 1) for field in fields)
        if int(lines["content-length"]) != len(body):
            raise Violation("a request has another length than it says")
        return Asking(PATHS[line.split(" ")[1]], _decode(body)), lines.get("authorization", "").removeprefix("Bearer ")

    def _fate(self, asking: Asking, key: str) -> Fault:
        wait = self._refill(key)
        if wait > 0.0:
            return Fault("quota", frozenset({FailureKind.RATE_LIMITED}), LIMITED[0], float(ceil(wait)))
        rng, mood = self._rng, self.mood()
        if rng.random() < mood.well:
            return WELL
        chat = asking.endpoint != "audio.speech"
        names = [
            name
            for name in mood.faults
            if applies(name, stream=asking.stream, tools=asking.has_tools and not asking.begun, chat=chat)
        ]
        return occurring(rng.choice(names), self.temper.kind, rng, self.temper.hints) if names else WELL

    def _refill(self, key: str) -> float:
        """Take one call from the key's quota; the seconds until there is one if there is none."""
        rate, burst, now = self.temper.rate, self.temper.burst, self._loop.now()
        if rate == inf:
            return 0.0
        level, since = self._levels.get(key, (burst, now))
        level = min(burst, level + (now - since) * rate)
        self._levels[key] = (level - 1.0 if level >= 1.0 else level, now)
        return 0.0 if level >= 1.0 else (1.0 - level) / rate
