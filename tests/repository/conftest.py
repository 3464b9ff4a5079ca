"""The repository as the tests in this folder read it."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> dict[str, ast.Module]:
    """Every module of the package: its path under src, and its syntax tree."""
    src = ROOT / "src"
    return {
        path.relative_to(src).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(src.rglob("*.py"))
    }


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Every text file that is, or would be, committed; in a source archive without git: every one that is there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = [name for name in listing.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if ".venv" not in path.parts]
    found: dict[str, str] = {}
    for name in names:
        path = ROOT / name
        if path.is_file():
            found[name] = path.read_bytes().decode("utf-8", "replace")
    return found
