"""What a provider serves under which path, and in which dialect.

A surface is data: for each operation the forms in which it may be asked, the preferred one first, with the path below
the provider's base URL. Where a client's own form is among them its bytes pass; otherwise the first is translated to.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from headway.types import Dialect, Provider
from headway.wire.embedding.codecs import of_bedrock, of_vertex
from headway.wire.endpoints import ENDPOINTS, Endpoint, Operation


class Api(msgspec.Struct, frozen=True):
    """`form` is a dialect, or the name of a form of embeddings or reranking. `{model}` in a path stands for the model,
    `{owner/model}` for one whose name is two names. `stream` is the path of a stream, where it differs.
    """

    form: str
    path: str
    stream: str = ""


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """`plain` maps names of endpoints that pass as they are to paths. `in_body`: the model's name is in the body."""

    generate: tuple[Api, ...] = ()
    embed: tuple[Api, ...] = ()
    rerank: tuple[Api, ...] = ()
    count: tuple[Api, ...] = ()
    plain: Mapping[str, str] = MappingProxyType({})
    media: Mapping[str, Api] = MappingProxyType({})
    """The same for sound and pictures in forms of their own (`wire.media`)."""
    in_body: bool = True
    vertex_claude: bool = False
    """Bodies are Anthropic's, with the version in place of the model."""
    lacks: frozenset[str] = frozenset()
    """Fields of the form's `Request` that it does not take, though its dialect has them."""
    whole_only: bool = False
    """It answers with words only as a whole, so that a stream is made of that."""

    def of(self, operation: Operation) -> tuple[Api, ...]:
        if operation == "generate":
            return self.generate
        if operation == "embed":
            return self.embed
        return self.rerank if operation == "rerank" else self.count


_CHAT, _RESPONSES = Api("openai_chat", "/chat/completions"), Api("openai_responses", "/responses")
_PLAIN = MappingProxyType({endpoint.name: endpoint.path for endpoint in ENDPOINTS if endpoint.operation == "plain"})
_OPENAI = Surface(
    generate=(_CHAT, _RESPONSES), embed=(Api("openai", "/embeddings"),), rerank=(Api("jina", "/rerank"),), plain=_PLAIN
)


def _google(models: str, *counts: str) -> Surface:
    of = f"{models}/{{model}}"
    return Surface(
        generate=(Api("gemini", f"{of}:generateContent", f"{of}:streamGenerateContent?alt=sse"),),
        embed=(Api("gemini", f"{of}:batchEmbedContents"),),
        count=tuple([Api(form, f"{of}:countTokens") for form in counts]),
        in_body=False,
        lacks=frozenset({"service_tier"}) if "vertex" in counts else frozenset(),  # it is a header there
    )


def _azure() -> Surface:
    def of(path: str) -> str:
        return f"/openai/deployments/{{model}}{path}?api-version={{api_version}}"

    return Surface(
        generate=(Api("openai_chat", of(_CHAT.path)),),
        embed=(Api("openai", of("/embeddings")),),
        plain=MappingProxyType({name: of(path) for name, path in _PLAIN.items()}),
    )


def _predictions(path: str) -> Surface:
    return Surface(generate=(Api("replicate", path),), in_body=False, whole_only=True)


_OWNED = "{owner/model}"
_DEPLOYMENTS = "deployments/"
_INVOKE = "/model/{model}/invoke"
_VERTEX_MODELS = "/publishers/google/models"
_VERTEX_CLAUDE = "/publishers/anthropic/models/{model}"
SURFACES: Mapping[str, Surface] = MappingProxyType(
    {
        "openai": _OPENAI,
        "responses": msgspec.structs.replace(_OPENAI, generate=(_RESPONSES,)),
        "azure_deployments": _azure(),
        "anthropic": Surface(
            generate=(Api("anthropic", "/messages"),), count=(Api("anthropic", "/messages/count_tokens"),)
        ),
        "gemini": _google("/models", "gemini"),
        "vertex": _google(_VERTEX_MODELS, "vertex", "gemini"),
        "vertex_claude": Surface(
            generate=(Api("anthropic", f"{_VERTEX_CLAUDE}:rawPredict", f"{_VERTEX_CLAUDE}:streamRawPredict"),),
            in_body=False,
            vertex_claude=True,
        ),
        "vertex_open": Surface(generate=(Api("openai_chat", "/endpoints/openapi/chat/completions"),)),
        "bedrock": Surface(
            generate=(Api("converse", "/model/{model}/converse", "/model/{model}/converse-stream"),),
            count=(Api("converse", "/model/{model}/count-tokens"),),
            in_body=False,
        ),
        "cohere": Surface(
            generate=(Api("cohere", "/v2/chat"),),
            embed=(Api("cohere", "/v2/embed"),),
            rerank=(Api("cohere", "/v2/rerank"),),
        ),
        "ollama": Surface(generate=(Api("ollama", "/api/chat"),), embed=(Api("ollama", "/api/embed"),)),
        "replicate": _predictions(f"/models/{_OWNED}/predictions"),
        "elevenlabs": Surface(
            media=MappingProxyType(
                {
                    "audio.speech": Api("elevenlabs", "/v1/text-to-speech/{voice}?output_format={format}"),
                    "audio.transcriptions": Api("elevenlabs", "/v1/speech-to-text"),
                }
            ),
            in_body=False,
        ),
        "voyage": Surface(embed=(Api("voyage", "/embeddings"),), rerank=(Api("voyage", "/rerank"),)),
        "jina": Surface(embed=(Api("jina", "/embeddings"),), rerank=(Api("jina", "/rerank"),)),
    }
)
"""By name. Those of one model family of a provider (`vertex_claude`) are found by the model's name."""

_IN_RESPONSES = (
    "o[13]-pro",
    "o[13]-pro-20*",
    "gpt-[5-9]*-pro",
    "gpt-[5-9]*-pro-20*",
    "gpt-5*-codex*",
    "codex-*",
    "computer-use-*",
    "*-deep-research*",
)
"""Models that OpenAI serves in the Responses API alone (its list of models, "Endpoints")."""

_USUAL: Mapping[Dialect, str] = MappingProxyType(
    {
        "openai_chat": "openai",
        "openai_responses": "responses",
        "anthropic": "anthropic",
        "gemini": "gemini",
        "converse": "bedrock",
        "cohere": "cohere",
        "ollama": "ollama",
        "replicate": "replicate",
    }
)


def surface_of(provider: Provider, model: str) -> Surface:
    """What a provider serves for one model."""
    name = provider.surface or _USUAL[provider.dialect]
    if name == "vertex":
        return _of_vertex(model)
    if name == "bedrock":
        return _of_bedrock(model)
    if name == "replicate":
        return _of_replicate(model)
    if name == "openai" and provider.api_version is not None:
        name = "azure_deployments"
    surface = SURFACES[name]
    if name == "gemini":
        return msgspec.structs.replace(surface, media=_media_of_google("/models", model))
    if name == "openai":
        if provider.kind in ("openai", "azure") and _responses_only(model):
            return msgspec.structs.replace(surface, generate=(_RESPONSES,))
        if provider.apis is not None and "responses" not in provider.apis:
            return msgspec.structs.replace(surface, generate=(_CHAT,))
    return surface


def path_of(api_path: str, provider: Provider, model: str) -> str:
    """The path and query of a request below the provider's base URL."""
    if "{" not in api_path:
        return api_path
    if _OWNED in api_path:
        return api_path.replace(_OWNED, "/".join([quote(part, safe="-_.~") for part in _two_names(model)]))
    name = model.removeprefix("models/") if "/models/" in api_path else model
    return api_path.replace("{model}", quote(name, safe="-_.~")).replace("{api_version}", provider.api_version or "")


def native(surface: Surface, endpoint: Endpoint) -> Api | None:
    """How the target serves an endpoint in the client's own form; None if it does not."""
    if endpoint.operation == "plain":
        path = surface.plain.get(endpoint.name)
        return None if path is None else Api(endpoint.name, path)
    form = endpoint.form or endpoint.dialect
    return next((api for api in surface.of(endpoint.operation) if api.form == form), None)


def _responses_only(model: str) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in _IN_RESPONSES)


def _of_vertex(model: str) -> Surface:
    if model.startswith("claude"):
        return SURFACES["vertex_claude"]
    if "/" in model or model.endswith("-maas"):
        return SURFACES["vertex_open"]
    form = of_vertex(model)
    verb = "embedContent" if form == "vertex" else "predict"
    return msgspec.structs.replace(
        SURFACES["vertex"],
        embed=(Api(form, f"{_VERTEX_MODELS}/{{model}}:{verb}"),),
        media=_media_of_google(_VERTEX_MODELS, model),
    )


def _media_of_google(models: str, model: str) -> Mapping[str, Api]:
    """Imagen draws by `predict`; everything else is asked of a Gemini in its own way."""
    of = f"{models}/{{model}}"
    asked = Api("gemini", f"{of}:generateContent")
    draws = model.removeprefix("models/").startswith(("imagen", "imagegeneration"))
    pictures = Api("imagen", f"{of}:predict") if draws else asked
    return {"images.generations": pictures, "audio.speech": asked, "audio.transcriptions": asked}


def _of_replicate(model: str) -> Surface:
    if ":" in model:  # a version of a model, which is named in the body
        return _predictions("/predictions")
    if model.startswith(_DEPLOYMENTS):
        return _predictions(f"/deployments/{_OWNED}/predictions")
    return SURFACES["replicate"]


def _two_names(model: str) -> tuple[str, str]:
    """Whose model it is, and its name; neither is ever a step in a path."""
    owner, _, name = model.removeprefix(_DEPLOYMENTS).partition("/")
    return ("-" if owner.strip(".") == "" else owner, "-" if name.strip(".") == "" else name)


def _of_bedrock(model: str) -> Surface:
    surface, form = SURFACES["bedrock"], of_bedrock(model)
    if form is not None:
        return Surface(embed=(Api(form, _INVOKE),), in_body=False)
    if "rerank" in model:
        return Surface(rerank=(Api("cohere_invoke", _INVOKE),), in_body=False)
    return surface
