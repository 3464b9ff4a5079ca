"""When a fault applies: windows of time, every so many requests, or by chance.

What a request asks for itself outranks everything here. Whoever owns a `FaultPlan` supplies the clock and the dice.
"""

from __future__ import annotations

import re
from random import Random

import msgspec

from headway.simulated.faults import Fault, FaultError, parse_fault, parse_request_fault
from headway.simulated.notation import duration

_WINDOW = re.compile(r"([\d.hms]+)-([\d.hms]+)\s+(.+)")
_EVERY = re.compile(r"every\s+(\d+)\s+(.+)")
_CHANCE = re.compile(r"(\d+(?:\.\d+)?)%\s+(.+)")
_PERIOD = re.compile(r"period\s+(\S+)")


class Window(msgspec.Struct, frozen=True):
    """Seconds since the start (or since the period began), end excluded, during which a fault applies."""

    start: float
    end: float
    fault: Fault


class Every(msgspec.Struct, frozen=True):
    """The nth, 2nth, ... request gets the fault."""

    nth: int
    fault: Fault


class Chance(msgspec.Struct, frozen=True):
    """Any request gets the fault with this probability."""

    probability: float
    fault: Fault


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The first that applies wins, in this order: windows, every, chances. A period in seconds repeats the windows."""

    windows: tuple[Window, ...] = ()
    period: float | None = None
    every: tuple[Every, ...] = ()
    chances: tuple[Chance, ...] = ()


NO_SCHEDULE = Schedule()


def parse_schedule(text: str) -> Schedule:
    """Read clauses separated by semicolons: `10s-20s status=503; every 5 rst_at=3t; 10% html; period 60s`."""
    windows: list[Window] = []
    every: list[Every] = []
    chances: list[Chance] = []
    period: float | None = None
    for clause in filter(None, (part.strip() for part in text.split(";"))):
        if found := _WINDOW.fullmatch(clause):
            windows.append(_window(found[1], found[2], found[3]))
        elif found := _EVERY.fullmatch(clause):
            every.append(Every(max(1, int(found[1])), parse_request_fault(found[2])))
        elif found := _CHANCE.fullmatch(clause):
            chances.append(Chance(float(found[1]) / 100, parse_request_fault(found[2])))
        elif found := _PERIOD.fullmatch(clause):
            period = _seconds(found[1])
            if period <= 0:
                raise FaultError("a schedule's period must be longer than nothing")
        else:
            raise FaultError(
                f"cannot read {clause!r} in a schedule; a clause is like '10s-20s status=503', 'every 5 html', "
                "'10% rst_at=3t' or 'period 60s'"
            )
    return Schedule(windows=tuple(windows), period=period, every=tuple(every), chances=tuple(chances))


def _window(start: str, end: str, fault: str) -> Window:
    window = Window(_seconds(start), _seconds(end), parse_fault(fault))
    if window.end <= window.start:
        raise FaultError(f"the window {start}-{end} ends before it starts")
    return window


def _seconds(text: str) -> float:
    try:
        return duration(text)
    except ValueError as wrong:
        raise FaultError(str(wrong)) from None


class FaultPlan:
    """What an instance does to its requests: a schedule, and the fault for when the schedule has none."""

    __slots__ = ("_constant", "_requests", "_rng", "_schedule", "_started")

    def __init__(self, constant: Fault, schedule: Schedule, started: float, rng: Random) -> None:
        self._constant = constant
        self._schedule = schedule
        self._started = started
        self._requests = 0
        self._rng = rng

    def set_fault(self, fault: Fault) -> None:
        self._constant = fault

    def set_schedule(self, schedule: Schedule, now: float) -> None:
        """The windows and the count of requests begin anew."""
        self._schedule = schedule
        self._started = now
        self._requests = 0

    @property
    def may_refuse(self) -> bool:
        return self._constant.refuse or any(window.fault.refuse for window in self._schedule.windows)

    def refusing(self, now: float) -> bool:
        """Whether the listener should be closed."""
        return (self._in_window(now) or self._constant).refuse

    def choose(self, now: float) -> Fault:
        """The fault for the next request. Counts it, and throws the dice."""
        self._requests += 1
        window = self._in_window(now)
        if window is not None:
            return window
        for rule in self._schedule.every:
            if self._requests % rule.nth == 0:
                return rule.fault
        for chance in self._schedule.chances:
            if self._rng.random() < chance.probability:
                return chance.fault
        return self._constant

    def _in_window(self, now: float) -> Fault | None:
        at = now - self._started
        if self._schedule.period is not None:
            at %= self._schedule.period
        return next((w.fault for w in self._schedule.windows if w.start <= at < w.end), None)
