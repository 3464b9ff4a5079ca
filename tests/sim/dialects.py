"""An answer in the words of each dialect: as a whole, or as the events of a stream."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from sim.answers import HONEST, Answer, Object, Said, ToolCall


def whole(answer: Answer) -> bytes:
    if answer.asking.endpoint == "responses":
        return response_whole(answer)
    return answer.noise if answer.asking.endpoint == "audio.speech" else chat_whole(answer)


def events(answer: Answer, rng: Random) -> list[bytes]:
    return response_events(answer, rng) if answer.asking.endpoint == "responses" else chat_events(answer, rng)


# --- chat ---


def chat_whole(answer: Answer) -> bytes:
    choices: list[Object] = []
    for index, said in enumerate(answer.choices):
        message: Object = {"role": "assistant", "content": said.text or None}
        if said.thoughts:
            message["reasoning_content"] = said.thought
        if said.calls:
            message["tool_calls"] = [_chat_call(call, n) for n, call in enumerate(said.calls)]
        choices.append({"index": index, "message": message, "finish_reason": said.finish})
    envelope = _envelope(answer, "chat.completion")
    return answer.style.json({**envelope, "choices": choices, "usage": answer.usage})


def chat_events(answer: Answer, rng: Random) -> list[bytes]:
    style = answer.style
    envelope = _envelope(answer, "chat.completion.chunk")
    events: list[bytes] = []

    def chunk(index: int, delta: Object, finish: str | None = None) -> None:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        events.append(style.event({**envelope, "choices": [choice]}))

    if rng.random() < 0.2:
        events.append(style.event({**envelope, "choices": []}))
    for index in range(len(answer.choices)):
        chunk(index, {"role": "assistant", "content": ""})
    if answer.echo:
        chunk(0, {"content": answer.echo})
    turns = [(index, delta) for index, said in enumerate(answer.choices) for delta in _deltas(said, rng)]
    if len(answer.choices) > 1:
        turns.sort(key=lambda turn: turn[1][0])
    for index, (_, delta) in turns:
        chunk(index, delta)
    for index, said in enumerate(answer.choices):
        chunk(index, {}, said.finish)
    if style.usage and answer.asking.wants_usage:
        events.append(style.event({**envelope, "choices": [], "usage": answer.usage}))
    if style.done:
        events.append(style.raw(b"[DONE]"))
    return events


def _deltas(said: Said, rng: Random) -> list[tuple[int, Object]]:
    """Numbered, so that the choices of one stream can take turns."""
    deltas: list[Object] = [{"reasoning_content": thought} for thought in said.thoughts]
    deltas += [{"content": word} for word in said.words]
    for n, call in enumerate(said.calls):
        first, *rest = pieces(call.arguments, rng)
        begun = _chat_call(call, n)
        begun["function"]["arguments"] = first
        deltas.append({"tool_calls": [begun]})
        deltas += [{"tool_calls": [{"index": n, "function": {"arguments": piece}}]} for piece in rest]
    return list(enumerate(deltas))


def _envelope(answer: Answer, kind: str) -> Object:
    return {"id": f"chatcmpl-{answer.number}", "object": kind, "created": 1, "model": answer.asking.fields["model"]}


def _chat_call(call: ToolCall, n: int) -> Object:
    return {
        "index": n,
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def pieces(text: str, rng: Random) -> list[str]:
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.choice((0, 1, 3))))
    edges = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


# --- responses ---


def response_whole(answer: Answer) -> bytes:
    return answer.style.json(_response(answer, "completed"))


def response_events(answer: Answer, rng: Random) -> list[bytes]:
    events: list[bytes] = []

    def event(kind: str, **fields: Any) -> None:
        told = {"type": kind, "sequence_number": len(events), **fields}
        events.append(answer.style.event(told, kind))

    said = answer.said
    begun = {**_response(answer, "in_progress"), "output": []}
    event("response.created", response=begun)
    event("response.in_progress", response=begun)
    for index, item in enumerate(_items(answer)):
        where = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "message":
            event("response.output_item.added", output_index=index, item={**item, "content": []})
            event("response.content_part.added", **where, content_index=0, part={"type": "output_text", "text": ""})
            for word in said.words:
                event("response.output_text.delta", **where, content_index=0, delta=word)
            event("response.output_text.done", **where, content_index=0, text=said.text)
        else:
            event("response.output_item.added", output_index=index, item={**item, "arguments": ""})
            for piece in pieces(item["arguments"], rng):
                event("response.function_call_arguments.delta", **where, delta=piece)
            event("response.function_call_arguments.done", **where, arguments=item["arguments"])
        event("response.output_item.done", output_index=index, item=item)
    status = "incomplete" if said.finish in HONEST else "completed"
    event(f"response.{status}", response=_response(answer, status))
    return events


def _response(answer: Answer, status: str) -> Object:
    words = len(answer.said.words)
    return {
        "id": f"resp_{answer.number}",
        "object": "response",
        "status": status,
        "model": answer.asking.fields["model"],
        "output": _items(answer),
        "usage": {"input_tokens": 7, "output_tokens": words, "total_tokens": 7 + words},
    }


def _items(answer: Answer) -> list[Object]:
    said = answer.said
    items: list[Object] = []
    if said.words:
        content = [{"type": "output_text", "text": said.text}]
        items.append({"id": f"msg_{answer.number}", "type": "message", "role": "assistant", "content": content})
    return items + [_call_item(call) for call in said.calls]


def _call_item(call: ToolCall) -> Object:
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }
