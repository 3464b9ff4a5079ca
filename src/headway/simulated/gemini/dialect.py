"""Google's endpoints at the Gemini API: what stands under which path, and whose key is good."""

from __future__ import annotations

import re

from headway.simulated.dialect import Occasion
from headway.simulated.gemini import wording
from headway.simulated.gemini.embeddings import BatchEmbedAsk, EmbedAsk, PredictAsk
from headway.simulated.gemini.reading import read
from headway.simulated.gemini.request import CountAsk, GenerateAsk
from headway.simulated.gemini.shapes import PATH_MODEL
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest, decoded
from headway.simulated.reply import Ask, Header, Json, Refusal, Reply, Voice, whole
from headway.simulated.settings import Simulation

METHODS = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
    "predict",
)
_CALL = re.compile(r"/(v1|v1beta|v1alpha)/models/([^/]+):(\w+)")
_LIST = re.compile(r"/(v1|v1beta|v1alpha)/models(?:/([^/]+))?")
_UNREGISTERED = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)


class Gemini:
    """The key comes as a header or in the query."""

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        if _CALL.fullmatch(request.place):
            return True
        found = _LIST.fullmatch(request.place)
        # OpenAI's list stands under the same name in `/v1`.
        return found is not None and (found[1] != "v1" or request.header("x-goog-api-key") is not None)

    def key(self, request: ReceivedRequest) -> str | None:
        return request.header("x-goog-api-key") or request.query("key") or request.bearer()

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        key = self.key(request)
        if key is None:
            return Refusal(status=403, message=_UNREGISTERED)
        if keys and key not in keys:
            return Refusal(message="API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
        return None

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        found = _CALL.fullmatch(request.place)
        if found is None:
            return _models(request, simulation)
        if request.method != "POST":
            return Refusal(status=404, message="Requested entity was not found.")
        return read_method(found[3], decoded(found[2]), request, vertex=False)

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        found = _CALL.fullmatch(request.place)
        version, method = (found[1], found[3]) if found else ("v1beta", "generateContent")
        message = (
            f"models/{model} is not found for API version {version}, or is not supported for {method}. Call "
            "ModelService.ListModels to see the list of available models and their supported methods."
        )
        return Refusal(status=404, message=message)

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return wording.limited(short, model, organization)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return (
            ("server-timing", f"gfet4t7; dur={round(1000 * occasion.took)}"),
            ("server", "scaffolding on HTTPServer2"),
        )


def read_method(method: str, model: str, request: ReceivedRequest, *, vertex: bool) -> Ask | Refusal:
    """What is asked of a model by one of the methods that both of Google's APIs have."""
    path = {PATH_MODEL: model}
    match method:
        case "generateContent":
            return read(GenerateAsk, request.body, manner="whole", vertex=vertex, **path)
        case "streamGenerateContent":
            manner = "sse" if request.query("alt") == "sse" else "array"
            return read(GenerateAsk, request.body, manner=manner, vertex=vertex, **path)
        case "countTokens":
            return read(CountAsk, request.body, **path)
        case "embedContent":
            return read(EmbedAsk, request.body, **path)
        case "batchEmbedContents":
            return read(BatchEmbedAsk, request.body, **path)
        case "predict" if vertex:
            return read(PredictAsk, request.body, **path)
        case _:
            return Refusal(status=404, message="Requested entity was not found.")


def _models(request: ReceivedRequest, simulation: Simulation) -> Reply | Refusal:
    found = _LIST.fullmatch(request.place)
    name = decoded(found[2]) if found is not None and found[2] else None
    if request.method != "GET":
        return Refusal(status=404, message="Requested entity was not found.")
    if name is None:
        return whole({"models": [_model(model) for model in simulation.models]})
    if simulation.models and name not in simulation.models:
        return Refusal(status=404, message=f"Model is not found: models/{name} for api version v1beta")
    return whole(_model(name))


def _model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": [method for method in METHODS if method != "predict"],
    }
