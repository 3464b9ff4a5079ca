"""Ollama's codec at work on documents."""

from __future__ import annotations

import pytest

from headway.wire.ollama.codec import CODEC
from wire.at_work import AtWork


@pytest.fixture(scope="session")
def work() -> AtWork:
    return AtWork(CODEC, model="llama")
