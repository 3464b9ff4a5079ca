"""How much a model is to think, in the words of its family."""

from __future__ import annotations

import pytest

from headway.wire.converse.thinking import Family, family_of, version_of
from headway.wire.form.parts import Message, Reasoning, Text, ToolCall, ToolResult
from headway.wire.form.request import Thinking, Tool, ToolChoice

SONNET_37 = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
SONNET_45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET_46 = "us.anthropic.claude-sonnet-4-6"
OPUS_47 = "anthropic.claude-opus-4-7-v1:0"
HAIKU_3 = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
USER = Message("user", (Text("Hi"),))


def budget(tokens: int) -> dict[str, object]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def adaptive(effort: str | None = None, **more: str) -> dict[str, object]:
    words: dict[str, object] = {"thinking": {"type": "adaptive"} | more}
    return words if effort is None else words | {"output_config": {"effort": effort}}


@pytest.mark.parametrize(
    ("model", "family", "version"),
    [
        (SONNET_37, Family.CLAUDE, (3, 7)),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", Family.CLAUDE, (4, 0)),
        (SONNET_46, Family.CLAUDE, (4, 6)),
        ("anthropic.claude-v2:1", Family.CLAUDE, (0, 0)),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1", Family.CLAUDE, (4, 6)),
        (NOVA, Family.NOVA, (0, 0)),
        (GPT_OSS, Family.GPT_OSS, (0, 0)),
        (QWEN, Family.QWEN, (0, 0)),
        ("us.meta.llama3-3-70b-instruct-v1:0", Family.OTHER, (0, 0)),
        ("mistral.pixtral-large-2502-v1:0", Family.OTHER, (0, 0)),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", Family.UNKNOWN, (0, 0)),
    ],
)
def test_a_models_name_tells_its_family(model, family, version):
    assert (family_of(model), version_of(model)) == (family, version)


@pytest.mark.parametrize(
    ("model", "thinking", "words"),
    [
        (SONNET_45, Thinking(budget=5000), budget(5000)),
        (SONNET_45, Thinking(budget=10), budget(1024)),
        (SONNET_45, Thinking(effort="low"), budget(1024)),
        (SONNET_37, Thinking(effort="medium"), budget(4096)),
        (SONNET_45, Thinking(effort="max"), budget(16384)),
        (SONNET_45, Thinking(budget=-1), budget(4096)),
        (SONNET_45, Thinking(effort="none"), {"thinking": {"type": "disabled"}}),
        (SONNET_46, Thinking(budget=0), {"thinking": {"type": "disabled"}}),
        (SONNET_46, Thinking(budget=5000), budget(5000)),
        (SONNET_46, Thinking(effort="minimal"), adaptive("low")),
        (SONNET_46, Thinking(effort="xhigh"), adaptive("high")),
        (SONNET_46, Thinking(), adaptive()),
        (OPUS_47, Thinking(budget=5000), adaptive("medium")),
        (OPUS_47, Thinking(effort="xhigh", show=True), adaptive("xhigh", display="summarized")),
        (NOVA, Thinking(effort="max"), {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        (NOVA, Thinking(budget=0), {"reasoningConfig": {"type": "disabled"}}),
        (GPT_OSS, Thinking(budget=1000), {"reasoning_effort": "low"}),
        (GPT_OSS, Thinking(effort="minimal"), {"reasoning_effort": "low"}),
        (QWEN, Thinking(effort="high"), {"reasoning_config": "high"}),
    ],
)
def test_each_family_is_told_in_its_own_words(model, thinking, words, foreign, write):
    body, dropped = write(foreign(thinking=thinking), model)
    assert (body["additionalModelRequestFields"], dropped) == (words, ())


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        (HAIKU_3, Thinking(effort="high")),
        (GPT_OSS, Thinking(effort="none")),
        ("us.meta.llama3-3-70b-instruct-v1:0", Thinking(budget=2000)),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", Thinking(budget=2000)),
    ],
)
def test_a_model_that_cannot_be_told_is_not(model, thinking, foreign, write):
    body, dropped = write(foreign(thinking=thinking), model)
    assert ("additionalModelRequestFields" in body, dropped) == (False, ("thinking",))


def test_a_budget_stays_below_the_bound_of_the_answer(foreign, write):
    body, dropped = write(foreign(thinking=Thinking(budget=9000), max_output=4000), SONNET_45)
    assert (body["additionalModelRequestFields"], dropped) == (budget(3999), ())
    body, dropped = write(foreign(thinking=Thinking(budget=9000), max_output=1000), SONNET_45)
    assert ("additionalModelRequestFields" in body, dropped) == (False, ("thinking",))
    body, _ = write(foreign(thinking=Thinking(budget=9000)), SONNET_45, most_output=8192)
    assert body["additionalModelRequestFields"] == budget(8191)


def test_what_claude_refuses_while_it_thinks_is_left_out(foreign, write):
    request = foreign(thinking=Thinking(effort="low"), temperature=0.2, top_p=0.5, top_k=7)
    body, dropped = write(request, SONNET_45)
    assert "inferenceConfig" not in body
    assert body["additionalModelRequestFields"] == budget(1024)
    assert set(dropped) == {"temperature", "top_p", "top_k"}
    body, dropped = write(foreign(thinking=Thinking(effort="low"), temperature=1.0, top_p=0.97), SONNET_45)
    assert (body["inferenceConfig"], dropped) == ({"temperature": 1.0, "topP": 0.97}, ())


def test_a_forced_tool_matters_more_than_thinking(foreign, write):
    request = foreign(thinking=Thinking(effort="low"), tools=(Tool(name="a"),), tool_choice=ToolChoice("required"))
    body, dropped = write(request, SONNET_46)
    assert ("additionalModelRequestFields" in body, dropped) == (False, ("thinking",))


def test_a_turn_that_did_not_begin_with_a_signed_thought_goes_on_without_thinking(foreign, write):
    call, result = ToolCall(id="t", name="a", arguments="{}"), ToolResult(call_id="t", parts=(Text("1"),))
    signed = Reasoning(text="Hm.", signature="s", origin="anthropic")
    unsigned = foreign(USER, Message("assistant", (call,)), Message("tool", (result,)), thinking=Thinking(budget=2000))
    assert write(unsigned, SONNET_45)[1] == ("thinking",)
    assert write(unsigned, SONNET_46)[1] == ("thinking",)
    by_effort = foreign(*unsigned.messages, thinking=Thinking(effort="low"))
    assert write(by_effort, SONNET_46)[1] == ()
    whole = foreign(
        USER, Message("assistant", (signed, call)), Message("tool", (result,)), thinking=Thinking(budget=2000)
    )
    assert write(whole, SONNET_45)[0]["additionalModelRequestFields"] == budget(2000)


def test_a_client_of_converse_reaches_another_family_in_that_ones_words(read, write):
    asked = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    request = read(asked | {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 20000}}})
    assert write(request, GPT_OSS)[0]["additionalModelRequestFields"] == {"reasoning_effort": "high"}
    request = read(asked | {"additionalModelRequestFields": {"reasoning_effort": "low"}})
    assert write(request, SONNET_46)[0]["outputConfig"] == {"effort": "low"}
