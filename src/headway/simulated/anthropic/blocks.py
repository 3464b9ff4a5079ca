"""The blocks of which messages consist: which there are, what each may and must have, and what they say and cost.

One structure holds every kind of block; the tables say which of its fields belong to which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast

import msgspec

from headway.simulated import tokens
from headway.simulated.reply import Json, encode


class Block(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: str | list[Any] | Json | None = None
    is_error: bool | None = None
    source: Any = None
    title: str | None = None
    context: str | None = None
    citations: Any = None
    cache_control: Json | None = None
    caller: Any = None
    server_name: str | None = None
    file_id: str | None = None
    toolset_name: str | None = None
    transformations: Any = None
    tool_name: str | None = None
    tabs: Any = None
    state_changes: Any = None
    tool: Any = None


_RESULT = ("tool_use_id content", "cache_control caller is_error")
_KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "text": ("text", "citations cache_control"),
        "image": ("source", "cache_control transformations"),
        "document": ("source", "title context citations cache_control"),
        "search_result": ("content source title", "citations cache_control"),
        "thinking": ("thinking signature", ""),
        "redacted_thinking": ("data", ""),
        "tool_use": ("id name input", "cache_control caller toolset_name"),
        "tool_result": ("tool_use_id", "content is_error cache_control toolset_name"),
        "tool_reference": ("tool_name", "cache_control"),
        "browser_state": ("tabs", "cache_control state_changes"),
        "container_upload": ("file_id", "cache_control"),
        "server_tool_use": ("id name input", "cache_control caller"),
        "mcp_tool_use": ("id name input server_name", "cache_control"),
        "mcp_tool_result": ("tool_use_id", "content is_error cache_control"),
        "web_search_tool_result": _RESULT,
        "web_fetch_tool_result": _RESULT,
        "code_execution_tool_result": _RESULT,
        "bash_code_execution_tool_result": _RESULT,
        "text_editor_code_execution_tool_result": _RESULT,
        "tool_search_tool_result": _RESULT,
        "advisor_tool_result": _RESULT,
        "compaction": ("content", "cache_control"),
        "tool_addition": ("tool", "cache_control"),
        "tool_removal": ("tool", "cache_control"),
    }
)
"""The fields that a block must and that it may have, besides its type."""
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def misshapen(block: Block, place: str) -> str | None:
    """What is wrong with a block's own fields, in Anthropic's words."""
    if block.type not in _KINDS:
        expected = ", ".join(f"'{kind}'" for kind in sorted(_KINDS))
        return (
            f"{place}: Input tag '{block.type}' found using 'type' does not match any of the expected tags: {expected}"
        )
    required, optional = (fields.split() for fields in _KINDS[block.type])
    present = {name for name in block.__struct_fields__ if getattr(block, name) is not None} - {"type"}
    for name in required:
        if name not in present:
            return f"{place}.{block.type}.{name}: Field required"
    for name in sorted(present - {*required, *optional}):
        return f"{place}.{block.type}.{name}: Extra inputs are not permitted"
    if block.type == "tool_use" and not isinstance(block.input, dict):
        return f"{place}.tool_use.input: Input should be a valid dictionary"
    return _misshapen_source(block, place) if block.type == "image" else None


def _misshapen_source(block: Block, place: str) -> str | None:
    given: object = block.source
    source = cast("Json", given) if isinstance(given, dict) else {}
    at = f"{place}.image.source"
    match source.get("type"):
        case "base64":
            if source.get("media_type") not in IMAGES:
                return f"{at}.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
            return None if _is_base64(source.get("data")) else f"{at}.base64: invalid base64 data"
        case "url":
            url = source.get("url")
            http = isinstance(url, str) and url.startswith(("http://", "https://"))
            return None if http else f"{at}.url.url: Only HTTPS URLs are supported."
        case "file":
            return None if isinstance(source.get("file_id"), str) else f"{at}.file.file_id: Field required"
        case _:
            return (
                f"{at}: Input tag found using 'type' does not match any of the expected tags: 'base64', 'url', 'file'"
            )


def _is_base64(data: object) -> bool:
    try:
        msgspec.convert(data, bytes)
    except msgspec.ValidationError:
        return False
    return bool(data)


def nested(block: Block, place: str) -> Iterator[tuple[str, Block | str]]:
    """The blocks in the result of a tool, each with its place; or what is wrong with one."""
    if block.type != "tool_result" or not isinstance(block.content, list):
        return
    for index, inner in enumerate(block.content):
        at = f"{place}.tool_result.content.{index}"
        try:
            yield at, msgspec.convert(inner, Block)
        except msgspec.ValidationError:
            yield at, f"{at}: Input should be a valid content block"


def said(content: str | list[Block]) -> str:
    """The text that stands in it."""
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content if block.text is not None)


def result(block: Block) -> str:
    """What a tool returned, as text."""
    if isinstance(block.content, str):
        return block.content
    inner = [part for _, part in nested(block, "") if isinstance(part, Block)]
    return said(inner)


def cost(content: str | list[Block]) -> int:
    """Tokens."""
    if isinstance(content, str):
        return tokens.count(content)
    return sum(_cost(block) for block in content)


def _cost(block: Block) -> int:
    match block.type:
        case "text":
            return tokens.count(block.text or "")
        case "thinking" | "redacted_thinking":
            return 0
        case "tool_use":
            return 1 + tokens.count(encode(block.input).decode())
        case "tool_result":
            if not isinstance(block.content, list):
                return tokens.count(block.content if isinstance(block.content, str) else "")
            return sum(_cost(part) for _, part in nested(block, "") if isinstance(part, Block))
        case _:
            return tokens.PART
