"""A client that gives back what it was told gives the provider back its own signatures, whatever its dialect."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
import pytest

from golden.clients import Clients, Document
from golden.recordings import Recording
from golden.relay import show_to
from headway.types import Dialect
from headway.wire.dialects import CODECS
from headway.wire.form.assembly import events_of
from headway.wire.form.codec import Said
from headway.wire.form.reply import Reply
from headway.wire.form.request import Request, Toward, Written

pytestmark = pytest.mark.sdk

SIGNATURES: dict[Dialect, tuple[str, ...]] = {
    "openai_chat": ("signature", "thought_signature"),
    "openai_responses": ("encrypted_content",),
    "anthropic": ("signature",),
    "gemini": ("thoughtSignature",),
    "converse": ("signature",),
}
"""Fields whose value only its provider can make, beside those of `REDACTED`."""
REDACTED: dict[str, str] = {"redacted_thinking": "data", "reasoning.encrypted": "data"}
"""By the type of what is around it."""
SIGNS_TEXT: frozenset[Dialect] = frozenset({"openai_chat", "openai_responses", "gemini", "converse"})
"""Clients' dialects in which the signature of a text has a place."""

fields_of: Callable[[bytes], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def signatures(value: Any, dialect: Dialect) -> Iterator[str]:
    """All that stand in a document of a dialect."""
    if isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from signatures(each, dialect)
    elif isinstance(value, dict):
        document = cast("Document", value)
        redacted = document.get(REDACTED.get(str(document.get("type")), ""))
        found = [redacted, *(document.get(name) for name in SIGNATURES[dialect])]
        yield from (each for each in found if isinstance(each, str) and each)
        for each in document.values():
            yield from signatures(each, dialect)


def plain(value: Any) -> Any:
    """As a client sends what it has: without what is not there, bytes as base64."""
    if isinstance(value, dict):
        fields = cast("Document", value).items()
        return {name: plain(each) for name, each in fields if each is not None}
    if isinstance(value, list):
        return [plain(each) for each in cast("list[Any]", value)]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def goes_on(client: Dialect, told: Document) -> Document:
    """The request that a client goes on with."""
    said, said_by = plain(told), {"role": "user"}
    match client:
        case "openai_chat":
            return {"messages": [said_by | {"content": "Hi"}, said["choices"][0]["message"]]}
        case "openai_responses":
            return {"input": [said_by | {"content": "Hi"}, *said["output"]]}
        case "anthropic":
            answer = {"role": "assistant", "content": said["content"]}
            return {"max_tokens": 9, "messages": [said_by | {"content": "Hi"}, answer]}
        case "gemini":
            return {"contents": [said_by | {"parts": [{"text": "Hi"}]}, said["candidates"][0]["content"]]}
        case _:
            return {"messages": [said_by | {"content": [{"text": "Hi"}]}, said["output"]["message"]]}


def sent_back(origin: Dialect, model: str, client: Dialect, told: Document) -> list[str]:
    """Signatures that the provider finds in the request that follows."""
    asked = goes_on(client, told)
    request = CODECS[client].read_request(fields_of(json.dumps(asked).encode()), Said(model=model, stream=False))
    assert isinstance(request, Request), request
    written = CODECS[origin].write_request(request, Toward(model=model))
    assert isinstance(written, Written), written
    return list(signatures(json.loads(written.body), origin))


def test_a_provider_gets_its_own_signatures_back(signed: Recording, clients: Clients):
    document = json.loads(signed.body)
    reply = CODECS[signed.dialect].read_reply(signed.body)
    assert isinstance(reply, Reply)
    model = signed.asked.get("model") or "gemini-3-pro-preview"
    due = sorted(signatures(document, signed.dialect))
    for client in ("openai_chat", "openai_responses", "anthropic", "gemini", "converse"):
        writer = CODECS[client].writer(show_to(client))
        pieces = writer.write(list(events_of(reply))) + writer.end()
        whole = clients.whole(client, CODECS[client].write_reply(reply, show_to(client)))
        assert sorted(sent_back(signed.dialect, model, client, whole)) == due, client
        streamed = clients.streamed(client, pieces)
        assert sorted(sent_back(signed.dialect, model, client, streamed)) == due, f"{client}, in pieces"
