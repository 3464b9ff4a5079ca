"""YAML text to data: core types, places, and bounds on what a text can make the reader do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.config.problems import ConfigError, Finding, render_path
from headway.config.text import DEEPEST, LARGEST_TEXT, Mark, read


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, "x.yaml")
    return str(caught.value)


def value_of(text: str) -> object:
    return read(f"a: {text}", "x.yaml").data["a"]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-10-21", "2024-10-21"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("0123", 123),
        ("-5", -5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_text_has_the_types_of_yaml_1_2(written: str, value: object):
    found = value_of(written)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_text_is_an_empty_document(text: str):
    assert read(text, "x.yaml").data == {}


def test_names_are_text_whatever_they_look_like():
    assert read("5: a\nnull: b\ntrue: c", "x.yaml").data == {"5": "a", "null": "b", "true": "c"}


def test_every_setting_has_the_place_of_its_name_and_of_its_value():
    document = read("a:\n  - b: 1\n    c: [x, y]\n", "x.yaml")
    assert document.keys["a", 0, "c"] == Mark(3, 5)
    assert document.values["a", 0, "c", 1] == Mark(3, 12)


def test_a_finding_about_what_is_not_there_points_at_the_section_above():
    problem = read("a: {b: 1}\nc:\n  d: {}\n", "x.yaml").locate(Finding(path=("c", "d", "e"), message="is required"))
    assert problem.render("x.yaml") == "x.yaml:3:3: c.d.e: is required"


def test_aliases_and_merges_stand_for_what_they_name():
    document = read("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nlist: [*b]\n", "x.yaml")
    assert document.data["more"] == {"x": 1, "y": 3}
    assert document.data["list"] == [{"x": 1, "y": 2}]


def test_of_several_merged_mappings_the_first_wins():
    document = read("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n", "x.yaml")
    assert document.data["c"] == {"x": 1, "y": 2}


def test_a_document_of_a_billion_laughs_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "too large" in refused("\n".join(lines))


def test_a_billion_merges_are_refused():
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    assert "too large" in refused("\n".join(lines))


def test_a_long_chain_of_merges_is_refused():
    lines = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 3000))]
    assert "nested deeper" in refused("\n".join(lines))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused(opening: str):
    assert "nested deeper" in refused("a:\n " + opening * (DEEPEST + 2))


def test_a_large_text_is_refused():
    assert "larger than 4 MiB" in refused("#" * (LARGEST_TEXT + 1))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &a [*a]", "x.yaml:1:8: an alias must name"),
        ("a: *b", "x.yaml:1:4: an alias must name"),
        ("? [a]\n: b", "x.yaml:1:3: the name of a setting must be plain text"),
        ("a: {<<: 5}", "x.yaml:1:9: << takes a mapping"),
        ("a: 1\nb: \x01", "x.yaml:2:4: not YAML: it has control characters"),
        ("a: b: c", "x.yaml:1:5: not YAML: mapping values are not allowed"),
        ("a: !env X", "x.yaml:1:4: tags"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str, complaint: str):
    assert refused(text).startswith(complaint)


@given(st.text(alphabet="ab:-[]{},&*<>!|'\"# \n\t0~", max_size=60) | st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str):
    try:
        document = read(text, "x.yaml")
    except ConfigError:
        return
    assert all(document.at(path) is not None for path in document.keys if isinstance(document.at(path[:-1]), list))


def test_a_path_quotes_names_that_are_not_plain():
    assert render_path(("models", "gpt-4.1", "tiers", 0, 1)) == 'models."gpt-4.1".tiers[0][1]'
    assert render_path(("a", "b\x1b[2J")) == 'a."b\\u001b[2J"'
