"""Secrets in the database: sealed with a key that is not in it."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headway.storage.sealing import Sealing
from headway.storage.secret_keys import NoKeyError, Unsealing, beside, keys

RAW = bytes(range(32))
TEXT = base64.b64encode(RAW).decode()
OTHER = base64.b64encode(bytes(32)).decode()


def test_what_is_sealed_can_be_opened_and_not_be_read():
    sealing = Sealing((RAW,))
    first, second = sealing.seal("sk-käse"), sealing.seal("sk-käse")
    assert first.startswith("sealed:")
    assert "sk-" not in first
    assert first != second, "nobody sees that two are the same"
    assert sealing.unseal(first) == sealing.unseal(second) == "sk-käse"


@pytest.mark.parametrize("change", ["cut", "turned", "moved", "empty", "no base64"])
def test_what_was_tampered_with_is_not_opened(change: str):
    sealed = Sealing((RAW,)).seal("secret-thing")
    head, _, data = sealed.rpartition(":")
    raw = base64.urlsafe_b64decode(data)
    changed = {
        "cut": raw[:-1],
        "turned": raw[:-1] + bytes([raw[-1] ^ 1]),
        "moved": raw[1:] + raw[:1],
        "empty": b"",
        "no base64": b"",
    }[change]
    text = f"{head}:{base64.urlsafe_b64encode(changed).decode()}" + ("%" if change == "no base64" else "")
    with pytest.raises(ValueError, match="damaged") as told:
        Sealing((RAW,)).unseal(text)
    assert "secret-thing" not in str(told.value)


def test_a_new_key_above_the_old_one_seals_and_both_open():
    old = Sealing(keys({"HEADWAY_SECRET_KEY": TEXT}, None)).seal("one")
    both = Sealing(keys({"HEADWAY_SECRET_KEY": f"{OTHER}\n{TEXT}\n"}, None))
    assert both.unseal(old) == "one"
    new = both.seal("two")
    assert Sealing(keys({"HEADWAY_SECRET_KEY": OTHER}, None)).unseal(new) == "two"
    with pytest.raises(ValueError, match="a key that is not here"):
        Sealing(keys({"HEADWAY_SECRET_KEY": TEXT}, None)).unseal(new)


def test_a_key_is_base64_or_a_long_text_in_the_environment_or_a_file(tmp_path: Path):
    assert keys({"HEADWAY_SECRET_KEY": TEXT}, None) == (RAW,)
    file = tmp_path / "key"
    file.write_text(f"{TEXT}\n")
    assert keys({"HEADWAY_SECRET_KEY_FILE": str(file)}, None) == (RAW,)
    (long,) = keys({"HEADWAY_SECRET_KEY": "a sentence that is long enough"}, None)
    assert len(long) == 32
    assert keys({"HEADWAY_SECRET_KEY": "a sentence that is long enough"}, None) == (long,)


@pytest.mark.parametrize("said", ["hunter2", "   ", "0123456789"])
def test_a_key_that_is_too_short_is_refused_and_not_told(said: str):
    with pytest.raises(NoKeyError) as told:
        keys({"HEADWAY_SECRET_KEY": said}, None)
    assert not said.strip() or said not in str(told.value)


def test_beside_sqlite_a_key_is_made_when_it_is_needed(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/headway.db"
    with pytest.raises(NoKeyError, match="cannot be read"):
        keys({}, url)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: keys({}, url, create=True), range(8)))
    assert len(found) == 1, "however many make it at once"
    file = tmp_path / "headway.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["headway.key"]


def test_with_postgresql_a_key_has_to_be_given():
    with pytest.raises(NoKeyError, match="openssl rand -base64 32"):
        keys({}, "postgresql://u@h/d", create=True)
    assert beside("sqlite:///:memory:") is None


def test_a_reader_takes_up_a_key_that_comes_later(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/headway.db"
    unseal = Unsealing({}, lambda: url)
    with pytest.raises(ValueError, match="cannot be read"):
        unseal(Sealing((RAW,)).seal("x"))
    (tmp_path / "headway.key").write_text(TEXT)
    assert unseal(Sealing((RAW,)).seal("x")) == "x"
    (tmp_path / "headway.key").write_text(f"{OTHER}\n{TEXT}")
    assert unseal(Sealing((bytes(32),)).seal("y")) == "y"
