"""What a user installs: a wheel with all of the package and nothing else, on a base that stays small."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MOST_PACKAGES = 40
MOST_BYTES = 85_000_000
"""Of which 15 are `cryptography`, which seals providers' keys in the database."""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(root)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile, root: Path) -> None:
    src = root / "src"
    written = {
        path.relative_to(src).as_posix()
        for path in (src / "headway").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert packed == written
    assert {"headway/py.typed", "headway/providers/catalogue.yaml"} <= packed


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    about = metadata(wheel)
    assert about["Name"] == "headway"
    assert about["License-Expression"] == "Apache-2.0"
    assert Requirement(f"python{about['Requires-Python']}").specifier.contains("3.11")
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    assert "headway = headway.cli.main:main" in wheel.read(name).decode()


def base_install(root: Path) -> dict[str, importlib.metadata.Distribution]:
    """What `pip install headway` brings besides headway, without extras, as it stands in this environment."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    found: dict[str, importlib.metadata.Distribution] = {}
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = importlib.metadata.distribution(name)
        for text in found[name].requires or []:
            needed = Requirement(text)
            extras = {"", *requirement.extras}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(
                    Requirement(f"{needed.name}[{','.join(needed.extras)}]" if needed.extras else needed.name)
                )
    return found


def size(files: list[Path]) -> int:
    """Bytes as unpacked from the wheels: what Python compiles into caches afterwards is not counted."""
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc" and path.is_file())


def test_the_base_install_stays_small(root: Path) -> None:
    base = base_install(root)
    weights = {
        name: size([Path(str(file.locate())) for file in distribution.files or []])
        for name, distribution in base.items()
    }
    weights["headway"] = size(list((root / "src").rglob("*")))
    heaviest = sorted(weights.items(), key=lambda item: -item[1])[:5]
    assert len(weights) <= MOST_PACKAGES, sorted(weights)
    assert sum(weights.values()) < MOST_BYTES, heaviest
    assert min(weights.values()) > 0, "a package whose files are not recorded cannot be weighed"
