"""Every example of docs/clients.md runs as it stands, with the address of a gateway that runs in the place of ours.

What an example needs is not always there: a framework's packages may be in the environment of the tests or in one that
`make clients` makes, packages of JavaScript only there. An example without its packages is skipped.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
NODE = Path(__file__).parent / "node"
APART = ROOT / ".venv" / "clients"
"""Where `make clients` makes its environments."""
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:8080"
ANSWER = "This is fast at simulated"
"""How every answer of the simulated provider begins."""
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would fetch a newer one
    "LANGSMITH_TRACING": "false",
    "PYTHONWARNINGS": "ignore",
}


class Example(NamedTuple):
    language: str
    text: str
    line: int

    @property
    def id(self) -> str:
        return f"{self.language}-{self.line}"


def examples(*languages: str) -> list[Example]:
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [Example(each[1], each[2], PAGE.count("\n", 0, each.start()) + 1) for each in found if each[1] in languages]


def packages(text: str) -> list[str]:
    """What a Python example imports."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
    return sorted({module.partition(".")[0] for module in modules})


def python_for(text: str) -> str:
    if all(find_spec(name) is not None for name in packages(text)):
        return sys.executable
    apart = APART / ("litellm" if "litellm" in packages(text) else "frameworks") / "bin" / "python"
    if not apart.exists():
        pytest.skip(f"needs {', '.join(packages(text))}: make clients")
    return str(apart)


def outcome(command: list[str], folder: Path) -> str:
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**ENVIRONMENT, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("example", examples("python"), ids=lambda each: each.id)
def test_an_example_in_python_is_answered(example: Example, gateway: str, tmp_path: Path) -> None:
    said = outcome([python_for(example.text), "-c", example.text.replace(WRITTEN, gateway)], tmp_path)
    lines = [
        line for line in said.splitlines() if line and "Provider List" not in line
    ]  # which LiteLLM says to anybody
    assert lines
    if "instructor" in example.text:
        assert lines == ["str int"]
    else:
        assert all(line.startswith(ANSWER) for line in lines)


@pytest.mark.parametrize("example", examples("js"), ids=lambda each: each.id)
def test_an_example_in_javascript_is_answered(example: Example, gateway: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules").exists():
        pytest.skip("needs node and its packages: make clients")
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    file = tmp_path / "example.mjs"
    file.write_text(example.text.replace(WRITTEN, gateway), encoding="utf-8")
    lines = outcome([node, str(file)], tmp_path).splitlines()
    answers = [line for line in lines if not line.startswith("AI SDK Warning")]
    assert len(answers) == max(1, example.text.count('("default"'))
    assert all(line.startswith(ANSWER) for line in answers)


def test_agents_are_told_the_addresses_that_their_recorded_requests_are_sent_to() -> None:
    """`test_agents` sends what they sent to these."""
    (shell,) = examples("sh")
    assert f"ANTHROPIC_BASE_URL={WRITTEN}/anthropic\n" in shell.text
    (codex,) = examples("toml")
    provider = tomllib.loads(codex.text)["model_providers"]["headway"]
    assert (provider["base_url"], provider["wire_api"]) == (f"{WRITTEN}/v1", "responses")
