"""`headway config`: publishing from a terminal, over the database that the file names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from click.testing import CliRunner, Result

from headway.cli.main import main

PUBLISHED = """
providers:
  alpha: {base_url: "http://93.184.215.14/v1", keys: [{name: team, value: sk-live-0123456789abcdef3f9a}]}
models:
  default: [alpha/fast]
"""


class Terminal(NamedTuple):
    folder: Path

    def run(self, *command: object, code: int = 0) -> Result:
        arguments = [*map(str, command), "-c", str(self.folder / "headway.yaml")]
        result = CliRunner().invoke(main, ["config", *arguments])
        assert result.exit_code == code, result.output
        return result

    def file(self, text: str) -> Path:
        path = self.folder / "published.yaml"
        path.write_text(text)
        return path


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections_ended: None) -> Terminal:
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith("HEADWAY_"):
            monkeypatch.delenv(name)
    (tmp_path / "headway.yaml").write_text(f"storage: {{url: 'sqlite:///{tmp_path}/headway.db'}}\n")
    return Terminal(tmp_path)


def test_a_file_is_published_listed_exported_and_rolled_back(terminal: Terminal):
    assert "version 1" in terminal.run("publish", terminal.file(PUBLISHED), "--note", "the first").stdout
    changed = PUBLISHED.replace("alpha/fast", "alpha/slow")
    told = terminal.run("publish", terminal.file(changed), "--base", 1).stdout
    assert '~ models.default[0]: "alpha/fast" -> "alpha/slow"' in told
    listed = terminal.run("history").stdout
    assert "the first" in listed
    assert "(command line)" in listed
    versions = json.loads(terminal.run("history", "--json").stdout)["versions"]
    assert [each["version"] for each in versions] == [2, 1]
    assert "version 3" in terminal.run("rollback", 1).stdout
    text = terminal.run("export").stdout
    told = yaml.safe_load(text)
    assert told["models"] == {"default": ["alpha/fast"]}
    assert told["providers"]["alpha"]["keys"][0]["value"] == "****3f9a"
    assert json.loads(terminal.run("export", "--json").stdout)["version"] == 3


def test_publishing_what_another_has_changed_meanwhile_fails(terminal: Terminal):
    terminal.run("publish", terminal.file(PUBLISHED))
    terminal.run("publish", terminal.file(PUBLISHED.replace("fast", "slow")))
    refused = terminal.run("publish", terminal.file(PUBLISHED), "--base", 1, code=1)
    assert "the newest version is 2" in refused.output


def test_all_that_is_wrong_is_told(terminal: Terminal):
    broken = terminal.file(PUBLISHED.replace("base_url", "base_uri") + "storage: {url: 'sqlite:///x'}\n")
    assert "storage: can only be set in headway.yaml" in terminal.run("publish", broken, code=1).output
    broken = terminal.file(PUBLISHED.replace("base_url", "base_uri"))
    assert "did you mean 'base_url'?" in terminal.run("validate", broken, code=1).output
    assert "stands twice" in terminal.run("validate", terminal.file("models: {}\nmodels: {}\n"), code=2).output
    assert terminal.run("validate", terminal.file(PUBLISHED)).exit_code == 0
    assert not json.loads(terminal.run("history", "--json").stdout)["versions"]


def test_a_file_that_cannot_be_used_is_told(terminal: Terminal):
    (terminal.folder / "headway.yaml").write_text("storag: {}\n")
    assert "did you mean 'storage'?" in terminal.run("history", code=2).output


def test_a_file_or_a_gateway_is_asked_and_not_both(terminal: Terminal):
    assert "give one of them" in terminal.run("history", "--url", "http://127.0.0.1:1", code=2).output
