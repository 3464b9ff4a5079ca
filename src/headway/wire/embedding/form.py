"""What a client asks of a model of embeddings, and what it gets: the form that all dialects share.

As in `wire.form`, a dialect reads its own words into it and writes it in its own words again. Vectors stay the raw JSON
that they came as; `vectors` changes them where a client wants them otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from headway.types import Usage
from headway.wire.form.codec import Said
from headway.wire.form.parts import Part
from headway.wire.form.reply import NoReply
from headway.wire.form.request import NO_FIELDS, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

EmbeddingDialect = Literal[
    "openai",
    "voyage",
    "jina",
    "ollama",
    "gemini",
    "vertex",
    "vertex_predict",
    "cohere",
    "cohere_invoke",
    "titan",
    "nova",
]
"""`vertex`: Gemini's models on Vertex AI, `vertex_predict`: the others there. `cohere_invoke`, `titan` and `nova` are
behind InvokeModel of Bedrock.
"""

Purpose = Literal[
    "query",
    "document",
    "similarity",
    "classification",
    "clustering",
    "question",
    "fact",
    "code_query",
    "code_document",
]
"""What the vectors are for: to search with or to be found, to be compared with each other, ... `question` and `fact`
are searches too: for answers, and for what bears a statement out.
"""

Format = Literal["float", "base64", "int8", "uint8", "binary", "ubinary"]
"""How a vector is written: as numbers, as base64 of 32-bit floats (least significant byte first), or as whole numbers
of less precision; `binary` has eight dimensions in a signed byte, `ubinary` in an unsigned one.
"""

Truncation = Literal["none", "start", "end"]
"""What is cut from an input that is too long; `none`: it is an error."""


class Tokens(msgspec.Struct, frozen=True):
    """A text that the client has cut into tokens itself. They mean something to one model only."""

    ids: tuple[int, ...]


Input = str | Tokens | tuple[Part, ...]
"""What becomes one vector: a text, or parts taken together."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request for vectors. None and empty mean that the client did not say."""

    dialect: EmbeddingDialect
    model: str
    inputs: tuple[Input, ...]
    alone: bool = False
    """The one input came by itself, not as a list."""
    titles: tuple[str | None, ...] = ()
    """Of the inputs, if any has one."""
    dimensions: int | None = None
    purpose: Purpose | None = None
    formats: tuple[Format, ...] = ()
    truncate: Truncation | None = None
    normalized: bool | None = None
    """The vectors are to have length 1."""
    user: str | None = None
    extra: Mapping[str, msgspec.Raw] = NO_FIELDS
    """What the form has no place for, by the client's own names."""
    also: tuple[str, ...] = ()
    """Names in `extra` that other fields say too, though perhaps less exactly."""
    needs: tuple[str, ...] = ()
    """What only the request's own dialect can do, and must not be left out."""


class Reply(msgspec.Struct, kw_only=True):
    """As many vectors as there were inputs, in their order, in each format that the provider gave: an array or, in
    base64, a string.
    """

    id: str | None = None
    model: str | None = None
    vectors: Mapping[Format, Sequence[msgspec.Raw]]
    usage: Usage | None = None


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer is to be shown; see `wire.form.codec.Show`."""

    request_id: str
    model: str
    request: Request


class EmbeddingCodec(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect. What only Bedrock has is `counted_in`: the header of a reply that tells the tokens of the input,
    where the body does not. A client of such a dialect expects it too.
    """

    dialect: EmbeddingDialect
    names: Mapping[str, str]
    """The dialect's names of parameters, where they differ from the form's."""
    read_request: Callable[[Mapping[str, msgspec.Raw], Said], Request | Malformed]
    write_request: Callable[[Request, Toward], Written | Unsupported]
    path: Callable[[Request, str], str]
    """Where a written request goes, below the base URL; the second argument is the provider's name of the model."""
    read_reply: Callable[[bytes, Request], Reply | NoReply]
    """The request is the client's, in whatever dialect."""
    write_reply: Callable[[Reply, Show], bytes | NoReply]
    """`NoReply` where the vectors cannot be read, and so not be written as the client wants them."""
    counted_in: str | None = None
