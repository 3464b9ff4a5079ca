"""One provider for all tests of the official clients, and a way to ask a service without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from headway.simulated.faults import NO_FAULT
from headway.simulated.provider import SimulatedProvider
from headway.simulated.received import ReceivedRequest
from headway.simulated.service import Service
from headway.simulated.settings import Quota, Simulation
from headway.simulated.threaded import in_thread

MODELS = ("claude", "gemini-2.5", "gemini-3", "us.anthropic.claude", "nova", "command", "llama", "rerank-2.5", "jina")
ALPHA = Simulation(name="alpha", models=MODELS, keys=("good",))
UNLIMITED = Quota()
HEADERS = (
    ("x-api-key", "good"),
    ("anthropic-version", "2023-06-01"),
    ("x-goog-api-key", "good"),
    ("authorization", "Bearer good"),
)


class Said(NamedTuple):
    """What was answered, and how."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return msgspec.json.decode(self.body)


Ask = Callable[..., Said]


@pytest.fixture(scope="session")
def alpha() -> Iterator[SimulatedProvider]:
    with in_thread(ALPHA) as provider:
        yield provider


@pytest.fixture
def ask() -> Ask:
    """Ask a service that lives as long as the test. All keys are good unless `headers` says otherwise."""
    services: dict[Quota, Service] = {}

    def asked(
        path: str,
        body: object = None,
        *,
        method: str = "POST",
        headers: tuple[tuple[str, str], ...] = HEADERS,
        quota: Quota = UNLIMITED,
        at: float = 0.0,
    ) -> Said:
        service = services.setdefault(quota, Service(msgspec.structs.replace(ALPHA, quota=quota)))
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        request = ReceivedRequest(method, path, headers, raw, at, today=1_800_000_000.0)
        reply = service.answer(request, NO_FAULT, 1_750_000_000).reply
        return Said(reply.status, dict(reply.headers), b"".join(piece.data for piece in reply.pieces))

    return asked
