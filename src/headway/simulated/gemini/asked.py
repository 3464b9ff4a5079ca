"""What a request to Google for an answer holds. What is refused of it, `checks` says; how it is answered, `request`."""

from __future__ import annotations

from typing import Any

import msgspec

from headway.simulated import tokens
from headway.simulated.gemini.schemas import json_schema
from headway.simulated.gemini.shapes import (
    PATH_MODEL,
    Content,
    FunctionDeclaration,
    GenerationConfig,
    Part,
    Strict,
    ToolConfig,
)
from headway.simulated.gemini.shapes import Tool as DeclaredTool
from headway.simulated.gemini.writer import Manner
from headway.simulated.reply import Json, encode

_NOTHING = GenerationConfig()


class Asked(Strict, kw_only=True):
    """The body, with what stands in the path in the members that are marked so."""

    model: str = msgspec.field(name=PATH_MODEL)
    """From the path."""
    manner: Manner = "whole"
    """From the path."""
    vertex: bool = False
    """From the path."""
    contents: tuple[Content, ...] = ()
    system_instruction: Content | None = None
    tools: list[DeclaredTool] | None = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    safety_settings: list[Any] | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    named: str | None = msgspec.field(default=None, name="model")
    service_tier: str | None = None
    model_armor_config: Any = None
    store: Any = None

    @property
    def config(self) -> GenerationConfig:
        return self.generation_config or _NOTHING

    def functions(self) -> list[FunctionDeclaration]:
        return [function for tool in self.tools or () for function in tool.function_declarations or ()]

    def prompt_tokens(self) -> int:
        """Four a message and three for the answer's beginning, besides what is in them."""
        system = [self.system_instruction] if self.system_instruction is not None else []
        inside = sum(4 + sum(map(_cost, content.parts)) for content in (*system, *self.contents))
        extras = (*self.functions(), *((self.schema(),) if self.schema() else ()))
        return 3 + inside + sum(tokens.count(encode(extra).decode()) for extra in extras)

    def need(self) -> int:
        return max(self.prompt_tokens(), self.config.max_output_tokens or 0)

    def schema(self) -> Json | None:
        config = self.config
        if config.response_schema is not None:
            return json_schema(config.response_schema)
        if config.response_json_schema is not None:
            return config.response_json_schema
        if config.response_mime_type == "application/json":
            return {"type": "object", "properties": {"answer": {"type": "string"}}}
        return None


def _cost(part: Part) -> int:
    if part.text is not None:
        return 0 if part.thought else tokens.count(part.text)
    if part.function_call is not None:
        return 1 + tokens.count(encode(part.function_call.args or {}).decode())
    if part.function_response is not None:
        return tokens.count(encode(part.function_response.response).decode())
    return tokens.PART
