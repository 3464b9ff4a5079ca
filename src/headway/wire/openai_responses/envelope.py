"""The response object that answers are shown in, with what the client is told about its own request."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from headway.types import Usage
from headway.wire.form.codec import Show
from headway.wire.form.parts import Text
from headway.wire.form.reply import Stop
from headway.wire.form.request import NO_FIELDS, Request, Unsupported
from headway.wire.openai_responses.asked import is_identified, is_instructed
from headway.wire.openai_responses.tools import write_choice, write_tools
from headway.wire.openai_responses.vocabulary import DIALECT, EFFORTS, NULL, SERVICE_TIERS, SUMMARIES, end_of, told

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_-]")
_MOST_BASE = 48
"""Characters of a response's id that are used in the ids of its items, which may have 64."""
_MOST_ID = 200
_EMPTY = msgspec.Raw(b"{}")
_PLAIN = msgspec.Raw(b'{"format":{"type":"text"},"verbosity":"medium"}')
_DISABLED = msgspec.Raw(b'"disabled"')
_FAULT = {"code": "server_error", "message": "the model wrote something that its provider cannot use"}
_encode = msgspec.json.Encoder().encode


class _Reason(msgspec.Struct, gc=False):
    reason: str


class _Thinking(msgspec.Struct, gc=False):
    effort: str | None
    summary: str | None


class _Response(msgspec.Struct):
    id: str
    created_at: int
    model: str
    instructions: str | None
    max_output_tokens: int | None
    metadata: msgspec.Raw
    parallel_tool_calls: bool
    prompt_cache_key: str | None
    reasoning: _Thinking
    safety_identifier: str | None
    service_tier: str
    temperature: float | None
    text: object
    tool_choice: object
    tools: list[object]
    top_logprobs: int
    top_p: float | None
    truncation: msgspec.Raw
    user: str | None
    max_tool_calls: msgspec.Raw
    kind: str = msgspec.field(default="response", name="object")
    status: str = "in_progress"
    background: bool = False
    completed_at: int | None = None
    error: dict[str, str] | None = None
    incomplete_details: _Reason | None = None
    output: Sequence[object] = ()
    previous_response_id: None = None
    store: bool = False
    usage: object = None


class Envelope:
    """One answer's response object, as it begins and as it ends. `base` goes into the ids of its items."""

    __slots__ = ("_response", "base", "summarises")

    def __init__(
        self, show: Show, answer: str | None, model: str | None, created: int | None, service_tier: str | None
    ) -> None:
        found = _FORBIDDEN.sub("_", (answer or show.request_id).removeprefix("resp_"))
        self.base = found[:_MOST_BASE]
        thinking = show.request.thinking
        self.summarises = thinking is not None and thinking.summary is not None
        """The client asked for summaries, and shows nothing else."""
        self._response = _response(show.request, f"resp_{found[:_MOST_ID]}", model or show.model, service_tier)
        self._response.created_at = show.created if created is None else created

    def begun(self) -> bytes:
        return _encode(self._response)

    def final(self, items: Sequence[object], stop: Stop | None, usage: Usage | None, *, refused: bool) -> bytes:
        response = self._response
        response.status, reason = end_of(stop, refused=refused)
        if response.status == "completed":
            response.completed_at = response.created_at
        if response.status == "failed":
            response.error = _FAULT
        response.incomplete_details = None if reason is None else _Reason(reason)
        response.output = items
        response.usage = None if usage is None else told(usage)
        return _encode(response)

    def failed(self, items: Sequence[object], error: dict[str, str]) -> bytes:
        response = self._response
        response.status, response.error, response.output = "failed", error, items
        return _encode(response)


def _response(request: Request, answer: str, model: str, service_tier: str | None) -> _Response:
    thinking = request.thinking
    effort = None if thinking is None or thinking.effort not in EFFORTS else thinking.effort
    summary = None if thinking is None or thinking.summary not in SUMMARIES else thinking.summary
    tools = write_tools(request.tools, own=True) if request.tools else []
    identified = is_identified(request)
    own = request.extra if request.dialect == DIALECT else NO_FIELDS
    return _Response(
        id=answer,
        created_at=0,
        model=model,
        instructions=_instructions(request),
        max_output_tokens=request.max_output,
        metadata=request.metadata or _EMPTY,
        parallel_tool_calls=request.parallel_tool_calls is not False,
        prompt_cache_key=request.cache_key,
        reasoning=_Thinking(effort, summary),
        safety_identifier=request.user if identified else None,
        service_tier=service_tier if service_tier in SERVICE_TIERS else "default",
        temperature=request.temperature,
        text=_text(request),
        tool_choice="auto" if request.tool_choice is None else write_choice(request.tool_choice, request.tools),
        tools=[] if isinstance(tools, Unsupported) else tools,
        top_logprobs=request.top_logprobs or 0,
        top_p=request.top_p,
        truncation=own.get("truncation", _DISABLED),
        user=None if identified else request.user,
        max_tool_calls=own.get("max_tool_calls", NULL),
    )


def _instructions(request: Request) -> str | None:
    if not is_instructed(request):
        return None
    first = request.messages[0].parts[0]
    return first.text if isinstance(first, Text) else None


def _text(request: Request) -> object:
    output, text = request.output, dict[str, object]()
    if output is None and request.verbosity is None:
        return _PLAIN
    if output is None:
        text["format"] = {"type": "text"}
    elif not output.schema:
        text["format"] = {"type": "json_object"}
    else:
        text["format"] = {
            "type": "json_schema",
            "name": output.name or "answer",
            "schema": output.schema,
            "description": output.description,
            "strict": output.strict is True,
        }
    text["verbosity"] = request.verbosity or "medium"
    return text
