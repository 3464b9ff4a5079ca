"""`generateContent`, `streamGenerateContent` and `countTokens`: reading the request. What is refused beyond its types,
`checks` says; how the answer is written down, `writer`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.simulated.answer import Answer, Question, Tool, answer
from headway.simulated.gemini import checks
from headway.simulated.gemini.asked import Asked
from headway.simulated.gemini.schemas import json_schema
from headway.simulated.gemini.shapes import (
    PATH_MODEL,
    Content,
    FunctionDeclaration,
    FunctionResponse,
)
from headway.simulated.gemini.shapes import Tool as DeclaredTool
from headway.simulated.gemini.writer import Writer
from headway.simulated.reply import Context, Json, Refusal, Reply, encode, whole


class GenerateAsk(Asked, kw_only=True):
    """A request for an answer."""

    def answer(self, context: Context) -> Reply | Refusal:
        wrong = checks.request(self, context.model)
        if wrong is not None:
            return Refusal(message=wrong)
        config = self.config
        asked = (self.contents, self.system_instruction, self.tools, self.tool_config, self.schema(), config.seed)
        identity = context.identity("generate", *asked)
        question = self._question(context)
        count = 0 if context.blank else config.candidate_count or 1
        answers: list[Answer] = [answer(question, identity.child(n) if n else identity) for n in range(count)]
        writer = Writer(context, context.naming(identity), answers, self.prompt_tokens(), vertex=self.vertex)
        return writer.reply(self.manner)

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
            schema=self.schema(),
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
