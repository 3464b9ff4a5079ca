"""`headway check`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headway.cli.check import check

SOUND = """
providers:
  openai: {keys: [sk-hunter2, {value: sk-hunter3, name: b}]}
  local: {base_url: http://127.0.0.1:8000/v1}
models:
  default: [openai/gpt-4o-mini, local/llama]
"""
BROKEN = "server: {prot: 1}\nproviders: {openai: {keys: ['${NOT_SET_ANYWHERE}']}}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments)


def test_a_sound_file_is_summed_up(folder: Path):
    (folder / "headway.yaml").write_text(SOUND)
    result = run()
    assert (result.exit_code, result.output) == (0, "headway.yaml: sound; 2 providers, 2 keys, 1 logical model\n")


def test_a_sound_file_as_data_has_names_and_no_secrets(folder: Path):
    (folder / "other.yaml").write_text(SOUND)
    result = run("-c", "other.yaml", "--json")
    assert json.loads(result.stdout) == {
        "ok": True,
        "file": "other.yaml",
        "providers": {
            "openai": {"base_url": "https://api.openai.com/v1", "keys": ["key-1", "b"]},
            "local": {"base_url": "http://127.0.0.1:8000/v1", "keys": []},
        },
        "models": {"default": [["openai/gpt-4o-mini#key-1", "openai/gpt-4o-mini#b"], ["local/llama#none"]]},
    }
    assert "hunter" not in result.output


def test_every_problem_is_a_line(folder: Path):
    (folder / "headway.yaml").write_text(BROKEN)
    result = run()
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "headway.yaml:1:10: server.prot: no such setting; did you mean 'port'?",
        "headway.yaml:2:29: providers.openai.keys[0]: the environment variable NOT_SET_ANYWHERE is not set",
    ]


def test_problems_as_data_have_their_places(folder: Path):
    (folder / "headway.yaml").write_text(BROKEN)
    result = run("--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["ok"], told["file"]) == (False, "headway.yaml")
    assert told["problems"][0] == {
        "path": "server.prot",
        "line": 1,
        "column": 10,
        "message": "no such setting",
        "suggestion": "port",
    }


@pytest.mark.parametrize("arguments", [(), ("-c", "absent.yaml"), ("-c", "."), ("--nonsense",)])
def test_a_file_that_cannot_be_read_is_a_usage_error(arguments: tuple[str, ...]):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr


def test_the_help_has_an_example():
    result = run("--help")
    assert result.exit_code == 0
    assert "Example: headway check -c" in result.output
