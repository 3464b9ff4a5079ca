"""The second leg of a continued stream: its text goes on where the first broke off, in the first leg's envelope."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from headway.wire import sse
from headway.wire.openai.seam import LEAST, LEAST_SET_OFF, MOST, Seam
from headway.wire.openai.splice import Splice
from headway.wire.openai.told import Told, tokens_in

if TYPE_CHECKING:
    from wire.conftest import Recording

FIRST = {"id": "first", "object": "chat.completion.chunk", "created": 1, "model": "one", "system_fingerprint": "fp"}
SECOND = {"id": "second", "object": "chat.completion.chunk", "created": 2, "model": "two", "service_tier": "default"}
DONE = b"data: [DONE]\n\n"


def event(document: Any) -> bytes:
    return sse.encode(json.dumps(document).encode())


def chunk(envelope: dict[str, Any], delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    return event(envelope | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} | more)


def says(text: str, finish: str | None = None) -> bytes:
    """The second leg does."""
    return chunk(SECOND, {"content": text}, finish)


def reports(completion: int, prompt: int = 10) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event(SECOND | {"choices": [], "usage": counts})


OPENING = chunk(SECOND, {"role": "assistant", "content": ""})
FINISH = chunk(SECOND, {}, "stop")


def first_leg(*texts: str) -> bytes:
    opening = chunk(FIRST, {"role": "assistant", "content": ""})
    return opening + b"".join(chunk(FIRST, {"content": text}) for text in texts)


def told(text: str) -> Told:
    told = Told()
    told.feed(first_leg(text))
    return told


def documents(stream: bytes) -> list[Any]:
    payloads = [sse.data_of(event) for event in sse.split(stream)[0]]
    return [json.loads(payload) for payload in payloads if payload is not None and payload != b"[DONE]"]


def text_of(stream: bytes) -> str:
    choices = [choice for document in documents(stream) for choice in document["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def goes_on(text: str, *pieces: str) -> str:
    """What the client has in the end, if the second leg writes these pieces after `text`."""
    splice = Splice(told(text))
    shown = splice.feed(OPENING) + b"".join(splice.feed(says(piece)) for piece in pieces)
    shown += splice.feed(FINISH + DONE)
    assert splice.failed is None
    return text + text_of(shown)


# --- the text ---


@pytest.mark.parametrize(
    ("text", "pieces", "whole"),
    [
        ("The quick", (" brown", " fox"), "The quick brown fox"),
        ("The qui", ("ck brown",), "The quick brown"),
        ("The quick", (), "The quick"),
        ("The quick", ("",), "The quick"),
    ],
)
def test_a_continuation_is_told_as_it_is(text: str, pieces: tuple[str, ...], whole: str):
    assert goes_on(text, *pieces) == whole


@pytest.mark.parametrize(
    "pieces", [("over the lazy dog.",), ("ov", "er t", "he lazy dog", "."), tuple("over the lazy dog.")]
)
def test_the_end_of_the_told_text_is_not_told_again(pieces: tuple[str, ...]):
    assert goes_on("The fox jumps over the lazy", *pieces) == "The fox jumps over the lazy dog."


def test_a_whole_text_that_is_repeated_before_it_goes_on_is_not_told_again():
    long = "".join(f"Line {number} of many.\n" for number in range(100)) + "And"
    assert goes_on(long, long + " so on.") == long + " so on."
    assert goes_on(long, *long, " so", " on.") == long + " so on."
    assert goes_on("- **One** and ", "- **One** and", " two") == "- **One** and two"


def test_a_repetition_that_ends_the_answer_is_not_told_again():
    assert goes_on("Paris is the capital", "the capital") == "Paris is the capital"
    shown = Splice(told("Paris is the capital")).feed(says("the capital", "stop"))
    assert (text_of(shown), documents(shown)[0]["choices"][0]["finish_reason"]) == ("", "stop")


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("I said no", " no"),
        ("Tomorrow, and tomorrow", ", and tomorrow"),
        ("He is very", " very very old"),
        ("It was a long, long", ", long"),
        ("Row, row, row your boat, row your boat", ", row your boat"),
        ("Title of the page\n--------", "--------\n"),
        ("Title of the page\n" + "-" * 30, "-" * 30),
        ("n = 10101010", "10101010"),
        ("ha ha ha ha ha ha", " ha ha ha ha ha"),
        ("0000000000", "0000000000"),
        ("<td>a</td><td>b</td><td>b</td>", "<td>b</td>"),
        ("<tr>\n    <td>b</td>", "\n    <td>b</td>"),
        ("x = [None, 1, None, 1", ", None, 1]"),
        ("refrain of it\nverse\nrefrain of it", "refrain of it"),
        ("我说", "我说"),
        ("bon", "bon"),
    ],
)
def test_what_a_model_may_repeat_on_purpose_is_kept(text: str, piece: str):
    assert goes_on(text, piece, "...") == text + piece + "..."


@pytest.mark.parametrize(
    ("text", "piece", "whole"),
    [
        ("One, ", " two", "One, two"),
        ("One, ", "two", "One, two"),
        ("One,", " two", "One, two"),
        ("One.\n\n", "\n\nTwo.", "One.\n\nTwo."),
        ("One.\n\n", "\nTwo.", "One.\n\nTwo."),
        ("One.\n", "\n\nTwo.", "One.\n\nTwo."),
        ("if x:\n    ", "\n        y", "if x:\n        y"),
        ("One. ", "\nTwo.", "One. \nTwo."),
        ("Here are all of them:\n\n", "all of them:\n\n- one", "Here are all of them:\n\n- one"),
        ("Here are all of them:\n\n", "all of them: - one", "Here are all of them:\n\n - one"),
    ],
)
def test_white_space_at_the_seam_is_neither_lost_nor_doubled(text: str, piece: str, whole: str):
    assert goes_on(text, piece) == whole
    assert goes_on(text, *piece) == whole


def test_text_is_not_held_back_longer_than_it_may_be_a_repetition():
    splice = Splice(told("The fox jumps over the lazy"))
    assert text_of(splice.feed(OPENING + says("the"))) == ""
    assert text_of(splice.feed(says("re"))) == "there"
    assert text_of(splice.feed(says(" the"))) == " the"
    assert text_of(Splice(told("The fox jumps over the lazy")).feed(says("azy"))) == "azy"


def test_text_held_back_when_the_second_leg_breaks_too_is_told_in_the_end():
    splice = Splice(told("The fox jumps over the lazy"))
    assert splice.feed(OPENING + says("ju")) == b""
    (last,) = documents(splice.end())
    assert last["choices"][0]["delta"] == {"content": "ju"}
    assert last["id"] == "first"
    assert splice.end() == b""


@pytest.mark.parametrize(
    "ends", [DONE, reports(3), event({"error": {"message": "overloaded"}})], ids=["done", "usage", "error"]
)
def test_text_held_back_is_told_before_what_ends_the_stream(ends: bytes):
    splice = Splice(told("The fox jumps over the lazy"))
    shown = splice.feed(says("ju") + ends)
    assert text_of(sse.split(shown)[0][0]) == "ju"
    assert len(sse.split(shown)[0]) == 2


WORDS = ["the ", "fox", " fox", "\n", " ", "jumps over", "lazy", ", ", "--", "é", "犬が", "fox jumps"]
TEXTS = st.text("ab \n", max_size=40) | st.lists(st.sampled_from(WORDS), max_size=12).map("".join)


def is_repetition(sent: str, piece: str) -> bool:
    """The rule in other words, for a piece that `sent` ends with."""
    length = len(piece)
    places = [at for at in range(len(sent)) if sent.startswith(piece, at)]
    half = piece[: (length + 1) // 2]
    restful = not any(piece.startswith(half, at) for at in range(1, length))
    if piece == sent:
        return length >= LEAST and restful
    enough = LEAST if piece[:1].isalnum() else LEAST_SET_OFF
    return enough <= length <= MOST and places == [len(sent) - length] and restful


def cut(data: Any, text: str) -> list[str]:
    pieces: list[str] = []
    while text:
        size = data.draw(st.integers(1, 12), label="piece")
        pieces.append(text[:size])
        text = text[size:]
    return pieces


@given(TEXTS, TEXTS, st.data())
def test_both_legs_together_tell_the_whole_text_once(before: str, after: str, data: Any):
    """Whatever the second leg repeats of the first, as far as the rule calls it a repetition."""
    sent = before.rstrip()
    assume(sent)
    repeated = [size for size in range(1, len(sent) + 1) if is_repetition(sent, sent[-size:])]
    size = data.draw(st.sampled_from([0, *repeated]), label="repeated")
    second = sent[len(sent) - size :] + before[len(sent) :] + after
    if not size:
        ends = (end for end in range(1, len(second) + 1) if sent.endswith(second[:end]))
        assume(not any(is_repetition(sent, second[:end]) for end in ends))
    assert goes_on(before, *cut(data, second)) == before + after


@given(TEXTS, TEXTS, st.data())
def test_the_text_does_not_depend_on_how_it_arrives(before: str, second: str, data: Any):
    assume(before.strip())
    assert goes_on(before, *cut(data, second)) == goes_on(before, second)


@given(TEXTS, TEXTS)
def test_never_more_is_cut_off_than_the_told_text_ends_with(before: str, second: str):
    rest = Seam(before).rest(second, final=True)
    assert rest is not None
    assert second.endswith(rest)
    gone = second[: len(second) - len(rest)].strip()
    assert gone in before


# --- the envelope ---


def test_the_second_leg_goes_on_in_the_envelope_of_the_first():
    splice = Splice(told("One,"))
    shown = documents(splice.feed(OPENING + says(" two") + FINISH + reports(3) + DONE))
    assert len(shown) == 3
    for document in shown:
        assert {name: document[name] for name in FIRST} == FIRST
        assert document["service_tier"] == "default"


def test_what_the_first_leg_did_not_have_the_second_does_not_bring():
    first = Told()
    first.feed(event({"id": "first", "choices": [{"index": 0, "delta": {"content": "One,"}}]}))
    (document,) = documents(Splice(first).feed(says(" two")))
    assert set(document) == {"id", "choices", "service_tier"}


def test_the_opening_of_the_second_leg_is_not_told():
    splice = Splice(told("One,"))
    verdict = event({"id": "", "choices": [], "prompt_filter_results": []})
    assert splice.feed(verdict + OPENING + chunk(SECOND, {"role": "assistant"}) + says("")) == b""
    (document,) = documents(splice.feed(chunk(SECOND, {"role": "assistant", "content": " two"})))
    assert document["choices"][0]["delta"] == {"content": " two"}


def test_later_chunks_without_text_are_told():
    splice = Splice(told("One,"))
    splice.feed(says(" two"))
    assert len(documents(splice.feed(says("") + event({"choices": [], "moderation": {}})))) == 2


def test_comments_finish_and_done_are_told_as_they_are():
    splice = Splice(told("One,"))
    shown = splice.feed(b": wait\n\n" + OPENING + says(" two", "length") + DONE)
    assert shown.startswith(b": wait\n\n")
    assert shown.endswith(DONE)
    assert documents(shown)[0]["choices"][0]["finish_reason"] == "length"


def test_what_else_a_chunk_holds_stays_what_it_was():
    splice = Splice(told("One,"))
    sent = b'data: {"x":{ "y" : 1.0 },"choices":[{"index":0,"z":[ 1e400 ],"delta":{"content":" two"},"token":7}]}\n\n'
    shown = splice.feed(sent)
    assert b'"x":{ "y" : 1.0 }' in shown
    assert b'"z":[ 1e400 ]' in shown
    assert b'"token":7' in shown


def test_an_event_of_several_lines_becomes_one_line():
    splice = Splice(told("One,"))
    lines = [b"{", b' "x": [', b'  1], "choices": [', b'  {"index": 0, "delta":', b'   {"content": " two"}}]}']
    shown = splice.feed(b"".join(b"data: %b\r\n" % line for line in lines) + b"\r\n")
    assert text_of(shown) == " two"
    assert documents(shown)[0]["x"] == [1]


# --- usage ---


def test_usage_is_that_of_both_legs():
    splice = Splice(told("One, two"))  # two tokens, by estimate
    shown = documents(splice.feed(says(" three") + FINISH + reports(3, prompt=12) + DONE))
    assert shown[-1]["usage"] == {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}


def test_usage_is_that_of_both_legs_where_the_first_reported_its_own():
    first = Told()
    first.feed(chunk(FIRST, {"content": "One, two"}, usage={"prompt_tokens": 1, "completion_tokens": 40}))
    (document,) = documents(Splice(first).feed(reports(3)))
    assert document["usage"]["completion_tokens"] == 43


def test_usage_in_the_chunk_that_finishes_is_counted_too():
    splice = Splice(told("One, two"))
    (document,) = documents(splice.feed(chunk(SECOND, {}, "stop", usage={"completion_tokens": 3, "cost": 0.10})))
    assert document["usage"] == {"completion_tokens": 5, "cost": 0.10}


def test_usage_before_the_first_text_is_counted_too():
    opening = chunk(SECOND, {"role": "assistant", "content": ""}, usage={"completion_tokens": 0})
    (document,) = documents(Splice(told("One, two")).feed(opening))
    assert document["usage"] == {"completion_tokens": 2}
    assert document["choices"][0]["delta"] == {"content": ""}


@pytest.mark.parametrize("usage", [None, {}, [], *({"completion_tokens": count} for count in (None, "3", 0.5, 10**30))])
def test_usage_that_counts_nothing_is_left_alone(usage: Any):
    splice = Splice(told("One,"))
    (document,) = documents(splice.feed(chunk(SECOND, {"content": " two"}, usage=usage)))
    assert document["usage"] == usage


# --- what cannot go on ---


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (chunk(SECOND, {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}), "called a tool"),
        (chunk(SECOND, {"function_call": {"name": "f"}}), "called a tool"),
        (chunk(SECOND, {"reasoning_content": "Hm"}), "began to reason"),
        (chunk(SECOND, {"reasoning_details": [{}]}), "began to reason"),
        (chunk(SECOND, {"refusal": "No."}), "refused to go on"),
        (chunk(SECOND, {"annotations": [{}]}), "sent more than text"),
        (event({"choices": [{"index": 1, "delta": {}}]}), "sent more than one choice"),
        (event({"choices": [{"index": 0}, {"index": 1}]}), "sent more than one choice"),
        (chunk(SECOND, {"content": [{"type": "thinking"}]}), "sent an event that cannot be read"),
        (b"data: <html>\n\n", "sent an event that cannot be read"),
        (b"data: 1\n\n", "sent an event that cannot be read"),
    ],
)
def test_a_second_leg_that_does_more_than_write_text_is_not_told_from_there(bad: bytes, reason: str):
    for text, known in ((" two", " two"), ("ju", "ju"), ("", "")):
        splice = Splice(told("The fox jumps"))
        shown = splice.feed(OPENING + says(text) + bad + says("more") + DONE)
        assert splice.failed == reason
        assert text_of(shown) == known
        assert splice.feed(says("more") + DONE) == splice.end() == b""


def test_an_error_of_the_second_leg_is_told_as_it_is():
    splice = Splice(told("One,"))
    for error in (event({"error": {"message": "overloaded"}}), b'event: error\ndata: {"message":"overloaded"}\n\n'):
        assert splice.feed(error) == error
    assert splice.failed is None


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["choices", "usage", "error", "id"]), ANY_JSON),
    st.dictionaries(st.sampled_from(["index", "delta", "finish_reason"]), ANY_JSON),
    st.dictionaries(st.sampled_from(["content", "role", "tool_calls"]), ANY_JSON),
    st.binary(max_size=40),
)
def test_no_second_leg_is_too_strange_to_be_read(
    of_chunk: dict[str, Any], of_choice: dict[str, Any], delta: dict[str, Any], noise: bytes
):
    splice = Splice(told("The fox jumps "))
    strange = event({"choices": [{"index": 0, "delta": delta} | of_choice]} | of_chunk)
    shown = splice.feed(strange) + splice.feed(b"data: %b\n\n" % noise + strange) + splice.end()
    assert sse.split(shown)[1] == b""


# --- as the official SDK reads it ---


def read_by_sdk(stream: bytes) -> ChatCompletionStreamState[Any]:
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for document in documents(stream):
        parsed = ChatCompletionChunk.model_validate(document)
        assert {name: document[name] for name in FIRST} == FIRST
        state.handle_chunk(parsed)
    return state


@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS, st.booleans())
def test_the_sdk_reads_both_legs_as_one_answer(texts: list[str], after: str, role_everywhere: bool):
    before = "".join(texts)
    assume(before.strip())
    stream = first_leg(*texts)
    first = Told()
    first.feed(stream)
    role = {"role": "assistant"} if role_everywhere else {}
    splice = Splice(first)
    stream += splice.feed(OPENING + b"".join(chunk(SECOND, {"content": each} | role) for each in after) + FINISH)
    stream += splice.feed(reports(7) + DONE)
    completion = read_by_sdk(stream).get_final_completion()
    (choice,) = completion.choices
    assert choice.message.content == text_of(stream)
    assert (choice.message.role, choice.finish_reason, choice.message.tool_calls) == ("assistant", "stop", None)
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 7 + tokens_in(before)


# --- recorded streams ---


def is_plain(recording: Recording) -> bool:
    """Does it tell nothing but text?"""
    if recording.endpoint.name != "chat":
        return False
    deltas = [choice.get("delta", {}) for each in documents(recording.body) for choice in each.get("choices", ())]
    said = {name for delta in deltas for name, value in delta.items() if value} - {"role"}
    return said == {"content"} and all(isinstance(delta.get("content") or "", str) for delta in deltas)


def as_another(events: list[bytes]) -> bytes:
    """These events in another stream's envelope."""
    changed = b""
    for each in events:
        payload = sse.data_of(each)
        if payload is None or payload == b"[DONE]":
            changed += each
        else:
            changed += event(json.loads(payload) | {"id": "another", "model": "another", "created": 9})
    return changed


def opening_of(stream: bytes) -> dict[str, Any]:
    return next(each for each in documents(stream) if each.get("choices"))


def test_recorded_streams_cut_in_two_are_spliced_to_what_they_were(streams: list[Recording]):
    providers: dict[str, int] = {}
    for recording in filter(is_plain, streams):
        whole, events = text_of(recording.body), sse.split(recording.body)[0]
        opening = opening_of(recording.body)
        opening["choices"][0]["delta"]["content"] = ""
        for at in range(1, len(events)):
            first = Told()
            first.feed(b"".join(events[:at]))
            if not first.continuable:
                continue
            providers[recording.provider] = providers.get(recording.provider, 0) + 1
            echo = chunk(opening, {"content": first.text.rstrip()}) if len(first.text.rstrip()) >= LEAST else b""
            for begins in (b"", event(opening), event(opening) + echo):
                splice = Splice(first)
                shown = splice.feed(begins + as_another(events[at:])) + splice.end()
                assert splice.failed is None
                assert first.text + text_of(shown) == whole, (recording.id, at)
                assert {each["id"] for each in documents(shown)} <= {opening["id"]}, (recording.id, at)
                assert shown.endswith(events[-1])
    assert set(providers) >= {"crusoe", "openai", "openrouter", "snowflake"}
    assert sum(providers.values()) > 80


def test_recorded_streams_that_tell_more_than_text_are_never_continuable_to_the_end(streams: list[Recording]):
    tried = 0
    for recording in streams:
        if recording.endpoint.name == "chat" and not is_plain(recording):
            tried += 1
            first = Told()
            for each in sse.split(recording.body)[0]:
                first.feed(each)
            assert not first.continuable, recording.id
    assert tried > 10
