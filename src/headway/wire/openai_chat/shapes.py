"""The shapes of a request's fields, as OpenAI and those who speak its dialect define them.

They know every field that has a place in the form, so that what remains can be told from it. Reading them strictly is
the usual case; `messages_read` and `tools_read` say what follows where that fails.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.wire.openai_chat.reasoning import Detail
from headway.wire.openai_chat.signatures import ExtraContent

# --- content ---


class CacheControl(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Anthropic's mark, which OpenRouter has too."""

    type: str | None = None
    ttl: str | None = None


class Breakpoint(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """OpenAI's own mark."""

    mode: str | None = None
    ttl: str | None = None


class ImageUrl(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    url: str
    detail: str | None = None


class VideoUrl(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    url: str


class InputAudio(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    data: str
    format: str = "wav"


class FileBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ThinkingText(msgspec.Struct, gc=False):
    text: str = ""


UNKNOWN = "(unknown)"
Kind = Literal["text", "image_url", "input_audio", "file", "refusal", "document_url", "video_url", "thinking"]


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a message's content. `type` tells which of the others is set; `document_url` and `thinking` are
    Mistral's, `video_url` is OpenRouter's and vLLM's. A part of no known type is but `unknown`.
    """

    type: Kind
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: InputAudio | None = None
    file: FileBody | None = None
    document_url: str | None = None
    document_name: str | None = None
    video_url: VideoUrl | None = None
    thinking: list[ThinkingText] | None = None
    closed: bool | None = None
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: Breakpoint | None = None
    unknown: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name=UNKNOWN)


# --- calls ---


class Function(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    arguments: str = ""


class CustomInput(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    input: str = ""


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """A tool call of the assistant's. `index` is of no use in a request; some clients leave it in."""

    id: str
    type: str | None = None
    function: Function | None = None
    custom: CustomInput | None = None
    extra_content: ExtraContent | None = None
    index: int | None = None


# --- messages ---


class Message(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    extra_content: ExtraContent | None = None
    function_call: Function | None = None
    audio: msgspec.Raw = msgspec.Raw()
    annotations: msgspec.Raw = msgspec.Raw()


# --- tools ---


class FunctionTool(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class CustomTool(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    format: msgspec.Raw = msgspec.Raw()


class Tool(msgspec.Struct, forbid_unknown_fields=True):
    type: str | None = None
    function: FunctionTool | None = None
    custom: CustomTool | None = None
    cache_control: CacheControl | None = None


class Named(msgspec.Struct, gc=False):
    name: str


class NamedTool(msgspec.Struct):
    """A tool as `tool_choice` names it."""

    type: str | None = None
    function: Named | None = None
    custom: Named | None = None

    @property
    def name(self) -> str | None:
        named = self.function or self.custom
        return None if named is None else named.name


class AllowedTools(msgspec.Struct):
    mode: str
    tools: list[NamedTool]


class Choice(msgspec.Struct):
    """`tool_choice` where it is an object, and `function_call`, which is but a name."""

    type: str | None = None
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None
    name: str | None = None


# --- settings ---


class JsonSchema(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    type: str
    json_schema: JsonSchema | None = None


class ReasoningSettings(msgspec.Struct, gc=False):
    """OpenRouter's `reasoning`."""

    effort: str | None = None
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None
    summary: str | None = None


class ThinkingSettings(msgspec.Struct, gc=False):
    """`thinking` of Z.ai and others."""

    type: str | None = None
    budget_tokens: int | None = None
