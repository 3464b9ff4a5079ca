"""Sound and pictures of providers with an API of their own, and answers that only come whole."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.providers.catalogue import find
from headway.types import Quirks, Usage

Make = Callable[..., Any]

SPEECH = {"input": "Good day.", "voice": "JBFqnCBsd6RMkjVDRZzb"}
PREDICTION = {
    "id": "p1",
    "model": "meta/meta-llama-3-70b-instruct",
    "status": "succeeded",
    "output": ["Good", " day."],
    "error": None,
    "metrics": {"input_token_count": 5, "output_token_count": 3, "predict_time": 0.2},
    "created_at": "2026-01-02T03:04:05.000Z",
}
TRANSCRIPT = {
    "language_code": "eng",
    "language_probability": 0.9,
    "text": "Good day.",
    "words": [
        {"text": "Good", "start": 0.1, "end": 0.4, "type": "word", "logprob": -0.1},
        {"text": " ", "start": 0.4, "end": 0.5, "type": "spacing", "logprob": 0.0},
        {"text": "day.", "start": 0.5, "end": 1.0, "type": "word", "logprob": -0.3},
    ],
    "audio_duration_secs": 1.5,
}
FORM = {"content-type": "multipart/form-data; boundary=edge"}


def encoded(document: object) -> bytes:
    return msgspec.json.encode(document)


def form(sound: bytes = b"RIFF\r\n\x00sound", **texts: str) -> bytes:
    parts = [
        b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value.encode())
        for name, value in {"model": "default", **texts}.items()
    ]
    parts.append(
        b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n' + sound
    )
    return b"".join([b"--edge\r\n%b\r\n" % part for part in parts]) + b"--edge--\r\n"


def gemini(*parts: object) -> bytes:
    return encoded(
        {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9, "totalTokenCount": 13},
        }
    )


@pytest.fixture
def elevenlabs(make_world: Make) -> Any:
    return make_world([["a/eleven_v3"]], surfaces={"a": "elevenlabs"})


@pytest.fixture
def google(make_world: Make) -> Any:
    return make_world([["a/gemini-tts"]], dialects={"a": "gemini"})


@pytest.fixture
def replicate(make_world: Make) -> Any:
    return make_world([["a/meta/meta-llama-3-70b-instruct"], ["b"]], dialects={"a": "replicate"})


# --- whole only ---


def test_a_prediction_is_asked_for_with_the_longest_wait(replicate: Any):
    client = replicate.ask(messages=[{"role": "user", "content": "Hello!"}], max_tokens=20)
    peer = replicate.a.serving()
    assert peer.head.startswith(b"POST /v1/models/meta/meta-llama-3-70b-instruct/predictions HTTP/1.1\r\n")
    assert b"\r\nprefer: wait=60\r\n" in peer.head
    assert peer.sent == {"input": {"prompt": "Hello!", "max_tokens": 20}}
    peer.answer(201, encoded(PREDICTION))
    assert client.status == 200
    assert client.json["choices"][0]["message"]["content"] == "Good day."
    assert client.json["created"] == 1767323045
    assert replicate.event.usage == Usage(5, 3)


def test_a_stream_is_made_of_an_answer_that_only_comes_whole(replicate: Any):
    messages = [{"role": "user", "content": "Hello!"}]
    client = replicate.ask(messages=messages, stream=True, stream_options={"include_usage": True})
    replicate.wait(35.0)  # longer than a stream may take to begin
    replicate.a.serving().answer(201, encoded(PREDICTION))
    assert client.status == 200
    assert client.field("content-type") == "text/event-stream"
    assert client.text == "Good day."
    assert client.events[-1] == "[DONE]"
    assert client.events[-2]["usage"]["completion_tokens"] == 3
    assert replicate.event.usage == Usage(5, 3)
    assert replicate.event.outcome == "ok"


def test_the_same_in_another_dialect(replicate: Any):
    messages = [{"role": "user", "content": "Hello!"}]
    client = replicate.ask(endpoint="anthropic.messages", messages=messages, stream=True, max_tokens=9)
    replicate.a.serving().answer(201, encoded(PREDICTION))
    assert [event["type"] for event in client.events][-1] == "message_stop"
    assert b'"text":"Good' in client.body


@pytest.mark.parametrize("stream", [False, True])
def test_a_prediction_that_is_not_finished_is_left_for_another_target(replicate: Any, stream: bool):
    client = replicate.ask(messages=[{"role": "user", "content": "Hello!"}], stream=stream)
    replicate.a.serving().answer(201, encoded({**PREDICTION, "status": "processing", "output": None}))
    replicate.b.serving().answer(400, b'{"error": {"message": "no"}}')
    assert client.status == 400
    assert replicate.tried[0] == ("a", "server_error", "first")


def test_why_a_prediction_failed_is_told(make_world: Make):
    world = make_world([["a/o/m"]], dialects={"a": "replicate"})
    client = world.ask(messages=[{"role": "user", "content": "Hello!"}])
    world.a.serving().answer(201, encoded({**PREDICTION, "status": "processing", "output": None}))
    world.wait(5.0)
    world.a.serving().answer(201, encoded({**PREDICTION, "status": "processing", "output": None}))
    assert "not finished when the longest wait" in client.error["message"]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("o/m:abc", b"/v1/predictions"),
        ("deployments/o/m", b"/v1/deployments/o/m/predictions"),
        ("../..", b"/v1/models/-/-/predictions"),
        ("o/m?x", b"/v1/models/o/m%3Fx/predictions"),
        ("alone", b"/v1/models/alone/-/predictions"),
    ],
)
def test_versions_and_deployments_have_paths_of_their_own(make_world: Make, model: str, path: bytes):
    world = make_world([[f"a/{model}"]], dialects={"a": "replicate"})
    world.ask(messages=[{"role": "user", "content": "Hello!"}])
    peer = world.a.serving()
    assert peer.head.split(b" ")[1] == path
    assert peer.sent.get("version") == ("o/m:abc" if ":" in model else None)
    peer.answer(201, encoded(PREDICTION))


# --- speech ---


def test_speech_passes_as_sound_while_it_is_made(elevenlabs: Any):
    client = elevenlabs.ask(endpoint="audio.speech", **SPEECH, response_format="opus")
    peer = elevenlabs.a.serving()
    line = b"POST /v1/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream?output_format=opus_48000_128 HTTP/1.1\r\n"
    assert peer.head.startswith(line)
    assert peer.sent == {"text": "Good day.", "model_id": "eleven_v3"}
    peer.begin(200, b"sound", kind="application/octet-stream")
    assert client.body == b"sound"
    assert client.field("content-type") == "audio/ogg"
    peer.end(b" and more")
    assert client.body == b"sound and more"
    assert elevenlabs.event.usage == Usage(characters=9)


def test_a_voice_cannot_lead_astray(elevenlabs: Any):
    elevenlabs.ask(endpoint="audio.speech", input="x", voice="a/../b?{format}\r\nx: y")
    peer = elevenlabs.a.serving()
    path = peer.head.split(b"\r\n")[0].split(b" ")[1]
    assert path == (b"/v1/v1/text-to-speech/a%2F..%2Fb%3F%7Bformat%7D%0D%0Ax%3A%20y/stream?output_format=mp3_44100_128")
    peer.begin(200, b"sound", kind="audio/mpeg")
    peer.end()


@pytest.mark.parametrize("said", [{"voice": "alloy"}, {"voice": ".."}, {"response_format": "flac"}])
def test_what_cannot_be_spoken_is_refused_unasked(elevenlabs: Any, said: dict[str, str]):
    client = elevenlabs.ask(endpoint="audio.speech", **{**SPEECH, **said})
    assert client.status == 400
    assert elevenlabs.a.asked == 0
    assert client.error["param"] in said


def test_json_is_no_sound(elevenlabs: Any):
    client = elevenlabs.ask(endpoint="audio.speech", **SPEECH)
    elevenlabs.a.serving().answer(200, b'{"x": 1}')
    elevenlabs.wait(5.0)
    elevenlabs.a.serving().answer(200, b'{"x": 1}')
    assert client.status == 502
    assert "no sound" in client.error["message"]


def test_a_gemini_speaks_in_a_wav_file(google: Any):
    client = google.ask(endpoint="audio.speech", input="Good day.", voice="kore", response_format="wav")
    peer = google.a.serving()
    assert peer.head.startswith(b"POST /v1/models/gemini-tts:generateContent HTTP/1.1\r\n")
    data = base64.b64encode(b"\x01\x02" * 4).decode()
    peer.answer(200, gemini({"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": data}}))
    assert client.field("content-type") == "audio/wav"
    assert client.body.startswith(b"RIFF")
    assert client.body.endswith(b"\x01\x02" * 4)
    assert google.event.usage == Usage(4, 9, characters=9)


# --- transcription ---


def test_a_recording_is_sent_on_in_a_form_of_the_targets(elevenlabs: Any):
    body = form(language="en", response_format="verbose_json", prompt="Greetings")
    client = elevenlabs.ask(body, endpoint="audio.transcriptions", headers=FORM)
    peer = elevenlabs.a.serving()
    head, sent = peer.requests[-1]
    assert head.startswith(b"POST /v1/v1/speech-to-text HTTP/1.1\r\n")
    assert b"content-type: multipart/form-data; boundary=edge\r\n" in head
    assert b'name="model_id"\r\n\r\neleven_v3\r\n' in sent
    assert b'name="language_code"\r\n\r\nen\r\n' in sent
    assert b'filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n\x00sound\r\n--edge--' in sent
    assert b'name="model"' not in sent
    peer.answer(200, encoded(TRANSCRIPT))
    assert client.json["segments"][0]["text"] == "Good day."
    assert client.json["duration"] == 1.5
    assert client.field("x-headway-dropped") == "prompt"
    assert elevenlabs.event.usage == Usage(seconds=1.5)


@pytest.mark.parametrize(
    ("shape", "kind", "text"),
    [
        ("text", "text/plain; charset=utf-8", "Good day.\n"),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,100 --> 00:00:01,000\nGood day.\n\n"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:00.100 --> 00:00:01.000\nGood day.\n\n"),
    ],
)
def test_a_transcript_comes_in_the_form_that_was_asked_for(elevenlabs: Any, shape: str, kind: str, text: str):
    client = elevenlabs.ask(form(response_format=shape), endpoint="audio.transcriptions", headers=FORM)
    elevenlabs.a.serving().answer(200, encoded(TRANSCRIPT))
    assert client.field("content-type") == kind
    assert client.body.decode() == text


def test_a_gemini_writes_down_what_is_said(google: Any):
    client = google.ask(form(b"sound"), endpoint="audio.transcriptions", headers=FORM)
    peer = google.a.serving()
    assert peer.sent["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "audio/wav", "data": "c291bmQ="}}
    peer.answer(200, gemini({"text": "Good day.\n"}))
    assert client.json["text"] == "Good day."
    assert client.json["usage"]["total_tokens"] == 13


# --- pictures ---


def test_imagen_draws_several_pictures(make_world: Make):
    world = make_world([["a/imagen-4.0-generate-001"]], dialects={"a": "gemini"})
    asked = {"model": "default", "prompt": "a cat", "n": 2, "size": "1024x1024", "quality": "high"}
    client = world.ask(encoded(asked), endpoint="images.generations")
    peer = world.a.serving()
    assert peer.head.startswith(b"POST /v1/models/imagen-4.0-generate-001:predict HTTP/1.1\r\n")
    assert peer.sent == {
        "instances": [{"prompt": "a cat"}],
        "parameters": {"sampleCount": 2, "aspectRatio": "1:1"},
    }
    picture = {"mimeType": "image/png", "bytesBase64Encoded": "AAAA"}
    peer.answer(200, encoded({"predictions": [picture, picture]}))
    assert client.json["data"] == [{"b64_json": "AAAA"}, {"b64_json": "AAAA"}]
    assert client.field("x-headway-dropped") == "quality"


def test_vertex_has_the_same_models_under_paths_of_its_own(make_world: Make):
    world = make_world([["a/imagen-4.0-generate-001"]], dialects={"a": "gemini"}, surfaces={"a": "vertex"})
    world.ask(endpoint="images.generations", prompt="a cat")
    peer = world.a.serving()
    assert peer.head.startswith(b"POST /v1/publishers/google/models/imagen-4.0-generate-001:predict HTTP/1.1\r\n")
    peer.answer(200, encoded({"predictions": [{"bytesBase64Encoded": "AAAA"}]}))


def test_a_picture_passes_to_who_speaks_openais_words(make_world: Make):
    world = make_world([["a/gemini-tts"], ["b"]], dialects={"a": "gemini"})
    client = world.ask(endpoint="images.generations", prompt="a cat", n=3)
    assert world.a.asked == 0
    peer = world.b.serving()
    assert peer.head.startswith(b"POST /v1/images/generations HTTP/1.1\r\n")
    peer.answer(200, b'{"created": 1, "data": []}')
    assert client.body == b'{"created": 1, "data": []}'


def test_a_gemini_draws_one(google: Any):
    client = google.ask(endpoint="images.generations", prompt="a cat")
    google.a.serving().answer(200, gemini({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}))
    assert client.json["data"] == [{"b64_json": "AAAA"}]
    assert client.json["usage"]["output_tokens"] == 9


@pytest.mark.parametrize("said", [{"response_format": "url"}, {"stream": True}, {"n": 2}])
def test_what_cannot_be_drawn_is_refused_unasked(google: Any, said: dict[str, Any]):
    client = google.ask(endpoint="images.generations", prompt="a cat", **said)
    assert client.status == 400
    assert google.a.asked == 0


def test_withheld_pictures_are_no_answer(google: Any):
    client = google.ask(endpoint="images.generations", prompt="a cat")
    for _ in range(2):
        google.a.serving().answer(200, encoded({"promptFeedback": {"blockReason": "SAFETY"}}))
        google.wait(5.0)
    assert client.status == 502
    assert "withheld" in client.error["message"]


def test_chat_providers_have_no_voice_of_another_api(make_world: Make):
    world = make_world([["a"]], dialects={"a": "anthropic"})
    assert world.ask(endpoint="audio.speech", **SPEECH).status == 400


# --- Mistral ---


@pytest.fixture
def mistral(make_world: Make) -> Any:
    entry = find("mistral")
    assert entry is not None
    return make_world([["a"]], quirks={"a": entry.quirks, "b": Quirks()})


def test_what_a_provider_calls_otherwise_is_said_in_its_words(mistral: Any):
    history = [
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_0123456789", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_0123456789", "content": "x"},
    ]
    client = mistral.ask(messages=history, seed=3, user="u", stream=True, stream_options={"include_usage": True})
    sent = mistral.a.serving().sent
    client.leave()
    assert sent["random_seed"] == 3
    assert {"seed", "user", "stream_options"}.isdisjoint(sent)
    called, answered = sent["messages"]
    assert called["tool_calls"][0]["id"] == answered["tool_call_id"]
    assert len(answered["tool_call_id"]) == 9
    assert answered["tool_call_id"].isalnum()


def test_a_request_without_such_things_passes_untouched(mistral: Any):
    body = b'{"model": "default",  "messages": [{"role":"user", "content":"Hi"}], "top_p": 0.50}'
    client = mistral.ask(body)
    sent = mistral.a.serving().requests[-1][1]
    client.leave()
    assert b'[{"role":"user", "content":"Hi"}]' in sent
    assert b"0.50" in sent
