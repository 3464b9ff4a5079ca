"""What a client asks for, as the dispatcher carries it along."""

from __future__ import annotations

from headway.wire.openai.endpoints import Endpoint
from headway.wire.openai.peek import JsonRequest, MultipartRequest


class Asked:
    """What a client asks for: its request, read as far as needed."""

    __slots__ = ("endpoint", "facts", "forwarded", "request_id", "size", "stream_options")

    def __init__(
        self, endpoint: Endpoint, facts: JsonRequest | MultipartRequest, request_id: str, size: int, forwarded: bytes
    ) -> None:
        self.endpoint = endpoint
        self.facts = facts
        self.request_id = request_id
        self.size = size
        """Bytes of the body."""
        self.stream_options = facts.fields.get("stream_options") if isinstance(facts, JsonRequest) else None
        """The client's own, since an attempt may have to send another."""
        self.forwarded = forwarded
        """Header lines of the client's that go upstream."""

    @property
    def one_choice(self) -> bool:
        """Does it ask for one choice, as nearly every request does?"""
        facts = self.facts
        return not isinstance(facts, JsonRequest) or bytes(facts.fields.get("n", b"1")) in (b"1", b"null")
