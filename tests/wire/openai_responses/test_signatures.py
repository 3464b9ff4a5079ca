"""What other providers sign reaches clients sealed, and comes back as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headway.types import Dialect
from headway.wire.form.assembly import events_of
from headway.wire.form.parts import Message, Part, Reasoning, Text, ToolCall
from headway.wire.form.reply import CallBegan, CallDelta, Choice, Event, PartEnded, Reply, Signed, Stop, TextDelta
from headway.wire.form.request import Request

Shown = Callable[..., dict[str, Any]]
Streamed = Callable[..., list[dict[str, Any]]]
Asked = Callable[..., Request]


def as_codex_does(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """It sends items back without the ids of reasoning."""
    return [{name: item[name] for name in item if item["type"] != "reasoning" or name != "id"} for item in output]


def turns(asked: Asked, output: list[dict[str, Any]]) -> tuple[Part, ...]:
    (message,) = asked(input=as_codex_does(output)).messages
    assert isinstance(message, Message)
    return message.parts


def answer(*parts: Part) -> Reply:
    return Reply(id="a1", choices=[Choice(parts=list(parts), stop=Stop.TOOLS)])


@pytest.fixture(params=["whole", "streamed"])
def returned(request: pytest.FixtureRequest, shown: Shown, streamed: Streamed, asked: Asked):
    """The parts that a client sends back after it got these."""

    def give(*parts: Part) -> tuple[Part, ...]:
        reply = answer(*parts)
        if request.param == "whole":
            return turns(asked, shown(reply)["output"])
        return turns(asked, streamed(list(events_of(reply)))[-1]["response"]["output"])

    return give


def call(number: int, signature: str | None = None, item: str | None = None) -> ToolCall:
    return ToolCall(id=f"c{number}", name="look", arguments="{}", signature=signature, item=item)


@pytest.mark.parametrize("origin", ["anthropic", "gemini", "converse"])
def test_reasoning_comes_back_with_its_signature_and_whose_it_is(returned: Callable[..., Any], origin: Dialect):
    (thought,) = returned(Reasoning(text="Hm.", signature="sig", origin=origin))
    assert thought == Reasoning(text="Hm.", signature="sig", origin=origin)


def test_a_signature_without_a_text_is_no_redaction(returned: Callable[..., Any]):
    assert returned(Reasoning(signature="sig", origin="anthropic")) == (Reasoning(signature="sig", origin="anthropic"),)


def test_a_redaction_comes_back_as_one(returned: Callable[..., Any]):
    assert returned(Reasoning(redacted="data", origin="anthropic")) == (Reasoning(redacted="data", origin="anthropic"),)


def test_the_signature_of_a_call_comes_back_on_that_call(returned: Callable[..., Any]):
    said = returned(Reasoning(text="Hm."), Text("I look."), call(1, "sig-1"), call(2), call(3, "sig-3"))
    assert [part.signature for part in said if isinstance(part, ToolCall)] == ["sig-1", None, "sig-3"]
    assert [type(part) for part in said] == [Reasoning, Text, ToolCall, ToolCall, ToolCall]


def test_the_signature_of_a_text_comes_back_on_that_text(returned: Callable[..., Any]):
    said = returned(Text("One.", signature="sig"), call(1))
    assert said[0] == Text("One.", signature="sig")
    assert said[1].signature is None


def test_a_signature_that_comes_after_its_call_is_still_that_calls(streamed: Streamed, asked: Asked):
    events: list[Event] = [
        CallBegan(part=0, id="c1", name="look"),
        CallDelta("{}", 0),
        Signed(part=0, signature="sig"),
        PartEnded(0),
    ]
    (part,) = turns(asked, streamed(events)[-1]["response"]["output"])
    assert isinstance(part, ToolCall)
    assert part.signature == "sig"


def test_what_is_sealed_never_reaches_another_provider(shown: Shown, asked: Asked, sent: Callable[..., Any]):
    output = shown(answer(Reasoning(text="Hm.", signature="sig", origin="anthropic"), call(1, "sig-1")))["output"]
    body, dropped = sent(asked(input=as_codex_does(output)))
    assert [item["type"] for item in body["input"]] == ["function_call"]
    assert dropped == ("messages[0].reasoning",)


def test_an_item_for_a_signature_shows_nothing(shown: Shown):
    rider, _ = shown(answer(call(1, "sig-1")))["output"]
    assert (rider["type"], rider["summary"]) == ("reasoning", [])
    assert rider["id"].startswith("rs_")


def test_words_between_a_text_and_its_end_are_not_lost(streamed: Streamed, asked: Asked):
    events: list[Event] = [TextDelta("One."), Signed(part=0, signature="sig"), PartEnded(0), TextDelta(" Two.", 1)]
    (part,) = turns(asked, streamed(events)[-1]["response"]["output"])
    assert part == Text("One. Two.", signature="sig")
