"""The official SDKs, asked in their own words, get vectors that a provider of another dialect made."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import msgspec
import pytest

from headway.wire.embedding.codecs import CODECS
from headway.wire.embedding.form import EmbeddingDialect, Reply, Request, Show
from headway.wire.form.codec import Said
from headway.wire.form.request import Toward, Written

if TYPE_CHECKING:
    from wire.embedding.conftest import Hands

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

VECTORS = [[0.5, -1.25, 3.0], [0.1, 0.2, 0.3]]
AS_FLOAT32 = [[struct.unpack("<f", struct.pack("<f", one))[0] for one in each] for each in VECTORS]


def provider_answer(dialect: str, count: int) -> dict[str, Any]:
    vectors = VECTORS[:count]
    match dialect:
        case "openai" | "voyage":
            packed = [base64.b64encode(struct.pack("<3f", *each)).decode() for each in vectors]
            data = [{"object": "embedding", "index": number, "embedding": each} for number, each in enumerate(packed)]
            return {"object": "list", "model": "up", "data": data, "usage": {"total_tokens": 5, "prompt_tokens": 5}}
        case "cohere":
            meta = {"billed_units": {"input_tokens": 5}}
            return {"id": "up-1", "embeddings": {"float": vectors}, "meta": meta, "response_type": "embeddings_by_type"}
        case "gemini":
            usage = {"promptTokenCount": 5}
            return {"embeddings": [{"values": each} for each in vectors], "usageMetadata": usage}
        case _:
            return {"model": "up", "embeddings": vectors, "prompt_eval_count": 5}


class Gateway:
    """What stands between a client and a provider, without the network."""

    def __init__(self, client: EmbeddingDialect, provider: EmbeddingDialect) -> None:
        self.client, self.provider = CODECS[client], CODECS[provider]

    def answer(self, body: bytes) -> bytes:
        request = self.client.read_request(fields_of(body), Said(model="logical", stream=False))
        assert isinstance(request, Request), request
        written = self.provider.write_request(request, Toward(model="up"))
        assert isinstance(written, Written), written
        answer = json.dumps(provider_answer(self.provider.dialect, len(request.inputs))).encode()
        reply = self.provider.read_reply(answer, request)
        assert isinstance(reply, Reply), reply
        shown = self.client.write_reply(reply, Show(request_id="r", model="logical", request=request))
        assert isinstance(shown, bytes), shown
        return shown


UPSTREAMS = ("openai", "voyage", "cohere", "gemini", "ollama")


@pytest.mark.parametrize("provider", UPSTREAMS)
@pytest.mark.parametrize("format_asked", [None, "float", "base64"])
def test_openais_sdk(provider: Any, format_asked: Any) -> None:
    from openai import OpenAI

    gateway = Gateway("openai", provider)
    transport = httpx2.MockTransport(lambda sent: httpx2.Response(200, content=gateway.answer(sent.content)))
    with OpenAI(api_key="k", base_url="http://gw.test/v1", http_client=httpx2.Client(transport=transport)) as client:
        given = {} if format_asked is None else {"encoding_format": format_asked}
        answer = client.embeddings.create(model="logical", input=["a", "b"], **given)
    got: Any = [each.embedding for each in answer.data]
    if format_asked == "base64":
        got = [list(struct.unpack("<3f", base64.b64decode(each))) for each in got]
    assert [struct.pack("<3f", *each) for each in got] == [struct.pack("<3f", *each) for each in VECTORS]
    assert [each.index for each in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == 5


@pytest.mark.parametrize("provider", UPSTREAMS)
def test_coheres_sdk(provider: Any) -> None:
    from cohere import ClientV2

    gateway = Gateway("cohere", provider)
    transport = httpx.MockTransport(lambda sent: httpx.Response(200, content=gateway.answer(sent.content)))
    with httpx.Client(transport=transport) as http:
        client = ClientV2(api_key="k", base_url="http://gw.test", httpx_client=http)
        answer = client.embed(
            model="logical", texts=["a", "b"], input_type="search_query", embedding_types=["float", "base64"]
        )
    assert answer.embeddings.float_ is not None
    assert answer.embeddings.float_ in (VECTORS, AS_FLOAT32)
    assert answer.embeddings.base64 == [base64.b64encode(struct.pack("<3f", *each)).decode() for each in VECTORS]
    assert answer.texts == ["a", "b"]
    assert answer.meta is not None
    assert answer.meta.billed_units is not None
    assert answer.meta.billed_units.input_tokens == 5


@pytest.mark.parametrize("provider", UPSTREAMS)
def test_googles_sdk(provider: Any) -> None:
    from google import genai
    from google.genai import types

    gateway = Gateway("gemini", provider)
    client = google(genai, types, gateway.answer)
    answer = client.models.embed_content(
        model="logical",
        contents=["a", "b"],
        config=types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=3),
    )
    assert [each.values for each in answer.embeddings or ()] in (VECTORS, AS_FLOAT32)
    client.close()


def google(genai: Any, types: Any, answer: Callable[[bytes], bytes], **given: Any) -> Any:
    def handle(sent: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=answer(sent.content), headers={"content-type": "application/json"})

    http = httpx2.Client(transport=httpx2.MockTransport(handle))
    options = types.HttpOptions(base_url="http://gw.test", httpx_client=http)
    return genai.Client(api_key="k", http_options=options, **given)


@pytest.mark.parametrize(
    ("model", "contents", "dialect"),
    [
        ("gemini-embedding-001", ["a"], "vertex"),
        ("gemini-embedding-001", ["a", "b"], "vertex"),
        ("text-embedding-005", ["a", "b"], "vertex_predict"),
    ],
)
def test_googles_sdk_for_vertex_asks_and_is_answered_as_our_codecs_do(
    model: str, contents: list[str], dialect: Any, hands: Hands
) -> None:
    from google import genai
    from google.genai import types

    sent: list[bytes] = []
    gateway = Gateway(dialect, "cohere")

    def answer(body: bytes) -> bytes:
        sent.append(body)
        return gateway.answer(body)

    client = google(genai, types, answer, vertexai=True)
    config = types.EmbedContentConfig(
        task_type="RETRIEVAL_DOCUMENT", title="t", output_dimensionality=3, auto_truncate=True
    )
    found = client.models.embed_content(model=model, contents=contents, config=config)
    assert [each.values for each in found.embeddings] == VECTORS[: len(contents)]
    asked = json.loads(sent[0])
    request = hands.asked(dialect, asked, model)
    assert (request.purpose, request.dimensions, request.truncate) == ("document", 3, "end")
    assert request.titles == ("t",) * len(contents)
    assert without_roles(asked) == hands.write(request, dialect, model)[0]
    client.close()


def without_roles(body: Any) -> Any:
    """Who speaks is of no matter to a vector."""
    if isinstance(body, dict):
        return {name: without_roles(value) for name, value in body.items() if name != "role"}
    return [without_roles(each) for each in body] if isinstance(body, list) else body
