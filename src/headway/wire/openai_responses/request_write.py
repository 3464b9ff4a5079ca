"""A request of the form, written for a provider of the Responses API.

Nothing is to be stored there for clients of other dialects, who would not know of it. Marks of what to cache are left
out for them without a word: this API caches by itself.
"""

from __future__ import annotations

from typing import cast

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form import abilities
from headway.wire.form.parts import Message, Reasoning, Text
from headway.wire.form.request import Request, Thinking, Toward, Unsupported, Written
from headway.wire.openai_responses.asked import is_identified, is_instructed
from headway.wire.openai_responses.input_write import Items
from headway.wire.openai_responses.tools import OFFERED, write_choice, write_tools
from headway.wire.openai_responses.vocabulary import (
    DIALECT,
    EFFORTS,
    ENCRYPTED,
    LACKS,
    LEAST_OUTPUT,
    LOGPROBS,
    MOST_USER,
    SERVICE_TIERS,
    SUMMARIES,
    effort_for,
)

_OF_OPENAI = frozenset({DIALECT, "openai_chat"})
_encode = msgspec.json.Encoder().encode
_decode_beside = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Writing:
    """The body as far as it has been written. `lacks`: what the model refuses."""

    def __init__(self, request: Request, toward: Toward) -> None:
        self.request = request
        self.own = request.dialect == DIALECT
        self.toward = toward
        self.body: dict[str, object] = {"model": toward.model}
        self.dropped: list[str] = []

    def allows(self, name: str) -> bool:
        if name in self.toward.lacks:
            self.dropped.append(name)
            return False
        return True

    def put(self, name: str, wire: str, value: object) -> None:
        if value is not None and self.allows(name):
            self.body[wire] = value

    def sampling(self) -> None:
        request = self.request
        for name, asked, most in (("temperature", request.temperature, 2.0), ("top_p", request.top_p, 1.0)):
            if asked is not None and self.allows(name):
                self.body[name] = min(asked, most)
                if asked > most:
                    self.dropped.append(name)
        for name, value in (
            ("top_k", request.top_k),
            ("seed", request.seed),
            ("stop", request.stop or None),
            ("frequency_penalty", request.frequency_penalty),
            ("presence_penalty", request.presence_penalty),
            ("logit_bias", request.logit_bias or None),
        ):
            if value is not None:  # the API has no words for it
                self.dropped.append(name)

    def bound(self) -> None:
        wanted, most = self.request.max_output, self.toward.most_output
        if wanted is None or not self.allows("max_output"):
            return
        bound = wanted if most is None else min(wanted, most)
        if not self.own:
            bound = max(bound, LEAST_OUTPUT)
        if bound != wanted:
            self.dropped.append("max_output")
        self.body["max_output_tokens"] = bound

    def text(self) -> None:
        request, text = self.request, dict[str, object]()
        output = request.output
        if output is not None and not output.schema:
            text["format"] = {"type": "json_object"}
        elif output is not None:
            named: dict[str, object] = {"type": "json_schema", "name": output.name or "answer", "schema": output.schema}
            if output.description is not None:
                named["description"] = output.description
            if output.strict is not None:
                named["strict"] = output.strict
            text["format"] = named
        if request.verbosity is not None and self.allows("verbosity"):
            text["verbosity"] = request.verbosity
        if text:
            self.body["text"] = text

    def reasoning(self) -> None:
        thinking = self.request.thinking
        if thinking is None or not self.allows("thinking"):
            return
        reasoning: dict[str, object] = {}
        effort = self._effort(thinking)
        if effort is not None:
            reasoning["effort"] = effort
        if thinking.summary is not None and (self.own or thinking.summary in SUMMARIES):
            reasoning["summary"] = thinking.summary
        elif thinking.show:
            reasoning["summary"] = "auto"
        if reasoning:
            self.body["reasoning"] = reasoning

    def _effort(self, thinking: Thinking) -> str | None:
        if thinking.effort is not None:
            if self.own or thinking.effort in EFFORTS:
                return thinking.effort
            self.dropped.append("thinking.effort")
        elif thinking.budget is not None:
            self.dropped.append("thinking.budget")
            return effort_for(thinking.budget)
        return None

    def identity(self) -> None:
        request = self.request
        self.put("cache_key", "prompt_cache_key", request.cache_key)
        if request.metadata:
            self.put("metadata", "metadata", request.metadata)
        if request.service_tier is not None:
            if self.own or request.service_tier in SERVICE_TIERS:
                self.put("service_tier", "service_tier", request.service_tier)
            else:
                self.dropped.append("service_tier")
        if request.user is None:
            return
        if is_identified(request):
            return  # it is put back under that name
        if self.own or len(request.user) <= MOST_USER:
            self.put("user", "user", request.user)
        else:
            self.dropped.append("user")

    def logprobs(self) -> None:
        request = self.request
        self.put("top_logprobs", "top_logprobs", request.top_logprobs)
        include: list[str] = []
        if request.logprobs and self.allows("logprobs"):
            include.append(LOGPROBS)
        if self.own:
            return  # `include` is put back
        self.body["store"] = False
        if request.thinking is not None or _has_reasoning(request.messages):
            include.append(ENCRYPTED)
        if include:
            self.body["include"] = include


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    own = request.dialect == DIALECT
    met = msgspec.structs.replace(request, needs=()) if own and request.needs else request
    lacking = abilities.missing(met, toward)
    if lacking is not None:
        return lacking
    if request.n is not None and request.n > 1:
        return Unsupported("n", "gives one answer at a time")
    writing = _Writing(request, toward)
    wrong = _write_conversation(writing) or _write_tools(writing)
    if wrong is not None:
        return wrong
    writing.bound()
    writing.sampling()
    writing.text()
    writing.reasoning()
    writing.identity()
    writing.logprobs()
    if request.stream:
        writing.body["stream"] = True
    _put_back(writing)
    body = writing.body
    if toward.renames:
        body = {toward.renames.get(name, name): value for name, value in body.items()}
    return Written(_encode(body), tuple(writing.dropped))


def _write_conversation(writing: _Writing) -> Unsupported | None:
    request = writing.request
    messages, first = request.messages, 0
    instructions = _instructions(request)
    if instructions is not None:
        writing.body["instructions"] = instructions
        messages, first = messages[1:], 1
    items = Items(own=writing.own, shares_files=request.dialect in _OF_OPENAI)
    wrong = items.write(messages, first)
    if wrong is not None:
        return wrong
    if items.has_sound:  # looked at only here, since few requests have any
        return abilities.missing(msgspec.structs.replace(request, needs=()), writing.toward, LACKS)
    writing.dropped += items.dropped
    writing.body["input"] = items.written or [{"role": "user", "content": ""}]
    return None


def _instructions(request: Request) -> str | None:
    if request.dialect == DIALECT and not is_instructed(request):
        return None
    first = request.messages[0] if request.messages else None
    if first is None or first.role != "system" or first.name is not None or len(first.parts) != 1:
        return None
    only = first.parts[0]
    return only.text if isinstance(only, Text) else None


def _write_tools(writing: _Writing) -> Unsupported | None:
    request = writing.request
    offered = request.extra.get(OFFERED) if writing.own else None
    if request.tools or offered is not None:
        tools = write_tools(request.tools, own=writing.own)
        if isinstance(tools, Unsupported):
            return tools
        for number, raw in (_decode_beside(offered) if offered is not None else {}).items():
            tools.insert(int(number), raw)
        writing.body["tools"] = tools
    if request.tool_choice is not None and not (request.tools or writing.own):
        writing.dropped.append("tool_choice")  # the API refuses it without tools
    elif request.tool_choice is not None:
        writing.put("tool_choice", "tool_choice", write_choice(request.tool_choice, request.tools))
    writing.put("parallel_tool_calls", "parallel_tool_calls", request.parallel_tool_calls)
    return None


def _has_reasoning(messages: tuple[Message, ...]) -> bool:
    """Has a model of this dialect thought in this conversation?"""
    for message in messages:
        if message.role == "assistant":
            for part in message.parts:
                if isinstance(part, Reasoning) and part.origin == DIALECT:
                    return True
    return False


def _put_back(writing: _Writing) -> None:
    """What was kept beside the form: all of it into a request of this dialect, none into any other."""
    request = writing.request
    if not writing.own:
        writing.dropped += request.extra
        return
    for kept in (request.extra, request.aside):
        for name, raw in kept.items():
            if name == OFFERED or name.startswith("tools[].tools[]."):  # stands among the tools already
                continue
            if name in writing.toward.lacks:
                writing.dropped.append(name)
                continue
            whole, dot, field = name.partition("[].")
            if dot:
                if not _put_beside(writing.body.get(whole), field, raw):
                    writing.dropped.append(name)
                continue
            whole, dot, field = name.partition(".")
            if not dot:
                writing.body[name] = raw
                continue
            within = dict[str, object]()
            cast("dict[str, object]", writing.body.setdefault(whole, within))[field] = raw


def _put_beside(items: object, field: str, raw: msgspec.Raw) -> bool:
    """A field of some of the items, by their numbers. `field` may lie within a content: `content[1].title`. False if
    it is nested too deeply to be taken apart again.
    """
    try:
        values = _decode_beside(raw)
    except UNREADABLE:
        return False
    within, dot, name = field.partition("].")
    for number, value in values.items():
        item = _at(items, int(number))
        if dot and item is not None:
            whole, _, place = within.partition("[")
            item = _at(item.get(whole), int(place))
        if item is not None:
            item[name if dot else field] = value
    return True


def _at(items: object, number: int) -> dict[str, object] | None:
    """The object that stands there, if one does."""
    each = cast("list[object]", items) if isinstance(items, list) else []
    found = each[number] if number < len(each) else None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None
