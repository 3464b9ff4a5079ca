"""Requests that a client could send, made from the SDKs' own types: what they say is random, that they hang together
is not.

The types do not tell that a result of a tool belongs to a call before it, that names of tools differ or that a choice
is among the tools at hand; that is seen to here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from anthropic.types import message_create_params as anthropic
from anthropic.types import message_param
from cohere import types as cohere
from google.genai import types as genai
from hypothesis import strategies as st
from openai.types import chat as openai_chat
from openai.types import responses as openai_responses
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params, response_input_item_param

from crossing.passage import MODELS
from crossing.recorded import Asked
from crossing.shapes import fields_of
from crossing.valid import cohere_parameters, converse_shape
from crossing.values import of_shape, of_type
from headway.types import Dialect

Body = dict[str, Any]
Draw = st.DrawFn

_SPEAKERS = st.lists(st.sampled_from(["user", "assistant"]), min_size=1, max_size=4)


def _settings(draw: Draw, shape: Any, usual: Iterable[str], without: Iterable[str]) -> Body:
    """Some of the settings, those that everybody uses more often than others."""
    fields = {name: field for name, field in (fields_of(shape) or {}).items() if name not in without}
    names = draw(st.lists(st.sampled_from([*fields, *usual, *usual, *usual]), max_size=5, unique=True))
    return {name: draw(of_type(fields[name].type, name, 1)) for name in names}


class _Ids:
    """Ids of calls, none twice."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return f"call_{self._count}"


# --- OpenAI ---

_CHAT = completion_create_params.CompletionCreateParamsNonStreaming
_RESPONSES = response_create_params.ResponseCreateParamsNonStreaming
_OF_ALL = ("tools", "tool_choice", "temperature", "top_p", "stop", "metadata", "service_tier", "parallel_tool_calls")
_OF_CHAT = (*_OF_ALL, "max_tokens", "response_format", "reasoning_effort", "seed", "logprobs", "user", "n")
_OF_RESPONSES = (*_OF_ALL[:4], "max_output_tokens", "text", "reasoning", "instructions", "user", "store", "include")


@st.composite
def chat(draw: Draw) -> Body:
    body = _settings(
        draw, _CHAT, _OF_CHAT, ("messages", "model", "stream", "stream_options", "functions", "function_call")
    )
    messages: list[Body] = []
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["ChatCompletionSystemMessageParam", "ChatCompletionDeveloperMessageParam"]))
        messages.append(draw(of_type(getattr(openai_chat, kind))))
    ids = _Ids()
    for speaker in draw(_SPEAKERS):
        if speaker == "user":
            messages.append(draw(of_type(openai_chat.ChatCompletionUserMessageParam)))
            continue
        said = draw(of_type(openai_chat.ChatCompletionAssistantMessageParam))
        said.pop("function_call", None)
        if not (said.get("content") or said.get("tool_calls") or said.get("refusal")):
            said["content"] = "Well."
        messages.append(said)
        for call in said.get("tool_calls", ()):
            call["id"] = ids.next()
            result = draw(of_type(openai_chat.ChatCompletionToolMessageParam))
            messages.append({**result, "tool_call_id": call["id"]})
    return _choosing({"model": MODELS["openai_chat"], "messages": messages, **body}, lambda tool: tool[tool["type"]])


@st.composite
def responses(draw: Draw) -> Body:
    body = _settings(draw, _RESPONSES, _OF_RESPONSES, ("input", "model", "stream", "stream_options"))
    items: list[Body] = [{"role": "user", "content": "Hi."}]
    ids = _Ids()
    for speaker in draw(_SPEAKERS):
        if speaker == "user":
            items.append(draw(of_type(response_input_item_param.Message)))
            continue
        kind = draw(
            st.sampled_from(["ResponseFunctionToolCallParam", "ResponseReasoningItemParam", "EasyInputMessageParam"])
        )
        item = draw(of_type(getattr(openai_responses, kind)))
        items.append(item)
        item.pop("namespace", None)
        if "call_id" in item:
            item["call_id"] = ids.next()
            result = draw(of_type(response_input_item_param.FunctionCallOutput))
            items.append({"type": result["type"], "call_id": item["call_id"], "output": result["output"]})
    return _choosing({"model": MODELS["openai_responses"], "input": items, **body}, lambda tool: tool)


def _choosing(body: Body, named: Callable[[Body], Body]) -> Body:
    """Tools have names of their own, and a choice is among them."""
    tools = [tool for tool in body.get("tools", ()) if tool["type"] in ("function", "custom")]
    for number, tool in enumerate(tools):
        named(tool)["name"] += str(number)
    choice: Any = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] not in ("any", "auto", "none"):
        body["tool_choice"] = "required" if tools else "auto"
    if not body.get("tools") or not tools:
        body.pop("tool_choice", None)
        body.pop("parallel_tool_calls", None)
    if "max_tokens" in body:
        body.pop("max_completion_tokens", None)
    if not body.get("logprobs"):
        body.pop("top_logprobs", None)
    return body


# --- Anthropic ---

_OF_ANTHROPIC = ("system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "metadata")


@st.composite
def messages(draw: Draw) -> Body:
    body = _settings(draw, anthropic.MessageCreateParamsNonStreaming, _OF_ANTHROPIC, ("messages", "model", "stream"))
    said: list[Body] = []
    ids = _Ids()
    for speaker in draw(_SPEAKERS):
        calls = _close(said)
        results = [{"type": "tool_result", "tool_use_id": call, "content": draw(_RESULTS)} for call in calls]
        if results:
            said.append({"role": "user", "content": results})
        if said and said[-1]["role"] == speaker == "assistant":
            continue
        content = draw(of_type(message_param.MessageParam)).get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        kinds = _OF_USER if speaker == "user" else _OF_ASSISTANT
        blocks = [block for block in blocks if block["type"] in kinds] or [{"type": "text", "text": "Well."}]
        for block in blocks:
            if block["type"] == "tool_use":
                block["id"] = ids.next()
            if speaker == "user" and block["type"] == "text":
                block.pop("citations", None)
        if speaker == "user" and said and said[-1]["role"] == "user" and isinstance(said[-1]["content"], list):
            said[-1]["content"] += blocks
        else:
            said.append({"role": speaker, "content": blocks})
    results = [{"type": "tool_result", "tool_use_id": call, "content": "4"} for call in _close(said)]
    if results:
        said.append({"role": "user", "content": results})
    if isinstance(body.get("system"), list):
        body["system"] = [{"type": "text", "text": block["text"]} for block in body["system"]]
    if "tools" in body:
        body["tools"] = list({str(tool.get("name")): tool for tool in body["tools"]}.values())
    named = [tool for tool in body.get("tools", ()) if tool.get("type", "custom") == "custom"]
    for number, tool in enumerate(named):
        tool["name"] += str(number)
    choice = body.get("tool_choice", {"type": "auto"})
    if choice["type"] == "tool":
        choice["name"] = named[0]["name"] if named else None
    if not body.get("tools") or choice.get("name", "x") is None:
        body.pop("tool_choice", None)
    if "thinking" in body:  # it needs room, and no tool that must be called
        body["max_tokens"] = 4096
        if body.get("tool_choice", {}).get("type") in ("any", "tool"):
            del body["tool_choice"]
    return {"model": MODELS["anthropic"], "max_tokens": 4096, "messages": said, **body}


_RESULTS = st.sampled_from([[{"type": "text", "text": "4"}], "4", "", '{"a": 4}'])
_OF_USER = frozenset({"text", "image", "document"})
_OF_ASSISTANT = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result"}
)


def _close(said: list[Body]) -> list[str]:
    """Calls of the last message, which want results."""
    content = said[-1]["content"] if said else ""
    return [block["id"] for block in content if block["type"] == "tool_use"] if isinstance(content, list) else []


# --- Gemini ---

_CONFIG = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "responseModalities",
        "mediaResolution",
        "speechConfig",
        "thinkingConfig",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "imageConfig",
    }
)
"""Settings of generation, which have an object of their own."""
_OF_GEMINI = ("tools", "systemInstruction", "temperature", "maxOutputTokens", "thinkingConfig", "responseJsonSchema")
_NOT_SENT = ("httpOptions", "shouldReturnHttpResponse", "automaticFunctionCalling", "automaticContinuation")
_DATA = ("text", "text", "inlineData", "fileData")


@st.composite
def gemini(draw: Draw) -> Body:
    asked = _settings(draw, genai.GenerateContentConfig, _OF_GEMINI, _NOT_SENT)
    config = {name: value for name, value in asked.items() if name in _CONFIG}
    body = {name: value for name, value in asked.items() if name not in _CONFIG}
    if "responseSchema" in config:
        config.pop("responseJsonSchema", None)
    if "responseSchema" in config or "responseJsonSchema" in config:
        config["responseMimeType"] = "application/json"
    if not config.get("responseLogprobs"):
        config.pop("logprobs", None)
    contents: list[Body] = [{"role": "user", "parts": [{"text": "Hi."}]}]
    ids = _Ids()
    for speaker in draw(_SPEAKERS):
        if speaker == "user":
            contents.append({"role": "user", "parts": draw(st.lists(_parts(_DATA), min_size=1, max_size=2))})
            continue
        parts = draw(st.lists(_parts(("text", "functionCall")), min_size=1, max_size=2))
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        contents.append({"role": "model", "parts": parts})
        for call in calls:
            call.update(id=ids.next(), name=call.get("name", "look"))
        if calls:
            results = [
                {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"a": 1}}} for call in calls
            ]
            contents.append({"role": "user", "parts": results})
    if "systemInstruction" in body:
        body["systemInstruction"] = {"parts": [{"text": "Be short."}]}
    if "tools" in body:
        body["tools"] = [_sent(tool) for tool in body["tools"] if isinstance(tool, dict)]
        functions = [each for tool in body["tools"] for each in tool.get("functionDeclarations", ())]
        for number, each in enumerate(functions):
            each["name"] = f"f{number}"
    body.pop("toolConfig", None)
    return {"contents": contents, "generationConfig": config, **body} if config else {"contents": contents, **body}


def _parts(kinds: Iterable[str]) -> st.SearchStrategy[Body]:
    """A part with what it holds, and perhaps one thing beside."""
    fields = fields_of(genai.Part) or {}

    @st.composite
    def part(draw: Draw) -> Body:
        kind = draw(st.sampled_from(list(kinds)))
        made = {kind: draw(of_type(fields[kind].type, kind, 3))}
        if kind == "functionCall":
            made[kind].pop("partialArgs", None)
            made[kind].pop("willContinue", None)
        if kind == "text" and "functionCall" in kinds and draw(st.integers(0, 3)) == 0:
            made["thought"] = True
        if kind == "inlineData":
            made[kind] = {"data": "iVBORw0KGgo=", "mimeType": "image/png", **made[kind]}
        if kind == "fileData":
            made[kind] = {"fileUri": "https://example.com/a.png", "mimeType": "image/png", **made[kind]}
        return made

    return part()


def _sent(tool: Body) -> Body:
    return {name: value for name, value in tool.items() if name != "mcpServers"} or {"googleSearch": {}}


# --- Converse and Cohere ---


@st.composite
def converse(draw: Draw) -> Body:
    shape = converse_shape()
    names = draw(
        st.lists(st.sampled_from(["system", "inferenceConfig", "toolConfig", *shape.members]), max_size=3, unique=True)
    )
    body = {name: draw(of_shape(shape.members[name], name, 1)) for name in names if name not in ("messages", "modelId")}
    block = shape.members["messages"].member.members["content"].member
    turns: list[Body] = []
    ids = _Ids()
    for speaker in draw(_SPEAKERS):
        role = "user" if not turns or turns[-1]["role"] == "assistant" else speaker
        if turns and turns[-1]["role"] == role:
            role = "assistant"
        kinds = (
            ("text", "image", "document", "cachePoint") if role == "user" else ("text", "toolUse", "reasoningContent")
        )
        found = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2))
        blocks = [{kind: draw(of_shape(block.members[kind], kind, 3))} for kind in found]
        calls = [each["toolUse"] for each in turns[-1]["content"] if "toolUse" in each] if turns else []
        results = [{"toolResult": {"toolUseId": each["toolUseId"], "content": [{"text": "4"}]}} for each in calls]
        for each in blocks:
            each.get("image", {}).pop("error", None)
            if "toolUse" in each:
                each["toolUse"]["toolUseId"] = ids.next()
                each["toolUse"].pop("type", None)
            if "document" in each:
                each["document"]["name"] = f"Document {ids.next()[5:]}"
        turns.append({"role": role, "content": results + blocks + [{"text": "Well."}] * (role == "user")})
    if any("toolUse" in each for each in turns[-1]["content"]):
        turns[-1]["content"] = [{"text": "Well."}]
    if any("toolUse" in each for turn in turns for each in turn["content"]):
        body.setdefault("toolConfig", {"tools": [{"toolSpec": {"name": "look"}}]})
    config = body.get("toolConfig", {})
    specs = [tool["toolSpec"] for tool in config.get("tools", ()) if "toolSpec" in tool]
    for number, spec in enumerate(specs):
        spec["name"] = f"f{number}"
        spec["inputSchema"] = {"json": {"type": "object", "properties": {}}}
    if "tool" in config.get("toolChoice", {}):
        config["toolChoice"] = {"tool": {"name": "f0"}} if specs else {"auto": {}}
    return {"messages": turns, **body}


_OF_COHERE = ("tools", "response_format", "temperature", "k", "p", "stop_sequences", "max_tokens", "thinking")


@st.composite
def chat_v2(draw: Draw) -> Body:
    known = cohere_parameters()
    names = draw(st.lists(st.sampled_from([*known, *_OF_COHERE, *_OF_COHERE]), max_size=4, unique=True))
    body = {
        name: draw(of_type(known[name], name, 1)) for name in names if name not in ("messages", "model", "tool_choice")
    }
    said: list[Body] = [{"role": "user", "content": "Hi"}]
    ids = _Ids()
    for speaker in draw(_SPEAKERS):
        if speaker == "user":
            said.append({"role": "user", **draw(of_type(cohere.UserChatMessageV2))})
            continue
        answer = {"role": "assistant", **draw(of_type(cohere.AssistantChatMessageV2))}
        if not answer.get("tool_calls"):
            answer.pop("tool_plan", None)
            answer["content"] = answer.get("content") or "Well."
        said.append(answer)
        for call in answer.get("tool_calls", ()):
            function = {"name": "look", "arguments": "{}", **call.get("function", {})}
            call.update(id=ids.next(), type="function", function=function)
            said.append({"role": "tool", "tool_call_id": call["id"], "content": "4"})
    for number, tool in enumerate(body.get("tools", ())):
        parameters = {"type": "object", "properties": {}}
        tool.update(
            type="function", function={**tool.get("function", {}), "name": f"f{number}", "parameters": parameters}
        )
    if not body.get("tools"):
        body.pop("strict_tools", None)
    if body.get("thinking", {}).get("type") == "disabled":
        body["thinking"] = {"type": "disabled"}
    return {"model": MODELS["cohere"], "messages": said, **body}


_MADE: dict[Dialect, st.SearchStrategy[Body]] = {
    "openai_chat": chat(),
    "openai_responses": responses(),
    "anthropic": messages(),
    "gemini": gemini(),
    "converse": converse(),
    "cohere": chat_v2(),
}


def asked(dialect: Dialect) -> st.SearchStrategy[Asked]:
    """Requests of the dialect's clients."""
    return _MADE[dialect].map(lambda body: Asked("made", dialect, MODELS[dialect], False, body))
