"""`headway accounts`, and what `headway serve` says of who may administer the gateway."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from headway.cli.main import main
from headway.cli.serve import first_steps
from headway.config.load import load_text
from headway.types import Secret, SingleSignOn, Snapshot, Storage

PASSWORD = "correct horse battery"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWAY_DATABASE_URL", "sqlite:///headway.db")

    def run(*arguments: str, says: str = "") -> Any:
        return CliRunner().invoke(main, ["accounts", *arguments], input=says)

    return run


def test_an_account_is_made_listed_and_removed(run: Any, connections_ended: None):
    made = run("add", "Anna", "--role", "admin", says=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    assert run("add", "olga", "--role", "viewer", "--password-stdin", says=f"{PASSWORD}\n").exit_code == 0
    assert run("list").output.splitlines() == ["anna  admin", "olga  viewer"]
    told = json.loads(run("list", "--json").output)
    assert [(each["name"], each["role"], each["enabled"]) for each in told] == [
        ("anna", "admin", True),
        ("olga", "viewer", True),
    ]
    assert run("remove", "olga").exit_code == 0
    assert run("list").output == "anna  admin\n"


def test_a_lost_password_is_replaced(run: Any, tmp_path: Path, connections_ended: None):
    run("add", "anna", "--role", "admin", "--password-stdin", says=PASSWORD)
    with sqlite3.connect(tmp_path / "headway.db") as database:
        (before,) = database.execute("SELECT password FROM accounts").fetchone()
        database.execute("UPDATE accounts SET enabled = 0")
    assert run("passwd", "anna", "--password-stdin", says="another horse battery\n").exit_code == 0
    (after, enabled) = database.execute("SELECT password, enabled FROM accounts").fetchone()
    told = database.execute("SELECT who, action FROM audit ORDER BY id").fetchall()
    database.close()
    assert after.startswith("$argon2id$")
    assert (after != before, enabled) == (True, 1)
    assert told == [("(command line)", "account.add"), ("(command line)", "account.change")]


@pytest.mark.parametrize(
    ("arguments", "says", "why"),
    [
        (("add", "anna", "--role", "admin", "--password-stdin"), "short\n", "12 to 256"),
        (("add", "a b", "--role", "admin", "--password-stdin"), PASSWORD, "a name is"),
        (("passwd", "nobody", "--password-stdin"), PASSWORD, "no account 'nobody'"),
        (("remove", "nobody"), "", "no account 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Any, connections_ended: None, arguments: tuple[str, ...], says: str, why: str
):
    done = run(*arguments, says=says)
    assert done.exit_code == 1
    assert why in done.output
    assert "Traceback" not in done.output


def test_the_last_administrator_is_kept_here_too(run: Any, connections_ended: None):
    run("add", "anna", "--role", "admin", "--password-stdin", says=PASSWORD)
    done = run("remove", "anna")
    assert (done.exit_code, "last administrator" in done.output) == (1, True)


def test_without_a_database_there_are_no_accounts(run: Any, tmp_path: Path):
    (tmp_path / "headway.yaml").write_text("storage: {url: off}\n")
    done = run("list")
    assert (done.exit_code, "storage.url is off" in done.output) == (1, True)
    (tmp_path / "headway.yaml").write_text("nonsense: 1\n")
    assert run("list").exit_code == 2


def test_the_gateway_starts_without_what_accounts_need():
    heavy = ("sqlalchemy", "argon2", "fastapi", "httpx", "joserfc")
    look = f"import sys, headway.cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- what is said at the start ---


def configured(**changed: Any) -> Snapshot:
    snapshot = load_text("", name="x", folder=Path(), environ={})
    return msgspec.structs.replace(snapshot, **changed)


@pytest.mark.parametrize("snapshot", [None, configured()])
def test_open_access_is_said_aloud(snapshot: Snapshot | None):
    environ: dict[str, str] = {}
    (line,) = first_steps(snapshot, True, environ)
    assert "open to everybody on this machine" in line
    assert environ == {}


@pytest.mark.parametrize("snapshot", [None, configured()])
def test_beyond_this_machine_a_token_for_the_first_administrator_is_shown_and_handed_on(snapshot: Snapshot | None):
    environ: dict[str, str] = {}
    lines = first_steps(snapshot, False, environ)
    token = environ["HEADWAY_SETUP_TOKEN"]
    assert len(token) == 32
    assert token in "".join(lines)
    assert "if no administrator has been made yet" in lines[0]


def test_a_token_that_is_given_is_not_shown():
    environ = {"HEADWAY_SETUP_TOKEN": "given"}
    assert "given" not in " ".join(first_steps(None, False, environ)).replace("given in", "")
    assert environ == {"HEADWAY_SETUP_TOKEN": "given"}


def test_nothing_is_said_where_there_is_another_way_in():
    oidc = SingleSignOn(issuer="https://id.example", client_id="x", client_secret=Secret("x"))
    snapshot = configured()
    signing_on = configured(administration=msgspec.structs.replace(snapshot.administration, oidc=oidc))
    for loopback in (True, False):
        assert first_steps(snapshot, loopback, {"HEADWAY_ADMIN_TOKEN": "t"}) == []
        assert first_steps(signing_on, loopback, {}) == []
    assert first_steps(configured(storage=Storage(url=None)), False, {}) == []
