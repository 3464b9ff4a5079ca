"""Cohere's endpoints: what stands under which path, and whose key is good."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from headway.simulated import complaints
from headway.simulated.cohere import wording
from headway.simulated.cohere.others import EmbedAsk, RerankAsk
from headway.simulated.cohere.request import ChatAsk
from headway.simulated.complaints import Complaint
from headway.simulated.dialect import Occasion
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Header, Refusal, Reply, Voice
from headway.simulated.settings import Simulation

CohereAsk = type[ChatAsk] | type[EmbedAsk] | type[RerankAsk]
ENDPOINTS: Mapping[str, CohereAsk] = MappingProxyType(
    {"/v2/chat": ChatAsk, "/v2/embed": EmbedAsk, "/v2/rerank": RerankAsk}
)


class Cohere:
    """Keys come as bearer tokens."""

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        return request.place.startswith("/v2/")

    def key(self, request: ReceivedRequest) -> str | None:
        return request.bearer()

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        key = self.key(request)
        if key is None:
            return Refusal(status=401, message="no api key supplied")
        return None if not keys or key in keys else Refusal(status=401, message="invalid api token")

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        kind = ENDPOINTS.get(request.place)
        if kind is None or request.method != "POST":
            return Refusal(status=404, message="404 page not found")
        asked: ChatAsk | EmbedAsk | RerankAsk | Complaint = complaints.read(kind, request.body)
        if isinstance(asked, Complaint):
            return wording.invalid(asked)
        return asked if asked.model else Refusal(message="invalid request: model is required")

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        message = (
            f"model '{model}' not found, make sure the correct model ID was used and that you have access to the model."
        )
        return Refusal(status=404, message=message)

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return wording.limited(short)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return (("x-debug-trace-id", occasion.identity.hexadecimal("", 32)), *wording.limits(occasion.levels))
