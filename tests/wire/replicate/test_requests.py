"""Requests written as the input of models on Replicate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headway.wire.form.parts import Audio, Image, Source, ToolCall, ToolResult
from headway.wire.form.request import Output, Thinking, Tool
from headway.wire.malformed import Malformed
from headway.wire.replicate.codec import CODEC

Make = Callable[..., Any]
PICTURE = Image(Source(media_type="image/png", data="AAAA"))


def test_one_turn_is_the_prompt_as_it_is(asked: Make, written: Make):
    sent, dropped = written(asked(("system", "Be kind."), ("user", "hi")))
    assert sent == {"prompt": "hi", "system_prompt": "Be kind."}
    assert dropped == ()


def test_several_turns_are_told_apart_by_who_speaks(asked: Make, written: Make):
    sent, _ = written(asked(("user", "a"), ("assistant", "b"), ("user", "c")))
    assert sent == {"prompt": "User: a\n\nAssistant: b\n\nUser: c\n\nAssistant:"}


def test_words_of_the_models_own_at_the_end_are_gone_on_with(asked: Make, written: Make):
    sent, _ = written(asked(("user", "a"), ("assistant", "b")))
    assert sent["prompt"] == "User: a\n\nAssistant: b"


def test_models_that_take_a_conversation_get_it(asked: Make, written: Make):
    sent, _ = written(
        asked(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), max_output=5), model="openai/gpt-5"
    )
    assert sent == {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        "max_completion_tokens": 5,
    }


@pytest.mark.parametrize(
    ("model", "system", "bound"),
    [
        ("meta/llama", "system_prompt", "max_tokens"),
        ("google/gemini-2.5-flash", "system_instruction", "max_output_tokens"),
        ("openai/gpt-4.1", "system_prompt", "max_completion_tokens"),
    ],
)
def test_each_maker_has_names_of_its_own(asked: Make, written: Make, model: str, system: str, bound: str):
    sent, _ = written(asked(("system", "s"), ("user", "a"), max_output=2000), model=model)
    assert sent == {"prompt": "a", system: "s", bound: 2000}


def test_instructions_stand_in_the_prompt_where_they_have_no_place_of_their_own(asked: Make, written: Make):
    sent, _ = written(asked(("system", "s"), ("user", "a")), model="deepseek-ai/deepseek-r1")
    assert sent == {"prompt": "s\n\na"}


def test_a_bound_that_is_too_low_for_the_model_is_raised_and_named(asked: Make, written: Make):
    sent, dropped = written(asked(max_output=9), model="anthropic/claude-4-sonnet")
    assert sent["max_tokens"] == 1024
    assert dropped == ("max_output",)


def test_what_a_maker_does_not_know_is_named(asked: Make, written: Make):
    sent, dropped = written(asked(temperature=0.5, top_k=3, seed=1, user="u"), model="openai/gpt-4.1")
    assert sent["temperature"] == 0.5
    assert dropped == ("top_k", "seed", "user")


def test_stop_sequences_go_with_commas_and_so_may_hold_none(asked: Make, written: Make):
    assert written(asked(stop=("a", "b")))[0]["stop_sequences"] == "a,b"
    sent, dropped = written(asked(stop=("a,b",)))
    assert "stop_sequences" not in sent
    assert dropped == ("stop",)


@pytest.mark.parametrize(
    ("model", "thinking", "said"),
    [
        ("openai/gpt-5", Thinking(effort="low"), {"reasoning_effort": "low"}),
        (
            "anthropic/claude-4-sonnet",
            Thinking(budget=2000),
            {"thinking_budget_tokens": 2000, "extended_thinking": True},
        ),
        ("anthropic/claude-4-sonnet", Thinking(budget=0), {"extended_thinking": False}),
        ("google/gemini-2.5-flash", Thinking(budget=0), {"thinking_budget": 0}),
    ],
)
def test_how_much_to_think(asked: Make, written: Make, model: str, thinking: Thinking, said: dict[str, Any]):
    sent, dropped = written(asked(thinking=thinking), model=model)
    assert sent == {"prompt": "hi", **said}
    assert dropped == ()


def test_models_that_cannot_be_told_how_much_to_think_are_not(asked: Make, written: Make):
    assert written(asked(thinking=Thinking(effort="low"))) == ({"prompt": "hi"}, ("thinking",))


def test_pictures_go_where_the_maker_has_them(asked: Make, written: Make, refused: Make):
    request = asked(("user", (PICTURE,)))
    assert written(request, model="openai/gpt-4.1")[0]["image_input"] == ["data:image/png;base64,AAAA"]
    assert written(request, model="anthropic/claude-4-sonnet")[0]["image"] == "data:image/png;base64,AAAA"
    assert refused(request).feature == "images"
    assert refused(asked(("user", (PICTURE, PICTURE))), model="anthropic/claude-4-sonnet").feature == "images"
    several = asked(("user", "a"), ("assistant", "b"), ("user", (PICTURE,)))
    assert refused(several, model="openai/gpt-4.1").feature == "images"


def test_what_would_mean_something_else_is_refused(asked: Make, refused: Make):
    call = ToolCall(id="c", name="f", arguments="{}")
    result = ToolResult(call_id="c", parts=())
    assert refused(asked(tools=(Tool(name="f"),))).feature == "tools"
    assert refused(asked(("user", "a"), ("assistant", (call,)), ("tool", (result,)))).feature == "tools"
    assert refused(asked(output=Output())).feature == "json_output"
    assert refused(asked(n=2)).feature == "n"
    assert refused(asked(("user", (Audio(Source(data="AAAA")),)))).feature == "audio"


def test_what_the_model_refuses_or_calls_otherwise_is_heeded(asked: Make, written: Make):
    sent, dropped = written(
        asked(temperature=0.5, max_output=9), lacks=frozenset({"temperature"}), renames={"max_tokens": "max_new_tokens"}
    )
    assert sent == {"prompt": "hi", "max_new_tokens": 9}
    assert dropped == ("temperature",)


def test_nobody_asks_in_this_dialect():
    assert isinstance(CODEC.read_request({}, None), Malformed)  # pyright: ignore[reportArgumentType]
