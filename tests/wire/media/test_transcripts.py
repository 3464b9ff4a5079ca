"""Transcription: forms taken apart and put together, transcripts read and shown in every format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import Transcription, TranscriptionDiarized, TranscriptionWord

from headway.types import Usage
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported
from headway.wire.malformed import Malformed
from headway.wire.media import elevenlabs, gemini
from headway.wire.media.asking import read_recording
from headway.wire.media.form import Recording, Sent, Shown, Transcript, Word
from headway.wire.media.segments import segments_of, subtitles
from headway.wire.media.showing import show_transcript
from headway.wire.multipart import Form, parse

TYPE = b"multipart/form-data; boundary=edge"
SOUND = b"\x00\r\nsound"


def form(*texts: tuple[str, bytes], file: bytes = b'filename="a.wav"') -> Form:
    parts = [b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value) for name, value in texts]
    parts.append(b'Content-Disposition: form-data; name="file"; %b\r\n\r\n%b' % (file, SOUND))
    found = parse(b"".join([b"--edge\r\n%b\r\n" % part for part in parts]) + b"--edge--\r\n", TYPE)
    assert isinstance(found, Form), found
    return found


def recording(*texts: tuple[str, bytes], stream: bool = False, **more: Any) -> Recording:
    found = read_recording(form(*texts, **more), stream)
    assert isinstance(found, Recording), found
    return found


def to_elevenlabs(*texts: tuple[str, bytes]) -> tuple[Form, Sent]:
    """The form that is sent, read again."""
    sent = elevenlabs.write_recording(recording(*texts), form(*texts), TYPE, Toward(model="scribe_v2"))
    assert isinstance(sent, Sent), sent
    found = parse(sent.body, sent.content_type)
    assert isinstance(found, Form), found
    return found, sent


WORDS = (
    Word("Good", 0.0, 0.5, "speaker_0", -0.1, ""),
    Word("day.", 0.6, 1.0, "speaker_0", -0.3),
    Word("Yes?", 1.1, 1.5, "speaker_1"),
)
FOUND = Transcript(text="Good day. Yes?", words=WORDS, language="eng", seconds=2.0, usage=Usage(seconds=2.0))


def shown(*texts: tuple[str, bytes], found: Transcript = FOUND) -> Shown:
    answer = show_transcript(found, recording(*texts))
    assert isinstance(answer, Shown), answer
    return answer


# --- what is asked ---


def test_the_last_of_a_field_counts_and_lists_may_be_named_either_way():
    found = recording(
        ("language", b"de"),
        ("language", b"en"),
        ("timestamp_granularities[]", b"word"),
        ("keywords[]", b"Headway"),
        ("include[]", b"logprobs"),
        ("model", b"m"),
    )
    assert (found.language, found.keywords) == ("en", ("Headway",))
    assert (found.words, found.segments) == (True, False)
    assert found.others == ("include",)
    assert found.sound == SOUND


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b'filename="a.wav"', "audio/wav"),
        (b'filename="a.MP3"', "audio/mpeg"),
        (b'filename="a"', "audio/mpeg"),
        (b'filename="a.wav"\r\nContent-Type: audio/flac', "audio/flac"),
        (b'filename="a.ogg"\r\nContent-Type: application/octet-stream', "audio/ogg"),
    ],
)
def test_the_kind_of_sound_is_what_its_part_says_or_its_name_suggests(head: bytes, kind: str):
    assert recording(file=head).media_type == kind


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (("response_format", b"mp3"), "response_format"),
        (("temperature", b"hot"), "temperature"),
        (("temperature", b"nan"), "temperature"),
        (("temperature", b"2"), "temperature"),
        (("language", b"\xff"), "language"),
    ],
)
def test_a_complaint_names_the_field(text: tuple[str, bytes], field: str):
    wrong = read_recording(form(text), stream=False)
    assert isinstance(wrong, Malformed)
    assert wrong.param == field


def test_without_a_file_there_is_nothing_to_write_down():
    found = parse(b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--edge--\r\n', TYPE)
    assert isinstance(found, Form)
    wrong = read_recording(found, stream=False)
    assert isinstance(wrong, Malformed)
    assert wrong.param == "file"


# --- ElevenLabs ---


def test_a_form_is_written_anew_with_the_same_file():
    sent, written = to_elevenlabs(("model", b"m"), ("language", b"en"), ("temperature", b"0.2"), ("prompt", b"p"))
    assert sent.values("model_id") == [b"scribe_v2"]
    assert sent.values("language_code") == [b"en"]
    assert sent.values("temperature") == [b"0.2"]
    assert sent.values("tag_audio_events") == [b"false"]
    assert [value for _, value in sent.files("file")] == [SOUND]
    assert {b"model", b"prompt"}.isdisjoint(sent.names)
    assert written.dropped == ("prompt",)


def test_who_speaks_is_asked_where_it_is_wanted():
    assert to_elevenlabs(("response_format", b"diarized_json"))[0].values("diarize") == [b"true"]
    assert to_elevenlabs()[0].values("diarize") == []


def test_keywords_are_sent_on():
    assert to_elevenlabs(("keywords[]", b"a"), ("keywords[]", b"b"))[0].values("keyterms") == [b"a", b"b"]


def test_a_model_cannot_end_the_form():
    name = "x\r\n--edge--"
    refused = elevenlabs.write_recording(recording(), form(), TYPE, Toward(model=name))
    assert isinstance(refused, Unsupported)


def test_streams_are_refused():
    asked = recording(stream=True)
    assert isinstance(elevenlabs.write_recording(asked, form(), TYPE, Toward(model="m")), Unsupported)
    assert isinstance(gemini.write_recording(asked), Unsupported)


def test_words_are_read_with_the_space_before_them():
    heard = {
        "text": "Good day.",
        "language_code": "eng",
        "words": [
            {"text": "Good", "start": 0.0, "end": 0.5, "type": "word", "speaker_id": "s", "logprob": -0.1},
            {"text": " ", "start": 0.5, "end": 0.6, "type": "spacing"},
            {"text": "day.", "start": 0.6, "end": 1.0, "type": "word"},
        ],
    }
    found = elevenlabs.read_transcript(json.dumps(heard).encode())
    assert isinstance(found, Transcript)
    assert found.words == (Word("Good", 0.0, 0.5, "s", -0.1, ""), Word("day.", 0.6, 1.0))
    assert (found.seconds, found.usage) == (1.0, Usage(seconds=1.0))


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"text": 1}', b'{"text": "", "words": [7]}', b"\xff", b"[" * 99999]
)
def test_what_is_no_transcript_is_no_answer(body: bytes):
    assert isinstance(elevenlabs.read_transcript(body), NoReply)
    assert isinstance(gemini.read_transcript(body), NoReply)


# --- Gemini ---


def test_a_gemini_is_told_what_helps():
    sent = gemini.write_recording(recording(("language", b"en"), ("keywords[]", b"Headway"), ("prompt", b"A talk.")))
    assert isinstance(sent, Sent)
    asked = json.loads(sent.body)["contents"][0]["parts"][0]["text"]
    assert all(word in asked for word in ("en", "Headway", "A talk."))


@pytest.mark.parametrize("shape", [b"verbose_json", b"srt", b"vtt", b"diarized_json"])
def test_a_gemini_knows_no_times(shape: bytes):
    refused = gemini.write_recording(recording(("response_format", shape)))
    assert isinstance(refused, Unsupported)
    assert refused.feature == "response_format"


# --- how it is shown ---


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_openais_client_reads_the_text_and_how_long_it_was():
    read = Transcription.model_validate_json(shown().body)
    assert read.text == FOUND.text
    assert read.usage is not None
    assert read.usage.type == "duration"
    tokens = Transcript(text="x", usage=Usage(4, 9, audio_input_tokens=3))
    read = Transcription.model_validate_json(shown(found=tokens).body)
    assert read.usage is not None
    assert read.usage.type == "tokens"
    assert read.usage.total_tokens == 13


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_openais_client_reads_who_spoke():
    read = TranscriptionDiarized.model_validate_json(shown(("response_format", b"diarized_json")).body)
    assert [(each.speaker, each.text) for each in read.segments] == [("speaker_0", "Good day."), ("speaker_1", "Yes?")]


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_times_are_told_of_what_was_asked():
    verbose = ("response_format", b"verbose_json")
    told = json.loads(shown(verbose).body)
    assert "words" not in told
    assert [each["text"] for each in told["segments"]] == ["Good day.", "Yes?"]
    assert told["segments"][0]["avg_logprob"] == pytest.approx(-0.2)  # pyright: ignore[reportUnknownMemberType]
    assert "avg_logprob" not in told["segments"][1]
    assert (told["language"], told["duration"]) == ("eng", 2.0)
    told = json.loads(shown(verbose, ("timestamp_granularities[]", b"word")).body)
    assert "segments" not in told
    assert TranscriptionWord.model_validate(told["words"][1]) == TranscriptionWord(word="day.", start=0.6, end=1.0)


@pytest.mark.parametrize("shape", [b"verbose_json", b"srt", b"vtt", b"diarized_json"])
def test_times_that_were_not_told_are_not_made_up(shape: bytes):
    found = show_transcript(Transcript(text="x"), recording(("response_format", shape)))
    assert isinstance(found, NoReply)


def test_silence_has_no_subtitles():
    assert shown(("response_format", b"srt"), found=Transcript(text="")).body == b""


def test_subtitles_hold_no_marks_of_their_own():
    segments = segments_of((Word("a<b-->&", 3599.9996, 3600.5, space=""),))
    assert subtitles(segments, vtt=True).endswith("01:00:00.000 --> 01:00:00.500\na&lt;b--&gt;&amp;\n\n")
    assert subtitles(segments, vtt=False) == "1\n01:00:00,000 --> 01:00:00,500\na<b->&\n\n"


TIMES = st.floats(0, 1e308, allow_nan=False)


@given(st.lists(st.builds(Word, st.text(max_size=30), TIMES, TIMES, st.sampled_from([None, "a", "b"])), max_size=40))
def test_segments_hold_all_words_in_their_order(words: list[Word]):
    segments = segments_of(tuple(words))
    kept = "".join("".join(each.text.split()) for each in segments)
    assert kept == "".join("".join(word.text.split()) for word in words)
    assert all(each.start <= each.end for each in segments)
    assert subtitles(segments, vtt=False).count(" --> ") >= len(segments)


def test_a_pause_or_much_text_ends_a_segment():
    apart = segments_of((Word("a", 0, 1), Word("b", 2.5, 3)))
    assert [each.text for each in apart] == ["a", "b"]
    long = segments_of(tuple([Word("word", n / 10, n / 10) for n in range(40)]))
    assert max(len(each.text) for each in long) <= 84
