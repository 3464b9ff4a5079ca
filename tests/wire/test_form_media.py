"""Data URLs, and what kind of thing they hold."""

import base64

import pytest

from headway.wire.form import media
from headway.wire.form.parts import Source


@pytest.mark.parametrize(
    ("url", "held"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("DATA:IMAGE/PNG;BASE64,AAAA", ("image/png", "AAAA")),
        ("data:text/plain;charset=utf-8;base64,AAAA", ("text/plain", "AAAA")),
        ("data:;base64,AAAA", (None, "AAAA")),
        ("data:image/png;base64,", ("image/png", "")),
    ],
)
def test_a_data_url_gives_up_what_it_holds(url: str, held: tuple[str | None, str]):
    assert media.data_in(url) == held
    assert media.source_of(url) == Source(media_type=held[0], data=held[1])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "data:text/plain,hello",
        "data:image/png;base64",
        "data:image/png ;base64,AAAA",
        "data:" + ";" * 100_000 + "base64,AAAA",
        "",
    ],
)
def test_any_other_url_stays_one(url: str):
    assert media.data_in(url) is None
    assert media.source_of(url) == Source(url=url)


def test_data_goes_into_a_url_with_its_type_or_the_usual_one():
    assert media.url_of(Source(media_type="image/gif", data="AAAA"), "image/png") == "data:image/gif;base64,AAAA"
    assert media.url_of(Source(data="AAAA"), "image/png") == "data:image/png;base64,AAAA"
    assert media.url_of(Source(url="https://example.com/a"), "image/png") == "https://example.com/a"
    assert media.url_of(Source(file_id="file-1"), "image/png") is None


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"anything", None),
    ],
)
def test_the_first_bytes_tell_what_it_is(beginning: bytes, kind: str | None):
    assert media.kind_in(base64.b64encode(beginning + b"more").decode()) == kind


@pytest.mark.parametrize(
    ("told", "usual"),
    [
        ("image/jpg", "image/jpeg"),
        ("Audio/X-WAV; codecs=1", "audio/wav"),
        ("audio/mp3", "audio/mpeg"),
        ("image/png", "image/png"),
        ("odd", "odd"),
    ],
)
def test_a_media_type_has_one_usual_name(told: str, usual: str):
    assert media.usual(told) == usual


def test_text_is_told_from_what_only_looks_like_a_file():
    assert all(map(media.is_text, ("text/plain", "text/csv", "application/json", media.usual("application/x-yaml"))))
    assert not any(map(media.is_text, ("application/pdf", "image/png", "")))
