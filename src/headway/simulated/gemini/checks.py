"""What Google refuses though every field has its type: order of turns, unsigned calls, contradictions.

Each check returns the complaint in Google's words, or None.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from headway.simulated import signatures
from headway.simulated.gemini.asked import Asked
from headway.simulated.gemini.schemas import beyond_gemini
from headway.simulated.gemini.shapes import Content, FunctionDeclaration, GenerationConfig, Part

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_SKIPS = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
"""What Google has for calls that no Gemini made; also as base64."""
_SKIPS_AS_BYTES = frozenset(
    {"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I", "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv"}
)
_GUIDE = "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."


def request(asked: Asked, model: str) -> str | None:
    if not asked.contents:
        return "* GenerateContentRequest.contents: contents is not specified\n"
    return (
        next(_parts(asked.contents), None)
        or next(_turns(asked.contents), None)
        or next(_declared(asked), None)
        or _settings(asked.generation_config, model, calls=bool(asked.functions()))
        or _choice(asked)
        or next(_signed(asked.contents, model), None)
    )


def _parts(contents: Sequence[Content]) -> Iterator[str]:
    for number, content in enumerate(contents):
        place = f"* GenerateContentRequest.contents[{number}]"
        if not content.parts:
            yield f"{place}.parts: contents.parts must not be empty.\n"
        for index, part in enumerate(content.parts):
            if part.data is None:
                yield f"{place}.parts[{index}].data: required oneof field 'data' must have one initialized field\n"
            if part.inline_data is not None and not _is_base64(part.inline_data.data):
                at = f"contents[{number}].parts[{index}].inline_data.data"
                yield f"Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed"
            for called in (part.function_call, part.function_response):
                if called is not None and not called.name:
                    yield f"{place}.parts[{index}]: Name cannot be empty.\n"


def _turns(contents: Sequence[Content]) -> Iterator[str]:
    """A turn of calls comes after the user or after results, and as many results come right after it. Contents of one
    role in a row are one turn.
    """
    open_calls = 0
    for number, (role, turn) in enumerate(groupby(contents, lambda content: content.role == "model")):
        parts = [part for content in turn for part in content.parts]
        calls = sum(part.function_call is not None for part in parts)
        results = sum(part.function_response is not None for part in parts)
        if not role and results != open_calls:
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        if calls and number == 0:
            yield (
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        open_calls = calls
    if open_calls:
        yield "Please ensure that function response turn comes immediately after a function call turn."


def _declared(asked: Asked) -> Iterator[str]:
    seen: set[str] = set()
    for index, tool in enumerate(asked.tools or ()):
        for number, function in enumerate(tool.function_declarations or ()):
            place = f"tools[{index}].function_declarations[{number}]"
            if not _NAME.fullmatch(function.name):
                yield (
                    f"* GenerateContentRequest.{place}.name: [FIELD_INVALID] Invalid function name. Must start with a "
                    "letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons "
                    "(:), or dashes (-), with a maximum length of 128.\n"
                )
            if function.name in seen:
                yield f"Duplicate function declaration found: {function.name}"
            seen.add(function.name)
            yield from _schema(asked, function, place)
    config = asked.generation_config
    if config is not None and config.response_schema is not None and not asked.vertex:
        for name, at in beyond_gemini(config.response_schema, "generation_config.response_schema"):
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."


def _schema(asked: Asked, function: FunctionDeclaration, place: str) -> Iterator[str]:
    if function.parameters is None:
        return
    if function.parameters_json_schema is not None:
        yield f"* GenerateContentRequest.{place}: only one of parameters and parameters_json_schema may be set\n"
    if not asked.vertex:
        for name, at in beyond_gemini(function.parameters, f"{place}.parameters"):
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."


def _settings(config: GenerationConfig | None, model: str, *, calls: bool) -> str | None:
    if config is None:
        return None
    as_json = config.response_mime_type == "application/json"
    schema = config.response_schema is not None or config.response_json_schema is not None
    if schema and not as_json:
        return (
            "* GenerateContentRequest.generation_config.response_schema: only allowed with response_mime_type "
            "'application/json'\n"
        )
    if config.response_schema is not None and config.response_json_schema is not None:
        return (
            "* GenerateContentRequest.generation_config: only one of response_schema and response_json_schema may be "
            "set\n"
        )
    if as_json and calls and not _new(model):
        return "Function calling with a response mime type: 'application/json' is unsupported"
    if config.logprobs is not None and not config.response_logprobs:
        return "logprobs can only be set if response_logprobs is enabled"
    thinking = config.thinking_config
    if thinking is not None and thinking.thinking_level is not None:
        if thinking.thinking_budget is not None:
            return "You can only set only one of thinking budget and thinking level."
        if not _new(model) and "gemini" in model:
            return "Thinking level is not supported for this model."
    return None


def _choice(asked: Asked) -> str | None:
    config = asked.tool_config.function_calling_config if asked.tool_config is not None else None
    if config is None or not config.allowed_function_names:
        return None
    if config.mode not in {"ANY", "VALIDATED"}:
        return "Allowed function names are only allowed when the function calling mode is ANY or VALIDATED."
    names = {function.name for function in asked.functions()}
    missing = [name for name in config.allowed_function_names if name not in names]
    return f"Function name '{missing[0]}' in allowed_function_names is not declared." if missing else None


def _signed(contents: Sequence[Content], model: str) -> Iterator[str]:
    """In the turn that goes on, the first call of each step of a Gemini 3 must bring its signature back; and whatever
    is signed must have been signed by it.
    """
    begin = max((number for number, content in enumerate(contents) if _asks(content)), default=0)
    for number, content in enumerate(contents):
        first = True
        for index, part in enumerate(content.parts):
            signature = part.thought_signature
            if signature is not None and not _accepted(signature, part):
                yield "Thought signature is not valid."
            call = part.function_call
            if call is not None and first:
                first = False
                if signature is None and _new(model) and number > begin:
                    yield (
                        "Function call is missing a thought_signature in functionCall parts. This is required for "
                        "tools to work correctly, and missing thought_signature may lead to degraded model "
                        "performance. "
                        f"Additional data, function call `default_api:{call.name}` , position {index + 1}. {_GUIDE}"
                    )


def _asks(content: Content) -> bool:
    """A turn of the user's own, which is no result of a function."""
    return content.role != "model" and all(part.function_response is None for part in content.parts)


def _accepted(signature: str, part: Part) -> bool:
    if signature in _SKIPS or signature.rstrip("=") in _SKIPS_AS_BYTES:
        return True
    if part.function_call is not None:
        return signatures.genuine("gemini", part.function_call.name, signature)
    return signatures.made_here(signature)


def _is_base64(data: str) -> bool:
    """In either alphabet."""
    try:
        return bool(base64.b64decode(data.replace("-", "+").replace("_", "/"), validate=True))
    except ValueError:
        return False


def _new(model: str) -> bool:
    return model.startswith("gemini-3")
