"""Several worker processes on one listening socket: started, restarted when they die, and stopped together.

Each worker is a gateway of its own, with its own connections and its own live state; they share nothing but the socket.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from types import FrameType

LOOK_EVERY = 0.2
SHORT_LIFE = 2.0
"""Seconds; a worker that lived no longer is restarted after a pause, so that one that cannot start does not spin."""

Command = Callable[[int], Sequence[str]]
"""The command line of worker number n."""


class Workers:
    """Run it in the main thread; `run` returns the exit code."""

    def __init__(self, count: int, sock: socket.socket, command: Command, tell: Callable[[str], None]) -> None:
        self._count = count
        self._sock = sock
        self._command = command
        self._tell = tell
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self) -> int:
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        for number in range(self._count):
            self._start(number)
        while self._processes:
            time.sleep(LOOK_EVERY)
            self._look()
        return 0

    def _start(self, number: int) -> None:
        fd = self._sock.fileno()
        # A session of its own: Ctrl-C reaches this process alone, which tells the workers once.
        # A wish to reload that comes while it starts waits until it can hear it, rather than end it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            self._processes[number] = subprocess.Popen(self._command(number), pass_fds=[fd], start_new_session=True)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        self._started[number] = time.monotonic()

    def _look(self) -> None:
        for number, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self._processes[number]
            if self._stopping:
                continue
            self._tell(f"worker {number} ended with code {code}; starting it again")
            if time.monotonic() - self._started[number] < SHORT_LIFE:
                time.sleep(SHORT_LIFE)
            if not self._stopping:
                self._start(number)

    def _stop(self, _sig: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._signal_all(signal.SIGTERM)

    def _reload(self, _sig: int, _frame: FrameType | None) -> None:
        self._signal_all(signal.SIGHUP)

    def _signal_all(self, sig: signal.Signals) -> None:
        for process in self._processes.values():
            process.send_signal(sig)
