"""What a request to Anthropic holds. What is refused of it, `checks` says; how it is answered, `request`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.anthropic.blocks import Block, cost
from headway.simulated.anthropic.shapes import Message, OutputConfig, Thinking, ToolChoice
from headway.simulated.reply import Json, encode


class Conversation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What all requests share, the model's name aside, as far as the simulation heeds it."""

    messages: list[Message]
    system: str | list[Block] | None = None
    tools: list[Json] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Json | None = None
    cache_control: Json | None = None
    context_management: Any = None
    mcp_servers: Any = None
    speed: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None

    def prompt_tokens(self) -> int:
        """Four a message and three for the answer's beginning, besides what is in them."""
        inside = sum(4 + cost(message.content) for message in self.messages)
        if self.system:
            inside += 4 + cost(self.system)
        if self.output_schema is not None:
            inside += tokens.count(encode(self.output_schema).decode())
        return 3 + inside + sum(tokens.count(encode(tool).decode()) for tool in self.tools or ())

    @property
    def output_schema(self) -> Json | None:
        format_ = self.output_config.format if self.output_config is not None else None
        return (format_ or self.output_format or {}).get("schema")

    @property
    def thinks(self) -> bool:
        return self.thinking is not None and self.thinking.type != "disabled"


class Asked(Conversation, kw_only=True):
    """A request for an answer, the model's name aside."""

    max_tokens: Annotated[int, Meta(ge=1)]
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: list[str] | None = None
    metadata: Json | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    container: Any = None
    inference_geo: str | None = None
    diagnostics: Any = None
    billing_policy: Any = None
    compaction: Any = None
    fallback_credit_token: Any = None
    fallbacks: Any = None
    thread: Any = None

    def need(self) -> int:
        return max(self.prompt_tokens(), self.max_tokens)
