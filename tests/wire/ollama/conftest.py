"""What the tests of Ollama's dialect share: its codec at work on documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headway.wire.form.codec import Show
from headway.wire.form.reply import Event
from headway.wire.form.request import Request, Unsupported
from headway.wire.malformed import Malformed
from headway.wire.ollama.codec import CODEC
from wire.at_work import AtWork

WORK = AtWork(CODEC, model="llama")


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
