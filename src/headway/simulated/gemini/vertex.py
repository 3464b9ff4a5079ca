"""Vertex AI's endpoints: Google's own models in Google's API, and Claude in Anthropic's, without the model's name in
the body.
"""

from __future__ import annotations

import re

from headway.simulated import complaints
from headway.simulated.anthropic import wording as anthropic
from headway.simulated.anthropic.request import VertexCountAsk, VertexMessagesAsk
from headway.simulated.complaints import Complaint
from headway.simulated.dialect import Occasion
from headway.simulated.gemini import wording
from headway.simulated.gemini.dialect import read_method
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest, decoded
from headway.simulated.reply import Ask, Header, Json, Refusal, Reply, Voice, Written
from headway.simulated.settings import Simulation

_CALL = re.compile(r".*/publishers/(google|anthropic)/models/([^/]+):(\w+)")
_COUNT = "count-tokens"
"""The name in place of a model's under which Claude's tokens are counted; the model is in the body."""
_MISSING = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


class Vertex:
    """Google's models."""

    publisher = "google"

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        found = _CALL.fullmatch(request.place)
        return found is not None and found[1] == self.publisher

    def key(self, request: ReceivedRequest) -> str | None:
        return request.bearer() or request.header("x-goog-api-key") or request.query("key")

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        key = self.key(request)
        if key is None:
            return Refusal(status=401, message=_MISSING, code="CREDENTIALS_MISSING")
        if keys and key not in keys:
            message = _MISSING.replace(
                "is missing required authentication credential", "had invalid authentication credentials"
            )
            return Refusal(status=401, message=message, code="ACCESS_TOKEN_TYPE_UNSUPPORTED")
        return None

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        found = _CALL.fullmatch(request.place)
        if found is None or request.method != "POST":
            return Refusal(status=404, message="Requested entity was not found.")
        return self.read_call(found[3], decoded(found[2]), request)

    def read_call(self, method: str, model: str, request: ReceivedRequest) -> Ask | Refusal:
        return read_method(method, model, request, vertex=True)

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        place = request.place.lstrip("/").partition("/")[2].rpartition("/")[0]
        message = (
            f"Publisher Model `{place}/{model}` was not found or your project does not have access to it. Please "
            "ensure you are using a valid model version. For more information, see: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
        )
        return Refusal(status=404, message=message)

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        message = (
            "Resource exhausted. Please try again later. Please refer to "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
        )
        return Refusal(status=429, message=message)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return (
            ("server-timing", f"gfet4t7; dur={round(1000 * occasion.took)}"),
            ("server", "scaffolding on HTTPServer2"),
        )


class VertexClaude(Vertex):
    """Claude. What Google's gate refuses is refused in Google's words, what Claude does not like in Anthropic's."""

    publisher = "anthropic"

    @property
    def voice(self) -> Voice:
        return _VOICE

    def read_call(self, method: str, model: str, request: ReceivedRequest) -> Ask | Refusal:
        if method not in {"rawPredict", "streamRawPredict"}:
            return Refusal(status=404, message="Requested entity was not found.")
        if model.partition("!")[0] == _COUNT:
            asked = complaints.read(VertexCountAsk, request.body)
        else:
            asked = complaints.read(VertexMessagesAsk, request.body)
        if isinstance(asked, Complaint):
            return anthropic.invalid(asked)
        return asked if isinstance(asked, VertexCountAsk) else asked.of(model)


_GATE = frozenset({401, 403, 404, 429})


def _usual(status: int) -> Refusal:
    return wording.VOICE.usual(status) if status in _GATE else anthropic.VOICE.usual(status)


def _write(refusal: Refusal, told: Json, headers: tuple[Header, ...]) -> Written:
    return (wording if refusal.status in _GATE else anthropic).VOICE.write(refusal, told, headers)


_VOICE = Voice(_usual, _write)
