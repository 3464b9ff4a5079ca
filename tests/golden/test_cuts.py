"""However the bytes of a stream come in, it says the same; and one that is cut off is never taken for complete."""

from __future__ import annotations

from itertools import accumulate, islice
from random import Random

from golden.pieces import cut_within_each_frame, ends_at, frames_of
from golden.recordings import Recording
from golden.relay import Relayed

SHORT = 2_500
LONG = 20_000
SAMPLE = 100
"""Cuts that are tried of a stream that is not short."""
PASSES = 600


def heard(stream: Recording, pieces: list[bytes]) -> object:
    relayed = Relayed(stream.dialect, pieces)
    return relayed.owner.ended, relayed.owner.usage, relayed.events, relayed.sent.data


def boundaries(data: bytes) -> list[int]:
    inside = range(1, len(data))
    return list(inside) if len(data) <= SHORT else Random(len(data)).sample(inside, SAMPLE)


def test_a_stream_in_two_pieces_says_the_same(stream: Recording):
    data = stream.body
    whole = heard(stream, [data])
    for cut in boundaries(data):
        assert heard(stream, [data[:cut], data[cut:]]) == whole, cut


def test_a_stream_cut_within_every_event_says_the_same(stream: Recording):
    """Over all passes each byte boundary of a stream is a cut once, but in events of more bytes than passes."""
    frames = frames_of(stream)
    whole = heard(stream, [stream.body])
    cuts = cut_within_each_frame(frames)
    longest = max(map(len, frames))
    for pieces in islice(cuts, 0, None, 1 + longest * len(stream.body) // (PASSES * LONG)):
        assert heard(stream, pieces) == whole, len(pieces[0])


def test_a_stream_that_comes_in_byte_by_byte_says_the_same(stream: Recording):
    data, size = stream.body, 1 if len(stream.body) <= LONG else 7
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert heard(stream, pieces) == heard(stream, [data])


def test_a_stream_that_is_cut_off_is_not_complete(stream: Recording):
    """At the end of each event, at every byte of the last event and of the one before, and anywhere else."""
    data, end = stream.body, ends_at(stream)
    ends = [place for place in accumulate(map(len, frames_of(stream))) if place < end]
    last = range(ends[-2] if len(ends) > 1 else 0, end)
    everywhere = Random(end).sample(range(end), min(end, SAMPLE))
    sampled = [*Random(end).sample(ends, min(len(ends), SAMPLE)), *list(last)[:: 1 + len(last) // 500], *last[-3:]]
    for cut in {*everywhere, *sampled}:
        ended = Relayed(stream.dialect, [data[:cut]]).owner.ended
        assert ended is not None
        assert ended != "complete", cut


def test_a_stream_that_has_all_but_its_last_blank_line_is_complete(stream: Recording):
    assert Relayed(stream.dialect, [stream.body.rstrip()]).owner.ended == "complete"
