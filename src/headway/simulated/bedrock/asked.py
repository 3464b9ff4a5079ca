"""What a request to Converse holds. What is refused of it, `checks` says; how it is answered, `request`."""

from __future__ import annotations

from typing import Any, cast

from headway.simulated import tokens
from headway.simulated.bedrock.shapes import (
    InferenceConfig,
    Message,
    OutputConfig,
    Shape,
    SystemBlock,
    ToolConfig,
    ToolSpec,
)
from headway.simulated.reply import Json, encode


class Conversation(Shape, kw_only=True):
    messages: tuple[Message, ...] = ()
    system: list[SystemBlock] | None = None
    tool_config: ToolConfig | None = None
    additional_model_request_fields: Json | None = None

    def specs(self) -> list[ToolSpec]:
        tools = self.tool_config.tools if self.tool_config is not None else []
        return [tool.tool_spec for tool in tools if tool.tool_spec is not None]

    def prompt_tokens(self) -> int:
        """Four a message and three for the answer's beginning, besides what is in them."""
        inside = sum(4 + sum(block.cost() for block in message.content) for message in self.messages)
        if self.system:
            inside += 4 + sum(tokens.count(block.text or "") for block in self.system)
        return 3 + inside + sum(tokens.count(encode(spec).decode()) for spec in self.specs())

    @property
    def thinking(self) -> Json:
        """Claude's setting, as it was given."""
        given = (self.additional_model_request_fields or {}).get("thinking")
        return cast("Json", given) if isinstance(given, dict) else {}

    @property
    def thinks(self) -> bool:
        """In the words of whichever family."""
        fields = self.additional_model_request_fields or {}
        nova = fields.get("reasoningConfig")
        on = isinstance(nova, dict) and cast("Json", nova).get("type") == "enabled"
        return on or bool(fields.get("reasoning_effort")) or self.thinking.get("type") in {"enabled", "adaptive"}


class Asked(Conversation, kw_only=True):
    model: str = ""
    """From the path."""
    streamed: bool = False
    """From the path."""
    inference_config: InferenceConfig | None = None
    output_config: OutputConfig | None = None
    guardrail_config: Any = None
    prompt_variables: Any = None
    additional_model_response_field_paths: Any = None
    request_metadata: Any = None
    performance_config: Any = None
    service_tier: Any = None

    @property
    def limit(self) -> int | None:
        return self.inference_config.max_tokens if self.inference_config is not None else None

    def need(self) -> int:
        return max(self.prompt_tokens(), self.limit or 0)
