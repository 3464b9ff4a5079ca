"""A changed configuration file: a good edit is published, a bad one is told and changes nothing, however it is made."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from headway.config.load import load
from headway.control import reload
from headway.control.reload import Configuration
from headway.types import Snapshot

GOOD = "providers: {a: {base_url: http://127.0.0.1:9/v1}}\n"
OTHER = "providers: {b: {base_url: http://127.0.0.1:9/v1}}\n"
BAD = "providers: {a: {base_uri: http://127.0.0.1:9/v1}}\n"


def replace(path: Path, content: str | bytes) -> None:
    beside = path.with_suffix(".beside")
    beside.write_bytes(content.encode() if isinstance(content, str) else content)
    beside.replace(path)


class Scene:
    """A file that is watched. What is published or refused arrives in `heard`, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environ: dict[str, str] = {}
        self.heard: asyncio.Queue[Snapshot | str] = asyncio.Queue()
        self.file = self.opened()

    def opened(self) -> Configuration:
        return Configuration(
            lambda generation, _: load(self.path, self.environ, generation=generation),
            path=self.path,
            publish=self.heard.put_nowait,
            refused=self.heard.put_nowait,
        )

    def write(self, content: str | bytes) -> None:
        """All at once, so that nobody can read half of it."""
        replace(self.path, content)

    async def next(self) -> Snapshot | str:
        async with asyncio.timeout(20):
            return await self.heard.get()

    async def published(self) -> Snapshot:
        heard = await self.next()
        assert isinstance(heard, Snapshot), heard
        return heard

    async def providers(self) -> list[str]:
        return list((await self.published()).providers)

    async def refused(self) -> str:
        heard = await self.next()
        assert isinstance(heard, str), f"published: {heard}"
        return heard

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        watch = asyncio.ensure_future(self.file.watch())
        try:
            yield
        finally:
            assert not watch.done(), "the watch has ended by itself"
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        assert self.heard.empty()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(reload, "SETTLE", 0.002)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    path = tmp_path / "headway.yaml"
    path.write_text(GOOD)
    made = Scene(path)
    async with made.watched():
        yield made


# --- how a change is made ---


async def test_a_file_moved_into_its_place_is_published_with_the_next_number(scene: Scene):
    """As editors save, and as everybody should."""
    scene.write(OTHER)
    snapshot = await scene.published()
    assert (list(snapshot.providers), snapshot.generation, snapshot.source) == (["b"], 2, str(scene.path))
    scene.write(GOOD)
    assert (await scene.published()).generation == 3


async def test_an_edit_in_place_is_seen(scene: Scene):
    with scene.path.open("a") as file:
        file.write("models: {x: [a/m]}\n")
    assert list((await scene.published()).routes) == ["x"]


async def test_a_change_that_keeps_size_and_time_is_seen_by_the_new_file(scene: Scene):
    was = scene.path.stat()
    beside = scene.path.with_suffix(".new")
    beside.write_text(OTHER)
    os.utime(beside, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert beside.stat().st_size == was.st_size
    beside.replace(scene.path)
    assert await scene.providers() == ["b"]


async def test_a_mounted_folder_that_is_swapped_as_a_whole_is_seen(tmp_path: Path):
    """Kubernetes mounts `headway.yaml -> ..data/headway.yaml`, `..data -> ..2026_01`, and replaces the second link."""
    for name, content in (("..2026_01", GOOD), ("..2026_02", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "headway.yaml").write_text(content)
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "headway.yaml").symlink_to("..data/headway.yaml")
    scene = Scene(tmp_path / "headway.yaml")
    async with scene.watched():
        (tmp_path / "..data_tmp").symlink_to("..2026_02")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        assert await scene.providers() == ["b"]


async def test_a_file_that_is_gone_is_told_and_what_runs_stays(scene: Scene):
    scene.path.unlink()
    assert "cannot be read" in await scene.refused()
    assert scene.file.error is not None
    scene.write(GOOD)
    assert (await scene.published()).generation == 2
    assert scene.file.error is None


async def test_a_file_that_comes_back_as_it_was_is_published_again(scene: Scene):
    away = scene.path.with_suffix(".away")
    scene.path.rename(away)
    assert "cannot be read" in await scene.refused()
    away.rename(scene.path)
    assert await scene.providers() == ["a"]


async def test_a_folder_in_the_files_place_is_told(scene: Scene):
    scene.path.unlink()
    scene.path.mkdir()
    told = await scene.refused()
    if not scene.heard.empty():  # the look may have fallen between the two
        told = await scene.refused()
    assert "cannot be read" in told


# --- a bad edit ---


async def test_a_bad_edit_is_told_with_its_place_and_a_suggestion(scene: Scene):
    scene.write(BAD)
    told = await scene.refused()
    assert f"{scene.path}:1:" in told
    assert "did you mean 'base_url'?" in told
    assert scene.file.error == told


async def test_a_bad_edit_takes_no_number_and_mending_it_is_published(scene: Scene):
    scene.write(BAD)
    await scene.refused()
    scene.write(OTHER)
    assert (await scene.published()).generation == 2
    assert scene.file.error is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"\0",
        b"[" * 5000,
        b"- 1\n",
        b"{",
        b"a: &a [*a]\n",
        b"providers: ${NO_SUCH}\n",
        b"providers: {a: {keys: ['file:/nonexistent/key'], base_url: http://127.0.0.1:9}}\n",
        b"providers: {a: {base_url: 'http://[::'}}\n",
        b"models: {x: [nowhere/x]}\n",
        b"x: !!python/object/apply:os.getcwd []\n",
        b"x: " + b"9" * 5000 + b"\n",
    ],
    ids=range(12),
)
async def test_nothing_that_a_file_may_hold_ends_the_watch(scene: Scene, content: bytes):
    scene.write(content)
    await scene.refused()
    scene.write(OTHER)
    assert await scene.providers() == ["b"]


async def test_a_bad_file_is_told_once_and_not_at_every_look(scene: Scene):
    scene.write(BAD)
    await scene.refused()
    looks = 0
    while looks < 5:
        await asyncio.sleep(0.01)
        looks += 1
    assert scene.heard.empty()


# --- asking ---


async def test_asking_publishes_an_unchanged_file_again(scene: Scene):
    scene.file.ask()
    snapshot = await scene.published()
    assert (list(snapshot.providers), snapshot.generation) == (["a"], 2)


async def test_asking_twice_at_once_is_asking_once(scene: Scene):
    scene.file.ask()
    scene.file.ask()
    assert (await scene.published()).generation == 2


async def test_asking_takes_up_a_changed_environment(tmp_path: Path):
    path = tmp_path / "headway.yaml"
    path.write_text("providers: {a: {base_url: http://127.0.0.1:9, keys: ['${KEY}']}}\n")
    scene = Scene(path)
    async with scene.watched():
        for number, key in enumerate(("first", "second"), 2):
            scene.environ["KEY"] = key
            scene.file.ask()
            snapshot = await scene.published()
            (credential,) = snapshot.providers["a"].credentials
            assert credential.secret is not None
            assert (credential.secret.reveal(), snapshot.generation) == (key, number)
        del scene.environ["KEY"]
        scene.file.ask()
        assert "KEY" in await scene.refused()


async def test_asking_takes_up_a_changed_secret_file(tmp_path: Path):
    key = tmp_path / "key"
    key.write_text("first\n")
    path = tmp_path / "headway.yaml"
    path.write_text(f"providers: {{a: {{base_url: http://127.0.0.1:9, keys: ['file:{key}']}}}}\n")
    scene = Scene(path)
    async with scene.watched():
        key.write_text("second\n")
        scene.file.ask()
        (credential,) = (await scene.published()).providers["a"].credentials
        assert credential.secret is not None
        assert credential.secret.reveal() == "second"


async def test_asking_reports_a_file_that_is_still_bad(scene: Scene):
    scene.write(BAD)
    first = await scene.refused()
    scene.file.ask()
    assert await scene.refused() == first


async def test_an_edit_that_was_taken_up_by_asking_is_not_published_twice(scene: Scene):
    scene.write(OTHER)
    scene.file.ask()
    assert await scene.providers() == ["b"]
    scene.write(BAD)
    assert "base_uri" in await scene.refused()


# --- half-written files ---


async def test_a_file_that_is_being_written_is_read_when_it_has_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first half would have been a sound configuration, too: one without the models below it."""
    path = tmp_path / "headway.yaml"
    path.write_text(GOOD)
    rest = ["models:\n", "  x: [b/m]\n"]

    def write_on(_: float) -> None:
        if rest:
            with path.open("a") as file:
                file.write(rest.pop(0))

    monkeypatch.setattr(reload.time, "sleep", write_on)
    scene = Scene(path)
    async with scene.watched():
        replace(path, OTHER)
        snapshot = await scene.published()
        assert list(snapshot.routes) == ["x"]


async def test_a_file_that_never_settles_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "headway.yaml"
    path.write_text(GOOD)
    writes = 0

    def write_on(_: float) -> None:
        nonlocal writes
        writes += 1
        with path.open("a") as file:
            file.write(f"# {writes}\n")

    monkeypatch.setattr(reload.time, "sleep", write_on)
    scene = Scene(path)
    async with scene.watched():
        replace(path, OTHER)
        assert await scene.providers() == ["b"]
        monkeypatch.undo()
        while not scene.heard.empty():
            await scene.published()
    assert writes <= 20
