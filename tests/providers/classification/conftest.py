"""Fixtures of errors, one row each in fixtures/*.yaml, and recorded errors where the recordings are present.

| key | what |
| --- | --- |
| `provider`, `status` | who answered, and with which status |
| `stream`, `ok` | true: it is the data of an event in a stream, or the body of a reply with status 200 |
| `head` | header fields that matter |
| `error`, `body`, `text` | what came: an object inside `{"error": ...}`, a whole document, or anything else |
| `kind`, `rule`, `retry_after`, `should_retry`, `edge` | what it means, and which rule says so |
| `recorded` or `documented` | the evidence: the id of a recording, reduced to what matters, or where it is written |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from headway.failures import Failure, FailureKind
from headway.providers.catalogue import find
from headway.providers.classification.classify import classify, classify_event, classify_ok
from headway.wire.http_head import Head

WALL = 1777636800.0  # 2026-05-01T12:00:00Z
FIXTURES = Path(__file__).parent / "fixtures"
CORPUS = Path(__file__).parents[4] / "shared" / "corpus"


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: str
    kind: FailureKind
    rule: str
    status: int = 200
    stream: bool = False
    ok: bool = False
    head: dict[str, str] = {}
    error: Any = None
    body: Any = None
    text: str | None = None
    retry_after: float | None = None
    should_retry: bool | None = None
    edge: bool = False
    recorded: str | None = None
    documented: str | None = None

    def failure(self) -> Failure | None:
        return failure_of(self, self.data(), self.head)

    def data(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return json.dumps({"error": self.error} if self.body is None else self.body).encode()


class Recording(msgspec.Struct, frozen=True):
    """An error that a provider really sent. `row` is the fixture that names it."""

    id: str
    provider: str
    status: int
    stream: bool
    data: bytes
    head: dict[str, str]

    def failure(self) -> Failure | None:
        return failure_of(self, self.data, self.head)


def failure_of(what: Row | Recording, data: bytes, head: dict[str, str]) -> Failure | None:
    raw = Head(b"HTTP/1.1 %d X\r\n" % what.status + b"".join(f"{k}: {v}\r\n".encode() for k, v in head.items()))
    if what.stream:
        return classify_event(what.provider, data, who="up/m#k", wall=WALL)
    if what.status == 200:
        return classify_ok(what.provider, raw, data, who="up/m#k", wall=WALL)
    return classify(what.provider, what.status, raw, data, who="up/m#k", wall=WALL)


@cache
def all_rows() -> tuple[Row, ...]:
    found: list[Row] = []
    for path in sorted(FIXTURES.glob("*.yaml")):
        data = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
        found += msgspec.convert(data, list[Row])
    return tuple(found)


def recordings() -> Iterator[Recording]:
    """Every reply with an error status, and every error in a stream, of the recordings beside the repository."""
    for path in sorted(CORPUS.glob("*.jsonl")):
        entry = find(path.stem)
        provider = entry.name if entry is not None else path.stem
        for line in path.read_text("utf-8").splitlines():
            if '"status": 200' in line and "error" not in line:
                continue
            exchange = json.loads(line)
            response = exchange["response"]
            status, body, head = response["status"], response["body"], response["headers"]
            if response["body_kind"] == "base64":
                continue
            text = body if isinstance(body, str) else json.dumps(body)
            if status >= 400:
                yield Recording(exchange["id"], provider, status, False, text.encode(), head)
            elif response["body_kind"] == "text":
                for event in text.splitlines():
                    data = event.removeprefix("data:").strip().encode()
                    if event.startswith("data:") and classify_event(provider, data, who="up") is not None:
                        yield Recording(exchange["id"], provider, status, True, data, head)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        rows = all_rows()
        metafunc.parametrize("row", rows, ids=[f"{row.provider}-{row.rule}-{n}" for n, row in enumerate(rows)])
    if "recording" in metafunc.fixturenames:
        found = list(recordings())
        metafunc.parametrize("recording", found, ids=[f"{each.provider}-{each.id}" for each in found])


@pytest.fixture(scope="session")
def rows() -> tuple[Row, ...]:
    return all_rows()
