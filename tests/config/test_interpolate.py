"""References to the environment and to files: what they stand for, and that complaints never say what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from headway.config.interpolate import LARGEST_SECRET, interpolate
from headway.config.problems import Finding

ENVIRON = {"NAME": "value", "EMPTY": "", "LOOKS_LIKE_A_FILE": "file:secret", "NESTED": "${NAME}"}


def followed(value: object, folder: Path = Path()) -> tuple[object, list[str]]:
    findings: list[Finding] = []
    data = interpolate({"providers": {"p": {"keys": [value]}}}, ENVIRON, folder, findings.append)
    providers = data["providers"]
    assert isinstance(providers, dict)
    return providers["p"]["keys"][0], [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${NAME}", "value"),
        ("a-${NAME}-${NAME}", "a-value-value"),
        ("${NAME:-other}", "value"),
        ("${MISSING:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${MISSING:-}", ""),
        ("${EMPTY}", ""),
        ("$${NAME}", "${NAME}"),
        ("$NAME $ {", "$NAME $ {"),
        ("${NESTED}", "${NAME}"),
        ("${LOOKS_LIKE_A_FILE}", "file:secret"),
        (5, 5),
        (None, None),
    ],
)
def test_a_reference_stands_for_the_variable(written: object, value: object):
    assert followed(written) == (value, [])


def test_names_of_settings_are_taken_as_they_are():
    assert interpolate({"${NAME}": 1}, ENVIRON, Path(), lambda _: None) == {"${NAME}": 1}


def test_a_missing_variable_is_named():
    assert followed("${MISSING}") == ("${MISSING}", ["the environment variable MISSING is not set"])


@pytest.mark.parametrize("written", ["${", "${a b}", "${NAME", "${1}", "${NAME:+x}"])
def test_a_malformed_reference_is_refused(written: str):
    assert "must be ${NAME}" in followed(written)[1][0]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_secret_file_is_read_without_the_line_end_at_its_end(tmp_path: Path, end: str):
    (tmp_path / "key").write_bytes(b"sk-1" + end.encode())
    assert followed("file:key", tmp_path) == ("sk-1", [])
    assert followed(f"file:{tmp_path}/key") == ("sk-1", [])


def test_what_a_secret_file_holds_is_taken_as_it_is(tmp_path: Path):
    (tmp_path / "key").write_text("${NAME}")
    assert followed("file:key", tmp_path) == ("${NAME}", [])


def test_the_name_of_a_file_may_come_from_the_environment_and_is_not_repeated(tmp_path: Path):
    (tmp_path / "value").write_text("sk-1")
    assert followed("file:${NAME}", tmp_path) == ("sk-1", [])
    assert followed("file:${NAME}/x", tmp_path)[1] == ["there is no file ${NAME}/x"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "is not UTF-8 text"), (b"x" * (LARGEST_SECRET + 1), "larger")],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, complaint: str):
    (tmp_path / "key").write_bytes(content)
    message = followed("file:key", tmp_path)[1][0]
    assert complaint in message
    assert str(tmp_path / "key") in message


def test_a_folder_is_no_secret_file(tmp_path: Path):
    assert "there is no file" in followed("file:.", tmp_path)[1][0]


def test_only_secrets_come_from_files(tmp_path: Path):
    (tmp_path / "key").write_text("sk-1")
    data = {
        "server": {"host": "file:key"},
        "providers": {"p": {"headers": {"X-A": "file:key"}, "base_url": "file:key"}},
    }
    assert interpolate(data, {}, tmp_path, lambda _: None) == {
        "server": {"host": "file:key"},
        "providers": {"p": {"headers": {"X-A": "sk-1"}, "base_url": "file:key"}},
    }
