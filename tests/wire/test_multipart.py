"""Forms: one text field is replaced, every other byte stays, and what could be read in two ways is refused."""

from __future__ import annotations

import email.parser
import email.policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire import multipart
from headway.wire.malformed import Malformed
from headway.wire.openai.peek import MultipartRequest, peek_multipart

BOUNDARY = b"X-boundary-1"
TYPE = b"multipart/form-data; boundary=" + BOUNDARY
Part = tuple[bytes, bytes | None, bytes]
"""Name, filename or None, content."""


def text(name: str, value: str) -> Part:
    return name.encode(), None, value.encode()


def form(*parts: Part, boundary: bytes = BOUNDARY) -> bytes:
    out = b""
    for name, filename, content in parts:
        out += b'--%b\r\nContent-Disposition: form-data; name="%b"' % (boundary, name)
        if filename is not None:
            out += b'; filename="%b"\r\nContent-Type: audio/mpeg' % filename
        out += b"\r\n\r\n%b\r\n" % content
    return out + b"--%b--\r\n" % boundary


def raw(head: bytes, content: bytes = b"x", after: bytes = b"") -> bytes:
    """A form of one part with a head of one's own."""
    return b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n%b" % (BOUNDARY, head, content, BOUNDARY, after)


def parsed(body: bytes, content_type: bytes = TYPE) -> multipart.Form:
    found = multipart.parse(body, content_type)
    assert isinstance(found, multipart.Form), found
    return found


def as_read_by_email(body: bytes, content_type: bytes) -> list[tuple[str | None, bool, bytes]]:
    """The same form read by the standard library's parser, which knows nothing of ours: name, is a file, content."""
    head = b"content-type: %b\r\n\r\n" % content_type
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found: list[tuple[str | None, bool, bytes]] = []
    for part in message.iter_parts():
        disposition: Any = part["content-disposition"]
        name = None if disposition is None else disposition.params.get("name")
        content: Any = part.get_payload(decode=False)
        found.append((name, part.get_filename() is not None, content.encode("utf-8", "surrogateescape")))
    return found


# --- what is read and replaced ---


def test_the_value_of_a_text_field_is_replaced_and_nothing_else():
    audio = bytes(range(256)) * 3
    body = form((b"file", b"a.mp3", audio), text("model", "whisper-1"), text("language", "de"))
    found = parsed(body)
    assert found.values("model") == [b"whisper-1"]
    assert found.replaced("model", b"upstream") == body.replace(b"whisper-1", b"upstream")


def test_a_form_without_the_field_stays_as_it_is():
    body = form(text("language", "de"))
    assert parsed(body).values("model") == []
    assert parsed(body).replaced("model", b"upstream") == body


def test_a_file_of_that_name_is_no_text_field():
    found = parsed(form((b"model", b"m.txt", b"evil")))
    assert found.values("model") == []
    assert found.has_file("model")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"--",
        b"\r\n --X-boundary-1",
        b"x--X-boundary-1--",
        b"\n",
        b"a\r",
        b"--X-boundary",
        b"\0\xff",
    ],
)
def test_a_part_holds_any_bytes_that_are_no_boundary_line(content: bytes):
    body = form((b"file", b"f", content), text("model", "m"), (b"x", None, content))
    found = parsed(body)
    assert found.values("x") == [content]
    assert found.replaced("model", b"longer-name") == body.replace(b"\r\n\r\nm\r\n", b"\r\n\r\nlonger-name\r\n")


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data; boundary=b0",
        b'multipart/form-data; boundary="b0"',
        b"Multipart/Form-Data;boundary=b0",
        b'multipart/form-data; charset=utf-8; boundary="b0"',
        b"multipart/form-data; Boundary=b0; charset=utf-8",
        b'multipart/form-data; x="; boundary=no"; boundary=b0',
        b"multipart/form-data; boundary=b0;",
    ],
)
def test_the_boundary_is_found_as_the_type_names_it(content_type: bytes):
    assert parsed(form(text("model", "m"), boundary=b"b0"), content_type).values("model") == [b"m"]


def test_a_quoted_boundary_may_hold_what_a_bare_one_may_not():
    body = form(text("model", "m"), boundary=b"a b;c")
    assert parsed(body, b'multipart/form-data; boundary="a b;c"').values("model") == [b"m"]


@pytest.mark.parametrize(
    "head",
    [
        b'content-disposition:form-data;name="model"',
        b'CONTENT-DISPOSITION: FORM-DATA; NAME="model"',
        b"Content-Disposition: form-data; name=model",
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain; charset=utf-8',
    ],
)
def test_a_part_may_write_its_name_in_any_sound_way(head: bytes):
    assert parsed(raw(head, b"m")).values("model") == [b"m"]


def test_the_end_needs_no_line_break():
    assert parsed(form(text("model", "m")).rstrip()).values("model") == [b"m"]


# --- what is refused ---


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"application/json",
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/mixed; boundary=X-boundary-1",
        b"multipart/form-data; boundary=X-boundary-1; boundary=other",
        b"multipart/form-data; boundary=other; boundary=X-boundary-1",
        b'multipart/form-data; boundary="X;boundary=X-boundary-1',
        b"multipart/form-data; boundary=X-boundary-1 other",
        b"multipart/form-dataX; boundary=X-boundary-1",
        b'multipart/form-data; boundary="' + b"x" * 71 + b'"',
        b'multipart/form-data; boundary="X-boundary-1 "',
    ],
)
def test_a_type_without_exactly_one_boundary_is_refused(content_type: bytes):
    assert isinstance(multipart.parse(form(text("model", "m")), content_type), str)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain",
        b"Content-Disposition: form-data",
        b"Content-Disposition: attachment; name=model",
        b'Content-Disposition: form-data; name="a"; name="model"',
        b"Content-Disposition: form-data; name=\"a\"; name*=utf-8''model",
        b'Content-Disposition: form-data; name="mo\\del"',
        b'Content-Disposition: form-data; x="; name="model"; y="',
        b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="a";\r\n name="model"',
        b'Content-Disposition: form-data;\r\n\tname="model"',
        b'Content-Disposition : form-data; name="model"',
        b'Content-Disposition: form-data; name="a"\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="model"; filename="a\\"; x="b"',
        b"",
    ],
)
def test_a_part_whose_name_is_in_doubt_is_refused(head: bytes):
    assert isinstance(multipart.parse(raw(head), TYPE), str)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"preamble\r\n" + form(text("model", "m")),
        b"\r\n" + form(text("model", "m")),
        form(text("model", "m"))[:-4],
        form(text("model", "m"))[:-20],
        form(text("model", "m")).replace(b"\r\n", b"\n"),
        form(text("model", "m")).replace(b"--X-boundary-1\r\n", b"--X-boundary-1 \r\n"),
        form(text("model", "m")) + form(text("model", "evil")),
        form(text("model", "m")) + b"epilogue",
        form(text("model", "m"), boundary=b"X-boundary-12"),
        b'--X-boundary-1\r\nContent-Disposition: form-data; name="model"\r\n\r\n--X-boundary-1--\r\n',
        form(
            text("model", "m"), (b"x", None, b'\n--X-boundary-1\nContent-Disposition: form-data; name="model"\n\nevil')
        ),
        form(text("model", "m"), (b"x", None, b"\r--X-boundary-1\r")),
        form(text("model", "m"), (b"x", None, b"\r\n--X-boundary-1x")),
    ],
)
def test_a_body_that_another_parser_could_read_otherwise_is_refused(body: bytes):
    assert isinstance(multipart.parse(body, TYPE), str)


def test_as_many_parts_as_allowed_and_no_more():
    most = [text("x", str(number)) for number in range(multipart.MAX_PARTS)]
    assert len(parsed(form(*most)).values("x")) == multipart.MAX_PARTS
    refused = multipart.parse(form(*most, text("x", "more")), TYPE)
    assert isinstance(refused, str)
    assert "256 parts" in refused


def test_a_form_is_never_found_in_part_of_one():
    body = form((b"file", b"a.mp3", b"\0" * 50), text("model", "m"))
    whole = len(body.rstrip())
    for length in range(whole):
        assert isinstance(multipart.parse(body[:length], TYPE), str), length


# --- compared with another parser ---

content = st.one_of(
    st.binary(max_size=30),
    st.text("-X\r\nbo", max_size=20).map(str.encode),
    st.sampled_from([b"--X-boundary-1", b"\r\n--X-boundary-", b"\r\n\r\n", b"\r\n"]),
)
plain_name = st.text("abcmodel_[]. -", min_size=1, max_size=8).map(lambda name: name.strip().encode() or b"n")
some_parts = st.lists(st.tuples(plain_name, st.none() | st.just(b"f.bin"), content), max_size=5)


@given(some_parts)
def test_another_parser_finds_the_same_parts(parts: list[Part]):
    body = form(*parts)
    found = multipart.parse(body, TYPE)
    if isinstance(found, str):
        assert any(b"\n--X-boundary-1" in b"\n" + c or b"\r--X-boundary-1" in c for _, _, c in parts), found
        return
    for name in {name.decode() for name, _, _ in parts}:
        expected = [c for n, filename, c in parts if n.decode() == name and filename is None]
        assert found.values(name) == expected


pieces = st.sampled_from(
    [
        b"--X-boundary-1",
        b"--X-boundary-1--",
        b"--X-boundary",
        b"\r\n",
        b"\n",
        b"\r",
        b"Content-Disposition: form-data",
        b'; name="model"',
        b'; name="a"',
        b"; name=model",
        b'; filename="f"',
        b'"',
        b";",
        b" ",
        b"m",
        b": ",
    ]
)
sound = [b"--X-boundary-1", b"\r\n", b'Content-Disposition: form-data; name="model"', b"\r\n\r\n", b"m", b"\r\n"]
ending = [b"--X-boundary-1--", b"\r\n"]


@st.composite
def broken_forms(draw: st.DrawFn) -> bytes:
    """A sound form into which a few pieces of one have fallen, or from which some are gone."""
    made = sound * draw(st.integers(1, 2)) + ending
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(made)))
        made[at : at + draw(st.integers(0, 1))] = [draw(pieces)]
    return b"".join(made)


@given(broken_forms())
def test_no_other_parser_finds_a_model_that_we_did_not(body: bytes):
    found = multipart.parse(body, TYPE)
    if isinstance(found, str):
        return
    others = [part for part in as_read_by_email(body, TYPE) if part[0] == "model"]
    assert [value for _, is_file, value in others if not is_file] == found.values("model")
    assert any(is_file for _, is_file, _ in others) is found.has_file("model")


@given(broken_forms(), st.text("abc-", min_size=1).map(str.encode))
def test_a_replaced_form_is_read_like_the_first_with_the_new_value(body: bytes, value: bytes):
    found = multipart.parse(body, TYPE)
    if isinstance(found, multipart.Form) and found.values("model"):
        again = parsed(found.replaced("model", value))
        assert again.values("model") == [value, *found.values("model")[1:]]


@given(st.binary(max_size=80), st.binary(max_size=60))
def test_any_bytes_are_a_form_or_refused(body: bytes, content_type: bytes):
    for given_type in (content_type, TYPE, b"multipart/form-data;" + content_type):
        for given_body in (body, b"--X-boundary-1" + body):
            assert isinstance(multipart.parse(given_body, given_type), multipart.Form | str)


# --- the facts of a request ---


def test_a_form_tells_its_model_and_whether_it_wants_a_stream():
    request = peek_multipart(form((b"file", b"a", b"\0"), text("model", "whisper"), text("stream", "true")), TYPE)
    assert isinstance(request, MultipartRequest)
    assert (request.model, request.stream, request.content_type) == ("whisper", True, TYPE)


@pytest.mark.parametrize("value", ["false", "True", "1", ""])
def test_a_form_asks_for_a_stream_by_true_only(value: str):
    request = peek_multipart(form(text("model", "m"), text("stream", value)), TYPE)
    assert isinstance(request, MultipartRequest)
    assert request.stream is False


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([text("x", "y")], "must provide a model"),
        ([text("model", "a"), text("model", "b")], "more than one model"),
        ([text("model", "a"), (b"model", b"f", b"b")], "more than one model"),
        ([(b"model", b"f", b"b")], "must provide a model"),
        ([text("model", "")], "must not be empty"),
        ([(b"model", None, b"\xff")], "UTF-8"),
        ([text("model", "a\r\nb")], "printable"),
    ],
)
def test_a_form_whose_model_is_in_doubt_is_refused(parts: list[Part], problem: str):
    refused = peek_multipart(form(*parts), TYPE)
    assert isinstance(refused, Malformed)
    assert problem in refused.message


def test_what_is_wrong_with_a_form_is_told():
    refused = peek_multipart(b"x", TYPE)
    assert isinstance(refused, Malformed)
    assert "does not begin with its boundary" in refused.message
