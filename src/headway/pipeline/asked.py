"""What a client asks for, as the dispatcher carries it along."""

from __future__ import annotations

import msgspec

from headway.wire.openai.endpoints import Endpoint
from headway.wire.openai.peek import JsonRequest, MultipartRequest


class Asked(msgspec.Struct, eq=False):
    """What a client asks for: its request, read as far as needed."""

    endpoint: Endpoint
    facts: JsonRequest | MultipartRequest
    request_id: str
    size: int
    """Bytes of the body."""
    forwarded: bytes
    """Header lines of the client's that go upstream."""
    stream_options: msgspec.Raw | None
    """The client's own, since an attempt may have to send another."""

    @property
    def one_choice(self) -> bool:
        """Does it ask for one choice, as nearly every request does?"""
        facts = self.facts
        return not isinstance(facts, JsonRequest) or bytes(facts.fields.get("n", b"1")) in (b"1", b"null")


def own_stream_options(facts: JsonRequest | MultipartRequest) -> msgspec.Raw | None:
    return facts.fields.get("stream_options") if isinstance(facts, JsonRequest) else None
