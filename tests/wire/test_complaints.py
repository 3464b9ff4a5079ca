"""What a client is told of a field that cannot be read names the field and the kinds, and quotes nothing."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.wire.complaints import RefusedError, absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed


class Inner(msgspec.Struct):
    name: str


class Known(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None = None


class First(msgspec.Struct, tag="first"):
    text: str


class Second(msgspec.Struct, tag="second"):
    text: str


def told(kind: Any, sent: bytes, field: str = "field") -> Malformed:
    """The complaint about what was sent where this kind belongs."""
    with pytest.raises(UNREADABLE) as raised:
        msgspec.json.decode(sent, type=kind)
    return explain(raised.value, field)


@pytest.mark.parametrize(
    ("kind", "sent", "message"),
    [
        (str, b"5", "field must be a string, not a whole number"),
        (int, b"1.5", "field must be a whole number, not a number"),
        (float, b'"hot"', "field must be a number, not a string"),
        (bool, b"[]", "field must be true or false, not a list"),
        (list[str], b"{}", "field must be a list, not an object"),
        (Inner, b"true", "field must be an object, not true or false"),
        (dict[str, str], b"null", "field must be an object, not null"),
        (str | list[str], b"5", "field must be a string or a list, not a whole number"),
        (None, b"5", "field must be null, not a whole number"),
        (Annotated[list[int], msgspec.Meta(min_length=1)], b"[]", "field must be a list of length >= 1"),
        (tuple[int, int], b"[1]", "field must be a list of length 2"),
        (Annotated[int, msgspec.Meta(ge=0)], b"-1", "field must be a whole number >= 0"),
        (float, b"1e999", "field is out of range"),
        (Literal["auto", "none"], b'"secret"', "field has a value that is not known"),
        (Known, b'{"secret":1}', "field cannot be read"),
        (bytes, b'"secret?"', "field cannot be read"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_the_kind_that_belongs_there(kind: Any, sent: bytes, message: str):
    assert told(kind, sent) == Malformed(message, "field")


def test_that_a_field_may_also_be_null_is_not_told():
    assert told(int | None, b'"9"').message == "field must be a whole number, not a string"


@pytest.mark.parametrize(
    ("kind", "sent", "where", "rule"),
    [
        (list[Inner], b'[{"name":"a"},{"name":5}]', "field[1].name", "must be a string, not a whole number"),
        (list[Inner], b'[{"name":"a"},{}]', "field[1].name", "is missing"),
        (First | Second, b"{}", "field.type", "is missing"),
        (First | Second, b'{"type":3}', "field.type", "must be a string"),
        (First | Second, b'{"type":"secret"}', "field.type", "has a value that is not known"),
    ],
)
def test_the_place_within_the_field_is_named(kind: Any, sent: bytes, where: str, rule: str):
    assert told(kind, sent) == Malformed(f"{where} {rule}", where)


def test_keys_that_the_client_chose_are_not_named():
    assert told(dict[str, str], b'{"secret":1}') == Malformed(
        "a value in field must be a string, not a whole number", "field"
    )
    assert told(dict[str, Inner], b'{"secret":{}}') == Malformed("a value in field lacks name", "field")


def test_a_value_that_looks_like_a_place_is_not_taken_for_one():
    sent = msgspec.json.encode("x - at `$.secret`")
    assert told(Literal["auto"], sent) == Malformed("field has a value that is not known", "field")


@pytest.mark.parametrize("sent", [b"", b'"secret', b'"secret" 5', b'"\xff"'])
def test_what_is_no_json_is_told(sent: bytes):
    assert told(str, sent) == Malformed("field is not valid JSON", "field")


def test_nesting_without_end_is_told():
    assert told(msgspec.Raw, b"[" * 100_000 + b"]" * 100_000) == Malformed("field is nested too deeply", "field")


def test_a_field_that_must_be_there_is_told():
    assert absent("messages") == Malformed("messages is missing", "messages")


def test_a_reader_that_breaks_off_hands_over_what_is_wrong():
    with pytest.raises(RefusedError, match="messages is missing") as raised:
        raise RefusedError(absent("messages"))
    assert raised.value.malformed == Malformed("messages is missing", "messages")


SECRET = "5ecr3t"
ANY = st.recursive(
    st.sampled_from([None, True, 5, 1.5, SECRET, f"{SECRET}` - at `$.{SECRET}`", f"\n{SECRET}`"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "text", "type", SECRET, f"{SECRET}`"]), inner, max_size=2)
    ),
    max_leaves=5,
)
KINDS = st.sampled_from(
    (
        *(str, int, list[Inner], Known, First | Second, list[First | Second], dict[str, Known], dict[str, list[int]]),
        *(Literal["auto"], list[Literal["auto"]], tuple[int, Inner]),
    )
)


@settings(max_examples=300, deadline=None)
@given(KINDS, ANY)
def test_nothing_that_was_sent_is_ever_quoted(kind: Any, sent: Any):
    try:
        msgspec.json.decode(msgspec.json.encode(sent), type=kind)
    except UNREADABLE as error:
        complaint = explain(error, "field")
        assert SECRET not in complaint.message
        assert SECRET not in (complaint.param or "")
        assert complaint.message.removeprefix("a value in ").startswith("field")
