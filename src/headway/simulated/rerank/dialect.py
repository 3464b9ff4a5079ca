"""`/v1/rerank`, which Jina and Voyage both have: the parameters or the model's name tell whose it is."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headway.simulated import complaints, ranking
from headway.simulated.complaints import Complaint
from headway.simulated.dialect import Occasion
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Context, Header, Json, Refusal, Reply, Voice, Written, encode, whole
from headway.simulated.settings import Simulation

ENDPOINTS = ("/v1/rerank",)
_VOYAGES = re.compile(r"rerank-(lite-)?\d")
_USUAL = {401: "Invalid API key", 404: "Not found", 429: "Rate limit exceeded", 503: "Service unavailable"}


class JinaDocument(msgspec.Struct):
    text: str | None = None
    image: str | None = None


class JinaAsk(msgspec.Struct, kw_only=True):
    model: str
    query: str
    documents: Annotated[list[str | JinaDocument], Meta(min_length=1)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool = True
    truncation: Any = None

    def _texts(self) -> list[str]:
        return [each if isinstance(each, str) else each.text or each.image or "" for each in self.documents]

    def need(self) -> int:
        return ranking.cost(self.query, self._texts())

    def answer(self, context: Context) -> Reply | Refusal:
        texts = self._texts()
        results: list[Json] = []
        for place in ranking.ranked(context, self.query, texts, self.top_n):
            shown = {"document": {"text": texts[place.index]}} if self.return_documents else {}
            results.append({"index": place.index, "relevance_score": place.score, **shown})
        usage = {"total_tokens": self.need()}
        return whole({"model": context.model, "object": "list", "usage": usage, "results": results})


class VoyageAsk(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    model: str
    query: str
    documents: Annotated[list[str], Meta(min_length=1, max_length=1000)]
    top_k: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool = False
    truncation: bool = True

    def need(self) -> int:
        return ranking.cost(self.query, self.documents)

    def answer(self, context: Context) -> Reply | Refusal:
        data: list[Json] = []
        for place in ranking.ranked(context, self.query, self.documents, self.top_k):
            shown = {"document": self.documents[place.index]} if self.return_documents else {}
            data.append({"relevance_score": place.score, "index": place.index, **shown})
        usage = {"total_tokens": self.need()}
        return whole({"object": "list", "data": data, "model": context.model, "usage": usage})


class _Peek(msgspec.Struct):
    model: str
    top_k: Any = None
    top_n: Any = None


class Rerank:
    """Errors are a `detail` and nothing else."""

    @property
    def voice(self) -> Voice:
        return _VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        return request.place in ENDPOINTS

    def key(self, request: ReceivedRequest) -> str | None:
        return request.bearer()

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        key = self.key(request)
        if key is None:
            return Refusal(status=401, message="Authorization header is missing")
        return None if not keys or key in keys else Refusal(status=401, message="Provided API key is invalid.")

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        if request.method != "POST":
            return Refusal(status=405, message="Method Not Allowed")
        peeked = complaints.read(_Peek, request.body)
        if isinstance(peeked, Complaint):
            return _invalid(peeked)
        by_name = _VOYAGES.match(peeked.model) is not None and peeked.top_n is None
        if by_name or peeked.top_k is not None:
            asked = complaints.read(VoyageAsk, request.body)
        else:
            asked = complaints.read(JinaAsk, request.body)
        return _invalid(asked) if isinstance(asked, Complaint) else asked

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        return Refusal(message=f"Model {model} is not supported.")

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return Refusal(status=429, message="You have reached your rate limit. Please try again later.", wait=short.wait)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        return (("x-request-id", occasion.identity.hexadecimal("", 32)),)


def _usual(status: int) -> Refusal:
    return Refusal(
        status=status, message=_USUAL.get(status, "Internal Server Error" if status >= 500 else "Bad request")
    )


def _write(refusal: Refusal, told: Json, _headers: tuple[Header, ...]) -> Written:
    return Written(encode({"detail": told.get("message") or refusal.message}), refusal.headers)


_VOICE = Voice(_usual, _write)


def _invalid(complaint: Complaint) -> Refusal:
    what = {"missing": "is required", "unknown": "is not supported by our API"}.get(complaint.kind, "is not valid")
    return Refusal(message=f"Argument '{complaint.dotted or 'body'}' {what}.")
