"""Speech: what a client asks for, how two providers are asked, and sound that comes back."""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

import msgspec
import pytest
from google.genai import types as google
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported
from headway.wire.malformed import Malformed
from headway.wire.media import elevenlabs, gemini
from headway.wire.media.asking import read_speech
from headway.wire.media.form import Sent, Shown, Speech
from headway.wire.media.wav import wav_of

TOWARD = Toward(model="eleven_v3")


def ask(**fields: Any) -> Speech | Malformed:
    body = msgspec.json.encode({"model": "m", "input": "Good day.", "voice": "v1", **fields})
    return read_speech(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))


def speech(**fields: Any) -> Speech:
    found = ask(**fields)
    assert isinstance(found, Speech), found
    return found


def to_elevenlabs(**fields: Any) -> tuple[Any, Sent]:
    sent = elevenlabs.write_speech(speech(**fields), TOWARD)
    assert isinstance(sent, Sent), sent
    return json.loads(sent.body), sent


def to_gemini(**fields: Any) -> tuple[Any, Sent]:
    sent = gemini.write_speech(speech(response_format="wav", **fields), TOWARD)
    assert isinstance(sent, Sent), sent
    return json.loads(sent.body), sent


def answer(data: bytes, kind: str = "audio/L16;codec=pcm;rate=24000") -> bytes:
    part = {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}
    usage = {"promptTokenCount": 4, "candidatesTokenCount": 9, "totalTokenCount": 13}
    return json.dumps({"candidates": [{"content": {"parts": [part]}}], "usageMetadata": usage}).encode()


# --- what is asked ---


def test_a_voice_may_be_an_object_with_an_id():
    assert speech(voice={"id": "voice_1"}).voice == "voice_1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input", ""),
        ("input", None),
        ("input", 7),
        ("voice", None),
        ("voice", {"name": "x"}),
        ("voice", [1]),
        ("response_format", "mp4"),
        ("speed", "fast"),
        ("instructions", {}),
        ("stream_format", 1),
    ],
)
def test_a_complaint_names_the_field(field: str, value: object):
    wrong = ask(**{field: value})
    assert isinstance(wrong, Malformed)
    assert wrong.param == field


@given(
    st.dictionaries(
        st.sampled_from(["input", "voice", "speed", "response_format", "x"]),
        st.from_type(type(None))
        | st.integers()
        | st.text(max_size=4)
        | st.lists(st.integers(), max_size=2)
        | st.dictionaries(st.just("id"), st.integers()),
    )
)
def test_whatever_is_asked_it_is_read(fields: dict[str, Any]):
    assert isinstance(ask(**fields), Speech | Malformed)


# --- ElevenLabs ---


@pytest.mark.parametrize(
    ("form", "theirs", "made", "kind"),
    [
        ("mp3", "mp3_44100_128", True, b"audio/mpeg"),
        ("opus", "opus_48000_128", True, b"audio/ogg"),
        ("pcm", "pcm_24000", True, b"audio/pcm"),
        ("wav", "wav_24000", False, b"audio/wav"),
    ],
)
def test_a_format_is_named_in_the_path(form: str, theirs: str, made: bool, kind: bytes):
    _, sent = to_elevenlabs(response_format=form)
    assert sent.fills == (("{voice}", "v1/stream" if made else "v1"), ("{format}", theirs))
    assert sent.answers == kind
    assert sent.usage == Usage(characters=9)


@pytest.mark.parametrize(
    ("speed", "said", "dropped"), [(1.1, 1.1, ()), (4.0, 1.2, ("speed",)), (0.25, 0.7, ("speed",))]
)
def test_speed_is_kept_within_what_there_is(speed: float, said: float, dropped: tuple[str, ...]):
    body, sent = to_elevenlabs(speed=speed)
    assert body["voice_settings"] == {"speed": said}
    assert sent.dropped == dropped


def test_usual_speed_is_not_mentioned():
    assert "voice_settings" not in to_elevenlabs(speed=1)[0]


def test_what_has_no_place_is_named():
    assert to_elevenlabs(instructions="softly", odd=1)[1].dropped == ("odd", "instructions")


@pytest.mark.parametrize(
    ("field", "value"),
    [("response_format", "aac"), ("voice", "Alloy"), ("voice", "."), ("stream_format", "sse")],
)
def test_what_elevenlabs_cannot_do_is_refused(field: str, value: str):
    refused = elevenlabs.write_speech(speech(**{field: value}), TOWARD)
    assert isinstance(refused, Unsupported)
    assert refused.feature == field


# --- Gemini ---


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_gemini_is_asked_as_its_client_asks():
    body, sent = to_gemini(voice="KORE", instructions="Say softly:")
    assert google.Content.model_validate(body["contents"][0]).parts == [google.Part(text="Say softly:\nGood day.")]
    config = google.GenerateContentConfig.model_validate(body["generationConfig"])
    assert config.response_modalities == ["AUDIO"]
    assert isinstance(config.speech_config, google.SpeechConfig)
    assert config.speech_config.model_dump(exclude_none=True) == {
        "voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}
    }
    assert sent.dropped == ()


def test_a_voice_of_openais_gives_way_to_the_usual_one():
    body, sent = to_gemini(voice="alloy", speed=2)
    assert body["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"] == {"voiceName": "Kore"}
    assert sent.dropped == ("voice", "speed")


@pytest.mark.parametrize("form", [None, "mp3", "opus", "aac", "flac"])
def test_a_gemini_compresses_nothing(form: str | None):
    refused = gemini.write_speech(speech(response_format=form), TOWARD)
    assert isinstance(refused, Unsupported)
    assert refused.feature == "response_format"


def test_plain_sound_becomes_a_file_that_can_be_played():
    shown = gemini.read_speech(answer(b"\x01\x02\x03\x04"), speech(response_format="wav"))
    assert isinstance(shown, Shown)
    assert shown.content_type == b"audio/wav"
    assert shown.usage == Usage(4, 9, characters=9)
    with wave.open(io.BytesIO(shown.body)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        assert file.readframes(9) == b"\x01\x02\x03\x04"


def test_plain_sound_passes_where_it_is_asked_for():
    shown = gemini.read_speech(answer(b"\x01\x02"), speech(response_format="pcm"))
    assert isinstance(shown, Shown)
    assert (shown.body, shown.content_type) == (b"\x01\x02", b"audio/pcm")


def test_plain_sound_of_another_rate_is_not_passed_for_the_usual_one():
    told = answer(b"\x01\x02", "audio/L16;rate=16000")
    assert isinstance(gemini.read_speech(told, speech(response_format="pcm")), NoReply)
    shown = gemini.read_speech(told, speech(response_format="wav"))
    assert isinstance(shown, Shown)
    with wave.open(io.BytesIO(shown.body)) as file:
        assert file.getframerate() == 16000


def test_a_wav_file_stays_one():
    shown = gemini.read_speech(answer(b"RIFF...", "audio/wav"), speech(response_format="wav"))
    assert isinstance(shown, Shown)
    assert shown.body == b"RIFF..."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b'{"candidates": []}',
        b'{"candidates": [{"content": {"parts": [{"text": "no"}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "audio/L16", "data": "*"}}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "audio/L16;rate=0", "data": "AAAA"}}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}}]}}]}',
        b'{"promptFeedback": {"blockReason": "SAFETY"}}',
        b'{"error": {"code": 500}}',
    ],
)
@pytest.mark.parametrize("form", ["wav", "pcm"])
def test_what_is_no_sound_is_no_answer(body: bytes, form: str):
    found = gemini.read_speech(body, speech(response_format=form))
    assert isinstance(found, NoReply) or (form, found.body) == ("pcm", b"")


def test_a_rate_that_is_none_makes_no_file():
    assert wav_of(b"", 0) is None
