"""`headway check`, as it is typed: what it prints, and its exit code. `tests/config` has every way to be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headway.cli.main import main

GOOD = """\
providers:
  openai:
    keys:
      - {name: team-a, value: "${KEY_OF_A}", weight: 2, models: ["gpt-*"], limits: {concurrency: 50}}
      - "${KEY_OF_B:-sk-b}"
  vllm-eu: {base_url: "http://10.0.0.5:8000/v1", keys: [], limits: {concurrency: 64}}
models:
  default:
    tiers:
      - [openai/gpt-4o-mini]
      - [{target: vllm-eu/llama-3.1-8b, weight: 2}]
  high-accuracy: [openai/gpt-5]
resilience:
  attempts: 3
  timeouts: {connect: 5s, headers: 30s, first_token: 20s, stall: 60s, total: 10m}
"""
BROKEN = """\
providers:
  openai: {keys: [sk-a], limts: {concurrency: 5}}
  nobody: {keys: []}
models:
  default: [opnai/gpt-5]
  other: {tiers: [[openai/gpt-5]], balance: wheighted}
resilience:
  timeouts: {connect: 5 parsecs}
"""
WRONG = [
    ("2:26: providers.openai.limts: ", "'limits'"),
    ("3:3: providers.nobody: ", "'base_url' is required"),
    ("5:13: models.default[0]: ", "'openai'"),
    ("6:45: models.other.balance: ", "'weighted'"),
    ("8:23: resilience.timeouts.connect: ", "500ms"),
]


def check(folder: Path, text: str, *args: str, environ: dict[str, str] | None = None) -> Result:
    (folder / "headway.yaml").write_text(text)
    return CliRunner().invoke(main, ["check", "-c", str(folder / "headway.yaml"), *args], env=environ)


def test_a_sound_file_ends_with_0(tmp_path: Path):
    result = check(tmp_path, GOOD, environ={"KEY_OF_A": "sk-a"})
    assert result.exit_code == 0
    assert result.output == f"{tmp_path}/headway.yaml: sound; 2 providers, 2 keys, 2 logical models\n"


def test_every_mistake_is_named_with_its_place_and_what_was_meant(tmp_path: Path):
    result = check(tmp_path, BROKEN)
    assert result.exit_code == 1
    for line, (place, suggestion) in zip(result.output.splitlines(), WRONG, strict=True):
        assert line.startswith(f"{tmp_path}/headway.yaml:{place}")
        assert suggestion in line
    facts = json.loads(check(tmp_path, BROKEN, "--json").output)
    assert [f"{each['line']}:{each['column']}: {each['path']}: " for each in facts["problems"]] == [
        place for place, _ in WRONG
    ]


def test_a_variable_that_is_not_set_is_named(tmp_path: Path):
    result = check(tmp_path, GOOD)
    assert result.exit_code == 1
    assert "headway.yaml:4:" in result.output
    assert "KEY_OF_A" in result.output


@pytest.mark.parametrize("arguments", [["-c", "/nowhere/headway.yaml"], ["-c", "/"], ["--jason"]])
def test_a_mistake_of_use_ends_with_2(arguments: list[str]):
    assert CliRunner().invoke(main, ["check", *arguments]).exit_code == 2


@pytest.mark.parametrize("args", [[], ["--json"]])
def test_a_secret_is_never_printed(tmp_path: Path, args: list[str]):
    keys = 'keys: ["sk-canary-1", {valeu: sk-canary-2}, 7, {value: [sk-canary-3]}]'
    rest = 'headers: {authorization: [sk-canary-4]}, proxy: "://sk-canary-5", base_url: "sk-canary-6@"'
    result = check(tmp_path, f"providers: {{openai: {{{keys}, {rest}}}}}", *args)
    assert result.exit_code == 1
    assert "canary" not in result.output
