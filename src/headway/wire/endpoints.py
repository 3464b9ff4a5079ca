"""Which requests the gateway answers: their paths, what each asks for, and in whose words.

The list of models is not here: the gateway answers that itself. What a target serves of these, and in which dialect, is
`providers.surfaces`' business.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec

from headway.types import Dialect

Operation = Literal["generate", "embed", "rerank", "count", "plain"]
"""Words from a model, vectors, an order of documents, the number of tokens of a request for words; or something that no
dialect but OpenAI's has a form of its own for.
"""
Style = Literal["openai", "anthropic", "gemini", "bedrock", "cohere"]
"""Whose clients read the errors."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    name: str
    path: str
    """Below our own `/v1`, for OpenAI's API; below the prefixes of `_NAMED` for those with the model in the path."""
    body: Literal["json", "multipart"] = "json"
    operation: Operation = "plain"
    dialect: Dialect = "openai_chat"
    """In which words is asked, and answered."""
    form: str = ""
    """The same for vectors and documents, by the names that `wire.embedding` and `wire.rerank` give."""
    style: Style = "openai"
    streams: bool | None = None
    """None: the body's `stream` says it."""
    array: bool = False
    """A stream is one JSON array instead of events (Gemini without `alt=sse`)."""
    stream_usage: bool = False
    """It knows `stream_options.include_usage`."""
    json_only: bool = False
    """A whole answer is JSON whatever was asked."""
    terminals: tuple[bytes, ...] = ()
    """A finished stream of OpenAI's holds one of these near its end; empty: nothing but the end of the body tells."""

    @property
    def events(self) -> bool:
        """Is a stream one of events that say themselves when it is complete?"""
        return bool(self.terminals) or self.operation == "generate"

    @property
    def unheard(self) -> bool:
        """Do clients of this API take no notice of an error event, so that only a broken connection tells them?"""
        return self.style == "cohere"

    @property
    def comments(self) -> bool:
        """May a stream hold comments, as a sign of life?"""
        return self.style != "bedrock" and not self.array


_DONE = (b"\ndata: [DONE]", b"\ndata:[DONE]")  # at the beginning of a line: a model may say it too

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="chat",
        path="/chat/completions",
        operation="generate",
        json_only=True,
        stream_usage=True,
        terminals=_DONE,
    ),
    Endpoint(name="completions", path="/completions", json_only=True, stream_usage=True, terminals=_DONE),
    Endpoint(
        name="responses",
        path="/responses",
        operation="generate",
        dialect="openai_responses",
        json_only=True,
        terminals=(b'"response.completed"', b'"response.incomplete"'),
    ),
    Endpoint(name="embeddings", path="/embeddings", operation="embed", form="openai", json_only=True),
    Endpoint(name="rerank", path="/rerank", operation="rerank", form="jina", json_only=True),
    Endpoint(name="moderations", path="/moderations", json_only=True),
    Endpoint(name="images.generations", path="/images/generations", json_only=True),
    Endpoint(name="images.edits", path="/images/edits", json_only=True, body="multipart"),
    Endpoint(name="images.variations", path="/images/variations", json_only=True, body="multipart"),
    Endpoint(name="audio.speech", path="/audio/speech"),
    Endpoint(name="audio.transcriptions", path="/audio/transcriptions", body="multipart"),
    Endpoint(name="audio.translations", path="/audio/translations", body="multipart"),
)
"""OpenAI's, and what others have added to it."""

MESSAGES = Endpoint(
    name="anthropic.messages",
    path="/messages",
    operation="generate",
    dialect="anthropic",
    style="anthropic",
    json_only=True,
)
COUNT_TOKENS = Endpoint(
    name="anthropic.count_tokens",
    path="/messages/count_tokens",
    operation="count",
    dialect="anthropic",
    style="anthropic",
    json_only=True,
)
COHERE: tuple[Endpoint, ...] = (
    Endpoint(name="cohere.chat", path="/chat", operation="generate", dialect="cohere", style="cohere", json_only=True),
    Endpoint(name="cohere.embed", path="/embed", operation="embed", form="cohere", style="cohere", json_only=True),
    Endpoint(name="cohere.rerank", path="/rerank", operation="rerank", form="cohere", style="cohere", json_only=True),
)


def _gemini(name: str, operation: Operation, *, streams: bool = False, array: bool = False, form: str = "") -> Endpoint:
    return Endpoint(
        name=f"gemini.{name}",
        path=f"/models/{{model}}:{name}",
        operation=operation,
        dialect="gemini",
        form=form,
        style="gemini",
        streams=streams,
        array=array,
        json_only=True,
    )


def _bedrock(name: str, operation: Operation, *, streams: bool = False) -> Endpoint:
    return Endpoint(
        name=f"bedrock.{name}",
        path=f"/model/{{model}}/{name}",
        operation=operation,
        dialect="converse",
        style="bedrock",
        streams=streams,
        json_only=True,
    )


GEMINI: dict[str, Endpoint] = {
    "generateContent": _gemini("generateContent", "generate"),
    "streamGenerateContent": _gemini("streamGenerateContent", "generate", streams=True),
    "embedContent": _gemini("embedContent", "embed", form="gemini"),
    "batchEmbedContents": _gemini("batchEmbedContents", "embed", form="gemini"),
    "countTokens": _gemini("countTokens", "count"),
}
GEMINI_ARRAY = _gemini("streamGenerateContent.array", "generate", streams=True, array=True)
BEDROCK: dict[str, Endpoint] = {
    "converse": _bedrock("converse", "generate"),
    "converse-stream": _bedrock("converse-stream", "generate", streams=True),
    "invoke": _bedrock("invoke", "plain"),
    "count-tokens": _bedrock("count-tokens", "count"),
}

_INVOKED_FORMS: tuple[tuple[str, Operation, str], ...] = (
    ("titan", "embed", "titan"),
    ("nova", "embed", "nova"),
    ("cohere_invoke", "embed", "cohere_invoke"),
    ("rerank", "rerank", "cohere_invoke"),
)
INVOKED: dict[str, Endpoint] = {
    "messages": Endpoint(
        name="bedrock.invoke.messages",
        path="/model/{model}/invoke",
        operation="generate",
        dialect="anthropic",
        style="bedrock",
        streams=False,
        json_only=True,
    ),
    **{
        name: Endpoint(
            name=f"bedrock.invoke.{name}",
            path="/model/{model}/invoke",
            operation=operation,
            form=form,
            style="bedrock",
            streams=False,
            json_only=True,
        )
        for name, operation, form in _INVOKED_FORMS
    },
}
"""What InvokeModel may mean; the body tells."""

ALL: tuple[Endpoint, ...] = (
    *ENDPOINTS,
    MESSAGES,
    COUNT_TOKENS,
    *COHERE,
    *GEMINI.values(),
    GEMINI_ARRAY,
    *BEDROCK.values(),
    *INVOKED.values(),
)

BY_PATH: dict[bytes, Endpoint] = {
    **{
        f"{prefix}{endpoint.path}".encode(): endpoint
        for endpoint in ENDPOINTS
        for prefix in ("/v1", "/openai/v1", "/openai")
    },
    **{
        f"{prefix}{endpoint.path}".encode(): endpoint
        for endpoint in (MESSAGES, COUNT_TOKENS)
        for prefix in ("/v1", "/anthropic/v1", "/anthropic")
    },
    **{f"{prefix}{endpoint.path}".encode(): endpoint for endpoint in COHERE for prefix in ("/v2", "/cohere/v2")},
}
"""Our own paths, as they stand in a request line, where they are the same for every model."""

_GEMINI_PREFIXES = tuple(
    f"{drop_in}/{version}/".encode() for drop_in in ("", "/genai") for version in ("v1beta", "v1beta1", "v1")
)
_BEDROCK_PREFIXES = (b"/bedrock/model/", b"/model/")
_AZURE_PREFIXES = (b"/openai/deployments/", b"/openai/openai/deployments/")
_MODELS = b"models/"
_OPENAI_BELOW: dict[bytes, Endpoint] = {endpoint.path.encode(): endpoint for endpoint in ENDPOINTS}


class Place(msgspec.Struct, frozen=True):
    """Where a request was sent to. `model` is the model's name, where the path has it."""

    endpoint: Endpoint
    model: str | None = None


_PLACES: dict[bytes, Place] = {path: Place(endpoint) for path, endpoint in BY_PATH.items()}


def find(target: bytes) -> Place | None:
    """The endpoint of a request target (path and query), if it is one."""
    place = _PLACES.get(target)
    if place is not None:
        return place
    path, _, query = target.partition(b"?")
    place = _PLACES.get(path) or (_PLACES.get(unquote_to_bytes(path)) if b"%" in path else None)
    if place is not None:
        return place
    if path.startswith(_BEDROCK_PREFIXES):
        return _bedrock_place(path)
    if path.startswith(_AZURE_PREFIXES):
        return _azure_place(path)
    if path.startswith(_GEMINI_PREFIXES):
        return _gemini_place(path, query)
    return None


def _gemini_place(path: bytes, query: bytes) -> Place | None:
    start = path.find(_MODELS)
    if start < 0 or path[start - 1 : start] != b"/":
        return None
    model, colon, method = path[start + len(_MODELS) :].rpartition(b":")
    endpoint = GEMINI.get(method.decode("ascii", "replace"))
    if not colon or endpoint is None:
        return None
    if endpoint.streams and b"alt=sse" not in query.split(b"&"):
        endpoint = GEMINI_ARRAY
    return _place(endpoint, model)


def _bedrock_place(path: bytes) -> Place | None:
    rest = path[path.index(b"/model/") + len(b"/model/") :]
    model, slash, method = rest.rpartition(b"/")
    endpoint = BEDROCK.get(method.decode("ascii", "replace"))
    return _place(endpoint, model) if slash and endpoint is not None else None


def _azure_place(path: bytes) -> Place | None:
    """As Azure's own client asks: the name of a deployment stands before OpenAI's path."""
    rest = path[path.index(b"/deployments/") + len(b"/deployments/") :]
    for below, endpoint in _OPENAI_BELOW.items():
        if rest.endswith(below):
            return _place(endpoint, rest[: -len(below)])
    return None


def _place(endpoint: Endpoint, quoted: bytes) -> Place | None:
    try:
        model = unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return None
    return Place(endpoint, model) if model else None
