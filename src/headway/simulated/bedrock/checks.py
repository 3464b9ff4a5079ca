"""What Bedrock refuses though every field has its type. Each check returns the complaint in its words, or None."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import msgspec

from headway.simulated import signatures
from headway.simulated.bedrock.asked import Asked, Conversation
from headway.simulated.bedrock.shapes import Block, Source

_BY_MODEL = "The model returned the following errors: "


def conversation(asked: Conversation, model: str) -> str | None:
    # Claude takes what begins with its own turn, other models do not.
    if not asked.messages or (asked.messages[0].role != "user" and "anthropic" not in model):
        return (
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    return next(_blocks(asked, model), None) or next(_turns(asked), None) or next(_tools(asked), None)


def settings(asked: Asked) -> str | None:
    """What contradicts itself."""
    choice = asked.tool_config.tool_choice if asked.tool_config is not None else None
    names = [spec.name for spec in asked.specs()]
    if choice is not None and choice.tool is not None and choice.tool.name not in names:
        return "The value at toolConfig.toolChoice.tool.name does not match any of the tools."
    thinking = asked.thinking
    if thinking.get("type") != "enabled":
        return None
    config = asked.inference_config
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < 1024:
        return f"{_BY_MODEL}thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    if config is not None and config.max_tokens is not None and config.max_tokens <= budget:
        return f"{_BY_MODEL}`max_tokens` must be greater than `thinking.budget_tokens`."
    if config is not None and config.temperature not in (None, 1):
        return f"{_BY_MODEL}`temperature` may only be set to 1 when thinking is enabled."
    if choice is not None and (choice.any is not None or choice.tool is not None):
        return f"{_BY_MODEL}Thinking may not be enabled when tool_choice forces tool use."
    return None


def _blocks(asked: Conversation, model: str) -> Iterator[str]:
    for number, message in enumerate(asked.messages):
        place = f"messages.{number}.content"
        if not message.content:
            yield (
                f"The content field in the Message object at messages.{number} is empty. Add a ContentBlock object to "
                "the content field and try again."
            )
        for index, block in enumerate(message.content):
            at = f"{place}.{index}"
            if len(block.held()) != 1:
                yield (
                    f"The ContentBlock object at {at} must set one of the following keys: text, image, toolUse, "
                    "toolResult, document, video, cachePoint, reasoningContent."
                )
            if block.text is not None and not block.text.strip():
                yield (
                    f"The text field in the ContentBlock object at {at} is blank. Add text to the text field, and try "
                    "again."
                )
            yield from _media(block, at)
            if "anthropic" in model and not _genuine(block):
                yield f"{_BY_MODEL}{at}: Invalid `signature` in `thinking` block"


def _media(block: Block, at: str) -> Iterator[str]:
    for media in (block.image, block.document):
        source: Source | None = media.source if media is not None else None
        if source is not None and source.bytes is not None and not _is_base64(source.bytes):
            yield f"The bytes field at {at} is not valid base64."


def _genuine(block: Block) -> bool:
    reasoning = block.reasoning_content
    if reasoning is None:
        return True
    if reasoning.reasoning_text is None:
        return signatures.made_here(reasoning.redacted_content or "")
    told = reasoning.reasoning_text
    return signatures.genuine("claude", told.text, told.signature or "")


def _turns(asked: Conversation) -> Iterator[str]:
    open_calls: list[str] = []
    for number, message in enumerate(asked.messages):
        if number and message.role == asked.messages[number - 1].role:
            yield (
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
                "between user and assistant roles and try again."
            )
        results = [block.tool_result.tool_use_id for block in message.content if block.tool_result is not None]
        calls = [block.tool_use.tool_use_id for block in message.content if block.tool_use is not None]
        if message.role == "assistant":
            # Calls of tools that the provider itself ran bring their results along.
            calls, results = [call for call in calls if call not in results], []
        if (results or calls) and asked.tool_config is None:
            yield "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        missing = [call for call in open_calls if call not in results]
        if missing:
            yield f"Expected toolResult blocks at messages.{number}.content for the following Ids: {', '.join(missing)}"
        if len(results) > len(open_calls):
            yield (
                f"The number of toolResult blocks at messages.{number}.content exceeds the number of toolUse blocks of "
                "previous turn."
            )
        open_calls = calls
    if open_calls:
        yield (
            f"Expected toolResult blocks at messages.{len(asked.messages)}.content for the following Ids: "
            f"{', '.join(open_calls)}"
        )


def _tools(asked: Conversation) -> Iterator[str]:
    names: set[str] = set()
    for index, spec in enumerate(asked.specs()):
        if spec.input_schema.json.get("type") != "object":
            yield (
                f"The value at toolConfig.tools.{index}.toolSpec.inputSchema.json.type must be one of the following: "
                "object."
            )
        if spec.name in names:
            yield f"The tool name {spec.name} is already defined at toolConfig.tools.{index}.toolSpec.name."
        names.add(spec.name)


def _is_base64(data: str) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True))
    except ValueError:
        return False


def schema(text: str) -> dict[str, object] | None:
    """The schema of structured output, which comes as text; None if it is no schema."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return None
