"""Tool calls of a stream: followed until they are whole, and held until then where that is wanted."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire import sse
from headway.wire.endpoints import ENDPOINTS, Endpoint
from headway.wire.openai.call import MOST_CHECKED
from headway.wire.openai.tool_calls import LIMIT, TOO_LONG, UNPARSED, ToolCalls

if TYPE_CHECKING:
    from wire.conftest import Recording

CHAT, _, RESPONSES = ENDPOINTS[:3]
DONE = b"data: [DONE]\n\n"


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def chunk(delta: dict[str, Any], reason: str | None = None, choice: int = 0) -> bytes:
    return event({"choices": [{"index": choice, "delta": delta, "finish_reason": reason}]})


def text(said: str, choice: int = 0) -> bytes:
    return chunk({"content": said}, choice=choice)


def start(name: str, arguments: str = "", index: int | None = 0, choice: int = 0, **more: Any) -> bytes:
    call = {"index": index, "id": f"call_{name}", "function": {"name": name, "arguments": arguments}, **more}
    return chunk({"tool_calls": [{key: value for key, value in call.items() if value is not None}]}, choice=choice)


def more(arguments: str, index: int = 0, choice: int = 0) -> bytes:
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}, choice=choice)


def finish(reason: str = "tool_calls", choice: int = 0) -> bytes:
    return chunk({}, reason, choice)


def fed(calls: ToolCalls, *events: bytes) -> list[bytes]:
    return [calls.feed(each) for each in events]


def live() -> ToolCalls:
    return ToolCalls(CHAT, hold=False)


def holding() -> ToolCalls:
    return ToolCalls(CHAT, hold=True)


# --- recorded streams ---


@pytest.mark.parametrize("hold", [False, True])
def test_recorded_calls_are_whole_and_shown_byte_for_byte(streams: list[Recording], hold: bool):
    held_back = 0
    for each in streams:
        one, many = ToolCalls(each.endpoint, hold), ToolCalls(each.endpoint, hold)
        events, rest = sse.split(each.body)
        shown = [*fed(many, *events), many.feed(rest)]
        assert b"".join(shown) == one.feed(each.body) == each.body, each.id
        for calls in (one, many):
            assert (calls.broken, calls.pending, calls.held) == (None, False, 0), each.id
        held_back += b"" in shown[:-1]
    assert (held_back > 20) is hold


LAST_PIECE = re.compile(rb'"arguments":"[^{][^}]*}"')


@pytest.mark.parametrize("hold", [False, True])
def test_a_recorded_call_that_lacks_its_last_piece_never_counts_as_finished(streams: list[Recording], hold: bool):
    tried = 0
    for each in streams:
        events = sse.split(each.body)[0]
        last = [number for number, event in enumerate(events) if LAST_PIECE.search(event)]
        if each.endpoint is not CHAT or not last:
            continue
        calls = ToolCalls(CHAT, hold)
        shown = calls.feed(b"".join(events[: last[-1]] + events[last[-1] + 1 :]))
        assert calls.broken == UNPARSED, each.id
        assert b'"finish_reason":"' not in shown, each.id
        assert b"[DONE]" not in shown, each.id
        tried += 1
    assert tried > 10


# --- live ---


def test_all_is_shown_at_once_where_nothing_is_to_be_held():
    calls = live()
    events = [text("Hi"), start("f"), more('{"a":'), more("1}"), text("so"), finish(), DONE]
    assert fed(calls, *events) == events
    assert calls.broken is None


def test_a_call_is_pending_until_its_choice_has_finished():
    calls = live()
    told = [(calls.feed(each), calls.pending)[1] for each in (text("Hi"), start("f"), more("{}"), finish(), DONE)]
    assert told == [False, True, True, False, False]


@pytest.mark.parametrize("arguments", ['{"a":', '{"a":1}}', "{'a':1}", '{"a":1}{"b":2}', "[" * 100_000])
def test_a_finish_behind_arguments_that_do_not_parse_is_not_shown(arguments: str):
    calls = live()
    begun = text("Hi") + start("f") + more(arguments)
    assert calls.feed(begun + finish() + DONE) == begun
    assert calls.broken == UNPARSED
    assert fed(calls, finish(), DONE, text("Hi")) == [b"", b"", b""]


@pytest.mark.parametrize("arguments", ["", " ", "{}", ' {"a":1}\n', "null", '"x"', '{"a":"two\nlines"}', '{"a":NaN}'])
def test_whole_arguments_are_any_json_or_none(arguments: str):
    calls = live()
    assert calls.feed(start("f", arguments) + finish()) == start("f", arguments) + finish()
    assert calls.broken is None


@pytest.mark.parametrize("reason", ["length", "content_filter", "model_length"])
@pytest.mark.parametrize("hold", [False, True])
def test_a_choice_that_says_it_was_cut_short_is_honest(reason: str, hold: bool):
    calls = ToolCalls(CHAT, hold)
    stream = start("f") + more('{"a":') + finish(reason) + DONE
    assert b"".join(fed(calls, *sse.split(stream)[0])) == stream
    assert (calls.broken, calls.pending) == (None, False)


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call", "error", "something_new"])
def test_any_other_reason_claims_that_the_call_is_whole(reason: str):
    calls = live()
    assert calls.feed(start("f", '{"a":') + finish(reason)) == start("f", '{"a":')
    assert calls.broken == UNPARSED


def test_a_stream_that_is_done_claims_the_same_without_a_reason():
    calls = live()
    assert calls.feed(start("f", '{"a":') + DONE) == start("f", '{"a":')
    assert calls.broken == UNPARSED
    assert live().feed(start("f", "{}") + DONE) == start("f", "{}") + DONE


def test_an_error_of_the_providers_is_shown_whatever_is_pending():
    error = event({"error": {"message": "overloaded"}})
    for calls in (live(), holding()):
        assert calls.feed(start("f", '{"a":') + error).endswith(error)
        assert calls.broken is None
        assert calls.pending


def test_the_older_form_of_a_call_is_followed_too():
    begun = chunk({"function_call": {"name": "f", "arguments": ""}}) + chunk({"function_call": {"arguments": "{"}})
    calls = live()
    assert calls.feed(begun + finish("function_call")) == begun
    assert calls.broken == UNPARSED
    whole = begun + chunk({"function_call": {"arguments": "}"}}) + finish("function_call")
    assert b"".join(fed(holding(), *sse.split(whole)[0])) == whole


def test_what_a_custom_tool_gets_is_free_text():
    custom = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT {"}}
    stream = chunk({"tool_calls": [custom]}) + finish()
    for calls in (live(), holding()):
        assert b"".join(fed(calls, *sse.split(stream)[0])) == stream


def test_arguments_that_are_no_text_are_whole_as_they_are():
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    stream = chunk({"tool_calls": [call]}) + finish()
    assert live().feed(stream) == stream


def test_a_pair_of_escapes_may_come_in_two_pieces():
    halves = [start("f", '{"a":"'), more("HIGH"), more("LOW"), more('"}'), finish()]
    stream = b"".join(halves).replace(b"HIGH", b"\\ud83d").replace(b"LOW", b"\\ude00")
    calls = holding()
    assert calls.feed(stream) == stream
    assert calls.broken is None


# --- which pieces are of one call ---


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("index", [0, None])
def test_calls_that_all_have_the_same_index_or_none_are_told_apart(index: int | None, hold: bool):
    """So do Gemini's and Ollama's endpoints of this dialect."""
    events = [start("f", '{"a":1}', index), start("g", '{"b":2}', index), finish()]
    calls = ToolCalls(CHAT, hold)
    assert b"".join(fed(calls, *events)) == b"".join(events)
    assert calls.broken is None


def test_of_calls_with_the_same_index_each_must_be_whole():
    calls = live()
    calls.feed(start("f", '{"a":') + start("g", '{"b":2}') + finish())
    assert calls.broken == UNPARSED


def test_calls_without_ids_are_told_apart_by_arguments_that_are_complete():
    anonymous = [start("f", '{"a":1}', id=None), start("f", '{"b":2}', id=None), finish()]
    calls = live()
    assert b"".join(fed(calls, *anonymous)) == b"".join(anonymous)
    assert calls.broken is None


def test_pieces_that_repeat_id_and_name_are_of_one_call():
    repeated = [start("f", piece) for piece in ('{"a', '":', "1}", "")]
    calls = live()
    assert b"".join(fed(calls, *repeated, finish())) == b"".join([*repeated, finish()])
    assert calls.broken is None


def test_an_id_that_changes_with_every_piece_begins_no_call_without_a_name():
    pieces = [
        chunk({"tool_calls": [{"index": 0, "id": f"call_{n}", "function": {"arguments": piece}}]})
        for n, piece in enumerate(('{"a', '":1}'))
    ]
    calls = live()
    calls.feed(start("f") + b"".join(pieces) + finish())
    assert calls.broken is None


def test_a_message_beside_the_delta_repeats_what_is_known():
    message = {"tool_calls": [{"id": "call_f", "function": {"name": "f", "arguments": "{}"}}]}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls", "message": message}]}
    calls = live()
    assert calls.feed(start("f", "{}") + event(last)) == start("f", "{}") + event(last)


def test_a_message_in_place_of_a_delta_is_read_as_one():
    call = {"id": "call_f", "function": {"name": "f", "arguments": "{"}}
    calls = live()
    stream = event({"choices": [{"index": 0, "message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]})
    assert calls.feed(stream) == b""
    assert calls.broken == UNPARSED


# --- held ---


def test_a_call_is_held_until_its_choice_has_finished():
    calls = holding()
    events = [start("f"), more('{"a":'), more("1}")]
    assert fed(calls, text("Hi"), *events) == [text("Hi"), b"", b"", b""]
    assert calls.held == len(b"".join(events))
    assert fed(calls, finish(), DONE) == [b"".join([*events, finish()]), DONE]
    assert (calls.held, calls.pending) == (0, False)


def test_a_call_is_shown_when_the_next_one_begins():
    calls = holding()
    first, second = [start("f"), more("{}")], [start("g", index=1), more("{}", index=1)]
    assert fed(calls, *first, *second) == [b"", b"", b"".join(first), b""]
    assert calls.feed(finish()) == b"".join([*second, finish()])


def test_calls_whose_pieces_alternate_are_shown_together():
    calls = holding()
    events = [start("f"), start("g", index=1), more('{"b":', 1), more('{"a":'), more("2}", 1), more("1}")]
    shown = fed(calls, *events)
    assert shown[0] == b""
    assert b"".join(shown) + calls.feed(finish()) == b"".join([*events, finish()])


def test_a_call_that_is_not_whole_is_not_shown_because_the_next_one_begins():
    calls = holding()
    assert fed(calls, start("f", '{"a":'), start("g", "{}", 1)) == [b"", b""]
    assert calls.feed(finish()) == b""
    assert calls.broken == UNPARSED


def test_a_whole_call_in_one_event_is_shown_with_its_finish():
    calls = holding()
    whole = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls")
    assert calls.feed(whole) == whole
    assert not calls.pending


def test_text_behind_a_held_call_waits_for_it_in_its_own_choice_only():
    calls = holding()
    assert fed(calls, start("f"), text("after"), text("other", choice=1)) == [b"", b"", text("other", choice=1)]
    assert calls.feed(more("{}") + finish()) == start("f") + text("after") + more("{}") + finish()


def test_what_belongs_to_no_choice_passes_a_held_call():
    calls = holding()
    usage = event({"choices": [], "usage": {"prompt_tokens": 1}})
    passing = [b": hold on\n\n", usage, b"data: {\n\n", b"id: 1\n\n"]
    assert fed(calls, start("f"), *passing) == [b"", *passing]


def test_an_event_of_two_choices_waits_for_both():
    calls = holding()
    both = event({"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]})
    assert fed(calls, start("f", "{}"), both, text("late", choice=1)) == [b"", b"", b""]
    assert calls.feed(finish()) == start("f", "{}") + both + text("late", choice=1) + finish()


def test_a_choice_that_has_finished_does_not_show_the_calls_of_another():
    calls = holding()
    assert fed(calls, start("f", "{}"), start("g", "{}", choice=1)) == [b"", b""]
    assert calls.feed(finish(choice=1)) == start("g", "{}", choice=1) + finish(choice=1)
    assert calls.pending
    assert calls.feed(finish()) == start("f", "{}") + finish()


def test_nothing_of_a_held_call_is_shown_if_it_is_not_whole():
    calls = holding()
    assert calls.feed(text("Hi") + start("f", '{"a":') + finish() + DONE) == text("Hi")
    assert calls.broken == UNPARSED
    assert calls.pending


def test_what_is_held_is_bounded():
    calls = holding()
    piece = more("x" * 1000)
    shown = calls.feed(start("f", '"'))
    for _ in range(LIMIT // len(piece) + 2):
        shown += calls.feed(piece)
    assert (shown, calls.broken) == (b"", TOO_LONG)
    assert calls.held <= LIMIT + len(piece)


def test_live_arguments_too_long_to_be_kept_are_not_checked():
    calls = live()
    piece = more("x" * 1000)
    for each in [start("f", "{"), *[piece] * (MOST_CHECKED // 1000 + 1), finish()]:
        assert calls.feed(each) == each
    assert calls.broken is None


def test_a_done_without_its_blank_line_ends_a_stream_too():
    calls = holding()
    assert calls.feed(start("f", "{}")) == b""
    assert calls.feed(DONE.rstrip()) == start("f", "{}") + DONE.rstrip()


def test_lines_may_end_with_crlf():
    calls = holding()
    stream = (start("f") + more("{}") + finish() + DONE).replace(b"\n", b"\r\n")
    assert calls.feed(stream) == stream


# --- responses ---


def item(kind: str, output: int = 0, type: str = "function_call", **fields: Any) -> bytes:  # noqa: A002
    return event(
        {
            "type": f"response.output_item.{kind}",
            "output_index": output,
            "item": {"id": f"fc_{output}", "type": type, "name": "f", "call_id": "c", "arguments": "", **fields},
        }
    )


def arguments(kind: str, told: str, output: int = 0) -> bytes:
    name = {"delta": "delta", "done": "arguments"}[kind]
    document = {"type": f"response.function_call_arguments.{kind}", "item_id": f"fc_{output}", name: told}
    return event({**document, "output_index": output})


def ended(how: str = "completed") -> bytes:
    return event({"type": f"response.{how}", "response": {"output": []}})


SAID = event({"type": "response.output_text.delta", "output_index": 1, "delta": "Hi"})
CALL = [item("added"), arguments("delta", '{"a"'), arguments("delta", ":1}"), arguments("done", '{"a":1}')]
WHOLE = [*CALL, item("done", arguments='{"a":1}', status="completed"), SAID, ended()]


def test_a_response_is_shown_as_it_comes_where_nothing_is_to_be_held():
    assert fed(ToolCalls(RESPONSES, hold=False), *WHOLE) == WHOLE


def test_a_call_in_a_response_is_held_until_its_arguments_are_done():
    calls = ToolCalls(RESPONSES, hold=True)
    assert fed(calls, SAID, *WHOLE) == [SAID, b"", b"", b"", b"".join(CALL), *WHOLE[4:]]
    assert (calls.broken, calls.pending) == (None, False)


def test_all_that_follows_a_held_call_in_a_response_waits_for_it():
    calls = ToolCalls(RESPONSES, hold=True)
    keepalive = event({"type": "keepalive", "sequence_number": 9})
    assert fed(calls, item("added"), SAID, keepalive, b": hold on\n\n") == [b"", b"", b"", b": hold on\n\n"]
    assert calls.feed(arguments("done", "{}")) == item("added") + SAID + keepalive + arguments("done", "{}")


def test_parallel_calls_in_a_response_are_shown_when_all_are_whole():
    calls = ToolCalls(RESPONSES, hold=True)
    events = [item("added"), item("added", 1), arguments("done", "{}"), arguments("done", "{}", 1)]
    assert fed(calls, *events) == [b"", b"", b"", b"".join(events)]


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(
    "claim",
    [
        [arguments("done", '{"a"'), ended()],
        [arguments("done", ""), ended()],
        [item("done", arguments='{"a"'), ended()],
        [arguments("done", '{"a"'), item("done", arguments='{"a"', status="completed"), ended()],
        [arguments("done", '{"a"'), item("added", 1, "message")],
        [arguments("done", '{"a"'), item("added", 1)],
        [ended()],
        [DONE],
    ],
)
def test_a_response_that_goes_on_behind_half_a_call_is_broken(claim: list[bytes], hold: bool):
    calls = ToolCalls(RESPONSES, hold)
    begun = [item("added"), arguments("delta", '{"a"')]
    shown = b"".join(fed(calls, SAID, *begun, *claim))
    assert shown == (SAID if hold else SAID + b"".join(begun))
    assert calls.broken == UNPARSED


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(
    "claim",
    [
        [ended("incomplete")],
        [arguments("done", '{"a"'), ended("incomplete")],
        [arguments("done", '{"a"'), item("done", arguments='{"a"', status="completed"), ended("incomplete")],
        [arguments("done", '{"a"'), item("done", arguments='{"a"', status="incomplete"), ended("incomplete")],
        [arguments("done", '{"a"'), item("done", arguments='{"a"', status="incomplete"), ended()],
    ],
)
def test_a_response_that_says_it_is_incomplete_is_honest(claim: list[bytes], hold: bool):
    calls = ToolCalls(RESPONSES, hold)
    events = [SAID, item("added"), arguments("delta", '{"a"'), *claim]
    assert b"".join(fed(calls, *events)) == b"".join(events)
    assert (calls.broken, calls.pending) == (None, False)


@pytest.mark.parametrize("hold", [False, True])
def test_a_response_that_fails_behind_half_a_call_says_so_at_once(hold: bool):
    failed = event({"type": "response.failed", "response": {"error": {"message": "x"}}})
    calls = ToolCalls(RESPONSES, hold)
    assert calls.feed(item("added") + arguments("delta", "{") + failed).endswith(failed)
    assert calls.pending


@pytest.mark.parametrize("hold", [False, True])
def test_the_input_of_a_custom_tool_in_a_response_is_free_text(hold: bool):
    kind = "response.custom_tool_call_input"
    events = [
        item("added", type="custom_tool_call"),
        event({"type": f"{kind}.delta", "output_index": 0, "delta": "SELECT {"}),
        event({"type": f"{kind}.done", "output_index": 0, "input": "SELECT {"}),
        item("done", type="custom_tool_call", input="SELECT {"),
        ended(),
    ]
    shown = fed(ToolCalls(RESPONSES, hold), *events)
    assert shown == ([b"", b"", b"".join(events[:3]), *events[3:]] if hold else events)


def test_a_call_may_come_whole_with_its_item():
    events = [item("added", arguments='{"a":1}'), item("done", arguments='{"a":1}'), ended()]
    assert fed(ToolCalls(RESPONSES, hold=True), *events) == [b"", b"".join(events[:2]), ended()]


def test_pieces_of_a_response_without_a_position_are_matched_by_item():
    events = [each.replace(b'"output_index":0', b'"x":0') for each in CALL]
    assert fed(ToolCalls(RESPONSES, hold=True), *events) == [b"", b"", b"", b"".join(events)]


# --- any ---

chunks = st.builds(
    lambda choice, piece, reason: event({"choices": [{"index": choice, "delta": piece, "finish_reason": reason}]}),
    st.sampled_from([0, 1, None]),
    st.fixed_dictionaries(
        {},
        optional={
            "content": st.just("x"),
            "function_call": st.just({"name": "f", "arguments": "{}"}),
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {"function": st.builds(dict, name=st.sampled_from(["f", None]), arguments=st.sampled_from("{}1 "))},
                    optional={"index": st.sampled_from([0, 1]), "id": st.sampled_from(["a", "b"])},
                ),
                max_size=2,
            ),
        },
    ),
    st.sampled_from([None, None, None, "stop", "length"]),
)
items = st.one_of(
    st.builds(item, st.sampled_from(["added", "done"]), st.sampled_from([0, 1])),
    st.builds(arguments, st.sampled_from(["delta", "done"]), st.sampled_from(["", "{", "}", "{}"]), st.just(0)),
    st.builds(ended, st.sampled_from(["completed", "incomplete", "failed"])),
)
anything = st.one_of(st.sampled_from([DONE, b": hi\n\n", SAID]), st.builds(b"data: %b\n\n".__mod__, st.binary()))


@given(
    st.sampled_from([CHAT, RESPONSES]),
    st.booleans(),
    st.lists(st.one_of(chunks, items, anything), max_size=12),
    st.data(),
)
def test_nothing_is_lost_however_whole_events_arrive(
    endpoint: Endpoint, hold: bool, events: list[bytes], data: st.DataObject
):
    stream = b"".join(events)
    whole, rest = sse.split(stream)
    one, many = ToolCalls(endpoint, hold), ToolCalls(endpoint, hold)
    shown = one.feed(stream)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))))
    parts = [b"".join(whole[a:b]) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert b"".join(fed(many, *parts)) + many.feed(rest) == shown
    assert (one.broken, one.held, one.pending) == (many.broken, many.held, many.pending)
    if one.broken is None:
        assert len(shown) + one.held == len(stream)
        assert hold or endpoint is RESPONSES or shown == stream


@given(st.sampled_from([CHAT, RESPONSES]), st.booleans(), st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_can_be_fed(endpoint: Endpoint, hold: bool, pieces: list[bytes]):
    calls = ToolCalls(endpoint, hold)
    calls.feed(start("f", "{") if endpoint is CHAT else item("added"))
    for piece in pieces:
        calls.feed(piece)
        calls.feed(b"data: " + piece + b"\n\n")
        calls.feed(b'data: {"type":"response.output_item.done","item":' + piece + b"}\n\n")
