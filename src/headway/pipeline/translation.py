"""From a client's dialect to a target's and back, where these are not the same.

A translation is chosen once for an endpoint and a target. What a dialect's words mean is the codecs' business, when a
request is translated that of `pipeline.outgoing`, and how an answer that comes in pieces is passed on that of
`pipeline.follow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from headway.pipeline.asked import Asked
from headway.types import Usage
from headway.wire.counting import COUNTS
from headway.wire.dialects import CODECS
from headway.wire.endpoints import Endpoint
from headway.wire.foreign_json import is_text
from headway.wire.form.codec import Codec, Said, Show
from headway.wire.form.reply import NoReply, Reply, Stop
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.http_head import Head
from headway.wire.malformed import Malformed
from headway.wire.openai.peek import JsonRequest

_NOT_TEXT = Malformed("the body must be UTF-8 text")
_NO_TEXT = NoReply("it is not UTF-8 text")
WRONG_KIND = Malformed("this request cannot be sent to the target: its body is of another kind")


class Read(msgspec.Struct, frozen=True):
    """A whole answer: what the client is sent, and what it used."""

    body: bytes
    usage: Usage | None
    fault: bool = False
    """The model wrote what its provider cannot use, and that is all there is."""
    content_type: bytes = b""
    """Where it is not that of the provider's answer."""


class Translation(Protocol):
    """One way between two dialects."""

    @property
    def codec(self) -> Codec | None:
        """Of the target, where answers may come in pieces."""
        ...

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        """What the target is sent."""
        ...

    def verb(self, asked: Asked) -> str:
        """What Google's paths are to end in, where that depends on the request."""
        ...

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        """What the client is sent for a whole answer. `at` is Unix time."""
        ...


class Generation:
    """Words from a model."""

    __slots__ = ("_client", "_codec")

    def __init__(self, codec: Codec, client: Codec) -> None:
        self._codec = codec
        self._client = client

    @property
    def codec(self) -> Codec:
        return self._codec

    def request(self, asked: Asked, toward: Toward) -> Written | Unsupported | Malformed:
        request = form_of(asked)
        if isinstance(request, Malformed):
            return request
        written = self._codec.write_request(request, toward)
        if isinstance(written, Unsupported) or not written.dropped:
            return written
        return Written(written.body, in_words_of(self._client.names, written.dropped))

    def verb(self, asked: Asked) -> str:
        return ""

    def reply(self, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
        found = reply_in(self._codec, body)
        if isinstance(found, NoReply):
            return found
        return Read(self._client.write_reply(found, show_of(asked, at)), found.usage, is_fault(found))


def reply_in(codec: Codec, body: bytes) -> Reply | NoReply:
    """What a whole answer says."""
    return codec.read_reply(body) if is_text(body) else _NO_TEXT


def is_fault(reply: Reply) -> bool:
    for choice in reply.choices:  # noqa: SIM110 (a generator costs more than the answer)
        if choice.stop is not Stop.FAULT:
            return False
    return True


def form_of(asked: Asked) -> Request | Malformed:
    """A request for words in the intermediate form, read once."""
    form = asked.form
    if not isinstance(form, Request | Malformed):
        fields = fields_of(asked)
        if isinstance(fields, Malformed):
            return fields
        endpoint, facts = asked.endpoint, asked.facts
        speaks = COUNTS if endpoint.operation == "count" else CODECS
        read = speaks[endpoint.dialect].read_request
        form = asked.form = read(fields, Said(model=facts.model, stream=facts.stream))
    return form


def fields_of(asked: Asked) -> Mapping[str, msgspec.Raw] | Malformed:
    """What a codec reads of a request."""
    facts = asked.facts
    if not isinstance(facts, JsonRequest):
        return WRONG_KIND
    if not is_text(facts.body):
        return _NOT_TEXT
    return facts.fields if asked.recall is None else asked.recall.filled(facts.fields)


def show_of(asked: Asked, at: float) -> Show:
    """How this client is shown its answer."""
    request = form_of(asked)
    if isinstance(request, Malformed):
        request = Request(dialect=asked.endpoint.dialect, model=asked.facts.model, messages=())
    return Show(request_id=asked.request_id, created=int(at), model=asked.facts.model, request=request)


def generation(endpoint: Endpoint, form: str) -> Generation | None:
    """Between an endpoint's dialect and a target's."""
    codec = next((each for each in CODECS.values() if each.dialect == form), None)
    return None if codec is None else Generation(codec, CODECS[endpoint.dialect])


def in_words_of(names: Mapping[str, str], dropped: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the form as the client's own dialect has them."""
    return tuple([names.get(name, name) for name in dropped])
