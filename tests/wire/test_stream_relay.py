"""A stream on its way through a relay: what is shown, what is read from it, and when it counts as finished."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.failures import Failure, FailureKind
from headway.pipeline.relay import MAX_HELD
from headway.types import Usage
from headway.wire.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from wire.conftest import FullParse, Recording, Relayed

    Relay = Callable[..., Relayed]
    Parse = Callable[..., FullParse]

CHAT = next(endpoint for endpoint in ENDPOINTS if endpoint.name == "chat")
RESPONSES = next(endpoint for endpoint in ENDPOINTS if endpoint.name == "responses")

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = CHUNK + FINISH + USAGE + DONE


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def cuts(data: bytes, near: int) -> list[int]:
    """Where to cut a stream in two: everywhere if it is short, else around `near`, at both ends and here and there."""
    if len(data) < 1500:
        return list(range(1, len(data)))
    rng = random.Random(len(data))
    wanted = {*range(len(data) - 60, len(data)), *range(near - 60, near + 60)}
    return sorted(at for at in wanted | {rng.randrange(len(data)) for _ in range(30)} if 0 < at < len(data))


def sizes(data: bytes) -> tuple[int, ...]:
    """Bytes that arrive at a time; single ones only where that is not the same thing for ever."""
    return (1, 61, 1000, len(data)) if len(data) < 12_000 else (97, len(data))


# --- recorded streams ---


def test_a_recorded_stream_is_shown_byte_for_byte_however_it_arrives(
    streams: list[Recording], relay: Relay, full_parse: Parse
):
    """Up to an error event of the provider's, if there is one."""
    for each in streams:
        shown = each.body[: full_parse(each.body, each.endpoint).told]
        for size in sizes(each.body):
            assert relay(each.endpoint, cut(each.body, size)).shown == shown, (each.id, size)


def test_hiding_the_usage_chunk_leaves_every_other_byte_wherever_the_stream_is_cut(
    streams: list[Recording], relay: Relay, full_parse: Parse
):
    tried = 0
    for each in streams:
        shown = full_parse(each.body, each.endpoint).without_usage_chunk
        if shown == each.body:
            continue
        tried += 1
        for at in cuts(each.body, each.body.rfind(b'"usage":{')):
            pieces = [each.body[:at], each.body[at:]]
            assert relay(each.endpoint, pieces, hide=True).shown == shown, (each.id, at)
        for size in sizes(each.body):
            assert relay(each.endpoint, cut(each.body, size), hide=True).shown == shown, each.id
    assert tried > 10


def test_hiding_shows_all_of_a_stream_without_a_usage_chunk(streams: list[Recording], relay: Relay, full_parse: Parse):
    plain = [each for each in streams if full_parse(each.body, each.endpoint).without_usage_chunk == each.body]
    assert len(plain) > 10
    for each in plain:
        shown = each.body[: full_parse(each.body, each.endpoint).told]
        for size in sizes(each.body):
            assert relay(each.endpoint, cut(each.body, size), hide=True).shown == shown, each.id


def test_usage_is_what_a_full_parse_finds_however_the_stream_arrives(
    streams: list[Recording], relay: Relay, full_parse: Parse
):
    found = 0
    for each in streams:
        parsed = full_parse(each.body, each.endpoint)
        found += parsed.usage is not None
        for size in sizes(each.body):
            for hide in (False, True):
                assert relay(each.endpoint, cut(each.body, size), hide=hide).usage == parsed.usage, (each.id, size)
    assert found > 40


def test_a_recorded_stream_counts_as_finished_exactly_if_it_is(
    streams: list[Recording], relay: Relay, full_parse: Parse
):
    outcomes: dict[str, int] = {}
    for each in streams:
        parsed = full_parse(each.body, each.endpoint)
        complete = parsed.end is not None and parsed.told is None
        for size in sizes(each.body):
            outcome = relay(each.endpoint, cut(each.body, size)).outcome
            how = outcome if complete else f"{outcome.partition(':')[0]}, {outcome.rpartition(', ')[2]}"
            assert how == ("relayed" if complete else "broke, as told"), (each.id, size, outcome)
            outcomes[how] = outcomes.get(how, 0) + 1
    assert set(outcomes) == {"relayed", "broke, as told"}


def test_a_recorded_stream_that_ends_before_its_terminal_never_counts_as_finished(
    streams: list[Recording], relay: Relay, full_parse: Parse
):
    for each in streams:
        end = full_parse(each.body, each.endpoint).end
        if end is None:
            continue
        whole = len(each.body[:end].rstrip(b"\n"))
        for at in (at for at in cuts(each.body, end) if at < whole):
            outcome = relay(each.endpoint, [each.body[:at]]).outcome
            assert outcome in ("broke: truncated", "failed: bad_reply"), (each.id, at, whole)


# --- endings ---


def test_a_stream_with_its_terminal_is_finished(relay: Relay):
    assert relay(CHAT, [WHOLE]).told == ["commit", "relayed"]


@pytest.mark.parametrize("pieces", [[CHUNK, FINISH], [CHUNK, FINISH, USAGE]], ids=["finish", "usage"])
def test_a_stream_whose_last_choice_has_finished_needs_no_done(relay: Relay, pieces: list[bytes]):
    assert relay(CHAT, pieces).outcome == "relayed"


def test_of_several_choices_one_that_has_finished_does_not_end_the_stream(relay: Relay):
    assert relay(CHAT, [CHUNK, FINISH], choices=2).outcome == "broke: truncated"
    assert relay(CHAT, [CHUNK, FINISH, DONE], choices=2).outcome == "relayed"


def test_a_stream_that_ends_with_an_error_has_told_it_already(relay: Relay):
    error = b'data: {"error":{"message":"overloaded"}}\n\n'
    assert relay(CHAT, [CHUNK, error]).outcome == "broke: overloaded, as told"


def test_a_stream_without_an_ending_broke_off(relay: Relay):
    assert relay(CHAT, [CHUNK, CHUNK]).told == ["commit", "broke: truncated"]


def test_a_provider_known_to_send_no_done_is_not_held_to_it(relay: Relay):
    """Then the finish reasons of all choices are enough; without any the answer is cut."""
    assert relay(CHAT, [CHUNK, FINISH], choices=2, expect_done=False).outcome == "broke: truncated"
    other = FINISH.replace(b'"index": 0', b'"index": 1').replace(b'"index":0', b'"index":1')
    assert other != FINISH
    assert relay(CHAT, [CHUNK, FINISH, CHUNK, other], choices=2, expect_done=False).outcome == "relayed"
    assert relay(CHAT, [CHUNK, CHUNK], choices=2, expect_done=False).outcome == "broke: truncated"


def test_a_model_that_says_done_has_not_thereby_finished(relay: Relay):
    said = CHUNK.replace(b"Hi", b"[DONE]")
    assert relay(CHAT, [CHUNK, said]).outcome == "broke: truncated"


def test_the_end_of_the_body_may_come_after_its_last_bytes(relay: Relay):
    assert relay(CHAT, [*cut(WHOLE, 20), b""]).outcome == "relayed"


def test_a_terminal_event_larger_than_what_is_held_back_still_ends_the_stream(relay: Relay):
    """The last event of a response repeats all of it, images included."""
    image = b"A" * (3 * MAX_HELD)
    last = (
        b'event: response.completed\ndata: {"type":"response.completed","response":{"output":["'
        + image
        + b'"],"usage":{"input_tokens":3,"output_tokens":5}}}\n\n'
    )
    first = b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n'
    result = relay(RESPONSES, [first, *cut(last, 64 * 1024)])
    assert result.shown == first + last
    assert result.outcome == "relayed"


def test_no_half_event_is_shown_of_an_answer_that_broke_off(relay: Relay):
    """The error that follows would otherwise be glued to it."""
    assert relay(CHAT, [CHUNK + CHUNK[:30]]).shown == CHUNK
    assert relay(CHAT, [CHUNK, CHUNK[:30], b""]).shown == CHUNK


def test_an_event_shown_in_pieces_is_closed_before_the_answer_breaks_off(relay: Relay):
    large = CHUNK.replace(b"Hi", b"x" * (2 * MAX_HELD))
    result = relay(CHAT, [CHUNK, large[:-10]], lost=Failure(kind=FailureKind.TRANSPORT, source="upstream", message=""))
    assert result.shown.endswith(b"\n\n")


def test_a_done_without_the_blank_line_after_it_is_passed_on(relay: Relay):
    result = relay(CHAT, [CHUNK, DONE.rstrip()])
    assert (result.outcome, result.shown) == ("relayed", CHUNK + DONE.rstrip())


def test_a_connection_lost_after_the_commit_breaks_the_answer(relay: Relay):
    lost = Failure(kind=FailureKind.TRANSPORT, source="upstream", message="reset")
    result = relay(CHAT, [CHUNK, USAGE], lost=lost)
    assert result.outcome == "broke: transport"
    assert result.usage == Usage(3, 5)


def test_a_connection_lost_before_the_first_event_lets_another_target_answer(relay: Relay):
    lost = Failure(kind=FailureKind.TRANSPORT, source="upstream", message="reset")
    assert relay(CHAT, [b": hold on\n\n", CHUNK[:-1]], lost=lost).told == ["failed: transport"]


# --- before the commit ---


@pytest.mark.parametrize(
    ("begins", "outcome"),
    [
        (b'data: {"error":{"message":"overloaded"}}\n\n', "failed: overloaded"),
        (b'event: error\ndata: {"message":"overloaded"}\n\n', "failed: unknown"),
        (b'data: {"type":"error","code":"server_error","message":"overloaded"}\n\n', "failed: overloaded"),
        (b"data: upstream connect error\n\n", "failed: bad_reply"),
        (DONE, "failed: bad_reply"),
        (b"", "failed: bad_reply"),
        (b": hold on\n\n", "failed: bad_reply"),
        (CHUNK[:-2], "failed: bad_reply"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_stream_that_begins_badly_is_shown_to_nobody(relay: Relay, begins: bytes, outcome: str, size: int):
    assert relay(CHAT, cut(begins, size) or [b""]).told == [outcome]


def test_comments_before_the_first_event_are_shown_with_it(relay: Relay):
    result = relay(CHAT, [b": hold on\n\n", b": hold on\n\n", WHOLE])
    assert result.told == ["commit", "relayed"]
    assert result.shown == b": hold on\n\n: hold on\n\n" + WHOLE


def test_only_whole_events_are_shown_while_the_stream_goes_on(relay: Relay):
    for size in (1, 5, 40, 100):
        assert all(piece.endswith(b"\n\n") for piece in relay(CHAT, cut(WHOLE, size)).pieces)


def test_an_event_too_large_to_hold_is_shown_in_pieces(relay: Relay):
    large = CHUNK.replace(b"Hi", b"x" * (2 * MAX_HELD))
    result = relay(CHAT, cut(CHUNK + large + DONE, 50_000))
    assert result.shown == CHUNK + large + DONE
    assert result.outcome == "relayed"


# --- usage ---


def test_a_hidden_usage_chunk_is_still_counted(relay: Relay):
    for size in (1, 50, 1000):
        result = relay(CHAT, cut(WHOLE, size), hide=True)
        assert (result.shown, result.usage) == (CHUNK + FINISH + DONE, Usage(3, 5))


def test_lines_that_end_with_crlf_are_lines_too(relay: Relay):
    crlf = WHOLE.replace(b"\n", b"\r\n")
    for size in (1, 3, 50, 1000):
        result = relay(CHAT, cut(crlf, size), hide=True)
        assert result.outcome == "relayed"
        assert result.shown == (CHUNK + FINISH + DONE).replace(b"\n", b"\r\n")
        assert result.usage == Usage(3, 5)


def test_a_chunk_without_choices_that_reports_no_usage_is_not_hidden(relay: Relay):
    first = b'data: {"choices":[],"prompt_filter_results":[]}\n\n'
    assert relay(CHAT, [first + WHOLE], hide=True).shown == first + CHUNK + FINISH + DONE


def test_usage_beside_a_text_about_data_is_found(relay: Relay):
    said = b'data: {"choices":[{"delta":{"content":"data: x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9}}\n\n'
    assert relay(CHAT, [CHUNK, said, DONE]).usage == Usage(9, 0)
