"""Names each recorded answer to the tests that want it.

The recordings live beside the repository; without them there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from golden.clients import Clients
from golden.recordings import Recording, all_recorded, has_failed, is_signed, is_unfinished


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`answer`: every recorded whole answer. `stream`: every recorded stream. `signed`: whole answers with signatures.
    `unfinished` and `failed_stream`: those that are no good answers.
    """
    kinds: dict[str, Callable[[Recording], bool]] = {
        "answer": lambda each: not each.streamed and not is_unfinished(each),
        "signed": lambda each: not each.streamed and is_signed(each),
        "unfinished": is_unfinished,
        "stream": lambda each: each.streamed and not has_failed(each),
        "failed_stream": has_failed,
    }
    for name, belongs in kinds.items():
        if name in metafunc.fixturenames:
            found = [each for each in all_recorded() if belongs(each)]
            metafunc.parametrize(name, found, ids=[each.id for each in found])


@pytest.fixture(scope="session")
def clients() -> Clients:
    return Clients()
