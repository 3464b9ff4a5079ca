"""`headway providers` and `headway models`: what they print, and what they never print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headway.cli.catalogue import models, providers
from headway.providers.catalogue import catalogue

CONFIG = """\
providers:
  groq: {keys: ["a-key"]}
models:
  default:
    tiers: [[groq/llama-3.3-70b-versatile], [groq/openai/gpt-oss-20b]]
"""


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(command, *arguments: str, **environ: str) -> Result:
    names = [name for entry in catalogue().values() for name in (*entry.key_env, *entry.base_url_env, *entry.needs)]
    return CliRunner().invoke(command, arguments, env={**dict.fromkeys(names), **environ})


def provider_rows(**environ: str) -> dict[str, dict[str, Any]]:
    done = ask(providers, "--json", **environ)
    assert done.exit_code == 0
    return {row["name"]: row for row in json.loads(done.stdout)}


def model_rows(*arguments: str, **environ: str) -> list[dict[str, Any]]:
    done = ask(models, "--json", *arguments, **environ)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_providers_lists_the_whole_catalogue():
    assert list(provider_rows()) == list(catalogue())


def test_providers_says_whether_a_key_is_set_and_never_what_it_is():
    for arguments in ([], ["--json"]):
        done = ask(providers, *arguments, GROQ_API_KEY="s3cret")
        assert "s3cret" not in done.output
    rows = provider_rows(GROQ_API_KEY="s3cret")
    assert rows["groq"]["key_set"] is True
    assert rows["openai"]["key_set"] is False


def test_providers_names_the_key_variable_that_is_set():
    assert provider_rows()["gemini"]["key_variable"] == "GEMINI_API_KEY"
    assert provider_rows(GOOGLE_API_KEY="x")["gemini"]["key_variable"] == "GOOGLE_API_KEY"


def test_providers_shows_where_a_variable_has_moved_one_without_its_password():
    rows = provider_rows(OPENAI_BASE_URL="https://user:s3cret@proxy.example/v1")
    assert rows["openai"]["base_url"] == "https://***@proxy.example/v1"


def test_the_table_has_a_line_for_every_provider():
    lines = ask(providers, GROQ_API_KEY="x").stdout.splitlines()
    assert lines[0].split() == ["name", "provider", "base", "URL", "key", "variable", "set"]
    assert len(lines) == len(catalogue()) + 1
    assert next(line for line in lines if line.startswith("groq ")).split()[-2:] == ["GROQ_API_KEY", "yes"]


def test_models_puts_the_logical_names_of_a_configuration_first(tmp_path: Path):
    config = tmp_path / "some.yaml"
    config.write_text(CONFIG)
    first, *others = model_rows("-c", str(config))
    assert first["id"] == "default"
    assert first["tiers"] == [["groq/llama-3.3-70b-versatile"], ["groq/openai/gpt-oss-20b"]]
    assert {row["provider"] for row in others} == {"groq"}
    assert "llama-3.1-8b-instant" in {row["id"] for row in others}


def test_models_reads_the_configuration_of_the_directory(tmp_path: Path):
    (tmp_path / "headway.yaml").write_text(CONFIG)
    assert model_rows()[0]["id"] == "default"


def test_models_without_a_configuration_go_by_the_environment():
    rows = model_rows(CEREBRAS_API_KEY="x")
    assert "gpt-oss-120b" in {row["id"] for row in rows if row["provider"] == "cerebras"}


def test_models_of_one_provider_need_no_key():
    rows = model_rows("--provider", "google")
    assert {row["provider"] for row in rows} == {"gemini"}
    assert next(row for row in rows if row["id"] == "gemini-2.5-flash")["context_window"] == 1_048_576


def test_a_provider_that_nobody_knows_is_a_mistake_in_the_call():
    done = ask(models, "--provider", "no-such-provider")
    assert done.exit_code == 2
    assert "no-such-provider" in done.output


def test_a_broken_configuration_is_told_with_exit_code_2(tmp_path: Path):
    config = tmp_path / "broken.yaml"
    config.write_text("providerz: {}\n")
    done = ask(models, "-c", str(config))
    assert done.exit_code == 2
    assert "providerz" in done.output


@pytest.mark.parametrize("command", [providers, models])
def test_help_has_an_example(command):
    assert f"Example: headway {command.name}" in ask(command, "--help").output
