"""Many seeds, on all cores: `python -m sim.soak 20000`, or one again, told in full: `python -m sim.soak --seed 123`."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count

from sim.runs import Broken, run, smaller

SHARE = 25
"""Seeds that a process gets at a time."""
MOST = 5
"""Broken seeds after which there is nothing new to learn."""
LINES = 80


def play(seeds: range) -> list[Broken]:
    return [broken for seed in seeds if (broken := run(seed)) is not None]


def soak(first: int, count: int) -> int:
    """The exit code."""
    shares = [range(start, min(start + SHARE, first + count)) for start in range(first, first + count, SHARE)]
    found: list[Broken] = []
    began, done = time.monotonic(), 0
    with ProcessPoolExecutor(cpu_count()) as pool:
        for share, broken in zip(shares, pool.map(play, shares), strict=True):
            done += len(share)
            found += broken
            rate = done / (time.monotonic() - began)
            print(f"\rsoak: {done} of {count} seeds, {rate:.0f} a second, {len(found)} broken", end="", flush=True)
            if len(found) >= MOST:
                pool.shutdown(cancel_futures=True)
                break
    print()
    for broken in found:
        told = smaller(broken)
        print(f"\n{tail(told)}")
    return 1 if found else 0


def replay(seed: int) -> int:
    broken = run(seed)
    if broken is None:
        print(f"seed {seed}: every promise was kept")
        return 0
    print(smaller(broken))
    return 1


def tail(broken: Broken, lines: int = LINES) -> str:
    broken.trace = broken.trace[-lines:]
    return str(broken)


def main() -> int:
    parser = argparse.ArgumentParser(prog="sim.soak", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=20_000, help="how many")
    parser.add_argument("--first", type=int, help="the first of them; a fresh one each time if not given")
    parser.add_argument("--seed", type=int, help="this one only, with all it has to tell")
    asked = parser.parse_args()
    if asked.seed is not None:
        return replay(asked.seed)
    first = int(time.time()) * 1000 if asked.first is None else asked.first
    print(f"soak: seeds {first} to {first + asked.seeds - 1}")
    return soak(first, asked.seeds)


if __name__ == "__main__":
    sys.exit(main())
