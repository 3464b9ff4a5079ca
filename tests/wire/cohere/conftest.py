"""What the tests of Cohere's dialect share: its codec at work on documents, and the recorded exchanges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headway.wire.cohere.codec import CODEC
from wire.at_work import AtWork

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "cohere.jsonl"


def framed(*fields: Any) -> bytes:
    """A stream of these events, as Cohere frames them."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in fields)


@pytest.fixture(scope="session")
def work() -> AtWork:
    return AtWork(CODEC, model="command")


@pytest.fixture
def stream() -> Callable[..., bytes]:
    return framed


@pytest.fixture(scope="session")
def recorded() -> list[dict[str, Any]]:
    """Recorded chats."""
    if not CORPUS.is_file():
        pytest.skip("the recordings are not here")
    exchanges = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    return [each for each in exchanges if each["request"]["url"].endswith("/v2/chat")]
