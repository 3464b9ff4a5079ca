"""Is a request one that the official SDK of its dialect could have sent?"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
from anthropic.types.message_create_params import MessageCreateParams
from cohere.v2.client import V2Client
from google.genai import types as genai
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses.response_create_params import ResponseCreateParams

from crossing.shapes import fault
from headway.types import Dialect

_SAMPLING = ("temperature", "top_p", "top_k")


def fault_of(dialect: Dialect, body: dict[str, Any]) -> str | None:
    """What the SDK of the dialect would not have sent."""
    return _CHECKS[dialect](body)


def _chat(body: dict[str, Any]) -> str | None:
    return fault(CompletionCreateParams, body)


def _responses(body: dict[str, Any]) -> str | None:
    return fault(ResponseCreateParams, body)


def _anthropic(body: dict[str, Any]) -> str | None:
    """The SDK has left out of its types what the newest models refuse; older ones take it as before."""
    return fault(MessageCreateParams, {name: value for name, value in body.items() if name not in _SAMPLING})


def _gemini(body: dict[str, Any]) -> str | None:
    """The SDK's type has the settings of generation and all others in one."""
    settings = {name: value for name, value in body.items() if name not in ("contents", "generationConfig")}
    wrong = fault(list[genai.Content], body["contents"], "contents")
    return wrong or fault(genai.GenerateContentConfig, settings | body.get("generationConfig", {}), "config")


def _converse(body: dict[str, Any]) -> str | None:
    report = botocore.validate.ParamValidator().validate({"modelId": "m", **body}, converse_shape())
    return report.generate_report() if report.has_errors() else None


def _cohere(body: dict[str, Any]) -> str | None:
    known = cohere_parameters()
    for name, value in body.items():
        if name != "stream":
            wrong = fault(known[name], value, name) if name in known else f"knows no {name}"
            if wrong:
                return wrong
    return None


@cache
def converse_shape() -> Any:
    description = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    service = botocore.model.ServiceModel(description, "bedrock-runtime")
    return service.operation_model("Converse").input_shape


@cache
def cohere_parameters() -> Mapping[str, Any]:
    hints = typing.get_type_hints(V2Client.chat, include_extras=True)
    parameters = inspect.signature(V2Client.chat).parameters
    return {name: hints[name] for name in parameters if name in hints and name != "request_options"}


_CHECKS: dict[Dialect, Callable[[dict[str, Any]], str | None]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "converse": _converse,
    "cohere": _cohere,
}
