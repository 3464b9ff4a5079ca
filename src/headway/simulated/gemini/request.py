"""`generateContent`, `streamGenerateContent` and `countTokens`: reading the request. What is refused beyond its types,
`checks` says; how the answer is written down, `writer`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from headway.simulated import tokens
from headway.simulated.answer import Answer, Question, Tool, answer
from headway.simulated.gemini import checks
from headway.simulated.gemini.schemas import json_schema
from headway.simulated.gemini.shapes import (
    PATH_MODEL,
    Content,
    FunctionDeclaration,
    FunctionResponse,
    GenerationConfig,
    Part,
    Strict,
    ToolConfig,
)
from headway.simulated.gemini.shapes import Tool as DeclaredTool
from headway.simulated.gemini.writer import Manner, Writer
from headway.simulated.reply import Context, Json, Refusal, Reply, encode, whole

_NOTHING = GenerationConfig()


class GenerateAsk(Strict, kw_only=True):
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
        extras = (*self.functions(), *((self._schema(),) if self._schema() else ()))
        return 3 + inside + sum(tokens.count(encode(extra).decode()) for extra in extras)

    def need(self) -> int:
        return max(self.prompt_tokens(), self.config.max_output_tokens or 0)

    def answer(self, context: Context) -> Reply | Refusal:
        wrong = checks.request(self, context.model)
        if wrong is not None:
            return Refusal(message=wrong)
        config = self.config
        asked = (self.contents, self.system_instruction, self.tools, self.tool_config, self._schema(), config.seed)
        identity = context.identity("generate", *asked)
        question = self._question(context)
        count = 0 if context.blank else config.candidate_count or 1
        answers: list[Answer] = [answer(question, identity.child(n) if n else identity) for n in range(count)]
        writer = Writer(context, context.naming(identity), answers, self.prompt_tokens(), vertex=self.vertex)
        return writer.reply(self.manner)

    def _schema(self) -> Json | None:
        config = self.config
        if config.response_schema is not None:
            return json_schema(config.response_schema)
        if config.response_json_schema is not None:
            return config.response_json_schema
        if config.response_mime_type == "application/json":
            return {"type": "object", "properties": {"answer": {"type": "string"}}}
        return None

    def _question(self, context: Context) -> Question:
        last = self.contents[-1]
        results = [part.function_response for part in last.parts if part.function_response is not None]
        choice, functions = self._choice()
        thinking = self.config.thinking_config
        return Question(
            model=context.model,
            provider=context.provider,
            said="" if results or last.role == "model" else "\n".join(part.text or "" for part in last.parts),
            tool_result="\n".join(map(_result, results)) if results else None,
            tools=tuple(Tool(function.name, _parameters(function)) for function in functions),
            choice=choice,
            schema=self._schema(),
            limit=self.config.max_output_tokens,
            stops=tuple(self.config.stop_sequences or ()),
            thinks=thinking is not None and bool(thinking.include_thoughts) and thinking.thinking_budget != 0,
        )

    def _choice(self) -> tuple[Literal["none", "auto", "required"], list[FunctionDeclaration]]:
        """How freely functions are called, and which may be."""
        functions = self.functions()
        config = self.tool_config.function_calling_config if self.tool_config is not None else None
        if config is None or config.mode in (None, "AUTO", "MODE_UNSPECIFIED"):
            return "auto", functions
        if config.mode == "NONE":
            return "none", functions
        allowed = config.allowed_function_names
        chosen = [function for function in functions if not allowed or function.name in allowed]
        return ("required" if config.mode == "ANY" else "auto"), chosen


class CountAsk(msgspec.Struct, kw_only=True, rename="camel"):
    """Either the contents, or a whole request for an answer."""

    model: str = msgspec.field(name=PATH_MODEL)
    contents: tuple[Content, ...] = ()
    generate_content_request: Json | None = None
    system_instruction: Content | None = None
    tools: list[DeclaredTool] | None = None

    def need(self) -> int:
        return 0

    def answer(self, context: Context) -> Reply | Refusal:
        try:
            given = msgspec.convert({**(self.generate_content_request or {}), PATH_MODEL: context.model}, GenerateAsk)
        except msgspec.ValidationError as wrong:
            return Refusal(message=f"* CountTokensRequest.generate_content_request: {wrong}")
        if not given.contents:
            given = GenerateAsk(
                model=context.model,
                contents=self.contents,
                system_instruction=self.system_instruction,
                tools=self.tools,
            )
        if not given.contents:
            return Refusal(message="* CountTokensRequest.contents: contents is not specified\n")
        spent = given.prompt_tokens()
        return whole({"totalTokens": spent, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": spent}]})


def _cost(part: Part) -> int:
    if part.text is not None:
        return 0 if part.thought else tokens.count(part.text)
    if part.function_call is not None:
        return 1 + tokens.count(encode(part.function_call.args or {}).decode())
    if part.function_response is not None:
        return tokens.count(encode(part.function_response.response).decode())
    return tokens.PART


def _result(response: FunctionResponse) -> str:
    """Its text, where it has the usual form; all of it otherwise."""
    for name in ("output", "result", "return_value"):
        if isinstance(text := response.response.get(name), str):
            return text
    return encode(response.response).decode()


def _parameters(function: FunctionDeclaration) -> Json | None:
    if function.parameters is not None:
        return json_schema(function.parameters)
    return function.parameters_json_schema
