"""The writer of the request log stands back where the gateway needs the core that it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.skipif(sys.platform != "linux", reason="schedulers differ")]


def test_its_process_and_its_session_go_after_others():
    """A session's share of a core is a matter of its own where the kernel groups processes by sessions."""
    command = [sys.executable, "-m", "headway.storage.writer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as writer:
        group = Path(f"/proc/{writer.pid}/autogroup")
        groups = group.exists() and group.read_text().endswith(" nice 0\n")
        deadline = time.monotonic() + 30.0
        try:
            while not (settled := _stands_back(writer.pid, group if groups else None)) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            writer.kill()
    assert settled


def _stands_back(pid: int, group: Path | None) -> bool:
    nice, policy = os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid)
    return nice > 0 and policy == os.SCHED_BATCH and (group is None or not group.read_text().endswith(" nice 0\n"))
