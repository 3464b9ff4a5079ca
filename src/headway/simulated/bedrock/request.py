"""`converse`, `converse-stream` and `count-tokens`: reading the request. What is refused beyond its types, `checks`
says; how the answer is written down, `writer`.
"""

from __future__ import annotations

import base64
from typing import Literal

from headway.simulated import complaints
from headway.simulated.answer import Question, answer
from headway.simulated.answer import Tool as AskedTool
from headway.simulated.bedrock import checks, wording
from headway.simulated.bedrock.asked import Asked, Conversation
from headway.simulated.bedrock.claude import InvokedMessagesAsk
from headway.simulated.bedrock.shapes import (
    Shape,
)
from headway.simulated.bedrock.writer import Writer
from headway.simulated.complaints import Complaint
from headway.simulated.reply import Context, Json, Refusal, Reply, whole


class ConverseAsk(Asked, kw_only=True):
    """A request for an answer."""

    def answer(self, context: Context) -> Reply | Refusal:
        wrong = checks.conversation(self, context.model) or checks.settings(self)
        text = self._schema_text()
        schema = checks.schema(text) if text is not None else None
        if text is not None and schema is None:
            wrong = "The schema at outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON."
        if wrong is not None:
            return Refusal(message=wrong)
        asked = (self.messages, self.system, self.tool_config, self.additional_model_request_fields, text)
        identity = context.identity("converse", *asked)
        given = answer(self._question(context, schema), identity)
        writer = Writer(context, given, self.prompt_tokens())
        return writer.stream() if self.streamed else writer.whole()

    def _schema_text(self) -> str | None:
        format_ = self.output_config.text_format if self.output_config is not None else None
        wanted = format_.structure.json_schema if format_ is not None else None
        return wanted.schema if wanted is not None else None

    def _question(self, context: Context, schema: Json | None) -> Question:
        last = self.messages[-1]
        results = [block.tool_result for block in last.content if block.tool_result is not None]
        config = self.inference_config
        choice, named = self._choice()
        return Question(
            model=context.model,
            provider=context.provider,
            said="" if results or last.role != "user" else "\n".join(block.text or "" for block in last.content),
            tool_result="\n".join(result.text() for result in results) if results else None,
            tools=tuple(AskedTool(spec.name, spec.input_schema.json) for spec in self.specs()),
            choice=choice,
            named=named,
            schema=schema,
            limit=self.limit,
            stops=tuple(config.stop_sequences or ()) if config is not None else (),
            thinks=self.thinks,
        )

    def _choice(self) -> tuple[Literal["auto", "required", "named"], str | None]:
        choice = self.tool_config.tool_choice if self.tool_config is not None else None
        if choice is not None and choice.tool is not None:
            return "named", choice.tool.name
        return ("required" if choice is not None and choice.any is not None else "auto"), None


class InvokeModelTokens(Shape):
    body: str


class CountInput(Shape):
    converse: Conversation | None = None
    invoke_model: InvokeModelTokens | None = None


class CountAsk(Shape, kw_only=True):
    model: str = ""
    """From the path."""
    input: CountInput

    def need(self) -> int:
        return 0

    def answer(self, context: Context) -> Reply | Refusal:
        if self.input.converse is not None:
            wrong = checks.conversation(self.input.converse, context.model)
            return Refusal(message=wrong) if wrong else _counted(self.input.converse.prompt_tokens())
        if self.input.invoke_model is None:
            return Refusal(message="The input must set one of the following keys: invokeModel, converse.")
        try:
            body = base64.b64decode(self.input.invoke_model.body, validate=True)
        except ValueError:
            return Refusal(message="Malformed input request, please reformat your input and try again.")
        asked = complaints.read(InvokedMessagesAsk, body)
        return wording.invalid(asked) if isinstance(asked, Complaint) else _counted(asked.prompt_tokens())


def _counted(spent: int) -> Reply:
    return whole({"inputTokens": spent})
