"""Reading the file, and that secrets stay secret on the way."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from headway.config.load import load, load_text
from headway.config.problems import ConfigError, UnreadableConfigError
from headway.config.schema import Config
from headway.config.text import LARGEST_TEXT
from headway.config.validate import validate

SECRET = "sk-hunter2"


def test_a_file_is_known_by_its_path_and_secrets_are_looked_for_beside_it(tmp_path: Path):
    (tmp_path / "key").write_text(SECRET)
    file = tmp_path / "headway.yaml"
    file.write_text("\ufeffproviders: {openai: {keys: ['file:key']}}", encoding="utf-8")
    snapshot = load(file, {})
    secret = snapshot.providers["openai"].credentials[0].secret
    assert snapshot.source == str(file)
    assert secret is not None
    assert secret.reveal() == SECRET


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path):
    with pytest.raises(UnreadableConfigError, match=r"absent\.yaml: cannot be read: No such file"):
        load(tmp_path / "absent.yaml", {})
    with pytest.raises(UnreadableConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_file_that_is_no_text_is_refused_with_the_line(tmp_path: Path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"server: {}\n# \xff\n")
    with pytest.raises(ConfigError, match=r"x\.yaml:2:1: is not UTF-8 text"):
        load(file, {})


def test_a_large_file_is_refused(tmp_path: Path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"#" * (LARGEST_TEXT + 2))
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        load(file, {})


def test_a_snapshot_does_not_print_its_keys():
    snapshot = load_text(
        f"providers: {{openai: {{keys: [{SECRET}, {{value: {SECRET}}}]}}}}", name="x", folder=Path(), environ={}
    )
    assert SECRET not in repr(snapshot)


def test_a_section_does_not_print_its_keys_headers_or_proxy():
    data = {
        "providers": {
            "openai": {
                "keys": [SECRET, {"value": SECRET}],
                "headers": {"X-A": SECRET},
                "proxy": f"http://u:{SECRET}@h:1",
            }
        }
    }
    assert SECRET not in repr(Config.model_validate(data))


@pytest.mark.parametrize(
    "settings",
    [
        "keys: [{value: '${S} '}]",
        "keys: ['${S}', '${S} ']",
        "keys: {'${S}': 1}",
        "keys: '${S}'",
        "keys: [{value: ['${S}']}]",
        "keys: [{valeu: '${S}'}]",
        "keys: [{name: '${S} ', value: a}]",
        "keys: [{name: '${S}', value: a}, {name: '${S}', value: b}]",
        "keys: [{sk-hunter2: 1}]",
        "auth: '${S}'",
        "dialect: '${S}'",
        "kind: '${S}'",
        "base_url: '${S}'",
        "base_url: 'http://u:${S}@h'",
        "proxy: '${S}'",
        'headers: {X-A: "${S}\\n"}',
        "headers: {Authorization: '${S}'}",
        "limits: {concurrency: '${S}'}",
        "tls: {ca_file: '${S}'}",
        "quirks: {stream_done: '${S}'}",
        "models: '${S}'",
        'keys: ["file:${S}"]',
    ],
)
def test_a_value_of_the_environment_never_shows_in_an_error(settings: str):
    text = f"providers: {{p: {{{settings}}}}}\nmodels: {{a: ['${{S}}/x'], '${{S}}': ['${{S}}']}}"
    with pytest.raises(ConfigError) as caught:
        load_text(text, name="x", folder=Path(), environ={"S": SECRET})
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        "fallback: '${S}'",
        "fallback: [{on: ['${S}'], to: [p/m]}]",
        "fallback: [{on: [context_too_long], to: ['${S}/x', {target: '${S}'}, {target: p/m, reasoning: '${S}'}]}]",
        "resilience: {stream: '${S}', attempts: '${S}', continuation: '${S}', hedge: '${S}'}",
        "resilience: {timeouts: {hold: '${S}', total: '${S}'}, hedge: {share: '${S}', delay: '${S}', enabled: '${S}'}}",
        "resilience: {breaker: '${S}'}",
    ],
)
def test_nor_does_one_in_the_settings_of_a_model(settings: str):
    model = f"models: {{a: {{tiers: [[p/m]], {settings}}}}}"
    text = f"providers: {{p: {{base_url: http://h}}}}\n{model}\nidempotency: '${{S}}'"
    with pytest.raises(ConfigError) as caught:
        load_text(text, name="x", folder=Path(), environ={"S": SECRET})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_schema_check_keeps_the_sound_part():
    checked = validate(
        {
            "server": {"port": "x"},
            "providers": {
                "good": {"base_url": "http://h"},
                "broken": {"base_url": 5},
                "mostly good": {"base_url": "http://h"},
                "mended": {"base_url": "http://h", "limits": 5},
            },
            "models": {"good": ["good/a"], "broken": 5},
        }
    )
    assert set(checked.config.providers or {}) == {"good", "mended"}
    assert set(checked.config.models) == {"good"}
    assert len(checked.findings) == 5
