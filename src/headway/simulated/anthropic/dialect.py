"""Anthropic's endpoints: what stands under which path, and whose key is good."""

from __future__ import annotations

from headway.simulated import complaints
from headway.simulated.anthropic import wording
from headway.simulated.anthropic.request import CountAsk, MessagesAsk
from headway.simulated.complaints import Complaint
from headway.simulated.dialect import Occasion
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Header, Json, Refusal, Reply, Voice, whole
from headway.simulated.settings import Simulation

ENDPOINTS = ("/v1/messages", "/v1/messages/count_tokens")


class Anthropic:
    """`/v1/models` is its own for those who say which of its versions they speak."""

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        if request.place.startswith("/v1/messages"):
            return True
        return request.place.startswith("/v1/models") and request.header("anthropic-version") is not None

    def key(self, request: ReceivedRequest) -> str | None:
        return request.header("x-api-key") or request.bearer()

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        key = self.key(request)
        if key is None:
            return Refusal(status=401, message="x-api-key header is required")
        if keys and key not in keys:
            return Refusal(
                status=401, message="invalid x-api-key" if request.header("x-api-key") else "Invalid bearer token"
            )
        return None

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        if request.header("anthropic-version") is None:
            return Refusal(message="anthropic-version: header is required")
        if request.place.startswith("/v1/models"):
            return self._models(request, simulation)
        if request.place not in ENDPOINTS:
            return Refusal(status=404, message="Not found")
        if request.method != "POST":
            return Refusal(status=405, message="Method Not Allowed", type="invalid_request_error")
        counting = request.place.endswith("count_tokens")
        asked = complaints.read(CountAsk, request.body) if counting else complaints.read(MessagesAsk, request.body)
        if isinstance(asked, Complaint):
            return wording.invalid(asked)
        return asked if asked.model else Refusal(message="model: String should have at least 1 character")

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        return Refusal(status=404, message=f"model: {model}")

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return wording.limited(short, model, organization)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return (
            ("request-id", occasion.identity.letters("req_011C", 20)),
            ("anthropic-organization-id", f"org-{occasion.simulation.name}"),
            *wording.limits(occasion.levels, occasion.today),
        )

    def _models(self, request: ReceivedRequest, simulation: Simulation) -> Reply | Refusal:
        if request.method != "GET":
            return Refusal(status=405, message="Method Not Allowed", type="invalid_request_error")
        name = request.place.removeprefix("/v1/models").removeprefix("/")
        if name and simulation.models and name not in simulation.models:
            return Refusal(status=404, message=f"model: {name}")
        if name:
            return whole(_model(name, simulation))
        data = [_model(model, simulation) for model in simulation.models]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return whole({"data": data, "has_more": False, **ends})


def _model(name: str, simulation: Simulation) -> Json:
    created = wording.moment(simulation.created or 0)
    head = {"type": "model", "id": name, "display_name": name, "created_at": created, "lifecycle": "active"}
    return {**head, "max_input_tokens": 200_000, "max_tokens": 64_000}
