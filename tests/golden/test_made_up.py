"""Answers that nobody recorded: all reasons to be over, calls that come interleaved, thoughts between words, and
letters that framing and JSON could trip over.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from golden.clients import CLIENTS, Clients
from golden.equivalence import differences, due_for, expected
from golden.heard import HEAR, Heard, Used
from golden.pieces import in_pieces
from golden.relay import Relayed, show_to
from golden.sources import chat_of, chunks_of
from headway.types import Usage
from headway.wire.dialects import CODECS
from headway.wire.form.assembly import Assembly
from headway.wire.form.parts import Part, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Counted,
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Stop,
    TextDelta,
)

pytestmark = pytest.mark.sdk

WORDS = (
    "Hi",
    " there.\n\n",
    'data: [DONE]\n\ndata: {"error":"no"}\r\n\r\n',
    "\u2028\u2029\u0085\x0b\x0c\x1c",
    "späť 🌍 ",
    '"\\u0000\\"',
    "\t{}[]",
    "event: message_stop\n",
    "\x7f\x01",
)
VALUES: tuple[Any, ...] = (1, -0.5, True, None, "", "é\u2028\n", [1, [2]], {"b": {}}, 2**53, 1e-7)
ENDS = tuple(stop for stop in Stop if stop is not Stop.REFUSAL)


def made_up(chance: Random) -> tuple[list[Part], Stop]:
    parts: list[Part] = []
    for _ in range(chance.randint(0, 2)):
        if chance.random() < 0.5:
            parts.append(Reasoning(text=text(chance)))
        parts.append(Text(text(chance)))
    if chance.random() < 0.2:
        return [*parts, Refusal(text(chance))], Stop.REFUSAL
    for number in range(chance.choice((0, 0, 1, 2, 4))):
        chosen = {f"k{at}": chance.choice(VALUES) for at in range(chance.randint(0, 3))}
        arguments = json.dumps(chosen, ensure_ascii=chance.random() < 0.5) if chosen or chance.random() < 0.5 else ""
        parts.append(ToolCall(id=f"call_{number}", name=chance.choice(("f", "get-it", "a_b")), arguments=arguments))
    stop = chance.choice(ENDS)
    called = any(isinstance(part, ToolCall) for part in parts)
    if called and stop in (Stop.END, Stop.PAUSE):
        stop = Stop.TOOLS
    elif not called and stop is Stop.TOOLS:
        stop = Stop.END
    return parts, stop


def text(chance: Random) -> str:
    return "x" + "".join(chance.choices(WORDS, k=chance.randint(0, 4)))


def told(parts: list[Part], stop: Stop, usage: Usage, chance: Random) -> list[Event]:
    """As a stream, in which calls that are neighbours come interleaved."""
    events: list[Event] = [Began(id="r1", model="made-up"), Counted(Usage(usage.input_tokens))]
    calls: list[list[Event]] = []
    for number, part in enumerate(parts):
        match part:
            case Text():
                events += [*(TextDelta(piece, number) for piece in bits(part.text, chance)), PartEnded(number)]
            case Reasoning():
                events += [*(ReasoningDelta(piece, number) for piece in bits(part.text, chance)), PartEnded(number)]
            case Refusal():
                events += [*(RefusalDelta(piece, number) for piece in bits(part.text, chance)), PartEnded(number)]
            case ToolCall():
                pieces = [CallDelta(piece, number) for piece in bits(part.arguments, chance)]
                calls.append([CallBegan(part=number, id=part.id, name=part.name), *pieces, PartEnded(number)])
            case _:
                raise NotImplementedError
    events += [call.pop(0) for call in calls]
    while calls := [call for call in calls if call]:
        events.append(chance.choice(calls).pop(0))
    return [*events, Finished(stop, 0, "END" if stop is Stop.SEQUENCE else None), Counted(usage)]


def bits(whole: str, chance: Random) -> list[str]:
    found: list[str] = []
    while whole:
        size = chance.randint(1, 9)
        found.append(whole[:size])
        whole = whole[size:]
    return found


def usage_of(chance: Random) -> Usage:
    read, wrote, thought = (chance.choice((0, 3, 70)) for _ in range(3))
    sent, written = read + wrote + chance.randint(0, 9), thought + chance.randint(0, 9)
    return Usage(sent, written, cached_input_tokens=read, cache_write_tokens=wrote, reasoning_tokens=thought)


def heard_of(parts: list[Part], usage: Usage) -> Heard:
    used = Used(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
    return Heard(
        text="".join(part.text for part in parts if isinstance(part, Text)),
        refusal="".join(part.text for part in parts if isinstance(part, Refusal)),
        thoughts="".join(part.text for part in parts if isinstance(part, Reasoning)),
        calls=[
            (part.id, part.name, json.loads(part.arguments or "{}")) for part in parts if isinstance(part, ToolCall)
        ],
        used=used,
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_client_of_each_dialect_hears_what_was_said(seed: int, clients: Clients):
    chance = Random(seed)
    (parts, stop), usage = made_up(chance), usage_of(chance)
    source, events, assembly = heard_of(parts, usage), told(parts, stop, usage, chance), Assembly()
    assembly.feed(events)
    for client in CLIENTS:
        due = due_for(source, stop.value, client)
        whole = clients.whole(client, CODECS[client].write_reply(assembly.reply, show_to(client)))
        assert differences(HEAR[client](whole), due) == {}, f"{client}, whole"
        for size in (1, len(events)):
            writer = CODECS[client].writer(show_to(client))
            frames = [writer.write(events[start : start + size]) for start in range(0, len(events), size)]
            pieces = clients.streamed(client, b"".join([*frames, writer.end()]))
            assert differences(HEAR[client](pieces), due) == {}, f"{client}, {size} events at a time"


@pytest.mark.parametrize("seed", range(200))
def test_what_is_told_in_each_dialect_is_read_again_as_it_was(seed: int):
    chance = Random(seed)
    (parts, stop), usage = made_up(chance), usage_of(chance)
    source, events = heard_of(parts, usage), told(parts, stop, usage, chance)
    for between in CLIENTS:
        writer = CODECS[between].writer(show_to(between))
        stream = b"".join([*(writer.write([event]) for event in events), writer.end()])
        relayed = Relayed(between, in_pieces(stream, chance), "openai_chat")
        due = due_for(source, stop.value, between)
        if stop is Stop.FAULT or due.ended in ("ERROR", "OTHER"):  # a failure in some dialects
            continue
        assert relayed.owner.ended == "complete", between
        heard = HEAR["openai_chat"](chat_of(list(chunks_of(relayed.sent.data))))
        assert differences(heard, expected(due, between, "openai_chat")) == {}, between
