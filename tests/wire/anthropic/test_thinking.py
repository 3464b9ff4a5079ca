"""How much Claude is asked to think, by its generation, and what thinking excludes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headway.wire.form.parts import Message, Reasoning, Text, ToolCall, ToolResult
from headway.wire.form.request import Thinking, Tool, ToolChoice

if TYPE_CHECKING:
    from wire.anthropic.conftest import Ask, Write

OLD, BOTH, NEW, UNASKED, ALWAYS = (
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-6",
    "us.anthropic.claude-opus-4-7-v1:0",
    "claude-opus-5",
    "claude-sonnet-5-5",
)
TOOL = Tool(name="f")
USER = Message("user", (Text("Hello?"),))
ADAPTIVE = {"type": "adaptive"}


def _budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "asked", "thinking", "effort", "listed"),
    [
        (OLD, Thinking(effort="low"), _budget(1024), None, False),
        (OLD, Thinking(effort="medium"), _budget(4096), None, False),
        (OLD, Thinking(effort="high"), _budget(16384), None, False),
        (OLD, Thinking(budget=9000), _budget(9000), None, False),
        (OLD, Thinking(budget=10), _budget(1024), None, True),
        (OLD, Thinking(budget=-1), _budget(4096), None, False),
        (OLD, Thinking(budget=0), None, None, False),
        (OLD, Thinking(effort="none"), None, None, False),
        (OLD, Thinking(show=True), _budget(4096), None, False),
        (OLD, Thinking(show=False), None, None, False),
        (BOTH, Thinking(effort="minimal"), ADAPTIVE, "low", False),
        (BOTH, Thinking(effort="max"), ADAPTIVE, "max", False),
        (BOTH, Thinking(effort="xhigh"), ADAPTIVE, "high", True),
        (BOTH, Thinking(budget=9000), _budget(9000), None, False),
        (BOTH, Thinking(budget=-1, show=False), {**ADAPTIVE, "display": "omitted"}, None, False),
        (NEW, Thinking(effort="xhigh"), ADAPTIVE, "xhigh", False),
        (NEW, Thinking(effort="high", summary="auto"), {**ADAPTIVE, "display": "summarized"}, "high", False),
        (NEW, Thinking(budget=5000), ADAPTIVE, "medium", True),
        (NEW, Thinking(budget=0), None, None, False),
        (UNASKED, Thinking(effort="none"), {"type": "disabled"}, None, False),
        (ALWAYS, Thinking(effort="none"), None, "low", True),
        (ALWAYS, Thinking(effort="max"), ADAPTIVE, "max", False),
        ("claude-mythos-preview", Thinking(budget=0), None, "low", True),
        ("anthropic/claude-4.6-sonnet", Thinking(effort="low"), ADAPTIVE, "low", False),
        ("claude-opus-4-20250514", Thinking(effort="low"), _budget(1024), None, False),
        ("glm-5", Thinking(effort="low"), _budget(1024), None, False),
    ],
)
def test_each_generation_is_asked_in_its_words(
    *, ask: Ask, write: Write, model: str, asked: Thinking, thinking: object, effort: str | None, listed: bool
):
    body, dropped = write(ask(thinking=asked), model)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert dropped == (("thinking",) if listed else ())


@pytest.mark.parametrize(
    ("said", "most", "bound", "thinking", "listed"),
    [
        ({"effort": "high"}, None, 16384 + 4096, 16384, False),
        ({"effort": "high"}, 8192, 8192, 4096, False),
        ({"budget": 10000}, 64000, 64000, 10000, False),
    ],
)
def test_there_is_room_for_an_answer_beside_the_thoughts(
    *, ask: Ask, write: Write, said: dict[str, Any], most: int | None, bound: int, thinking: int, listed: bool
):
    body, dropped = write(ask(thinking=Thinking(**said)), OLD, most_output=most)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"], bool(dropped)) == (bound, thinking, listed)


def test_a_budget_beyond_the_clients_own_bound_shrinks(ask: Ask, write: Write):
    body, dropped = write(ask(thinking=Thinking(budget=9000), max_output=5000), OLD)
    assert (body["thinking"], body["max_tokens"], dropped) == (_budget(2500), 5000, ("thinking",))


def test_without_room_for_the_least_budget_there_is_no_thinking(ask: Ask, write: Write):
    body, dropped = write(ask(thinking=Thinking(effort="low"), max_output=200), OLD)
    assert ("thinking" in body, body["max_tokens"], dropped) == (False, 200, ("thinking",))


def test_thinking_leaves_no_choice_of_sampling(ask: Ask, write: Write):
    asked = Thinking(effort="low")
    body, dropped = write(ask(thinking=asked, temperature=0.2, top_k=3, top_p=0.5), OLD)
    assert not {"temperature", "top_k", "top_p"} & set(body)
    assert set(dropped) == {"temperature", "top_k", "top_p"}
    body, dropped = write(ask(thinking=asked, temperature=1.0, top_p=0.97), OLD)
    assert (body.get("temperature"), body["top_p"], dropped) == (None, 0.97, ())


def test_a_tool_that_must_be_used_goes_before_thinking(ask: Ask, write: Write):
    forced = {"tools": (TOOL,), "tool_choice": ToolChoice("required"), "thinking": Thinking(effort="high")}
    for model in (OLD, BOTH, NEW):
        body, dropped = write(ask(**forced), model)
        assert (body["tool_choice"], "thinking" in body, dropped) == ({"type": "any"}, False, ("thinking",))


def test_a_model_that_thinks_unasked_is_told_not_to_where_a_tool_must_be_used(ask: Ask, write: Write):
    body, dropped = write(ask(tools=(TOOL,), tool_choice=ToolChoice("required")), UNASKED)
    assert (body["tool_choice"], body["thinking"], dropped) == ({"type": "any"}, {"type": "disabled"}, ())


def test_a_model_that_always_thinks_cannot_be_made_to_use_a_tool(ask: Ask, write: Write):
    body, dropped = write(ask(tools=(TOOL,), tool_choice=ToolChoice("required", ("f",))), ALWAYS)
    assert (body["tool_choice"], dropped) == ({"type": "auto"}, ("tool_choice",))
    asked = Thinking(effort="high")
    body, dropped = write(ask(tools=(TOOL,), tool_choice=ToolChoice("required"), thinking=asked), ALWAYS)
    assert (body["thinking"], body["output_config"], dropped) == (ADAPTIVE, {"effort": "high"}, ("tool_choice",))


def _after_a_tool(*before: Any) -> tuple[Message, ...]:
    call = ToolCall(id="c", name="f", arguments="{}")
    result = ToolResult(call_id="c", parts=(Text("18"),))
    return (USER, Message("assistant", (*before, call)), Message("tool", (result,)))


def test_a_turn_of_tools_that_began_without_thoughts_goes_on_without(ask: Ask, write: Write):
    asked = Thinking(effort="low")
    for thoughts in ((), (Reasoning(text="x", signature="s", origin="gemini"),)):
        body, dropped = write(ask(*_after_a_tool(*thoughts), tools=(TOOL,), thinking=asked), OLD)
        assert "thinking" not in body
        assert "thinking" in dropped
    signed = Reasoning(text="x", signature="s", origin="converse")
    body, dropped = write(ask(*_after_a_tool(signed), tools=(TOOL,), thinking=asked), OLD)
    assert (body["thinking"], dropped) == (_budget(1024), ())


def test_a_model_that_thinks_as_it_sees_fit_may_begin_to_at_any_time(ask: Ask, write: Write):
    body, dropped = write(ask(*_after_a_tool(), tools=(TOOL,), thinking=Thinking(effort="low")), NEW)
    assert (body["thinking"], dropped) == (ADAPTIVE, ())


def test_an_answer_begun_by_the_client_goes_on_without_thoughts(ask: Ask, write: Write):
    request = ask(USER, Message("assistant", (Text("It is"),)), thinking=Thinking(effort="low"))
    assert "thinking" not in write(request, OLD).body


def test_turns_before_the_last_one_may_have_no_thoughts(ask: Ask, write: Write):
    request = ask(*_after_a_tool(), Message("assistant", (Text("18"),)), USER, thinking=Thinking(effort="low"))
    assert write(request, OLD).body["thinking"] == _budget(1024)
