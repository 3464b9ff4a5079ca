"""What a client asks for, as the dispatcher carries it along."""

from __future__ import annotations

import msgspec

from headway.core.load import Load
from headway.pipeline.conversation import NORMAL, Headers
from headway.pipeline.items import Recall
from headway.types import Trace, Usage
from headway.wire.embedding import form as embedding
from headway.wire.endpoints import Endpoint
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.request import Request
from headway.wire.malformed import Malformed
from headway.wire.openai import weight
from headway.wire.openai.peek import JsonRequest, MultipartRequest
from headway.wire.rerank import form as rerank

FORM_TEXT = 4096
"""Bytes of a form that may be text; the rest is a file."""
_NO_THINKING = (b'"none"', b'"minimal"', b"null", b"")
_NO_TOOLS = (b"[]", b"null", b"")


Form = Request | embedding.Request | rerank.Request
"""What may be asked, in the intermediate forms."""


_decode_text = msgspec.json.Decoder(str).decode


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
    headers: Headers
    """As the client sent them."""
    rank: int = NORMAL
    """Its priority: who goes first where requests have to wait."""
    form: Form | Malformed | None = None
    """In the intermediate form, once a target of another dialect has called for it."""
    recall: Recall | None = None
    """What its client may refer to, in the Responses API."""
    session: str | None = None
    """What the client calls its conversation."""
    tags: tuple[str, ...] = ()
    """What it files the request under."""
    told: bytes = b""
    """Header lines on what its client has left, for whatever it is answered."""
    trace: Trace | None = None
    worked: float = 0.0
    """Seconds that the gateway itself worked on it so far: see `ExchangeEvent.overhead`."""

    def load(self, body: bytes) -> Load:
        """How large it is, as far as can be told without its target."""
        facts, size = self.facts, self.size
        if not isinstance(facts, JsonRequest):
            return Load(min(size, FORM_TEXT))
        encoded, media = weight.media_in(body) if size >= weight.SHORTEST_MEDIA else (0, 0)
        return Load(size - encoded, media, weight.most_output(facts.fields))

    @property
    def choices(self) -> int:
        """How many answers it asks for: one, as nearly every request does."""
        said = self._field("n")
        return int(said[:3]) if said.isdigit() and said != b"0" else 1

    @property
    def streams_events(self) -> bool:
        """Must the answer be server-sent events that say themselves when they are complete?"""
        return self.facts.stream and self.endpoint.events

    @property
    def has_tools(self) -> bool:
        return any(self._field(name) not in _NO_TOOLS for name in ("tools", "functions", "toolConfig"))

    @property
    def wants_thinking(self) -> bool:
        """Does it ask the model to think first, which may take minutes?"""
        return any(self._field(name) not in _NO_THINKING for name in ("reasoning_effort", "reasoning", "thinking"))

    @property
    def spoken(self) -> Usage | None:
        """What is paid for where a text is read aloud, which the answer does not tell."""
        if self.endpoint.name != "audio.speech":
            return None
        try:
            return Usage(characters=len(_decode_text(self._field("input"))))
        except UNREADABLE:
            return None

    @property
    def service_tier(self) -> str | None:
        """The tier of the provider's service that it asks for, if it says so."""
        if self._field("speed") == b'"fast"':  # as Anthropic calls it
            return "fast"
        said = self._field("service_tier") or self._field("serviceTier")
        return said[1:-1].decode("ascii", "replace") if said[:1] == b'"' else None

    @property
    def has_effects(self) -> bool:
        """May answering it twice do more than cost twice: tools that the provider runs, an answer that it stores?"""
        if self.endpoint.name == "responses":  # stored unless it says otherwise
            return self._field("store") != b"false" or self.has_tools
        return self._field("store") == b"true" or self._field("web_search_options") not in _NO_TOOLS

    def _field(self, name: str) -> bytes:
        facts = self.facts
        return bytes(facts.fields.get(name, b"")) if isinstance(facts, JsonRequest) else b""


def own_stream_options(facts: JsonRequest | MultipartRequest) -> msgspec.Raw | None:
    return facts.fields.get("stream_options") if isinstance(facts, JsonRequest) else None
