"""A client that gives back what it was told gives the provider back its own signatures, whatever its dialect."""

from __future__ import annotations

import base64
import json
from collections import Counter
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

CLIENTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini", "converse")
"""Cohere's have no place for signatures."""
SIGNS_TEXT: frozenset[Dialect] = frozenset({"openai_chat", "openai_responses", "gemini"})
"""Clients' dialects in which the signature of a text has a place."""

fields_of: Callable[[bytes], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def signed_by(origin: Dialect, document: Document, client: Dialect) -> list[str]:
    """The signatures of thoughts and calls in an answer, and of texts if the client has a place for those. What belongs
    to tools that the provider ran itself no other client is shown.
    """
    found: list[str | None] = []
    match origin:
        case "openai_chat":
            details = document["choices"][0]["message"].get("reasoning_details") or ()
            found = [each.get("signature") or each.get("data") for each in details]
        case "openai_responses":
            found = [item.get("encrypted_content") for item in document["output"] if item["type"] == "reasoning"]
        case "anthropic":
            thoughts = ("thinking", "redacted_thinking")
            found = [
                each.get("signature") or each.get("data") for each in document["content"] if each["type"] in thoughts
            ]
        case "gemini":
            for part in (document["candidates"][0].get("content") or {}).get("parts") or ():
                if "functionCall" in part or part.get("thought") or ("text" in part and client in SIGNS_TEXT):
                    found.append(part.get("thoughtSignature"))
        case _:
            for block in document["output"]["message"]["content"]:
                thought = block.get("reasoningContent", {})
                found.append(thought.get("redactedContent") or thought.get("reasoningText", {}).get("signature"))
    return [each for each in found if each]


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.replace("-", "+").replace("_", "/")  # Google's client writes base64 in the other alphabet
    elif isinstance(value, dict | list):
        for each in cast("Document", value).values() if isinstance(value, dict) else cast("list[Any]", value):
            yield from texts_in(each)


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


def sent_back(origin: Dialect, model: str, client: Dialect, told: Document) -> Counter[str]:
    """All texts in the request to the provider that follows."""
    asked = goes_on(client, told)
    request = CODECS[client].read_request(fields_of(json.dumps(asked).encode()), Said(model=model, stream=False))
    assert isinstance(request, Request), request
    written = CODECS[origin].write_request(request, Toward(model=model))
    assert isinstance(written, Written), written
    return Counter(texts_in(json.loads(written.body)))


def test_a_provider_gets_its_own_signatures_back(signed: Recording, clients: Clients):
    origin, document, reply = signed.dialect, json.loads(signed.body), CODECS[signed.dialect].read_reply(signed.body)
    assert isinstance(reply, Reply)
    model = signed.asked.get("model") or "gemini-3-pro-preview"
    for client in CLIENTS:
        due = Counter(texts_in(signed_by(origin, document, client)))
        whole = clients.whole(client, CODECS[client].write_reply(reply, show_to(client)))
        assert due <= sent_back(origin, model, client, whole), client
        writer = CODECS[client].writer(show_to(client))
        streamed = clients.streamed(client, writer.write(list(events_of(reply))) + writer.end())
        assert due <= sent_back(origin, model, client, streamed), f"{client}, in pieces"
