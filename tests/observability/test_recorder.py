"""The recorder: taking an event costs next to nothing; the rest is done in portions that let others have their turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from headway.observability.metrics import Metrics
from headway.observability.recorder import CONTENTS, FLUSH_AFTER, MOST_CONTENTS, PORTION, Recorder
from headway.types import Body, Change, Content, ExchangeEvent

if TYPE_CHECKING:
    from observability.conftest import Read

    Reader = Callable[[str], dict[str, Read]]

Make = Callable[..., ExchangeEvent]


class Turns:
    """A loop whose turns the test takes itself."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], Any]] = []
        self.later: list[tuple[float, Callable[[], Any]]] = []

    def call_soon(self, callback: Callable[[], Any]) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], Any]) -> None:
        self.later.append((delay, callback))

    def wait(self) -> None:
        """Until the next timer."""
        _, callback = self.later.pop(0)
        callback()

    def turn(self) -> None:
        callbacks, self.soon = self.soon, []
        for callback in callbacks:
            callback()


class Scene:
    def __init__(self) -> None:
        self.turns = Turns()
        self.metrics = Metrics()
        self.batches: list[list[Any]] = []
        loop: Any = self.turns
        self.recorder = Recorder(self.metrics, loop=loop, write=self.write)
        self.watched: list[str] = []
        self.recorder.watch(lambda event: self.watched.append(event.request_id))

    def write(self, lines: bytes) -> None:
        self.batches.append([json.loads(line)["request_id"] for line in lines.splitlines()])

    @property
    def logged(self) -> list[str]:
        return [each for batch in self.batches for each in batch]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def ids(count: int, start: int = 0) -> list[str]:
    return [f"hw-{number}" for number in range(start, start + count)]


def test_recording_does_nothing_but_remember(scene: Scene, event: Make):
    for name in ids(3):
        scene.recorder.record(event(request_id=name))
    assert (scene.logged, scene.watched) == ([], [])
    assert [delay for delay, _ in scene.turns.later] == [FLUSH_AFTER], "one timer, however many events"
    scene.turns.wait()
    assert scene.logged == scene.watched == ids(3)
    assert scene.turns.soon == []


def test_many_events_are_handled_a_portion_a_turn(scene: Scene, event: Make):
    for name in ids(2 * PORTION + 7):
        scene.recorder.record(event(request_id=name))
    scene.turns.wait()
    assert len(scene.logged) == PORTION
    scene.turns.turn()
    assert len(scene.logged) == 2 * PORTION
    scene.turns.turn()
    assert scene.logged == scene.watched == ids(2 * PORTION + 7)
    assert (scene.turns.soon, scene.turns.later) == ([], [])


def test_events_that_come_while_others_are_handled_are_not_forgotten(scene: Scene, event: Make):
    for name in ids(PORTION + 1):
        scene.recorder.record(event(request_id=name))
    scene.turns.wait()
    scene.recorder.record(event(request_id=f"hw-{PORTION + 1}"))
    scene.turns.turn()
    assert scene.logged == ids(PORTION + 2)
    scene.recorder.record(event(request_id="hw-last"))
    scene.turns.wait()
    assert scene.logged[-1] == "hw-last"


def test_an_event_that_a_watcher_records_is_handled_later(scene: Scene, event: Make):
    again = [event(request_id="hw-again")]
    scene.recorder.watch(lambda _: scene.recorder.record(again.pop()) if again else None)
    scene.recorder.record(event(request_id="hw-0"))
    scene.turns.wait()
    assert scene.logged == ["hw-0"]
    scene.turns.wait()
    assert scene.logged == ["hw-0", "hw-again"]


def test_a_watcher_that_fails_does_not_end_the_counting(scene: Scene, event: Make, read: Reader):
    def fails(_: ExchangeEvent) -> None:
        raise RuntimeError("the view is gone")

    scene.recorder.watch(fails)
    for name in ids(PORTION + 1):
        scene.recorder.record(event(request_id=name))
    with pytest.raises(RuntimeError):
        scene.turns.wait()
    with pytest.raises(RuntimeError):
        scene.turns.turn()
    scene.recorder.record(event())
    with pytest.raises(RuntimeError):
        scene.turns.wait()
    assert sum(read(scene.metrics.render())["headway_requests_total"].samples.values()) == PORTION + 2


def test_what_waits_can_be_handled_at_once(scene: Scene, event: Make):
    for name in ids(2 * PORTION + 1):
        scene.recorder.record(event(request_id=name))
    scene.recorder.drain()
    assert scene.logged == ids(2 * PORTION + 1)
    scene.turns.wait()  # the timer finds nothing left to do
    assert scene.logged == ids(2 * PORTION + 1)
    assert [len(batch) for batch in scene.batches] == [PORTION, PORTION, 1]


def test_without_a_log_events_are_counted_all_the_same(event: Make, read: Reader):
    turns: Any = Turns()
    metrics = Metrics()
    recorder = Recorder(metrics, loop=turns, write=None)
    recorder.record(event())
    turns.wait()
    assert sum(read(metrics.render())["headway_requests_total"].samples.values()) == 1


async def test_on_a_real_loop_events_arrive_by_themselves(event: Make):
    seen: asyncio.Queue[str] = asyncio.Queue()
    recorder = Recorder(Metrics(), loop=asyncio.get_running_loop(), write=None)
    recorder.watch(lambda event: seen.put_nowait(event.request_id))
    for name in ids(PORTION + 5):
        recorder.record(event(request_id=name))
    async with asyncio.timeout(20):
        assert [await seen.get() for _ in range(PORTION + 5)] == ids(PORTION + 5)


def test_a_follower_hears_portions_and_changes(scene: Scene, event: Make):
    class Follower:
        def __init__(self) -> None:
            self.portions: list[int] = []
            self.changes: list[tuple[str, float]] = []

        def ended(self, events: Sequence[ExchangeEvent]) -> None:
            self.portions.append(len(events))

        def changed(self, change: Change, at: float) -> None:
            self.changes.append((change.subject, at))

    follower = Follower()
    scene.recorder.follow(follower)
    for name in ids(PORTION + 3):
        scene.recorder.record(event(request_id=name))
    scene.recorder.drain()
    scene.recorder.drain()
    assert follower.portions == [PORTION, 3]
    loop: Any = scene.turns
    recorder = Recorder(scene.metrics, loop=loop, write=None)
    recorder.follow(follower)
    recorder.changed(Change(what="breaker_closed", subject="a/m", message="x"), 5.0)
    assert follower.changes == [("a/m", 5.0)]


class RequestLog:
    """Takes what is shipped, while it is wanted."""

    def __init__(self) -> None:
        self.wanted = True
        self.rows = self.contents = self.lost = 0

    def ship(self, lines: bytes, rows: int) -> None:
        assert lines.count(b"\n") == rows
        self.rows += rows

    def ship_contents(self, lines: bytes, contents: int) -> None:
        assert lines.count(b"\n") == contents
        self.contents += contents

    def lose_contents(self, contents: int) -> None:
        self.lost += contents


def test_lines_are_made_only_if_somebody_takes_them(scene: Scene, event: Make, monkeypatch: pytest.MonkeyPatch):
    loop: Any = scene.turns
    log = RequestLog()
    silent = Recorder(scene.metrics, loop=loop, write=None, ship=log)
    silent.record(event())
    silent.drain()
    assert log.rows == 1

    def made(_: list[ExchangeEvent]) -> bytes:
        raise AssertionError("nobody takes them")

    monkeypatch.setattr("headway.observability.recorder.exchange_lines", made)
    log.wanted = False
    silent.record(event())
    silent.drain()
    assert log.rows == 1


def test_contents_go_to_the_request_log_alone_in_portions_and_bounded(scene: Scene, event: Make):
    loop: Any = scene.turns
    log = RequestLog()
    written: list[bytes] = []
    recorder = Recorder(scene.metrics, loop=loop, write=written.append, ship=log)
    told = Content(request_id="hw-1", at=1.0, request=Body(b"words", 5, "application/json"))
    recorder.record(event())
    for _ in range(MOST_CONTENTS + 3):
        recorder.keep_content(lambda: told)
    scene.turns.wait()
    assert (log.contents, log.lost) == (CONTENTS, 3)
    scene.turns.turn()
    assert log.contents == 2 * CONTENTS
    recorder.drain()
    assert (log.rows, log.contents) == (1, MOST_CONTENTS)
    assert b"words" not in b"".join(written)
    assert b"content" not in b"".join(written)
