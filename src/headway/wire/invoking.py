"""What a client's InvokeModel asks for: Bedrock has one path for the bodies of all makers, and only the body tells."""

from __future__ import annotations

from collections.abc import Container

from headway.wire.embedding import codecs as embedding
from headway.wire.endpoints import INVOKED, Endpoint
from headway.wire.rerank import codecs as rerank


def invoked(fields: Container[str]) -> Endpoint | None:
    """The endpoint by the fields of the body; None where it is none that is known."""
    if "anthropic_version" in fields:
        return INVOKED["messages"]
    if rerank.invoked(fields) is not None:
        return INVOKED["rerank"]
    form = embedding.invoked(fields)
    return None if form is None else INVOKED[form]
