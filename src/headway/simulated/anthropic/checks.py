"""What Anthropic refuses though every field has its type: order of turns, calls without results, contradictions.

Each check returns the complaint in Anthropic's words, or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from headway.simulated import signatures
from headway.simulated.anthropic.asked import Asked, Conversation
from headway.simulated.anthropic.blocks import Block, misshapen, nested

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_MARKS = 4


def conversation(asked: Conversation) -> str | None:
    """What is wrong with the messages, the system prompt or the tools."""
    if not asked.messages:
        return "messages: at least one message is required"
    return (
        next(_blocks(asked), None)
        or next(_turns(asked), None)
        or next(_tools(asked), None)
        or _marks(asked)
        or _thinking_kept(asked)
    )


def settings(asked: Asked) -> str | None:
    """What contradicts itself."""
    thinking = asked.thinking
    if any(not stop.strip() for stop in asked.stop_sequences or ()):
        return "stop_sequences: each stop sequence must contain non-whitespace"
    choice = asked.tool_choice
    if choice is not None and not asked.tools:
        return "tool_choice may only be specified while providing tools."
    names = [tool.get("name") for tool in asked.tools or ()]
    if choice is not None and choice.type == "tool" and choice.name not in names:
        return f"Tool '{choice.name}' not found in provided tools"
    if asked.output_schema is not None and (wrong := _open_object(asked.output_schema)):
        return f"output_config.format.schema: {wrong}"
    if thinking is None or thinking.type == "disabled":
        return None
    if thinking.type == "enabled":
        budget = thinking.budget_tokens
        if budget is None:
            return "thinking.enabled.budget_tokens: Field required"
        if budget < 1024:
            return "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        if budget >= asked.max_tokens:
            return (
                "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
                "https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size"
            )
    if asked.temperature not in (None, 1):
        return "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
    if asked.top_k is not None:
        return "`top_k` must be unset when thinking is enabled or in adaptive mode."
    if asked.top_p is not None and asked.top_p < 0.95:
        return "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode."
    if thinking.type == "enabled" and choice is not None and choice.type in {"any", "tool"}:
        return "Thinking may not be enabled when tool_choice forces tool use."
    return None


def _placed(asked: Conversation) -> Iterator[tuple[str, Block | str]]:
    """Every block with its place."""
    if isinstance(asked.system, list):
        yield from ((f"system.{index}", block) for index, block in enumerate(asked.system))
    for number, message in enumerate(asked.messages):
        if isinstance(message.content, str):
            continue
        for index, block in enumerate(message.content):
            place = f"messages.{number}.content.{index}"
            yield place, block
            yield from nested(block, place)


def _blocks(asked: Conversation) -> Iterator[str]:
    for place, block in _placed(asked):
        if isinstance(block, str):
            yield block
            continue
        wrong = misshapen(block, place)
        if wrong:
            yield wrong
        if block.type == "text" and not block.text:
            yield f"{place.rpartition('.content')[0] or 'system'}: text content blocks must be non-empty"
        if block.type == "text" and block.cache_control and not (block.text or "").strip():
            yield f"{place}.text: cache_control cannot be set for empty text blocks"
        if block.type == "thinking" and not signatures.genuine("claude", block.thinking or "", block.signature or ""):
            # A signature made while the text was omitted is genuine for no text.
            yield f"{place}: Invalid `signature` in `thinking` block"
        if block.type == "redacted_thinking" and not signatures.made_here(block.data or ""):
            yield f"{place}: Invalid `data` in `redacted_thinking` block"
        if block.type in {"tool_use", "server_tool_use"} and not _ID.fullmatch(block.id or ""):
            yield f"{place}.{block.type}.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if block.type == "tool_use" and not _NAME.fullmatch(block.name or ""):
            yield f"{place}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"


def _turns(asked: Conversation) -> Iterator[str]:
    """Turns of one role in a row are one turn, as at Anthropic. A call is to be answered in the very next turn."""
    open_calls: dict[str, int] = {}
    last = len(asked.messages) - 1
    role = ""
    turns = [message for message in asked.messages if message.role != "system"]
    for number, message in enumerate(asked.messages):
        blocks = message.content if isinstance(message.content, list) else []
        if not message.content and not (number == last and message.role == "assistant"):
            yield (
                f"messages.{number}: all messages must have non-empty content except for the optional final assistant "
                "message"
            )
        if message.role == "assistant":
            if role != "assistant":
                open_calls = {}
            open_calls |= {block.id or "": number for block in blocks if block.type == "tool_use"}
        elif message.role == "user":
            yield from _answered(blocks, open_calls, number)
        role = message.role
    if turns and turns[-1].role == "assistant":
        text = turns[-1].content if isinstance(turns[-1].content, str) else _last_text(turns[-1].content)
        if text != text.rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"


def _answered(blocks: list[Block], open_calls: dict[str, int], number: int) -> Iterator[str]:
    for index, block in enumerate(blocks):
        if block.type != "tool_result":
            continue
        if open_calls.pop(block.tool_use_id or "", None) is None:
            yield (
                f"messages.{number}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block.tool_use_id}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
    if open_calls:
        at = next(iter(open_calls.values()))
        yield (
            f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(open_calls)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message."
        )


def _last_text(content: list[Block]) -> str:
    return (content[-1].text or "") if content and content[-1].type == "text" else ""


def _tools(asked: Conversation) -> Iterator[str]:
    names: set[str] = set()
    for index, tool in enumerate(asked.tools or ()):
        place = f"tools.{index}"
        name = tool.get("name")
        if tool.get("type") not in (None, "custom"):
            continue
        if not isinstance(name, str):
            yield f"{place}.custom.name: Field required"
        elif not _NAME.fullmatch(name):
            yield f"{place}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        elif name in names:
            yield "tools: Tool names must be unique."
        else:
            names.add(name)
        schema: Any = tool.get("input_schema")
        if not isinstance(schema, dict):
            yield f"{place}.custom.input_schema: Field required"
        elif cast("dict[str, Any]", schema).get("type") != "object":
            yield f"{place}.custom.input_schema.type: Input should be 'object'"
        for extra in sorted(tool.keys() - _TOOL_FIELDS):
            yield f"{place}.custom.{extra}: Extra inputs are not permitted"


_TOOL_FIELDS = frozenset(
    [
        "type",
        "name",
        "description",
        "input_schema",
        "cache_control",
        "strict",
        "defer_loading",
        "allowed_callers",
        "input_examples",
        "eager_input_streaming",
    ]
)


def _marks(asked: Conversation) -> str | None:
    """Breakpoints of the cache."""
    blocks = [block for _, block in _placed(asked) if isinstance(block, Block)]
    marks = sum(1 for block in blocks if block.cache_control) + sum(
        "cache_control" in tool for tool in asked.tools or ()
    )
    if marks + (asked.cache_control is not None) > _MOST_MARKS:
        return f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {marks}."
    return None


def _thinking_kept(asked: Conversation) -> str | None:
    """Whoever answers a call that was thought about brings the thought along, while thinking has a budget."""
    if asked.thinking is None or asked.thinking.type != "enabled":
        return None
    numbers = [number for number, message in enumerate(asked.messages) if message.role == "assistant"]
    if not numbers or asked.messages[-1].role != "user":
        return None
    blocks, answers = asked.messages[numbers[-1]].content, asked.messages[-1].content
    if isinstance(blocks, str) or isinstance(answers, str) or not blocks:
        return None
    called = any(block.type == "tool_use" for block in blocks) and any(b.type == "tool_result" for b in answers)
    if not called or blocks[0].type in {"thinking", "redacted_thinking"}:
        return None
    return (
        f"messages.{numbers[-1]}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
        f"`{blocks[0].type}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block "
        "(preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
    )


def _open_object(schema: object) -> str | None:
    """Structured output wants every object closed."""
    if isinstance(schema, list):
        return next((wrong for item in cast("list[Any]", schema) if (wrong := _open_object(item))), None)
    if not isinstance(schema, dict):
        return None
    node = cast("dict[str, Any]", schema)
    if node.get("type") == "object" and node.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    return next((wrong for value in node.values() if (wrong := _open_object(value))), None)
