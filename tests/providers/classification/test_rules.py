"""How tables are read and searched; what may not be written in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.failures import FailureKind
from headway.providers.classification.kinds import OURS
from headway.providers.classification.rules import PHASES, Phrase, parse, rules

OURS_IN_ORDER = [kind for kind in FailureKind if kind in OURS]


def table(*rows: str, name: str = "default") -> str:
    written = "\n".join(f"      - {{{row}}}" for row in rows)
    default = "" if name == "default" else "\n  default: {rules: []}"
    return f"version: 1\ntables:\n  {name}:\n    rules:\n{written}{default}\n"


@pytest.mark.parametrize(
    ("phrase", "text", "occurs"),
    [
        ("rate limit", "a rate limit here", True),
        ("rate limit", "rate of limits", False),
        ("^api key", "api key not valid", True),
        ("^api key", "your api key", False),
        ("model id$", "x is no model id", True),
        ("model id$", "model id x", False),
        ("model … not found", "the model `x` was not found here", True),
        ("model … not found", "not found: model", False),
        ("^model … gone$", "model x is gone", True),
        ("^model … gone$", "the model x is gone", False),
        ("^model … gone$", "model x is gone now", False),
        ("^ab…ba$", "aba", False),
        ("a … b … c", "a c b", False),
        ("a … b … c", "xaxbxcx", True),
    ],
)
def test_a_phrase_occurs(phrase: str, text: str, occurs: bool) -> None:
    assert Phrase(phrase).occurs(text) is occurs


@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=3), st.text("ab", min_size=1, max_size=3))
def test_a_phrase_means_what_the_regular_expression_would(text: str, first: str, last: str) -> None:
    for before in ("", "^"):
        for after in ("", "$"):
            phrase = f"{before}{first} … {last}{after}"
            pattern = before + first + ".*" + last + (r"\Z" if after else "")
            assert Phrase(phrase).occurs(text) is (re.search(pattern, text) is not None)


def test_phases_are_asked_in_order_whatever_the_order_of_rows() -> None:
    found = parse(
        table(
            "id: s, kind: invalid_request, status: [400]",
            "id: g, kind: server_error, type: [t], general: true",
            "id: x, kind: context_too_long, text: [long]",
            "id: t, kind: overloaded, type: [t]",
            "id: c, kind: ramp_limited, code: [c]",
        )
    ).tables["default"]
    assert [rule.phase for rule in found] == list(PHASES)


def test_inside_a_phase_a_providers_own_rows_come_before_those_it_is_like_and_everybodys() -> None:
    text = """
version: 1
tables:
  default: {rules: [{id: a, kind: server_error, code: [x]}]}
  family: {rules: [{id: b, kind: timeout, code: [x]}]}
  own: {like: [family], rules: [{id: c, kind: overloaded, code: [x]}]}
"""
    tables = parse(text).tables
    assert [rule.id for rule in tables["own"]] == ["own.c", "family.b", "default.a"]
    assert [rule.id for rule in tables["family"]] == ["family.b", "default.a"]


def test_a_provider_without_a_table_has_everybodys() -> None:
    assert rules().find("nobody", 429, [], [], "") == (FailureKind.RATE_LIMITED, "default.429")


def test_all_that_a_rule_names_has_to_fit() -> None:
    found = parse(table("id: r, kind: overloaded, code: [c], type: [t], text: [x], status: [503, none]"))
    assert found.find("p", 503, ["c"], ["t"], "x") == (FailureKind.OVERLOADED, "default.r")
    assert found.find("p", 0, ["c"], ["t"], "x") == (FailureKind.OVERLOADED, "default.r")
    for status, codes, types, text in [
        (500, ["c"], ["t"], "x"),
        (503, [], ["t"], "x"),
        (503, ["c"], ["u"], "x"),
        (503, ["c"], ["t"], ""),
    ]:
        assert found.find("p", status, codes, types, text) == (FailureKind.UNKNOWN, "unknown")


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("id: r, kind: nonsense, code: [x]", "nonsense"),
        ("id: r, kind: overloaded, cod: [x]", "cod"),
        ("id: r, kind: overloaded, status: ['6xx']", "6xx"),
        ("id: r, kind: overloaded", "names nothing"),
        ("id: r, kind: overloaded, code: [X]", "lower case"),
        ("id: r, kind: overloaded, text: ['^']", "empty"),
        ("id: r, kind: overloaded, general: true, status: [500]", "general"),
        ("id: r, kind: unknown, status: [500]", "may give unknown"),
        ("id: r, kind: billing_exhausted, text: [credit balance]", "a client could write"),
        ("id: r, kind: auth_invalid, text: [bad key], status: [400]", "a client could write"),
        ("id: r, kind: permission, text: [never], status: ['4xx']", "a client could write"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(table(written))


def test_two_rows_of_one_id_are_refused() -> None:
    row = "id: r, kind: overloaded, code: [x]"
    with pytest.raises(ValueError, match="two of that id"):
        parse(table(row, row))


def test_only_one_step_of_likeness_is_allowed() -> None:
    with pytest.raises(ValueError, match="like 'nobody'"):
        parse("version: 1\ntables:\n  default: {rules: []}\n  a: {like: [nobody], rules: []}\n")


@pytest.mark.parametrize("kind", OURS_IN_ORDER)
def test_no_rule_gives_what_only_the_gateway_can_know(kind: FailureKind) -> None:
    with pytest.raises(ValueError, match="no rule may give"):
        parse(table(f"id: r, kind: {kind.value}, code: [x]"))


def test_every_error_status_leads_somewhere() -> None:
    assert [s for s in range(400, 600) if rules().find("custom", s, [], [], "")[0] is FailureKind.UNKNOWN] == []
