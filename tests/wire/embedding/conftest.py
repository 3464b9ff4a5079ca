"""Recorded requests for vectors with their replies, and the codecs at work on documents instead of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from headway.wire.embedding.codecs import CODECS, invoked
from headway.wire.embedding.form import EmbeddingDialect, Reply, Request, Show
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
PROVIDERS = ("openai", "voyageai", "gemini", "vertex", "cohere", "bedrock")


class Exchange(NamedTuple):
    """One recorded exchange; `counted` is the header in which Bedrock tells the tokens of the input."""

    id: str
    dialect: EmbeddingDialect
    model: str
    path: str
    request: dict[str, Any]
    status: int
    reply: Any
    counted: int | None


def exchanges() -> Iterator[Exchange]:
    for provider in PROVIDERS:
        for line in (CORPUS / f"{provider}.jsonl").read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            path = urlsplit(entry["request"]["url"]).path
            found = told_apart(provider, unquote(path), entry["request"]["body"])
            if found is None:
                continue
            dialect, model, body = found
            counted = entry["response"]["headers"].get("x-amzn-bedrock-input-token-count")
            reply = entry["response"]["body"]
            tokens = None if counted is None else int(counted)
            yield Exchange(entry["id"], dialect, model, path, body, entry["response"]["status"], reply, tokens)


def told_apart(provider: str, path: str, body: Any) -> tuple[EmbeddingDialect, str, dict[str, Any]] | None:
    if path.endswith("/v1/embeddings"):
        return ("voyage" if provider == "voyageai" else "openai"), body["model"], body
    if path.endswith((":embedContent", ":batchEmbedContents")):
        return ("vertex" if provider == "vertex" else "gemini"), path.rpartition("/")[2].partition(":")[0], body
    if path == "/v2/embed":
        return "cohere", body["model"], body
    if path.startswith("/model/") and path.endswith("/invoke"):
        body = json.loads(body) if isinstance(body, str) else body
        dialect = invoked(body)
        return None if dialect is None else (dialect, path[len("/model/") : -len("/invoke")], body)
    return None


@pytest.fixture(scope="session")
def recorded() -> list[Exchange]:
    if not CORPUS.is_dir():
        pytest.skip("no recorded exchanges beside the repository")
    return list(exchanges())


fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Hands:
    """The codecs, with documents going in and coming out."""

    def read(self, dialect: EmbeddingDialect, body: Any, model: str = "m") -> Request | Malformed:
        raw = fields_of(json.dumps(body).encode())
        return CODECS[dialect].read_request(raw, Said(model=model, stream=False))

    def asked(self, dialect: EmbeddingDialect, body: Any, model: str = "m") -> Request:
        request = self.read(dialect, body, model)
        assert isinstance(request, Request), request
        return request

    def write(
        self, request: Request, dialect: EmbeddingDialect, model: str = "up", lacks: frozenset[str] = frozenset()
    ) -> tuple[Any, tuple[str, ...]]:
        written = CODECS[dialect].write_request(request, Toward(model=model, lacks=lacks))
        assert isinstance(written, Written), written
        return json.loads(written.body), written.dropped

    def refused(
        self, request: Request, dialect: EmbeddingDialect, model: str = "up", lacks: frozenset[str] = frozenset()
    ) -> Unsupported:
        written = CODECS[dialect].write_request(request, Toward(model=model, lacks=lacks))
        assert isinstance(written, Unsupported), written
        return written

    def reply(self, dialect: EmbeddingDialect, body: Any, request: Request) -> Reply | NoReply:
        return CODECS[dialect].read_reply(json.dumps(body).encode(), request)

    def answered(self, dialect: EmbeddingDialect, body: Any, request: Request) -> Reply:
        reply = self.reply(dialect, body, request)
        assert isinstance(reply, Reply), reply
        return reply

    def shown(self, reply: Reply, request: Request) -> Any:
        body = CODECS[request.dialect].write_reply(reply, Show(request_id="req-1", model="shown", request=request))
        assert isinstance(body, bytes), body
        return json.loads(body)


@pytest.fixture(scope="session")
def hands() -> Hands:
    return Hands()
