"""What goes upstream of a JSON request: the client's own bytes, but for the model's name at the top level."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire.malformed import Malformed
from headway.wire.openai.peek import MAX_MODEL, JsonRequest, peek_json
from headway.wire.openai.request import asking_for_usage, prepare

if TYPE_CHECKING:
    from wire.conftest import Recording

TO = msgspec.Raw(b'"upstream-model"')
Member = tuple[bytes, bytes]
"""A key and a value, both as they are written."""


def peeked(body: bytes) -> JsonRequest:
    request = peek_json(body)
    assert isinstance(request, JsonRequest), request
    return request


def own_options(request: JsonRequest) -> msgspec.Raw | None:
    return request.fields.get("stream_options")


def sent(body: bytes) -> bytes:
    request = peeked(body)
    return prepare(request, TO, own_options(request))


# --- a reader that keeps what it reads ---


def members(text: bytes) -> list[Member]:
    """The members of an object as they are written: keys without quotes, values without the blanks around them.

    Scans instead of decoding, so that it is no second msgspec.
    """
    found: list[Member] = []
    at = blanks(text, text.index(b"{") + 1)
    while text[at : at + 1] == b'"':
        key_end = value_end(text, at)
        value = blanks(text, text.index(b":", key_end) + 1)
        end = value_end(text, value)
        found.append((text[at + 1 : key_end - 1], text[value:end]))
        at = blanks(text, end)
        at = blanks(text, at + 1) if text[at : at + 1] == b"," else at
    assert text[at : at + 1] == b"}"
    return found


def blanks(text: bytes, at: int) -> int:
    while text[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
        at += 1
    return at


def value_end(text: bytes, at: int) -> int:
    depth, quoted = 0, False
    while True:
        byte = text[at : at + 1]
        if quoted:
            at += byte == b"\\"
            quoted = byte != b'"'
        elif not depth and (byte in b",}] \t\r\n"):
            return at
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]":
            depth -= 1
        else:
            quoted = byte == b'"'
        at += 1
        if not depth and not quoted and byte in b'}]"':
            return at


def collapsed(wanted: list[Member]) -> dict[str, bytes]:
    """Top-level names in order, each with the last value given for it."""
    found: dict[str, bytes] = {}
    for key, value in wanted:
        found[json.loads(b'"%b"' % key)] = value
    return found


# --- arbitrary JSON, as odd as it may be written ---

space = st.text(" \t\r\n", max_size=3).map(str.encode)
whole_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def written_string(draw: st.DrawFn) -> bytes:
    """A string with each character written in one of the ways that JSON has for it."""
    out = b""
    for character in draw(whole_text):
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        escaped = json.dumps(character)[1:-1]
        hexed = "".join(f"\\u{unit:04X}" for unit in units(character))
        out += draw(st.sampled_from([plain, escaped, hexed])).encode()
    return b'"%b"' % out


def units(character: str) -> list[int]:
    code = character.encode("utf-16-be")
    return [int.from_bytes(code[at : at + 2], "big") for at in range(0, len(code), 2)]


written_number = st.one_of(
    st.integers().map(lambda number: str(number).encode()),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda number: repr(number).encode()),
    st.sampled_from([b"1e999999", b"-0", b"-0.0", b"1E+2", b"0.10", b"123456789012345678901234567890.000", b"1e-400"]),
)
scalar = st.one_of(st.sampled_from([b"null", b"true", b"false"]), written_number, written_string())


def listed(items: list[bytes], gap: bytes) -> bytes:
    return b"[" + gap + (gap + b"," + gap).join(items) + gap + b"]"


def mapped(items: list[Member], gap: bytes) -> bytes:
    """An object; a key may stand in it more than once."""
    return b"{" + gap + (gap + b"," + gap).join(key + gap + b":" + gap + value for key, value in items) + gap + b"}"


written = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.builds(listed, st.lists(inner, max_size=4), space),
        st.builds(mapped, st.lists(st.tuples(written_string(), inner), max_size=4), space),
    ),
    max_leaves=8,
)
names = st.one_of(
    st.sampled_from([b'"messages"', b'"tools"', b'"MODEL"', b'"caf\xc3\xa9"', b'"caf\\u00e9"', b'""']), written_string()
)
model_member = st.tuples(
    st.sampled_from([b'"model"', b'"\\u006dodel"']), st.sampled_from([b'"asked"', b'"a\\/b\\u0063"'])
)


def is_model(member: Member) -> bool:
    return json.loads(member[0]) == "model"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    items = [member for member in draw(st.lists(st.tuples(names, written), max_size=6)) if not is_model(member)]
    for member in draw(st.lists(model_member, min_size=1, max_size=3)):
        items.insert(draw(st.integers(0, len(items))), member)
    gap = draw(space)
    return draw(space) + mapped(items, gap) + draw(space)


@given(bodies())
def test_only_the_models_name_changes_and_duplicate_names_collapse_to_the_last(body: bytes):
    wanted = collapsed(members(body))
    assert isinstance(json.loads(wanted["model"]), str)
    wanted["model"] = b'"upstream-model"'
    assert list(collapsed(members(sent(body))).items()) == list(wanted.items())


@given(bodies())
def test_what_is_sent_means_what_was_received(body: bytes):
    assert json.loads(sent(body)) == json.loads(body) | {"model": "upstream-model"}


@given(bodies())
def test_the_model_that_is_routed_by_is_the_last_one_a_reader_would_find(body: bytes):
    assert peeked(body).model == json.loads(body)["model"]


@given(bodies())
def test_every_attempt_sends_the_same_bytes_but_for_the_model(body: bytes):
    request = peeked(body)
    options = own_options(request)
    first = prepare(request, TO, options)
    prepare(request, msgspec.Raw(b'"another"'), asking_for_usage(options))
    assert prepare(request, TO, options) == first


def test_every_recorded_request_is_sent_on_with_all_its_values(recordings: list[Recording]):
    tried = 0
    for each in recordings:
        if each.request is None or "model" not in each.request:
            continue
        tried += 1
        for text in (
            json.dumps(each.request, separators=(",", ":"), ensure_ascii=False),
            json.dumps(each.request, indent=2),
        ):
            body = text.encode()
            wanted = collapsed(members(body)) | {"model": b'"upstream-model"'}
            assert collapsed(members(sent(body))) == wanted, each.id
            assert list(wanted) == list(json.loads(sent(body))), each.id
    assert tried > 300


# --- what is asked ---


@pytest.mark.parametrize(
    ("body", "stream"),
    [
        (b'{"model":"m"}', False),
        (b'{"model":"m","stream":true}', True),
        (b'{"model":"m" , "stream" :\ttrue }', True),
        (b'{"model":"m","stream":false}', False),
        (b'{"model":"m","stream":null}', False),
        (b'{"model":"m","stream":"true"}', False),
        (b'{"model":"m","stream":1}', False),
        (b'{"model":"m","stream":true,"stream":false}', False),
        (b'{"model":"m","nested":{"stream":true}}', False),
    ],
)
def test_a_stream_is_asked_for_by_true_at_the_top_level_and_nothing_else(body: bytes, stream: bool):
    assert peeked(body).stream is stream


@pytest.mark.parametrize(
    ("body", "problem", "param"),
    [
        (b"", "not valid JSON", None),
        (b'{"model":"m"', "not valid JSON", None),
        (b'{"model":"m"} x', "not valid JSON", None),
        (b'{"model":"m",}', "not valid JSON", None),
        (b'\xef\xbb\xbf{"model":"m"}', "not valid JSON", None),
        (b'{"model":"m","x":NaN}', "not valid JSON", None),
        (b'{"model":"m","\xff":1}', "not valid JSON", None),
        (b'{"model":"m","x":"\\ud800"}', "not valid JSON", None),
        (b"[]", "must be a JSON object", None),
        (b'"model"', "must be a JSON object", None),
        (b"{}", "must provide a model", "model"),
        (b'{"messages":[{"model":"m"}]}', "must provide a model", "model"),
        (b'{"model":null}', "must be a string", "model"),
        (b'{"model":["m"]}', "must be a string", "model"),
        (b'{"model":"\xff"}', "must be a string", "model"),
        (b'{"model":""}', "must not be empty", "model"),
        (b'{"model":"a\\u0000b"}', "printable", "model"),
        (b'{"model":"a\\nb"}', "printable", "model"),
        (b'{"model":"%b"}' % (b"m" * (MAX_MODEL + 1)), "at most 256", "model"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_with_the_reason(body: bytes, problem: str, param: str | None):
    refused = peek_json(body)
    assert isinstance(refused, Malformed)
    assert problem in refused.message
    assert refused.param == param


def test_a_body_nested_without_end_is_refused_like_any_other_that_cannot_be_read():
    refused = peek_json(b'{"model":"m","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    assert isinstance(refused, Malformed)


def test_a_body_nested_as_deep_as_schemas_are_passes():
    nested = b"[" * 100 + b"]" * 100
    assert sent(b'{"model":"m","x":%b}' % nested) == b'{"model":"upstream-model","x":%b}' % nested


@given(st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_any_bytes_are_a_request_or_refused(body: bytes):
    assert isinstance(peek_json(body), JsonRequest | Malformed)


# --- stream_options ---

ASKED = b'{"include_usage":true}'
Ask = Callable[[bytes | None], bytes | None]


@pytest.fixture
def asked() -> Ask:
    """What is sent as `stream_options` where we ask for usage; None: what the client sent."""

    def ask(own: bytes | None) -> bytes | None:
        options = asking_for_usage(None if own is None else msgspec.Raw(own))
        return None if options is None else bytes(options)

    return ask


@pytest.mark.parametrize("own", [None, b"null", b"{}", b'{"include_usage":false}', b'{"include_usage":null}'])
def test_usage_is_asked_for_where_the_client_did_not(asked: Ask, own: bytes | None):
    assert asked(own) == ASKED


def test_what_else_the_client_asked_for_stays_as_it_is(asked: Ask):
    own = b'{"include_obfuscation": false, "x": [1.10 ], "include_usage": false}'
    assert asked(own) == b'{"include_obfuscation":false,"x":[1.10 ],"include_usage":true}'


@pytest.mark.parametrize("own", [ASKED, b'{ "include_usage" : true , "x":1}'])
def test_who_asks_for_usage_gets_it_as_asked(asked: Ask, own: bytes):
    assert asked(own) is None


@pytest.mark.parametrize("own", [b"true", b"[]", b'"x"', b"1", b'{"include_usage":"yes"}', b'{"include_usage":1}'])
def test_a_wrong_type_is_for_the_provider_to_refuse(asked: Ask, own: bytes):
    assert asked(own) is None


@pytest.mark.parametrize("own", [None, b"null", b"{}", b'{"include_usage":false}', b'{"include_usage": true}', b"[]"])
def test_a_provider_that_knows_no_stream_options_gets_what_the_client_sent(own: bytes | None):
    """After an attempt at one that does, too."""
    options = b"" if own is None else b',"stream_options":%b' % own
    body = b'{"model":"upstream-model"%b,"stream":true}' % options
    request = peeked(body)
    first = own_options(request)
    asking = prepare(request, TO, asking_for_usage(first) or first)
    assert prepare(request, TO, first) == body
    assert (asking == body) is (own in (b'{"include_usage": true}', b"[]"))


def test_asking_adds_nothing_but_the_option():
    request = peeked(b'{"model":"m","stream":true,"messages":[ ]}')
    body = prepare(request, TO, asking_for_usage(None))
    assert body == b'{"model":"upstream-model","stream":true,"messages":[ ],"stream_options":{"include_usage":true}}'
