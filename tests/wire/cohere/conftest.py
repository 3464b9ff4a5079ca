"""What the tests of Cohere's dialect share: its codec at work on documents, and the recorded exchanges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headway.wire.cohere.codec import CODEC
from headway.wire.form.codec import Show
from headway.wire.form.reply import Event
from headway.wire.form.request import Request, Unsupported
from headway.wire.malformed import Malformed
from wire.at_work import AtWork

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "cohere.jsonl"
WORK = AtWork(CODEC, model="command")


def framed(*fields: Any) -> bytes:
    """A stream of these events, as Cohere frames them."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in fields)


@pytest.fixture
def read() -> Callable[..., Request]:
    return WORK.read


@pytest.fixture
def read_any() -> Callable[[Any], Request | Malformed]:
    return WORK.read_any


@pytest.fixture
def write() -> Callable[..., tuple[Any, tuple[str, ...]]]:
    return WORK.write


@pytest.fixture
def refuse() -> Callable[[Request], Unsupported]:
    return WORK.refuse


@pytest.fixture
def events() -> Callable[[bytes], list[Event]]:
    return WORK.events


@pytest.fixture
def show() -> Show:
    return WORK.show()


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
