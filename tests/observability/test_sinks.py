"""Sinks: what reaches a file or an address, what is lost and counted, and that nobody waits for either."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from headway.config.reach import networks
from headway.observability import webhook
from headway.observability.exports import Around, Exports
from headway.observability.files import RotatingFile
from headway.observability.outbox import Outbox
from headway.observability.webhook import Webhook, pause
from headway.types import ExchangeEvent, JsonlSink, Observability, Secret, WebhookSink

Make = Callable[..., ExchangeEvent]


def waited_for(done: Callable[[], bool], within: float = 10.0) -> bool:
    until = time.monotonic() + within
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


# --- the outbox ---


def test_events_are_handed_over_in_order_and_in_portions(event: Make):
    got: list[list[str]] = []

    def deliver(events: list[ExchangeEvent]) -> int:
        got.append([each.request_id for each in events])
        return 0

    outbox = Outbox("x", deliver, portion=3, wait=0.05)
    outbox.put([event(request_id=str(number)) for number in range(7)])
    outbox.put([event(request_id="7")])
    outbox.close(10.0)
    assert sum(got, []) == [str(number) for number in range(8)]  # noqa: RUF017
    assert max(map(len, got)) == 3
    assert outbox.lost == 0


def test_events_wait_for_others(event: Make):
    got: list[int] = []
    outbox = Outbox("x", lambda events: got.append(len(events)) or 0, portion=10, wait=5.0)
    for _ in range(10):
        outbox.put([event()])
    assert waited_for(lambda: got == [10])
    outbox.close(10.0)


def test_what_finds_no_room_is_lost_and_counted_and_nobody_waits(event: Make):
    entered, may = threading.Event(), threading.Event()

    def deliver(events: list[ExchangeEvent]) -> int:
        entered.set()
        assert may.wait(20)
        return 1

    outbox = Outbox("x", deliver, portion=5, wait=0.0, most=10)
    outbox.put([event()] * 5)
    assert entered.wait(20)
    outbox.put([event()] * 8)
    assert outbox.lost == 3
    outbox.put([event()])
    assert outbox.lost == 4
    outbox.close(0.01)
    assert outbox.lost == 14, "what is still there at the end is lost too"
    may.set()
    outbox._thread.join(10)


# --- files ---


def test_a_file_is_rotated_by_size_and_the_oldest_go(tmp_path: Path):
    file = RotatingFile(tmp_path / "e.jsonl", size=10, keep=2)
    for number in range(6):
        file.write(b"line-%d\n" % number)
    file.close()
    names = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert names == {"e.jsonl": b"line-5\n", "e.jsonl.1": b"line-4\n", "e.jsonl.2": b"line-3\n"}


def test_a_file_may_be_the_only_one(tmp_path: Path):
    file = RotatingFile(tmp_path / "e.jsonl", size=10, keep=0)
    for number in range(3):
        file.write(b"line-%d\n" % number)
    file.close()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"line-2\n"]


def test_a_file_is_gone_on_with_after_a_restart(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"before\n")
    file = RotatingFile(path, size=14, keep=1)
    file.write(b"after1\n")
    file.write(b"after2\n")
    file.close()
    assert path.read_bytes() == b"after2\n"
    assert (tmp_path / "e.jsonl.1").read_bytes() == b"before\nafter1\n"


def exports(*sinks: JsonlSink | WebhookSink, worker: int | None = None) -> Exports:
    around = Around(providers=dict, trust=ssl.create_default_context, worker=worker)
    return Exports(Observability(sinks=sinks), around)


def lost(exports: Exports) -> dict[tuple[str, str], int]:
    return {each: number for each, number in exports._losses().items() if number}


def test_a_jsonl_sink_writes_what_the_log_does(tmp_path: Path, event: Make):
    sink = JsonlSink(name="file", path=str(tmp_path / "e.jsonl"))
    made = exports(sink)
    made.take([event(request_id="1"), event(request_id="2")])
    made.take([event(request_id="3")])
    made.close()
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_bytes().splitlines()]
    assert [line["request_id"] for line in lines] == ["1", "2", "3"]
    assert all(line["event"] == "exchange" for line in lines)
    assert lost(made) == {}


def test_workers_write_to_files_of_their_own(tmp_path: Path, event: Make):
    made = exports(JsonlSink(name="file", path=str(tmp_path / "e.jsonl")), worker=3)
    made.take([event()])
    made.close()
    assert [path.name for path in tmp_path.iterdir()] == ["e.3.jsonl"]


def test_a_file_that_cannot_be_written_loses_lines_until_it_can(tmp_path: Path, event: Make):
    folder = tmp_path / "later"
    made = exports(JsonlSink(name="file", path=str(folder / "e.jsonl")))
    made.take([event(), event()])
    (pipe,) = made._pipes.values()
    assert waited_for(lambda: pipe._writer._failed == 2)  # type: ignore[attr-defined]
    folder.mkdir()
    made.take([event()])
    made.close()
    assert len((folder / "e.jsonl").read_bytes().splitlines()) == 1
    assert lost(made) == {("file", "events"): 2}


# --- webhooks ---


class Hook:
    """An address that answers as told, and then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.fields: dict[str, str] = {}
        self.got: list[tuple[str, dict[str, str], list[dict[str, object]]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                sent = {name.lower(): value for name, value in self.headers.items()}
                hook.got.append((self.path, sent, json.loads(body)))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
                for name, value in hook.fields.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/events?room=1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def ids(self) -> list[list[object]]:
        return [[each["request_id"] for each in events] for _, _, events in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


class Hurry:
    """Notes the pauses and takes none."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.closing = False

    def is_set(self) -> bool:
        return self.closing

    def wait(self, timeout: float | None = None, /) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        return self.closing


def to(url: str, **facts: object) -> WebhookSink:
    usual: dict[str, object] = {"name": "hook", "url": Secret(url), "wait": 0.05}
    return WebhookSink(**{**usual, **facts})  # type: ignore[arg-type]


def webhook_to(hook: Hook, **facts: object) -> Webhook:
    return Webhook(to(hook.url, **facts), ssl.create_default_context, Random(1))


@pytest.mark.real
def test_events_are_posted_many_at_once(hook: Hook, event: Make):
    made = exports(to(hook.url, batch=2, headers=(("Authorization", Secret("Bearer of-the-hook")),)))
    made.take([event(request_id="1"), event(request_id="2"), event(request_id="3")])
    made.close()
    assert hook.ids == [["1", "2"], ["3"]]
    path, fields, _ = hook.got[0]
    assert path == "/events?room=1"
    assert fields["authorization"] == "Bearer of-the-hook"
    assert fields["content-type"] == "application/json"
    assert lost(made) == {}


@pytest.mark.real
def test_an_address_that_was_set_by_api_is_posted_to_where_it_may_lie(hook: Hook, event: Make):
    assert webhook_to(hook, attempts=1, reach=()).send([event()], Hurry()) == 1
    assert hook.got == []
    assert webhook_to(hook, attempts=1, reach=("127.0.0.1/32",)).send([event()], Hurry()) == 0
    assert len(hook.got) == 1


@pytest.mark.real
def test_a_name_that_leads_elsewhere_by_now_is_not_posted_to(hook: Hook, monkeypatch: pytest.MonkeyPatch):
    port = int(hook.url.rpartition(":")[2].partition("/")[0])
    leads_to: list[list[str]] = [["127.0.0.2", "127.0.0.1"], ["127.0.0.2"]]

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        found = leads_to.pop(0) if host == "hook.test" else [host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    allowed = networks(["127.0.0.1/32"])
    with webhook.reached("hook.test", port, 5.0, allowed) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"
    with pytest.raises(OSError, match="may be connected to"):
        webhook.reached("hook.test", port, 5.0, allowed)


@pytest.mark.real
def test_a_batch_is_sent_again_with_growing_pauses(hook: Hook, event: Make):
    hook.statuses = [503, 429, 500]
    hurry = Hurry()
    assert webhook_to(hook).send([event(request_id="1")], hurry) == 0
    assert hook.ids == [["1"]] * 4
    assert [0.5 <= hurry.pauses[0] <= 1, 1 <= hurry.pauses[1] <= 2, 2 <= hurry.pauses[2] <= 4] == [True] * 3


@pytest.mark.real
def test_the_other_side_may_ask_for_a_longer_pause_within_reason(hook: Hook, event: Make):
    hook.statuses, hook.fields = [429], {"retry-after": "7"}
    hurry = Hurry()
    assert webhook_to(hook).send([event()], hurry) == 0
    hook.statuses, hook.fields = [429], {"retry-after": "999999"}
    assert webhook_to(hook).send([event()], hurry) == 0
    assert hurry.pauses == [7.0, webhook.LONGEST_ASKED]


@pytest.mark.real
@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
def test_what_is_refused_or_sent_elsewhere_is_lost_at_once(hook: Hook, event: Make, status: int):
    hook.statuses, hook.fields = [status], {"location": hook.url}
    hurry = Hurry()
    assert webhook_to(hook).send([event(), event()], hurry) == 2
    assert len(hook.got) == 1
    assert hurry.pauses == []


@pytest.mark.real
def test_attempts_end(hook: Hook, event: Make):
    hook.statuses = [500] * 9
    hurry = Hurry()
    assert webhook_to(hook, attempts=3).send([event()], hurry) == 1
    assert len(hook.got) == 3
    assert len(hurry.pauses) == 2


@pytest.mark.real
def test_at_the_end_there_is_one_more_try_and_no_pause(hook: Hook, event: Make):
    hook.statuses = [500] * 9
    hurry = Hurry()
    hurry.closing = True
    assert webhook_to(hook).send([event()], hurry) == 1
    assert len(hook.got) == 1
    assert hurry.pauses == []


@pytest.mark.real
def test_nobody_there_is_no_error_and_the_end_comes_in_time(event: Make):
    made = exports(to("http://127.0.0.1:9/x"), to("https://127.0.0.1:9/x", name="tls"))
    made.take([event(), event()])
    began = time.monotonic()
    made.close(2.0)
    assert time.monotonic() - began < 3.0
    assert lost(made) == {("hook", "events"): 2, ("tls", "events"): 2}


def test_pauses_are_bounded():
    rng = Random(3)
    assert all(pause(attempt, rng) <= webhook.LONGEST_PAUSE for attempt in range(1, 21))


# --- reload ---


def test_a_reload_leaves_alone_what_stays_and_closes_what_goes(tmp_path: Path, event: Make):
    first = JsonlSink(name="one", path=str(tmp_path / "one.jsonl"))
    second = JsonlSink(name="two", path=str(tmp_path / "two.jsonl"))
    made = exports(first, second)
    kept = made._pipes[first]
    made.take([event(request_id="1")])
    made.adjust(Observability(sinks=(first,)))
    made.take([event(request_id="2")])
    assert made._pipes == {first: kept}
    made.adjust(Observability())
    made.take([event(request_id="3")])
    made.close()
    assert len((tmp_path / "one.jsonl").read_bytes().splitlines()) == 2
    assert len((tmp_path / "two.jsonl").read_bytes().splitlines()) == 1


def test_what_was_lost_is_still_counted_after_a_reload(tmp_path: Path, event: Make):
    sink = JsonlSink(name="file", path=str(tmp_path / "nowhere" / "e.jsonl"))
    made = exports(sink)
    made.take([event(), event()])
    made.adjust(Observability())
    assert waited_for(lambda: lost(made) == {("file", "events"): 2})
    made.adjust(Observability(sinks=(sink,)))
    made.take([event()])
    made.close()
    assert lost(made) == {("file", "events"): 3}
    assert lost(made) == {("file", "events"): 3}
