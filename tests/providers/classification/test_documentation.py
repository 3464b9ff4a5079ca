"""docs/failures.md tells of every kind, in its own words and in no others."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from pathlib import Path

from headway import failures
from headway.failures import FailureKind

PAGE = (Path(__file__).parents[3] / "docs" / "failures.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def docstrings() -> dict[str, str]:
    """Each member's value, and the string below it."""
    tree = ast.parse(inspect.getsource(failures))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "FailureKind")
    found: dict[str, str] = {}
    for assignment, text in itertools.pairwise(body):
        if isinstance(assignment, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.literal_eval(assignment.value)] = " ".join(str(text.value.value).split())
    return found


def test_every_kind_is_explained_in_one_sentence() -> None:
    explained = docstrings()
    assert set(explained) == {kind.value for kind in FailureKind}
    assert [text for text in explained.values() if not text.endswith(".") or ". " in text] == []


def test_values_are_names_in_lower_case() -> None:
    assert [kind for kind in FailureKind if kind.value != kind.name.lower()] == []


def test_the_page_lists_every_kind_once_in_order_with_its_meaning() -> None:
    rows = ROW.findall(PAGE)
    assert [name for name, *_ in rows] == [kind.value for kind in FailureKind]
    assert {name: meaning.strip() for name, meaning, _, _ in rows} == {
        name: text.rstrip(".") for name, text in docstrings().items()
    }
