"""`/v1/messages` and `/v1/messages/count_tokens`: reading the request. What is refused beyond its types, `checks` says;
how the answer is written down, `writer`.
"""

from __future__ import annotations

from typing import Literal

from headway.simulated.answer import Question, Tool, answer
from headway.simulated.anthropic import checks
from headway.simulated.anthropic.asked import Asked, Conversation
from headway.simulated.anthropic.blocks import result, said
from headway.simulated.anthropic.writer import Writer
from headway.simulated.reply import Context, Json, Refusal, Reply, whole


class Messages(Asked, kw_only=True):
    """A request for an answer, at whatever place."""

    def answer(self, context: Context) -> Reply | Refusal:
        wrong = checks.conversation(self) or checks.settings(self)
        if wrong is not None:
            return Refusal(message=wrong)
        asked = (self.messages, self.system, self.tools, self.tool_choice, self.thinking, self.output_schema)
        identity = context.identity("messages", *asked)
        given = answer(self._question(context), identity)
        shown = self.thinking is None or self.thinking.display != "omitted"
        writer = Writer(context, context.naming(identity), given, self.prompt_tokens(), shown=shown)
        return writer.stream() if self.stream else writer.whole()

    def _question(self, context: Context) -> Question:
        last = self.messages[-1]
        blocks = last.content if isinstance(last.content, list) else []
        results = [block for block in blocks if block.type == "tool_result"]
        choice = self.tool_choice
        return Question(
            model=context.model,
            provider=context.provider,
            said=said(last.content) if last.role == "user" and not results else "",
            tool_result="\n".join(result(block) for block in results) if results else None,
            tools=tuple(Tool(tool["name"], tool["input_schema"]) for tool in self.tools or () if _is_custom(tool)),
            choice=_CHOICES[choice.type] if choice is not None else "auto",
            named=choice.name if choice is not None else None,
            parallel=choice is None or not choice.disable_parallel_tool_use,
            schema=self.output_schema,
            limit=self.max_tokens,
            stops=tuple(self.stop_sequences or ()),
            thinks=self.thinks,
        )


def _is_custom(tool: Json) -> bool:
    return tool.get("type") in (None, "custom")


_CHOICES: dict[str, Literal["none", "auto", "required", "named"]] = {
    "auto": "auto",
    "any": "required",
    "tool": "named",
    "none": "none",
}


class MessagesAsk(Messages, kw_only=True):
    model: str


class VertexMessagesAsk(Messages, kw_only=True):
    """The version stands in the body, and the model in the path, from where `of` takes it."""

    anthropic_version: str
    anthropic_beta: list[str] | None = None

    def of(self, model: str) -> MessagesAsk:
        fields = {name: getattr(self, name) for name in Messages.__struct_fields__}
        return MessagesAsk(model=model, **fields)


class CountAsk(Conversation, kw_only=True):
    model: str

    def need(self) -> int:
        return 0

    def answer(self, context: Context) -> Reply | Refusal:
        wrong = checks.conversation(self)
        return whole({"input_tokens": self.prompt_tokens()}) if wrong is None else Refusal(message=wrong)


class VertexCountAsk(CountAsk, kw_only=True):
    anthropic_version: str | None = None
