"""`make` as people use it, with a stand-in for the gateway: what it installs, and how it ends."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

STAND_IN = f"""#!{sys.executable}
import signal, sys, time
def drain(*_):
    print("drained", flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, drain)
signal.signal(signal.SIGTERM, drain)
print("serving", *sys.argv[1:], flush=True)
time.sleep(30)
sys.exit(1)
"""


@pytest.fixture(autouse=True)
def no_make_around_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may run under make themselves, which hands its flags and variables on."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "PORT", "PYTHON", "SECONDS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A checkout in which everything is installed already, and the gateway is a stand-in that drains when told."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    (binaries / "headway").write_text(STAND_IN)
    (binaries / "headway").chmod(0o755)
    for stamp in (".package", ".development"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What the terminal shows, up to and including what is waited for."""
    seen = b""
    while wanted not in seen:
        readable, _, _ = select.select([terminal], [], [], 10)
        assert readable, seen
        seen += os.read(terminal, 4096)
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="opening a terminal does not make it the controlling one elsewhere")
def test_ctrl_c_drains_the_gateway_and_make_succeeds(checkout: Path) -> None:
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    script = 'make run PORT=9000; echo "code $?"; read line; echo "read $line"'
    shell = subprocess.Popen(["sh", "-c", f"exec <{name} >{name} 2>&1; {script}"], cwd=checkout, start_new_session=True)
    try:
        assert b"serving serve --port 9000\r\n" in read_until(ours, b"9000\r\n")
        os.write(ours, b"\x03")
        assert b"drained\r\ncode 0\r\n" in read_until(ours, b"code 0\r\n")
        os.write(ours, b"the terminal is back\n")
        read_until(ours, b"read the terminal is back")
        assert shell.wait(timeout=10) == 0
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
        os.close(theirs)


def test_stopping_make_stops_the_gateway_in_good_order(checkout: Path) -> None:
    with subprocess.Popen(["make", "run"], cwd=checkout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as make:
        assert make.stdout is not None
        assert make.stdout.readline() == b"serving serve\n"
        make.send_signal(signal.SIGTERM)
        assert make.stdout.readline() == b"drained\n"


def commands(checkout: Path, *goals: str) -> str:
    """What make would do."""
    return subprocess.run(
        ["make", "--dry-run", *goals], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    assert "pip" not in commands(checkout, "run")
    assert "pip" not in commands(checkout, "check")


def test_a_change_of_the_dependencies_installs_again(checkout: Path) -> None:
    stamp = (checkout / ".venv" / ".package").stat()
    os.utime(checkout / "pyproject.toml", (stamp.st_atime, stamp.st_mtime + 1))
    assert "pip --quiet --disable-pip-version-check install --editable ." in commands(checkout, "run")
    assert "--group dev" in commands(checkout, "check")


def test_tests_are_preceded_by_every_linter(checkout: Path) -> None:
    ran = commands(checkout, "test")
    for tool in ("ruff check", "ruff format --check", "pyright", "lint-imports", "-m pytest"):
        assert tool in ran


def fuzz(checkout: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "fuzz", *settings],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_fuzz_targets_share_the_time(checkout: Path) -> None:
    (checkout / "installed").mkdir()
    (checkout / "installed" / "atheris.py").touch()
    (checkout / "tests" / "fuzz").mkdir(parents=True)
    for name in ("one", "two", "three"):
        target = checkout / "tests" / "fuzz" / f"fuzz_{name}.py"
        target.write_text(f"import sys; print('{name}', *sys.argv[1:], flush=True)")
    ran = fuzz(checkout, "SECONDS=10")
    assert ran.returncode == 0
    assert [line for line in ran.stdout.splitlines() if "-max" in line] == [
        f"{name} -max_total_time=4" for name in ("one", "three", "two")
    ]


def test_a_fuzz_target_that_finds_something_fails(checkout: Path) -> None:
    (checkout / "installed").mkdir()
    (checkout / "installed" / "atheris.py").touch()
    (checkout / "tests" / "fuzz").mkdir(parents=True)
    (checkout / "tests" / "fuzz" / "fuzz_it.py").write_text("raise SystemExit(77)")
    ran = fuzz(checkout)
    assert ran.returncode != 0
    assert "fuzz_it.py failed" in ran.stdout


def test_without_fuzz_targets_there_is_nothing_to_fail(checkout: Path) -> None:
    ran = fuzz(checkout)
    assert ran.returncode == 0
    assert "no targets" in ran.stdout
