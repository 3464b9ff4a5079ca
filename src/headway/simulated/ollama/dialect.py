"""Ollama's endpoints. It asks for a key only where the simulation has some."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.simulated import complaints
from headway.simulated.complaints import Complaint
from headway.simulated.dialect import Occasion
from headway.simulated.identity import Identity
from headway.simulated.ollama import wording
from headway.simulated.ollama.request import ChatAsk, EmbedAsk
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Header, Json, Refusal, Reply, Voice, whole
from headway.simulated.settings import Simulation

ENDPOINTS = ("/api/chat", "/api/embed", "/api/tags", "/api/version")


class Ollama:
    """A model's name may leave out its tag."""

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        return request.place in ENDPOINTS

    def key(self, request: ReceivedRequest) -> str | None:
        return request.bearer()

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        return Refusal(status=401, message="unauthorized") if keys and self.key(request) not in keys else None

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        if request.method != ("GET" if request.place in {"/api/tags", "/api/version"} else "POST"):
            return Refusal(status=405, message="405 method not allowed")
        if request.place == "/api/version":
            return whole({"version": "0.12.6"})
        if request.place == "/api/tags":
            return whole({"models": [_model(name, simulation) for name in simulation.models]})
        if request.place == "/api/chat":
            asked = complaints.read(ChatAsk, request.body)
        else:
            asked = complaints.read(EmbedAsk, request.body)
        if isinstance(asked, Complaint):
            return wording.invalid(asked)
        return asked if asked.model else Refusal(message="model is required")

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        return Refusal(status=404, message=f"model '{model}' not found")

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return Refusal(status=429, message="too many requests")

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return ()


def _model(name: str, simulation: Simulation) -> Json:
    modified = datetime.fromtimestamp(simulation.created or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    details = {"format": "gguf", "family": "simulated", "parameter_size": "8B", "quantization_level": "Q4_K_M"}
    digest = Identity(simulation.seed, name).hexadecimal("", 64)
    return {
        "name": name,
        "model": name,
        "modified_at": modified,
        "size": 4_000_000_000,
        "digest": digest,
        "details": details,
    }
