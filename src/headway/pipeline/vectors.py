"""Between the dialects of embeddings, of rankings, and of counting tokens; `pipeline.translation` is for words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from headway.pipeline.asked import Asked
from headway.pipeline.translation import Read, Translation, fields_of, form_of, in_words_of
from headway.types import Usage
from headway.wire.counting import COUNTS, Counting
from headway.wire.embedding import codecs as embedding
from headway.wire.embedding import form as vectors
from headway.wire.endpoints import Endpoint
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.http_head import Head
from headway.wire.malformed import Malformed
from headway.wire.openai.peek import JsonRequest
from headway.wire.rerank import codecs as rerank
from headway.wire.rerank import form as rankings

_ALIKE = frozenset({"voyage", "jina"})
"""Dialects that are spoken under OpenAI's paths too."""

_encode = msgspec.json.Encoder().encode

_Form = TypeVar("_Form", vectors.Request, rankings.Request)


class _Speaks(Protocol[_Form]):
    """What the codecs of embeddings and of rankings have in common."""

    @property
    def names(self) -> Mapping[str, str]: ...

    @property
    def read_request(self) -> Callable[[Mapping[str, msgspec.Raw], Said], _Form | Malformed]: ...

    @property
    def write_request(self) -> Callable[[_Form, Toward], Written | Unsupported]: ...


class _Requests(Generic[_Form]):
    """Requests of one form on their way from the client's dialect to the target's."""

    __slots__ = ("_client", "_form", "_its")

    def __init__(self, form: type[_Form], its: _Speaks[_Form], client: _Speaks[_Form]) -> None:
        self._form = form
        self._its = its
        self._client = client

    def read(self, asked: Asked) -> _Form | Malformed:
        """In the form; it is read once."""
        form = asked.form
        if isinstance(form, (self._form, Malformed)):
            return form
        fields = fields_of(asked)
        if isinstance(fields, Malformed):
            return fields
        read = asked.form = self._client.read_request(fields, Said(model=asked.facts.model, stream=False))
        return read

    def write(self, request: _Form, toward: Toward) -> Written | Unsupported:
        written = self._its.write_request(request, toward)
        if isinstance(written, Unsupported) or not written.dropped:
            return written
        return Written(written.body, in_words_of(self._client.names, written.dropped))


class Vectors:
    """Embeddings."""

    __slots__ = ("_client", "_its", "_requests")

    codec = None

    def __init__(self, its: vectors.EmbeddingCodec, client: vectors.EmbeddingCodec) -> None:
        self._requests = _Requests(vectors.Request, its, client)
        self._its = its
        self._client = client

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        found = self._requests.read(asked)
        if isinstance(found, Malformed):
            return found
        facts = asked.facts
        if isinstance(facts, JsonRequest) and self._in_its_words(asked, found):
            return Written(_encode({**facts.fields, "model": toward.model}))
        return self._requests.write(found, toward)

    def _in_its_words(self, asked: Asked, found: vectors.Request) -> bool:
        """Does the client speak the target's own dialect, though it asks where another is spoken? Voyage's and Jina's
        clients do, whose paths are OpenAI's. Then what it sends passes, and so does what it gets.
        """
        facts = asked.facts
        if not found.extra or self._its.dialect not in _ALIKE or not isinstance(facts, JsonRequest):
            return False
        said = Said(model=facts.model, stream=False)
        read = self._its.read_request(facts.fields, said)
        return not isinstance(read, Malformed) and not read.extra

    def verb(self, asked: Asked) -> str:
        found = self._requests.read(asked)
        if isinstance(found, Malformed) or self._its.dialect not in ("gemini", "vertex"):
            return ""
        return self._its.path(found, "").rpartition(":")[2]

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        request = self._requests.read(asked)
        if isinstance(request, Malformed):
            return NoReply(request.message)
        found = self._its.read_reply(body, request)
        if isinstance(found, NoReply):
            return found
        if self._in_its_words(asked, request):
            return Read(body, found.usage)
        show = vectors.Show(request_id=asked.request_id, model=asked.facts.model, request=request)
        shown = self._client.write_reply(found, show)
        return shown if isinstance(shown, NoReply) else Read(shown, found.usage)


class Rankings:
    """Reranking."""

    __slots__ = ("_client", "_its", "_requests")

    codec = None

    def __init__(self, its: rankings.RerankCodec, client: rankings.RerankCodec) -> None:
        self._requests = _Requests(rankings.Request, its, client)
        self._its = its
        self._client = client

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        found = self._requests.read(asked)
        return found if isinstance(found, Malformed) else self._requests.write(found, toward)

    def verb(self, asked: Asked) -> str:
        return ""

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        request = self._requests.read(asked)
        if isinstance(request, Malformed):
            return NoReply(request.message)
        found = self._its.read_reply(body, request)
        if isinstance(found, NoReply):
            return found
        show = rankings.Show(request_id=asked.request_id, model=asked.facts.model, request=request)
        usage = found.usage
        if found.units:  # searches, as Cohere bills them
            usage = msgspec.structs.replace(usage or Usage(), searches=int(found.units))
        return Read(self._client.write_reply(found, show), usage)


class Counted:
    """How many tokens a request has."""

    __slots__ = ("_client", "_its")

    codec = None

    def __init__(self, its: Counting, client: Counting) -> None:
        self._its = its
        self._client = client

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        found = form_of(asked)
        return found if isinstance(found, Malformed) else self._its.write_request(found, toward)

    def verb(self, asked: Asked) -> str:
        return ""

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        found = self._its.read_reply(body)
        return Read(self._client.write_reply(found), None) if isinstance(found, int) else found


def between(endpoint: Endpoint, form: str) -> Translation | None:
    """From an endpoint's form to a target's; None where there is no way."""
    if endpoint.operation == "embed":
        its = next((each for each in embedding.CODECS.values() if each.dialect == form), None)
        client = next((each for each in embedding.CODECS.values() if each.dialect == endpoint.form), None)
        return None if its is None or client is None else Vectors(its, client)
    if endpoint.operation == "rerank":
        ranks = next((each for each in rerank.CODECS.values() if each.dialect == form), None)
        asks = next((each for each in rerank.CODECS.values() if each.dialect == endpoint.form), None)
        return None if ranks is None or asks is None else Rankings(ranks, asks)
    counts, wants = COUNTS.get(form), COUNTS.get(endpoint.dialect)
    return None if counts is None or wants is None else Counted(counts, wants)
