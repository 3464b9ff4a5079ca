"""Every row of the tables has an example, and every example means what it says; recorded errors first of all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from headway.failures import FailureKind
from headway.providers.catalogue import find
from headway.providers.classification.rules import rules

if TYPE_CHECKING:
    from providers.classification.conftest import Recording, Row


def test_an_error_means_what_its_fixture_says(row: Row) -> None:
    failure = row.failure()
    assert failure is not None
    assert (failure.kind, failure.rule) == (row.kind, row.rule)
    assert failure.should_retry is row.should_retry
    assert failure.retry_after == (None if row.retry_after is None else pytest.approx(row.retry_after))


def test_a_fixture_names_its_evidence(row: Row) -> None:
    assert (row.recorded is None) != (row.documented is None)


def test_every_rule_has_a_fixture(rows: tuple[Row, ...]) -> None:
    shown = {row.rule for row in rows}
    written = {rule.id for table in rules().tables.values() for rule in table}
    assert written - shown == set()


def test_every_table_is_of_a_provider_that_is_known_or_about_to_be(rows: tuple[Row, ...]) -> None:
    """Bedrock's runtime and Vertex AI speak dialects of their own, for which there is no catalogue entry yet."""
    others = {"default", "bedrock", "vertex"}
    assert [name for name in rules().tables if find(name) is None and name not in others] == []
    assert [
        row.provider for row in rows if find(row.provider) is None and row.provider not in {*others, "custom"}
    ] == []


def test_a_recorded_error_is_of_the_kind_noted_for_it(recording: Recording, rows: tuple[Row, ...]) -> None:
    failure = recording.failure()
    noted = [row for row in rows if row.recorded == recording.id]
    assert failure is not None
    assert failure.kind is not FailureKind.UNKNOWN
    assert [row.kind for row in noted] == [failure.kind]
    assert [(row.provider, row.status, row.stream) for row in noted] == [
        (recording.provider, recording.status, recording.stream)
    ]


def test_rules_that_name_several_words_know_each_of_them() -> None:
    """No word is out of reach behind an earlier rule of another kind."""
    hidden: list[str] = []
    for provider, table in rules().tables.items():
        for rule in table:
            owner = rule.id.partition(".")[0]
            if owner != provider or rule.general:
                continue
            status = next((each for each in rule.status if isinstance(each, int)), 0)
            if "none" not in rule.status and rule.status and not status:
                status = int(str(rule.status[0])[0]) * 100
            for field in ("code", "type"):
                for word in getattr(rule, field):
                    text = rule.text[0].strip("^$") if rule.text else ""
                    codes, types = ([word], []) if field == "code" else ([], [word])
                    kind, found = rules().find(provider, status, codes, types, text)
                    if kind is not rule.kind:
                        hidden.append(f"{rule.id}: {field} {word} leads to {found}")
    assert hidden == []


def test_fixtures_hold_no_key(rows: tuple[Row, ...]) -> None:
    text = json.dumps([[row.error, row.body, row.text, row.head] for row in rows])
    assert "AIza" not in text
    assert "gsk_" not in text
