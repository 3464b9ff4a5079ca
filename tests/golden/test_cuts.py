"""However the bytes of a stream come in, it says the same; and one that is cut off is never taken for complete."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, islice
from random import Random

from golden.pieces import cut_within_each_frame, ends_at, frames_of
from golden.recordings import Recording
from golden.relay import Relayed

SHORT = 1_500
LONG = 20_000
WORK = 400_000
"""Bytes that are read of one stream in one test, more or less: how many cuts are tried of a long one."""


def heard(stream: Recording, pieces: list[bytes]) -> object:
    relayed = Relayed(stream.dialect, pieces)
    return relayed.owner.ended, relayed.owner.usage, relayed.events, relayed.sent.data


def boundaries(data: bytes) -> list[int]:
    inside = range(1, len(data))
    return list(inside) if len(data) <= SHORT else sampled(inside, data)


def sampled(places: Sequence[int], data: bytes) -> list[int]:
    return Random(len(data)).sample(places, min(len(places), WORK // len(data)))


def test_a_stream_in_two_pieces_says_the_same(stream: Recording):
    data = stream.body
    whole = heard(stream, [data])
    for cut in boundaries(data):
        assert heard(stream, [data[:cut], data[cut:]]) == whole, cut


def test_a_stream_cut_within_every_event_says_the_same(stream: Recording):
    """Over all passes each byte boundary of a stream is a cut once, but in long streams of long events."""
    frames = frames_of(stream)
    whole = heard(stream, [stream.body])
    every = 1 + max(map(len, frames)) * len(stream.body) // (5 * WORK)
    for pieces in islice(cut_within_each_frame(frames), 0, None, every):
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
    tried = {*sampled(range(end), data), *sampled(ends, data), *sampled(last, data), *last[-3:]}
    for cut in tried:
        ended = Relayed(stream.dialect, [data[:cut]]).owner.ended
        assert ended is not None
        assert ended != "complete", cut


def test_a_stream_that_has_all_but_its_last_blank_line_is_complete(stream: Recording):
    assert Relayed(stream.dialect, [stream.body.rstrip()]).owner.ended == "complete"
