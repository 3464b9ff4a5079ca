"""What a client's request says beside the conversation: tools, and how to answer."""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.form.request import NO_FIELDS, HostedTool, Output, Thinking, Tool, ToolChoice
from headway.wire.gemini import shapes
from headway.wire.gemini.schema import json_schema
from headway.wire.gemini.shapes import Rest, ShapeError, read

_CONFIG = shapes.one(shapes.GenerationConfig)
_TOOLS = shapes.many(shapes.Tool)
_TOOL_CONFIG = shapes.one(shapes.ToolConfig)
_MODES = {"AUTO": "auto", "VALIDATED": "auto", "MODE_UNSPECIFIED": "auto", "ANY": "required", "NONE": "none"}

_OF_HOSTED_TOOLS = "includeServerSideToolInvocations"

_encode = msgspec.json.Encoder().encode


class Settings:
    """`told`: fields of the form's request by name. The rest goes into `extra` and, if it must not be lost, `needs`;
    into `aside` what only Gemini must hear again.
    """

    def __init__(self, extra: dict[str, msgspec.Raw]) -> None:
        self.told: dict[str, Any] = {}
        self.extra = extra
        self.aside: dict[str, msgspec.Raw] = {}
        self.needs: list[str] = []

    def beside(self, place: str, rest: Rest | None) -> None:
        if rest:
            self.extra.update({f"{place}.{name}": value for name, value in rest.items()})


def read_settings(raw: msgspec.Raw, settings: Settings) -> None:
    config: shapes.GenerationConfig = read(raw, _CONFIG, "generationConfig")
    top_k = config.top_k
    told = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": None if top_k is None else int(min(max(top_k, -1e9), 1e9)),
        "n": config.candidate_count,
        "max_output": config.max_output_tokens,
        "seed": config.seed,
        "presence_penalty": config.presence_penalty,
        "frequency_penalty": config.frequency_penalty,
        "logprobs": config.response_logprobs,
        "top_logprobs": config.logprobs,
        "stop": tuple(config.stop_sequences or ()),
    }
    settings.told.update(told)
    _read_output(config, settings)
    thinking = config.thinking_config
    if thinking is not None:
        settings.told["thinking"] = _thinking(thinking)
        settings.beside("generationConfig.thinkingConfig", thinking.rest)
    if config.response_modalities:
        _read_modalities(config.response_modalities, settings)
    settings.beside("generationConfig", config.rest)


def _read_modalities(modalities: list[str], settings: Settings) -> None:
    place, raw = "generationConfig.responseModalities", msgspec.Raw(_encode(modalities))
    if [each.upper() for each in modalities] == ["TEXT"]:
        settings.aside[place] = raw
    else:
        settings.extra[place] = raw
        settings.needs.append(place)


def _read_output(config: shapes.GenerationConfig, settings: Settings) -> None:
    kind, schema = config.response_mime_type, config.response_json_schema or config.response_schema
    if kind is None or kind == "application/json":
        if schema or kind is not None:
            settings.told["output"] = Output(schema=json_schema(schema) if schema else schema)
        if schema and not config.response_json_schema:
            settings.aside["generationConfig.responseSchema"] = schema
    elif kind == "text/plain":
        settings.aside["generationConfig.responseMimeType"] = msgspec.Raw(_encode(kind))
    else:
        settings.extra["generationConfig.responseMimeType"] = msgspec.Raw(_encode(kind))
        settings.needs.append("generationConfig.responseMimeType")
        if schema:
            settings.extra["generationConfig.responseSchema"] = schema


def _thinking(config: shapes.ThinkingConfig) -> Thinking:
    level = (config.thinking_level or "").lower()
    return Thinking(
        effort=level if level and level != "thinking_level_unspecified" else None,
        budget=config.thinking_budget,
        show=config.include_thoughts,
    )


def read_tools(raw: msgspec.Raw, settings: Settings) -> None:
    found: list[Tool | HostedTool] = []
    tools: list[shapes.Tool] = read(raw, _TOOLS, "tools")
    for number, tool in enumerate(tools):
        for place, made in enumerate(tool.function_declarations or ()):
            if not made.name:
                where = f"tools[{number}].functionDeclarations[{place}].name"
                raise ShapeError(f"{where} is missing", where)
            settings.beside(f"tools[{len(found)}]", made.rest)
            if made.parameters:
                settings.aside[f"tools[{len(found)}].parameters"] = made.parameters
            found.append(_tool(made))
        hosted: Rest = tool.rest or {}
        for kind, value in hosted.items():
            found.append(HostedTool("gemini", kind, msgspec.Raw(_encode({kind: value}))))
    settings.told["tools"] = tuple(found)


def _tool(made: shapes.FunctionDeclaration) -> Tool:
    parameters = made.parameters_json_schema
    if not parameters and made.parameters:
        parameters = json_schema(made.parameters)
    return Tool(name=made.name, description=made.description, parameters=parameters)


def read_tool_config(raw: msgspec.Raw, settings: Settings) -> None:
    config: shapes.ToolConfig = read(raw, _TOOL_CONFIG, "toolConfig")
    for name, value in (config.rest or NO_FIELDS).items():
        known = settings.aside if name == _OF_HOSTED_TOOLS else settings.extra
        known[f"toolConfig.{name}"] = value
    calling = config.function_calling_config
    if calling is None:
        return
    place = "toolConfig.functionCallingConfig"
    settings.beside(place, calling.rest)
    names = tuple(calling.allowed_function_names or ())
    if calling.mode is None and not names:
        return
    asked = (calling.mode or "AUTO").upper()
    mode: Any = _MODES.get(asked)
    if mode is None:
        raise ShapeError(f"{place}.mode must be AUTO, ANY, NONE or VALIDATED", f"{place}.mode")
    settings.told["tool_choice"] = ToolChoice(mode, names)
    if asked == "VALIDATED":
        settings.aside[f"{place}.mode"] = msgspec.Raw(b'"VALIDATED"')
