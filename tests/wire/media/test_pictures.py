"""Pictures: sizes as shapes, how Google's models are asked, and what a client is shown."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from google.genai import types as google
from hypothesis import given
from hypothesis import strategies as st
from openai.types import ImagesResponse

from headway.types import Usage
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Unsupported
from headway.wire.malformed import Malformed
from headway.wire.media import gemini, imagen
from headway.wire.media.asking import read_picture
from headway.wire.media.form import Made, Picture, Pictures, Sent
from headway.wire.media.showing import show_pictures


def ask(**fields: Any) -> Picture | Malformed:
    body = msgspec.json.encode({"model": "m", "prompt": "a cat", **fields})
    return read_picture(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))


def picture(**fields: Any) -> Picture:
    found = ask(**fields)
    assert isinstance(found, Picture), found
    return found


def to_imagen(**fields: Any) -> tuple[Any, tuple[str, ...]]:
    sent = imagen.write_picture(picture(**fields))
    assert isinstance(sent, Sent), sent
    return json.loads(sent.body)["parameters"], sent.dropped


def to_gemini(**fields: Any) -> tuple[Any, tuple[str, ...]]:
    sent = gemini.write_picture(picture(**fields))
    assert isinstance(sent, Sent), sent
    return json.loads(sent.body)["generationConfig"], sent.dropped


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt", ""), ("prompt", 7), ("n", 0), ("n", 11), ("n", "two"), ("size", "big"), ("size", "0x1"), ("stream", 1)],
)
def test_a_complaint_names_the_field(field: str, value: object):
    wrong = ask(**{field: value})
    assert isinstance(wrong, Malformed)
    assert wrong.param == field


@pytest.mark.parametrize(
    ("size", "told", "dropped"),
    [
        (None, {}, ()),
        ("auto", {}, ()),
        ("1024x1024", {"aspectRatio": "1:1"}, ()),
        ("2048x2048", {"aspectRatio": "1:1", "sampleImageSize": "2K"}, ()),
        ("1408x792", {"aspectRatio": "16:9"}, ()),
        ("512x512", {"aspectRatio": "1:1"}, ("size",)),
        ("4096x4096", {"aspectRatio": "1:1"}, ("size",)),
        ("1536x1024", {}, ("size",)),
        ("1792x1024", {}, ("size",)),
    ],
)
def test_a_size_is_said_as_a_shape_where_it_is_one(size: str | None, told: dict[str, str], dropped: tuple[str, ...]):
    assert to_imagen(size=size) == ({"sampleCount": 1, **told}, dropped)


def test_a_gemini_knows_more_shapes():
    modalities = {"responseModalities": ["TEXT", "IMAGE"]}
    assert to_gemini(size="1536x1024") == ({**modalities, "imageConfig": {"aspectRatio": "3:2"}}, ())
    four = {"aspectRatio": "1:1", "imageSize": "4K"}
    assert to_gemini(size="4096x4096") == ({**modalities, "imageConfig": four}, ())
    assert to_gemini() == (modalities, ())


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_gemini_is_asked_as_its_client_asks():
    config = google.GenerateContentConfig.model_validate(to_gemini(size="1024x1024")[0])
    assert config.image_config == google.ImageConfig(aspect_ratio="1:1")


def test_formats_are_told_where_there_are_such():
    told, dropped = to_imagen(output_format="jpeg", output_compression=80)
    assert told["outputOptions"] == {"mimeType": "image/jpeg", "compressionQuality": 80}
    assert dropped == ()
    assert to_imagen(output_format="webp", output_compression=80)[1] == ("output_format", "output_compression")
    assert to_gemini(output_format="png", output_compression=80)[1] == ("output_format", "output_compression")


def test_what_asks_for_nothing_special_is_not_missed():
    usual = {"quality": "auto", "background": "auto", "moderation": "auto", "style": "natural", "user": None}
    assert to_imagen(**usual)[1] == ()
    assert to_imagen(quality="high", user="u")[1] == ("quality", "user")


def test_more_pictures_than_are_made_at_a_time_are_refused():
    assert to_imagen(n=4)[0]["sampleCount"] == 4
    for refused in (imagen.write_picture(picture(n=5)), gemini.write_picture(picture(n=2))):
        assert isinstance(refused, Unsupported)
        assert refused.feature == "n"


def test_pictures_are_read_and_those_withheld_left_out():
    told = {
        "predictions": [
            {"bytesBase64Encoded": "AAAA", "mimeType": "image/png", "prompt": "a tabby cat"},
            {"raiFilteredReason": "x"},
        ]
    }
    assert imagen.read_pictures(json.dumps(told).encode()) == Pictures((Made("AAAA", "image/png", "a tabby cat"),))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"predictions": []}',
        b'{"predictions": [{"raiFilteredReason": "x"}]}',
        b'{"predictions": 7}',
        b'{"candidates": [{"content": {"parts": [{"text": "no"}]}, "finishReason": "STOP"}]}',
        b'{"candidates": [{"finishReason": "IMAGE_SAFETY"}]}',
        b"[" * 99999,
    ],
)
def test_what_holds_no_picture_is_no_answer(body: bytes):
    assert isinstance(imagen.read_pictures(body), NoReply)
    assert isinstance(gemini.read_pictures(body), NoReply)


def test_an_error_is_told_from_an_empty_answer():
    for read in (imagen.read_pictures, gemini.read_pictures):
        found = read(b'{"error": {"code": 500, "message": "x"}}')
        assert isinstance(found, NoReply)
        assert found.is_error


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_openais_client_reads_pictures_and_usage():
    found = Pictures((Made("AAAA", "image/png", "a tabby cat"), Made("BBBB")), Usage(4, 9, image_output_tokens=8))
    shown = show_pictures(found, 7)
    read = ImagesResponse.model_validate_json(shown.body)
    assert read.created == 7
    assert read.data is not None
    assert [each.b64_json for each in read.data] == ["AAAA", "BBBB"]
    assert read.data[0].revised_prompt == "a tabby cat"
    assert read.output_format == "png"
    assert read.usage is not None
    assert read.usage.output_tokens_details is not None
    assert (read.usage.total_tokens, read.usage.output_tokens_details.image_tokens) == (13, 8)
    assert shown.usage == found.usage


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "n", "size", "output_format", "output_compression", "response_format", "quality"]),
        st.none() | st.integers() | st.text(max_size=9) | st.from_regex(r"[0-9]{1,5}x[0-9]{1,5}", fullmatch=True),
    )
)
def test_whatever_is_asked_it_is_read_and_written(fields: dict[str, Any]):
    found = ask(**fields)
    if isinstance(found, Picture):
        assert isinstance(imagen.write_picture(found), Sent | Unsupported)
        assert isinstance(gemini.write_picture(found), Sent | Unsupported)
    else:
        assert found.param in fields
