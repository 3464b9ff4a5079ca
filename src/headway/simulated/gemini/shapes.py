"""The messages of which requests to Google consist."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated.reply import Json

PATH_MODEL = "modelInThePath"
"""Where `reading.read` puts it."""

Role = Literal["user", "model", "function"]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Names that Google does not know are refused."""


class Blob(Strict):
    mime_type: str
    data: str
    display_name: str | None = None


class FileData(Strict):
    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class FunctionCall(Strict):
    name: str
    args: Json | None = None
    id: str | None = None
    partial_args: Any = None
    will_continue: bool | None = None


class FunctionResponse(Strict):
    name: str
    response: Json
    id: str | None = None
    parts: list[Any] | None = None
    will_continue: bool | None = None
    scheduling: str | None = None


class Part(Strict):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: Any = None
    code_execution_result: Any = None
    tool_call: Any = None
    tool_response: Any = None
    video_metadata: Any = None
    media_resolution: Any = None
    part_metadata: Any = None

    @property
    def data(self) -> object:
        """Whatever it holds; each holds one thing."""
        return next((held for held in (getattr(self, name) for name in _HELD) if held is not None), None)


_HELD = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)


class Content(Strict):
    parts: list[Part] = []
    role: Role | None = None


class Schema(Strict):
    """Google's own kind of schema. Vertex AI alone knows the last three."""

    type: str | None = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    nullable: bool | None = None
    enum: list[str] | None = None
    items: Schema | None = None
    properties: dict[str, Schema] | None = None
    required: list[str] | None = None
    property_ordering: list[str] | None = None
    any_of: list[Schema] | None = None
    min_items: int | str | None = None
    max_items: int | str | None = None
    min_length: int | str | None = None
    max_length: int | str | None = None
    min_properties: int | str | None = None
    max_properties: int | str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    example: Any = None
    default: Any = None
    additional_properties: Any = None
    defs: Any = None
    ref: str | None = None


class FunctionDeclaration(Strict):
    name: str
    description: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: Json | None = None
    response: Any = None
    response_json_schema: Any = None
    behavior: str | None = None


class Tool(Strict):
    function_declarations: list[FunctionDeclaration] | None = None
    google_search: Any = None
    google_search_retrieval: Any = None
    google_maps: Any = None
    code_execution: Any = None
    url_context: Any = None
    computer_use: Any = None
    file_search: Any = None
    retrieval: Any = None
    enterprise_web_search: Any = None
    mcp_servers: Any = None


class FunctionCallingConfig(Strict):
    mode: Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] | None = None
    allowed_function_names: list[str] | None = None
    stream_function_call_arguments: bool | None = None


class ToolConfig(Strict):
    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: Any = None
    include_server_side_tool_invocations: bool | None = None


class ThinkingConfig(Strict):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: Literal["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"] | None = None


class GenerationConfig(Strict):
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: float | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] | None = None
    response_mime_type: str | None = None
    response_schema: Schema | None = None
    response_json_schema: Json | None = None
    response_modalities: list[str] | None = None
    response_logprobs: bool | None = None
    response_format: Any = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    thinking_config: ThinkingConfig | None = None
    speech_config: Any = None
    image_config: Any = None
    media_resolution: str | None = None
    audio_timestamp: bool | None = None
    routing_config: Any = None
    model_selection_config: Any = None
    enable_affective_dialog: bool | None = None
    enable_enhanced_civic_answers: bool | None = None
