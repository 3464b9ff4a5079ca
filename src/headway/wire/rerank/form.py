"""What a client asks of a model that ranks documents, and what it gets: the form that all dialects share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from headway.types import Usage
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import NO_FIELDS, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

RerankDialect = Literal["cohere", "jina", "voyage", "cohere_invoke"]
"""`cohere`: its second version, and the first as clients still speak it; `jina`: what most others speak as well;
`cohere_invoke`: models behind InvokeModel of Bedrock.
"""


class Document(msgspec.Struct, frozen=True):
    """A document that is more than its text. `text` is None for a picture; `raw` is all of it."""

    text: str | None
    raw: msgspec.Raw


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a ranking. None means that the client did not say."""

    dialect: RerankDialect
    model: str
    query: str | Document
    documents: tuple[str | Document, ...]
    top: int | None = None
    """How many of the best to tell."""
    show_documents: bool | None = None
    """The answer is to repeat the documents."""
    tokens_per_document: int | None = None
    """What is longer is cut."""
    truncate: bool | None = None
    """What is too long for the model is cut, and is no error."""
    extra: Mapping[str, msgspec.Raw] = NO_FIELDS
    needs: tuple[str, ...] = ()


class Ranked(msgspec.Struct, gc=False):
    """One document's place: `index` is that in the request."""

    index: int
    score: float


class Reply(msgspec.Struct, kw_only=True):
    """The ranking, the best first. `units`: searches as Cohere bills them, if it was Cohere."""

    id: str | None = None
    model: str | None = None
    results: list[Ranked]
    usage: Usage | None = None
    units: float | None = None


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer is to be shown; see `wire.form.codec.Show`."""

    request_id: str
    model: str
    request: Request


class RerankCodec(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect."""

    dialect: RerankDialect
    names: Mapping[str, str]
    """The dialect's names of parameters, where they differ from the form's."""
    read_request: Callable[[Mapping[str, msgspec.Raw], Said], Request | Malformed]
    write_request: Callable[[Request, Toward], Written | Unsupported]
    path: Callable[[str], str]
    """Where a request goes, below the base URL; the argument is the provider's name of the model."""
    read_reply: Callable[[bytes, Request], Reply | NoReply]
    """The request is the client's, in whatever dialect."""
    write_reply: Callable[[Reply, Show], bytes]
