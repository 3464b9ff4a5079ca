"""Calls back at a fixed period, as exactly as the system allows.

An event loop counts in milliseconds, which is longer than what is measured here. Linux offers timers as files, which a
loop can wait for and which are exact to tens of microseconds. Elsewhere the loop's own timers have to do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable
from typing import Protocol

CLOCK_MONOTONIC = 1
# timerfd_create(2): TFD_NONBLOCK and TFD_CLOEXEC are O_NONBLOCK and O_CLOEXEC.
PERIOD = struct.Struct("@qqqq")
"""`struct itimerspec`: the period and the first expiry, in seconds and nanoseconds each."""


class Ticker(Protocol):
    def stop(self) -> None:
        """No call after this one. May be repeated."""
        ...


def ticker(seconds: float, call: Callable[[], None]) -> Ticker:
    """Begins to call `call` once a period from the running loop; late ticks are merged, not made up for."""
    descriptor = timer_file(seconds)
    return LoopTicker(seconds, call) if descriptor is None else FileTicker(descriptor, call)


def timer_file(seconds: float) -> int | None:
    """A descriptor that becomes readable once a period; None where the system has no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
    if descriptor < 0:
        return None
    whole, part = divmod(round(seconds * 1e9), 1_000_000_000)
    libc.timerfd_settime(descriptor, 0, PERIOD.pack(whole, part, whole, part), None)
    return descriptor


class FileTicker:
    """Owns the descriptor."""

    def __init__(self, descriptor: int, call: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._expired)

    def stop(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _expired(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return
        self._call()


class LoopTicker:
    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._seconds = seconds
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._expired)

    def stop(self) -> None:
        self._timer.cancel()

    def _expired(self) -> None:
        self._timer = self._loop.call_later(self._seconds, self._expired)
        self._call()
