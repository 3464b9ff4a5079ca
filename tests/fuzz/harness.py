"""How a fuzz target runs: its seeds and tokens become files beside the findings, then libFuzzer takes over.

An input is a byte of choices, then what arrives, cut into pieces by `CUT`. `python fuzz_x.py -max_total_time=60` fuzzes
for a minute, with `-seed=1` in much the same way each time; `python fuzz_x.py FILE` repeats one input exactly.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import atheris

CUT = b"\x1e"
"""Where one read of a socket ends and the next begins."""


class Violation(BaseException):
    """A promise was broken. No handler of exceptions in the code under test catches it."""


def instrumented() -> AbstractContextManager[None]:
    """Modules of ours that are imported within tell libFuzzer which way they went."""
    return cast(Any, atheris).instrument_imports(include=["headway"])


def fuzz(name: str, test_one: Callable[[bytes], None], seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    """Never returns."""
    arguments = list(sys.argv)
    if not any(not argument.startswith("-") for argument in arguments[1:]):
        arguments += _prepare(name, seeds, tokens)
    atheris.Setup(arguments, test_one)
    atheris.Fuzz()


def check(promise: object, broken: str) -> None:
    if not promise:
        raise Violation(broken)


def _prepare(name: str, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> list[str]:
    folder = Path(f"seeds-{name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, seed in enumerate(seeds):
        (folder / f"{number:03}").write_bytes(seed)
    words = Path(f"tokens-{name}.txt")
    words.write_text("".join(f'"{"".join(f"{chr(92)}x{byte:02x}" for byte in token)}"\n' for token in tokens))
    # Entropic scheduling goes by run times, so that no two runs would be alike.
    return ["-entropic=0", f"-dict={words}", "-rss_limit_mb=4096", str(folder)]
