"""Makes this folder importable as the package `golden`, and names each recorded answer to the tests that want it.

The recordings live beside the repository; without them there is nothing to compare.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)

from golden.clients import Clients  # noqa: E402
from golden.recordings import all_recorded  # noqa: E402


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`answer`: every recorded whole answer. `stream`: every recorded stream."""
    for name, streamed in (("answer", False), ("stream", True)):
        if name in metafunc.fixturenames:
            found = [each for each in all_recorded() if each.streamed == streamed]
            metafunc.parametrize(name, found, ids=[each.id for each in found])


@pytest.fixture(scope="session")
def clients() -> Clients:
    return Clients()
