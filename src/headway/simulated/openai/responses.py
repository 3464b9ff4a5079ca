"""`/v1/responses`: reading the request. How the answer is written down is `responses_writer`'s business.

Nothing is stored: an earlier response's id is accepted and has no effect, and no response can be fetched later.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.answer import Question, Tool, answer
from headway.simulated.openai.content import Content, plain_text, prompt_tokens
from headway.simulated.openai.responses_writer import Writer
from headway.simulated.reply import Context, Json, Refusal, Reply, encode


class InputItem(msgspec.Struct):
    """A message, or one of the many other items."""

    type: str | None = None
    role: str | None = None
    content: str | list[Content] | None = None
    output: str | list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None


class FunctionTool(msgspec.Struct):
    type: str
    name: str | None = None
    parameters: Json | None = None


class NamedChoice(msgspec.Struct):
    type: str
    name: str | None = None


class TextFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    name: str = "answer"
    schema: Json | None = None
    strict: bool | None = None


class TextOptions(msgspec.Struct):
    format: TextFormat | None = None


class ResponsesAsk(msgspec.Struct):
    """The body of a request, as far as the simulation heeds or repeats it."""

    model: str
    input: str | list[InputItem] | None = None
    instructions: str | list[Any] | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    metadata: dict[str, str] | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    user: str | None = None

    def items(self) -> list[InputItem]:
        if isinstance(self.input, str):
            return [InputItem(type="message", role="user", content=self.input)]
        return self.input or []

    def functions(self) -> tuple[Tool, ...]:
        return tuple(Tool(t.name, t.parameters) for t in self.tools or () if t.type == "function" and t.name)

    def prompt_tokens(self) -> int:
        """Four an item and three for the answer's beginning, besides what is in them."""
        instructions = self.instructions if isinstance(self.instructions, str) else ""
        inside = sum(4 + prompt_tokens(item.content) + prompt_tokens(item.output) for item in self.items())
        return 3 + tokens.count(instructions) + inside + sum(tokens.count(encode(t).decode()) for t in self.functions())

    def need(self) -> int:
        return max(self.prompt_tokens(), self.max_output_tokens or 0)

    def answer(self, context: Context) -> Reply | Refusal:
        refusal = self._wrong()
        if refusal is not None:
            return refusal
        asked = (self.input, self.instructions, self.tools, self.tool_choice, self.text, self.previous_response_id)
        identity = context.identity("response", *asked)
        given = answer(self._question(context), identity)
        naming = context.naming(identity)
        writer = Writer(self._document(context), naming, given, self.prompt_tokens())
        return writer.stream() if self.stream else writer.whole()

    def _wrong(self) -> Refusal | None:
        if self.input is None or self.input == []:
            return Refusal(
                message="Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
            )
        named = self.tool_choice.name if isinstance(self.tool_choice, NamedChoice) else None
        if named is not None and named not in [tool.name for tool in self.functions()]:
            return Refusal(message=f"Tool choice '{named}' not found in 'tools' parameter.", param="tool_choice")
        if self.tool_choice == "required" and not self.tools:
            return Refusal(
                message="Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice"
            )
        return None

    def _question(self, context: Context) -> Question:
        last = self.items()[-1]
        named = self.tool_choice.name if isinstance(self.tool_choice, NamedChoice) else None
        choice = self.tool_choice if isinstance(self.tool_choice, str) else "named" if named else "auto"
        format_ = self.text.format if self.text is not None else None
        wants_json = format_ is not None and format_.type != "text"
        anything: Json = {"type": "object", "properties": {"answer": {"type": "string"}}}
        return Question(
            model=context.model,
            provider=context.provider,
            said=plain_text(last.content) if last.role == "user" else "",
            tool_result=plain_text(last.output) if last.type == "function_call_output" else None,
            tools=self.functions(),
            choice=choice,
            named=named,
            parallel=self.parallel_tool_calls is not False,
            schema=((format_.schema if format_ else None) or anything) if wants_json else None,
            limit=self.max_output_tokens,
        )

    def _document(self, context: Context) -> Json:
        """The response as it stands before anything was written, in OpenAI's order of members."""
        return {
            "id": "",
            "object": "response",
            "created_at": context.created,
            "status": "in_progress",
            "background": False,
            "completed_at": None,
            "error": None,
            "frequency_penalty": 0.0,
            "incomplete_details": None,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "max_tool_calls": None,
            "model": context.model,
            "output": [],
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "presence_penalty": 0.0,
            "previous_response_id": self.previous_response_id,
            "prompt_cache_key": None,
            "prompt_cache_retention": None,
            "reasoning": {"effort": None, "summary": None},
            "safety_identifier": None,
            "service_tier": "auto",
            "store": self.store is not False,
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "text": {"format": self._format(), "verbosity": "medium"},
            "tool_choice": "auto" if self.tool_choice is None else self.tool_choice,
            "tools": [
                {"type": "function", "description": None, "name": t.name, "parameters": t.parameters, "strict": True}
                for t in self.functions()
            ],
            "top_logprobs": 0,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "truncation": "disabled",
            "usage": None,
            "user": self.user,
            "metadata": self.metadata or {},
        }

    def _format(self) -> Json:
        wanted = self.text.format if self.text is not None else None
        if wanted is None or wanted.type != "json_schema":
            return {"type": "text" if wanted is None else wanted.type}
        head: Json = {"type": "json_schema", "name": wanted.name, "description": None}
        return {**head, "schema": wanted.schema, "strict": wanted.strict is not False}
