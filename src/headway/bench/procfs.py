"""What a process and its descendants, or the whole machine, have used, as the kernel counts it under /proc.

Elsewhere than on Linux: nothing, said as None.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

PROC = Path("/proc")


class Usage(msgspec.Struct, frozen=True):
    """CPU seconds since the start, and resident bytes now, of a whole process tree. `beside` is the CPU of those whose
    command line holds what was asked for, which `cpu` then lacks.
    """

    cpu: float
    rss: int
    beside: float = 0.0


def ticks_of(stat: str) -> int:
    """User and system time from a line of /proc/PID/stat, reaped children included. The name may hold spaces and
    brackets.
    """
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def parent_of(stat: str) -> int:
    return int(stat.rpartition(")")[2].split()[1])


def usage(pid: int, proc: Path = PROC, *, beside: bytes | None = None) -> Usage | None:
    """What `pid` and all its living descendants have used; None where this can't be known. Descendants with `beside` in
    their command line are counted apart.
    """
    stats = {found: stat for found in _pids(proc) if (stat := _read(proc / str(found) / "stat"))}
    if pid not in stats:
        return None
    tree = [pid]
    for member in tree:
        tree.extend(other for other, stat in stats.items() if parent_of(stat) == member and other not in tree)
    hertz = os.sysconf("SC_CLK_TCK")
    pages = sum(_resident_pages(proc / str(member) / "statm") for member in tree)
    apart = [member for member in tree[1:] if beside is not None and beside in _command(proc / str(member))]
    cpu = sum(ticks_of(stats[member]) for member in tree if member not in apart) / hertz
    extra = sum(ticks_of(stats[member]) for member in apart) / hertz
    return Usage(cpu, pages * os.sysconf("SC_PAGE_SIZE"), extra)


def machine_busy(proc: Path = PROC) -> float | None:
    """CPU seconds that all cores together have spent on anything but waiting since the machine started."""
    fields = _read(proc / "stat").partition("\n")[0].split()
    if len(fields) < 9:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _pids(proc: Path) -> list[int]:
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()] if proc.is_dir() else []


def _resident_pages(statm: Path) -> int:
    fields = _read(statm).split()
    return int(fields[1]) if len(fields) > 1 else 0


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""
