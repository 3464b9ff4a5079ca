"""What the tests of Replicate's dialect share: its codec at work on requests and predictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headway.wire.form.parts import Message, Part, Text
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.replicate.codec import CODEC


def asked(*messages: tuple[str, Any], **more: Any) -> Request:
    """A request with these messages: role and text, or role and parts."""
    told: list[Message] = []
    for role, content in messages or (("user", "hi"),):
        parts: tuple[Part, ...] = (Text(content),) if isinstance(content, str) else tuple(content)
        told.append(Message(role, parts))  # pyright: ignore[reportArgumentType]
    return Request(dialect="openai_chat", model="asked", messages=tuple(told), **more)


def written(request: Request, *, model: str = "meta/llama", **toward: Any) -> tuple[Any, tuple[str, ...]]:
    """The input that is sent, and what was dropped."""
    found = CODEC.write_request(request, Toward(model=model, **toward))
    assert isinstance(found, Written), found
    return json.loads(found.body)["input"], found.dropped


def refused(request: Request, *, model: str = "meta/llama") -> Unsupported:
    found = CODEC.write_request(request, Toward(model=model))
    assert isinstance(found, Unsupported), found
    return found


@pytest.fixture(name="asked")
def asked_fixture() -> Callable[..., Request]:
    return asked


@pytest.fixture(name="written")
def written_fixture() -> Callable[..., tuple[Any, tuple[str, ...]]]:
    return written


@pytest.fixture(name="refused")
def refused_fixture() -> Callable[..., Unsupported]:
    return refused
