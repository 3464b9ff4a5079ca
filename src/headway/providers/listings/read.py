"""Where a provider's list of models is, and who can read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from headway.providers.listings import compatible, native
from headway.providers.listings.listed import Listing
from headway.types import Dialect
from headway.wire.malformed import Malformed


class Source(msgspec.Struct, frozen=True):
    """How to ask for a list. The path is relative to the address of the API, version included, but for Ollama's."""

    read: Callable[[bytes], Listing | Malformed]
    path: str = "/models"
    after: str | None = None
    """The parameter that asks for the next page."""

    def page(self, after: str | None) -> str:
        """The path of the first page, or of the one that `Listing.after` told of."""
        if after is None or self.after is None:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}{self.after}={quote(after, safe='')}"


_COMPATIBLE = Source(compatible.read)
SOURCES: Mapping[Dialect, Source] = MappingProxyType(
    {
        "openai_chat": _COMPATIBLE,
        "openai_responses": _COMPATIBLE,
        "anthropic": Source(native.anthropic, "/models?limit=1000", "after_id"),
        "gemini": Source(native.gemini, "/models?pageSize=1000", "pageToken"),
        # Of the control plane, bedrock.REGION.amazonaws.com, and signed.
        "converse": Source(native.bedrock, "/foundation-models", "nextToken"),
        # Of version 1 of the API; version 2 has none.
        "cohere": Source(native.cohere, "/models?page_size=1000", "page_token"),
        "ollama": Source(native.ollama, "/api/tags"),
        "replicate": Source(native.replicate, "/collections/language-models"),
    }
)


def read_models(dialect: Dialect, body: bytes) -> Listing | Malformed:
    """One page of a provider's own list, whatever it holds; never raises."""
    return SOURCES[dialect].read(body)
