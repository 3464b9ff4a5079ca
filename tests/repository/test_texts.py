"""What is written down stays true: links lead somewhere, index and glossary are complete, no machine shows through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headway import types

Texts = dict[str, str]

HOME = re.compile(r"(?<![\w.$}])/(?:home|Users|root)/\w|\b[A-Z]:\\Users\\\w")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Headings as GitHub turns them into fragments."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def test_no_file_carries_a_path_of_the_machine_it_was_written_on(texts: Texts, root: Path) -> None:
    found = [
        f"{name}: {line.strip()}"
        for name, text in texts.items()
        if root / name != Path(__file__)  # which has to give examples
        for line in text.splitlines()
        if str(root) in line or HOME.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("line", ["see /home/ann/src", "C:\\Users\\ann", "file:///Users/ann", "`/root/x`"])
def test_a_path_of_a_machine_is_recognised(line: str) -> None:
    assert HOME.search(line)


@pytest.mark.parametrize(
    "line", ["https://example.com/home/page", "src/home/x", "$HOME/x", "/etc/headway", "/v1/models"]
)
def test_other_paths_are_not_taken_for_one(line: str) -> None:
    assert not HOME.search(line)


def test_links_between_documents_lead_somewhere(texts: Texts, root: Path) -> None:
    dead: list[str] = []
    for name, text in texts.items():
        if not name.endswith(".md"):
            continue
        for link in LINK.findall(text):
            if "://" in link or link.startswith("mailto:"):
                continue
            path, _, fragment = link.partition("#")
            aim = (root / name).parent / path if path else root / name
            if not aim.exists():
                dead.append(f"{name}: {link}")
            elif fragment and fragment not in anchors(aim.read_text(encoding="utf-8")):
                dead.append(f"{name}: {link} (no such heading)")
    assert dead == []


def test_the_index_lists_every_document(root: Path) -> None:
    docs = root / "docs"
    pages = ("README.md", "providers.md")  # each provider has a page, and they have a list of their own
    listed = {link for page in pages for link in LINK.findall((docs / page).read_text(encoding="utf-8"))}
    present = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} - {"README.md"}
    assert present - listed == set()


def test_decisions_are_numbered_without_a_gap_and_say_what_they_cost(root: Path) -> None:
    records = sorted((root / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        assert anchors(text) >= {"problem", "decision", "what-it-costs"}, path.name


def test_the_glossary_explains_every_word_of_the_vocabulary(root: Path) -> None:
    glossary = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = [
        name
        for name, value in vars(types).items()
        if isinstance(value, type) and value.__module__.startswith(types.__name__)
    ]
    assert len(words) > 10
    assert [word for word in words if f"`{word}`" not in glossary] == []
