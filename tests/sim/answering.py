"""What a client may have seen when its exchange is over: one answer, whole or honestly broken off, of one call."""

from __future__ import annotations

import json
from collections.abc import Mapping

from headway.types import ExchangeEvent, Resilience
from sim.answers import HONEST, Answer, Said
from sim.clients import Client
from sim.loop import Violation
from sim.reading import Choice, Seen, SeenCall, read_stream, read_whole
from sim.upstreams import Heard


def check_answer(client: Client, event: ExchangeEvent, heards: Mapping[int, Heard], resilience: Resilience) -> None:
    """`heards` are the calls that were made for it, by number."""
    if client.left:
        _expect(event.outcome == "cancelled" and event.status == 499, client, f"left, but its event says {event}")
    if client.wish.endpoint == "audio.speech":
        _check_noise(client, event, heards)
    elif client.whole:
        _check_whole(client, event, heards)
    elif client.begun:
        _check_stream(client, event, heards, resilience)
    else:
        _expect(client.left or client.aborted, client, "got nothing at all")
        _expect(event.outcome == "cancelled" or event.broke, client, "was cut off before it saw anything")


def _expect(holds: object, client: Client, what: str) -> None:
    if not holds:
        raise Violation(f"{client} {what}")


# --- whole ---


def _check_whole(client: Client, event: ExchangeEvent, heards: Mapping[int, Heard]) -> None:
    _expect(event.status == client.status, client, f"got status {client.status}, but its event says {event.status}")
    if event.outcome != "ok":
        _expect(client.status >= 400, client, f"got status {client.status} for an exchange that failed")
        _expect(not event.broke, client, "got a whole reply, but its event says that it broke off")
        return
    seen = read_whole(client.body, client.wish.endpoint)
    _expect(client.status == 200 and seen.error is None, client, "got an error that passes for an answer")
    _expect(not client.wish.stream, client, "got a whole answer where it asked for a stream")
    _check_is(client, seen, _only(client, seen, heards))


def _check_noise(client: Client, event: ExchangeEvent, heards: Mapping[int, Heard]) -> None:
    if event.outcome == "ok":
        _expect(client.ended, client, "was not told the end of an answer that is complete")
        noises = [heard.answer.noise for heard in heards.values()]
        _expect(client.body in noises, client, "got other bytes than any upstream sent")
    elif client.whole:
        _expect(client.status >= 400 and client.status == event.status, client, "got an error with a wrong status")
    elif client.begun:
        _expect(client.aborted or client.left, client, "was told that a broken answer is complete")


# --- streams ---


def _check_stream(client: Client, event: ExchangeEvent, heards: Mapping[int, Heard], resilience: Resilience) -> None:
    seen = read_stream(client.body, client.wish.endpoint)
    _expect(not seen.after, client, f"was told more after the end: {seen.after}")
    _expect(len(seen.ids) <= 1, client, f"was told parts of several answers: {seen.ids}")
    told = client.left or client.aborted or event.status == client.status
    _expect(told, client, f"saw status {client.status}, but its event says {event.status}")
    numbers = seen.numbers
    legs = 1 + sum(record.reason == "continuation" for record in event.attempts)
    _expect(len(numbers) <= legs, client, f"got words of the calls {sorted(numbers)}")
    _expect(numbers <= heards.keys(), client, f"got words of somebody else's calls: {numbers - heards.keys()}")
    if not client.wish.usage and client.wish.endpoint == "chat":
        _expect(seen.usage_chunks == 0, client, "got a usage chunk that it did not ask for")
    if resilience.tool_calls == "whole" or resilience.stream == "whole":
        _check_calls_are_whole(client, seen, heards)
    if event.outcome == "ok":
        _check_good_stream(client, seen, heards, numbers)
    else:
        _check_bad_stream(client, event, seen)


def _check_good_stream(client: Client, seen: Seen, heards: Mapping[int, Heard], numbers: set[int]) -> None:
    _expect(client.ended, client, "was not told the end of an answer that is complete")
    _expect(seen.error is None, client, "was told of an error in an answer that ended well")
    _expect(not seen.torn and not seen.malformed, client, "was told half an event in an answer that ended well")
    finished = bool(seen.choices) and all(choice.finish for choice in seen.choices.values())
    _expect(finished, client, "was told the end of an answer that was not finished")
    if len(numbers) > 1:
        first, last = _legs(seen, heards)
        _check_joined(client, seen, first, last)
    else:
        _check_is(client, seen, _only(client, seen, heards))


def _check_bad_stream(client: Client, event: ExchangeEvent, seen: Seen) -> None:
    if client.left or client.aborted:
        unread = client.left or client.paused
        _expect(unread or not seen.terminal, client, f"saw the end of an answer that is told as {event.outcome}")
        return
    _expect(seen.error is not None, client, f"was not told that its answer failed ({event.outcome})")
    _expect(not seen.terminal, client, "was told the end of an answer that failed")
    _expect(event.broke or not seen.content, client, "saw words in an exchange that failed before any")


def _check_calls_are_whole(client: Client, seen: Seen, heards: Mapping[int, Heard]) -> None:
    meant = {call.id: call for heard in heards.values() for said in heard.answer.choices for call in said.calls}
    for choice in seen.choices.values():
        for call in choice.calls.values():
            honest = choice.finish in HONEST
            whole = call.id in meant and call.arguments == meant[call.id].arguments and _is_json(call.arguments)
            _expect(whole or honest, client, f"was shown part of a tool call: {call}")


# --- what was meant ---


def _only(client: Client, seen: Seen, heards: Mapping[int, Heard]) -> Answer:
    """The answer that it says it is."""
    number = int(seen.ids[0].rpartition("-")[2].rpartition("_")[2])
    _expect(number in heards, client, f"got the answer to somebody else's call {number}")
    return heards[number].answer


def _check_is(client: Client, seen: Seen, answer: Answer) -> None:
    _expect(seen.choices.keys() == set(range(len(answer.choices))), client, "got other choices than were meant")
    for index, said in enumerate(answer.choices):
        problem = _difference(seen.choices[index], said, client.wish.endpoint)
        _expect(problem is None, client, f"got an answer that is not what call {answer.number} meant: {problem}")


def _difference(choice: Choice, said: Said, endpoint: str) -> str | None:
    if choice.text != said.text:
        return f"{choice.text!r} for {said.text!r}"
    if choice.thought != (said.thought if endpoint == "chat" else ""):
        return f"{choice.thought!r} for {said.thought!r}"
    got = [_call(call) for call in choice.calls.values()]
    meant = [(call.id, call.name, call.arguments) for call in said.calls]
    if got != meant:
        return f"{got} for {meant}"
    if choice.finish not in HONEST and not all(_is_json(call.arguments) for call in choice.calls.values()):
        return f"arguments that are no JSON: {got}"
    if endpoint == "chat" and choice.finish != said.finish:
        return f"finish reason {choice.finish} for {said.finish}"
    return None


def _call(call: SeenCall) -> tuple[str, str, str]:
    return call.id, call.name, call.arguments


def _legs(seen: Seen, heards: Mapping[int, Heard]) -> tuple[Answer, Answer]:
    first = int(seen.ids[0].rpartition("-")[2])
    (last,) = seen.numbers - {first}
    return heards[first].answer, heards[last].answer


def _check_joined(client: Client, seen: Seen, first: Answer, last: Answer) -> None:
    """A text that one call began and another went on with; the blanks at the seam are nobody's."""
    choice = seen.choices[0]
    plain = not choice.calls and not choice.thought and len(seen.choices) == 1
    _expect(plain, client, "got more than a text continued")
    got, begun, rest = ("".join(text.split()) for text in (choice.text, first.said.text, last.said.text))
    _expect(got.endswith(rest), client, f"got {choice.text!r}, which does not end with {last.said.text!r}")
    told = got.removesuffix(rest)
    _expect(begun.startswith(told), client, f"got {choice.text!r}, which does not begin like {first.said.text!r}")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
