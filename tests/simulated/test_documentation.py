"""What docs/simulated-provider.md promises, the code keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headway.simulated.anthropic import dialect as anthropic
from headway.simulated.bedrock import dialect as bedrock
from headway.simulated.cohere import dialect as cohere
from headway.simulated.faults import NO_FAULT, OPTIONS, PREFIXES, Fault, parse_fault
from headway.simulated.gemini import dialect as gemini
from headway.simulated.ollama import dialect as ollama
from headway.simulated.openai.reading import FORM_ENDPOINTS, JSON_ENDPOINTS
from headway.simulated.rerank import dialect as rerank
from headway.simulated.schedule import parse_schedule

TEXT = (Path(__file__).parents[2] / "docs" / "simulated-provider.md").read_text()


def tables(heading: str) -> list[list[str]]:
    """The rows of the tables under headings that match, without their heads."""
    rows: list[list[str]] = []
    for section in re.split(r"^#+ ", TEXT, flags=re.MULTILINE):
        if re.match(heading, section):
            lines = [line for line in section.splitlines() if line.startswith("| `")]
            rows += [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]
    return rows


FAULT_ROWS = tables("The answer itself|Time|The connection")


def test_every_option_is_documented_and_nothing_else():
    documented = {row[0] for row in FAULT_ROWS}
    assert documented == set(OPTIONS) | {f"{prefix}.NAME" for prefix in PREFIXES}


@pytest.mark.parametrize("row", FAULT_ROWS, ids=lambda row: row[0])
def test_every_documented_example_can_be_read_and_does_something(row: list[str]):
    name, example = row[0], row[1]
    assert example.startswith(name.removesuffix("NAME"))
    assert parse_fault(example) != NO_FAULT


def test_every_part_of_a_fault_can_be_asked_for():
    reachable = {option.field for option in OPTIONS.values()} | {field for field, _ in PREFIXES.values()}
    assert reachable == set(Fault.__struct_fields__)


def test_the_documented_examples_are_those_of_the_code():
    examples = {row[0]: row[1] for row in FAULT_ROWS}
    assert examples == {name: option.example for name, option in OPTIONS.items()} | {
        f"{prefix}.NAME": example for prefix, (_, example) in PREFIXES.items()
    }


def test_every_documented_schedule_clause_can_be_read():
    clauses = [row[0] for row in tables("Schedules")]
    schedule = parse_schedule("; ".join(clauses))
    assert (len(schedule.windows), schedule.period, len(schedule.every), len(schedule.chances)) == (1, 60.0, 1, 1)


def test_every_endpoint_of_the_other_dialects_is_documented():
    answers = " ".join(row[0] for row in tables("In other words"))
    ours = (*anthropic.ENDPOINTS, *cohere.ENDPOINTS, *ollama.ENDPOINTS, *rerank.ENDPOINTS)
    paths = [*ours, *(f"/model/M/{action}" for action in bedrock.ACTIONS)]
    assert [path for path in paths if path not in answers] == []
    described = " ".join("|".join(row) for row in tables("In other words"))
    assert [method for method in gemini.METHODS if method not in described] == []


def test_every_endpoint_is_documented():
    answers = " ".join(row[0] for row in tables("What it answers"))
    missing = [path for path in (*JSON_ENDPOINTS, *FORM_ENDPOINTS) if path.rpartition("/")[2] not in answers]
    assert missing == []
