"""All dialects by name: the one place that knows every codec."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from headway.types import Dialect
from headway.wire.anthropic.codec import CODEC as ANTHROPIC
from headway.wire.cohere.codec import CODEC as COHERE
from headway.wire.converse.codec import CODEC as CONVERSE
from headway.wire.form.codec import Codec
from headway.wire.gemini.codec import CODEC as GEMINI
from headway.wire.ollama.codec import CODEC as OLLAMA
from headway.wire.openai_chat.codec import CODEC as OPENAI_CHAT
from headway.wire.openai_responses.codec import CODEC as OPENAI_RESPONSES
from headway.wire.replicate.codec import CODEC as REPLICATE

CODECS: Mapping[Dialect, Codec] = MappingProxyType(
    {
        codec.dialect: codec
        for codec in (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, CONVERSE, COHERE, OLLAMA, REPLICATE)
    }
)
