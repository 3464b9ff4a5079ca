"""OpenAI's endpoints: what stands under which path, and whose key is good."""

from __future__ import annotations

from headway.simulated.dialect import Occasion
from headway.simulated.openai import wording
from headway.simulated.openai.reading import FORM_ENDPOINTS, JSON_ENDPOINTS, read_form, read_json
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Header, Json, Refusal, Reply, Voice, whole
from headway.simulated.settings import Simulation


class OpenAI:
    """Whatever no other dialect claims is for it."""

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        return True

    def key(self, request: ReceivedRequest) -> str | None:
        """In whichever header it came: `Authorization: Bearer`, `api-key` or `x-api-key`."""
        return request.bearer() or request.header("api-key") or request.header("x-api-key")

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        if not keys:
            return None
        key = self.key(request)
        if key is None:
            return Refusal(
                status=401,
                message="You didn't provide an API key. You need to provide your API key in an Authorization header "
                "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if key in keys:
            return None
        shown = f"{key[:3]}***{key[-4:]}" if len(key) > 10 else "***"
        return Refusal(status=401, message=f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        path = _below(request)
        if path == "/models" or path.startswith("/models/"):
            return self._models(request, path, simulation)
        kind = JSON_ENDPOINTS.get(path)
        if kind is None and path not in FORM_ENDPOINTS:
            return Refusal(status=404, message=f"Invalid URL ({request.method} {request.path})")
        if request.method != "POST":
            return _not_allowed(request)
        if kind is None:
            return read_form(path, request.header("content-type") or "", request.body)
        ask = read_json(kind, request.body)
        if not isinstance(ask, Refusal) and not ask.model.partition("!")[0]:
            return Refusal(message="you must provide a model parameter")
        return ask

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        path = _below(request)
        # Endpoints that have a model of their own are open to it, for their requests may leave it out.
        if path in {"/moderations", "/images/generations"}:
            return None
        if path == "/responses":
            message = f"The requested model '{model}' does not exist."
            return Refusal(status=400, message=message, param="model", code="model_not_found")
        message = f"The model `{model}` does not exist or you do not have access to it."
        return Refusal(status=404, message=message, code="model_not_found")

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return wording.limited(short, model, organization)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return (
            ("openai-organization", f"org-{occasion.simulation.name}"),
            ("openai-processing-ms", str(round(1000 * occasion.took))),
            ("openai-version", "2020-10-01"),
            ("x-request-id", occasion.identity.hexadecimal("req_", 32)),
            *wording.limits(occasion.levels),
        )

    def _models(self, request: ReceivedRequest, path: str, simulation: Simulation) -> Reply | Refusal:
        if request.method != "GET":
            return _not_allowed(request)
        name = path.removeprefix("/models").removeprefix("/")
        if name and simulation.models and name not in simulation.models:
            return self.unknown(name, request) or _not_allowed(request)
        if name:
            return whole(_model(name, simulation))
        return whole({"object": "list", "data": [_model(model, simulation) for model in simulation.models]})


def _below(request: ReceivedRequest) -> str:
    return request.place.removeprefix("/v1")


def _model(name: str, simulation: Simulation) -> Json:
    return {"id": name, "object": "model", "created": simulation.created or 0, "owned_by": simulation.name}


def _not_allowed(request: ReceivedRequest) -> Refusal:
    message = f"Not allowed to {request.method} on {request.path}."
    return Refusal(status=405, message=message, code="method_not_supported")
