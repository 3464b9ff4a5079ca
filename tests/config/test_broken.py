"""Configurations that are wrong: each tells everything that is wrong with it, with line, column, path and a way out.

What `headway check` must print for broken/X.yaml is in broken/X.expected. To write the expectations anew after a change
of words, run this file as a script, and read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from headway.config.load import load
from headway.config.problems import ConfigError

BROKEN = Path(__file__).parent / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def told(file: Path) -> str:
    """What is wrong with a file, whatever folder it is in."""
    try:
        load(file, {})
    except ConfigError as error:
        return str(error).replace(f"{file.parent}/", "").replace(str(file.parent), "FOLDER") + "\n"
    return "nothing is wrong\n"


def test_there_are_many_ways_to_be_wrong():
    assert len(FILES) >= 20


@each_file
def test_every_problem_is_told_with_its_place_and_a_way_out(file: Path):
    assert told(file) == file.with_suffix(".expected").read_text(encoding="utf-8")


@each_file
def test_no_message_repeats_a_secret(file: Path):
    assert "hunter" not in told(file)


@each_file
def test_problems_come_in_the_order_of_the_text(file: Path):
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    places = [(problem.line, problem.column) for problem in caught.value.problems]
    assert places == sorted(places)


if __name__ == "__main__":
    for each in FILES:
        each.with_suffix(".expected").write_text(told(each), encoding="utf-8")
