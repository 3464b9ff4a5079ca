"""Frames that differ from the last one in a text alone: known as such, and never mistaken for them."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Dialect
from headway.wire.dialects import CODECS
from headway.wire.form.codec import Show, StreamWriter
from headway.wire.form.likeness import Likeness
from headway.wire.form.parts import Citation
from headway.wire.form.reply import Began, CallDelta, Cited, Event, Finished, PartEnded, Stop, TextDelta
from headway.wire.form.request import Request

CHAT = 'data: {"id":"1","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}\n\n'
CLAUDE = (
    "event: content_block_delta\n"
    'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}\n\n'
)
COHERE = (
    'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":%s}}}}\n\n'
)
FRAMES: dict[Dialect, str] = {"openai_chat": CHAT, "anthropic": CLAUDE, "cohere": COHERE}
BEGINNINGS: dict[Dialect, bytes] = {
    "cohere": b'event: message-start\ndata: {"type":"message-start","id":"1","delta":{"message":{}}}\n\n'
    b'event: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text",'
    b'"text":""}}}}\n\n',
    "openai_chat": b'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
    "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"1","model":"m","usage":{}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n',
}
STEADY = sorted(name for name, codec in CODECS.items() if codec.steady)
WORDS = st.text(st.sampled_from([*'ab ,\n"\\/{}é漢😀\u007f\ud83d'])) | st.text()


def framed(dialect: Dialect, text: str, *, ascii_only: bool = False) -> bytes:
    return (FRAMES[dialect] % json.dumps(text, ensure_ascii=ascii_only)).encode(errors="surrogatepass")


def learned(frame: bytes, event: Event) -> Likeness:
    likeness = Likeness()
    assert likeness.learn([frame], [event])
    return likeness


def test_each_steady_dialect_is_tried_here():
    assert sorted(FRAMES) == STEADY


@pytest.mark.parametrize("dialect", STEADY)
@given(words=st.lists(WORDS, max_size=8), ascii_only=st.booleans())
def test_what_is_known_by_its_bytes_is_what_the_reader_reads(dialect: Dialect, words: list[str], ascii_only: bool):
    codec = CODECS[dialect]
    reader = codec.reader()
    for frame in codec.split(BEGINNINGS[dialect])[0]:
        reader.read(frame, [])
    likeness, known, found = Likeness(), False, ""
    for text in ["word", *words]:
        frame = framed(dialect, text, ascii_only=ascii_only)
        events: list[Event] = []
        reader.read(frame, events)
        string = likeness.text_in(frame) if known else None
        if string is None:
            known, found = likeness.learn([frame], events), ""
            continue
        assert events == [TextDelta(json.loads(string), likeness.event.part, likeness.event.choice)]
        found += json.loads(string)
        assert likeness.characters == len(found)


@pytest.mark.parametrize("dialect", STEADY)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\\\x7f", min_codepoint=32), min_size=1))
def test_usual_texts_are_known(dialect: Dialect, text: str):
    likeness = learned(framed(dialect, "word"), TextDelta("word"))
    assert json.loads(likeness.text_in(framed(dialect, text)) or b"null") == text


@pytest.mark.parametrize(
    "other",
    [
        b"",
        CHAT.encode(),
        (CHAT % '""').encode(),
        (CHAT % "null").encode(),
        (CHAT % "12").encode(),
        (CHAT % '"a" , "b"').encode(),
        (CHAT % '"a","refusal":"b"').encode(),
        (CHAT % '"a\x01"').encode(),
        (CHAT % '"a\n"').encode(),
        (CHAT % '"a\\x"').encode(),
        (CHAT % '"\\ud83d"').encode(),
        CHAT.encode() % b'"\xff"',
        CHAT.encode() % b'"\xed\xa0\xbd"',
        (CHAT % '"a"').encode() * 2,
        (CHAT % '"a"').encode()[:-1],
        (CHAT % '"a"').replace('"index":0', '"index":1').encode(),
        (CHAT % '"a"').replace("null}", '"stop"}').encode(),
    ],
)
def test_anything_else_is_left_to_the_reader(other: bytes):
    likeness = learned(framed("openai_chat", "word"), TextDelta("word"))
    assert likeness.text_in(framed("openai_chat", "words")) == b'"words"'
    assert likeness.text_in(other) is None


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        ([framed("openai_chat", "word")] * 2, [TextDelta("word")]),
        ([framed("openai_chat", "word")], [Began(), TextDelta("word")]),
        ([framed("openai_chat", "word")], [CallDelta("word", 0)]),
        ([framed("openai_chat", "")], [TextDelta("")]),
        ([framed("openai_chat", "content")], [TextDelta("content")]),
        ([framed("openai_chat", 'a "b"')], [TextDelta('a "b"')]),
        ([framed("openai_chat", "word")], [TextDelta("other")]),
    ],
    ids=["two frames", "two events", "a call", "no text", "twice there", "escaped", "not there"],
)
def test_what_is_not_clear_is_not_learned(frames: list[bytes], events: list[Event]):
    assert not Likeness().learn(frames, events)


def test_it_gives_up_where_frames_never_teach():
    likeness = Likeness()
    for _ in range(16):
        assert not likeness.learn([framed("openai_chat", "content")], [TextDelta("content")])
    assert not likeness.learn([framed("openai_chat", "word")], [TextDelta("word")])


def writer_of(dialect: Dialect) -> StreamWriter:
    asked = Request(dialect=dialect, model="m", messages=())
    return CODECS[dialect].writer(Show(request_id="r", created=1, model="m", request=asked))


@pytest.mark.parametrize("dialect", sorted(CODECS))
@given(words=st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_writer_goes_on_as_it_would_have_written(dialect: Dialect, words: list[str]):
    quick, slow = writer_of(dialect), writer_of(dialect)
    begun: list[Event] = [Began(id="1", model="m"), TextDelta("first")]
    assert quick.write(begun) == slow.write(begun)
    for word in words:
        event, like = TextDelta(word), TextDelta("first")
        around = quick.around(like)
        if around is None:
            told = quick.write([event])
        else:
            told = msgspec.json.encode(word).join(around)
            quick.passed(like, len(word))
        assert told == slow.write([event])
    cited: list[Event] = [Cited(Citation(url="https://a.b"), 0), PartEnded(0), Finished(Stop.END)]
    assert quick.write(cited) == slow.write(cited)
    assert quick.end() == slow.end()


@pytest.mark.parametrize("dialect", STEADY)
def test_a_writer_does_not_go_on_with_what_is_over(dialect: Dialect):
    writer = writer_of(dialect)
    like = TextDelta("first")
    assert writer.around(like) is None
    writer.write([Began(), like])
    assert writer.around(TextDelta("x", part=1)) is None
    assert writer.around(TextDelta("x", choice=1)) is None
    assert writer.around(like)
