"""Alerts on their way: in which words, how often it is tried, and that neither a slow webhook nor a dead one costs
anything but its own alerts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any, Literal

import msgspec
import pytest
import pytest_asyncio

from headway.observability import webhooks as webhooks_module
from headway.observability.posting import Address, Answered, post
from headway.observability.webhooks import LONGEST_PAUSE, MOST_WAITING, PAUSES, Webhooks, pause, payload, should_retry
from headway.transport.upstreams import Upstreams
from headway.types import Alert, Secret, Webhook

FIRING = Alert(
    kind="key_parked",
    severity="critical",
    subject="a#k",
    message="a#k is refused: <no & such> key",
    first_seen=1.0,
    last_seen=2.0,
    count=3,
)
RESOLVED = msgspec.structs.replace(FIRING, resolved_at=70.0)


# --- the words ---


def test_json_is_the_alert_and_what_became_of_it():
    fields = json.loads(msgspec.json.encode(FIRING))
    assert json.loads(payload(FIRING, "json")) == {"event": "alert_firing", **fields}
    assert json.loads(payload(RESOLVED, "json")) == {"event": "alert_resolved", **fields, "resolved_at": 70.0}


def test_slack_gets_a_line_of_text_without_its_markup():
    assert json.loads(payload(FIRING, "slack")) == {
        "text": "[critical] key_parked a#k: a#k is refused: &lt;no &amp; such&gt; key"
    }
    assert json.loads(payload(RESOLVED, "slack"))["text"].startswith("[resolved] key_parked a#k: ")


def test_a_text_for_slack_is_no_longer_than_it_shows():
    long = msgspec.structs.replace(FIRING, message="x" * 100_000)
    assert len(json.loads(payload(long, "slack"))["text"]) == webhooks_module.LONGEST_TEXT


# --- how often ---


@pytest.mark.parametrize(
    ("status", "again"),
    [(None, True), (408, True), (429, True), (500, True), (503, True), (301, False), (400, False), (404, False)],
)
def test_what_may_pass_is_tried_again(status: int | None, again: bool):
    assert should_retry(Answered(status)) == again


def test_pauses_grow_and_a_webhook_may_ask_for_longer_ones():
    rng = Random(1)
    for number, usual in enumerate(PAUSES, start=1):
        assert 0.8 * usual <= pause(Answered(500), number, rng) <= 1.2 * usual
    assert pause(Answered(429, "", 30.0), 1, rng) == 30.0
    assert pause(Answered(429, "", 86400.0), 1, rng) == LONGEST_PAUSE


# --- lines, with a webhook that answers as the test says ---


class Scene:
    """`answers` are given in turn, the last one for ever. Pauses take no time, and are noted."""

    def __init__(self) -> None:
        self.answers: list[Answered] = [Answered(200)]
        self.posted: list[tuple[str, bytes]] = []
        self.results: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.webhooks = Webhooks(self.post, lambda result, why: self.results.append((result, why)), Random(1))

    async def post(self, address: Address, body: bytes, patience: float) -> Answered:
        self.posted.append((address.origin, body))
        await self.gate.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest_asyncio.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(webhooks_module, "PAUSES", (0.0, 0.0, 0.0))
    scene = Scene()
    yield scene
    scene.webhooks.close()
    await settled()


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def webhook(host: str = "a.test", form: Literal["json", "slack"] = "json") -> Webhook:
    return Webhook(url=Secret(f"https://{host}/services/hunter2?token=hunter3"), format=form)


async def test_every_webhook_is_told_in_its_own_format(scene: Scene):
    scene.webhooks.adjust([webhook("a.test"), webhook("b.test", "slack")])
    scene.webhooks.tell(FIRING)
    await settled()
    assert scene.posted == [("https://a.test", payload(FIRING, "json")), ("https://b.test", payload(FIRING, "slack"))]
    assert scene.results == [("ok", ""), ("ok", "")]


async def test_it_is_tried_a_few_times(scene: Scene):
    scene.webhooks.adjust([webhook()])
    scene.answers = [Answered(None, "the connection was lost"), Answered(503), Answered(204)]
    scene.webhooks.tell(FIRING)
    await settled()
    assert (len(scene.posted), scene.results) == (3, [("ok", "")])


async def test_what_never_succeeds_is_given_up_and_the_next_one_has_its_turn(scene: Scene):
    scene.webhooks.adjust([webhook()])
    scene.answers = [Answered(503)] * 4 + [Answered(200)]
    scene.webhooks.tell(FIRING)
    scene.webhooks.tell(RESOLVED)
    await settled()
    assert scene.results == [("failed", "https://a.test: it answered 503"), ("ok", "")]


async def test_a_refusal_is_final(scene: Scene):
    scene.webhooks.adjust([webhook()])
    scene.answers = [Answered(404)]
    scene.webhooks.tell(FIRING)
    await settled()
    assert (len(scene.posted), scene.results) == (1, [("failed", "https://a.test: it answered 404")])


async def test_the_oldest_give_way_when_nobody_takes_them(scene: Scene):
    scene.webhooks.adjust([webhook()])
    scene.gate.clear()
    scene.webhooks.tell(FIRING)
    await settled()
    for number in range(MOST_WAITING + 5):
        scene.webhooks.tell(msgspec.structs.replace(FIRING, subject=str(number)))
    assert [result for result, _ in scene.results] == ["dropped"] * 5
    scene.gate.set()
    for _ in range(20):
        await settled()
    subjects = [json.loads(body)["subject"] for _, body in scene.posted]
    assert subjects == ["a#k", *(str(number) for number in range(5, MOST_WAITING + 5))]


async def test_a_webhook_that_a_reload_keeps_goes_on_and_one_that_is_gone_is_told_nothing_more(scene: Scene):
    scene.webhooks.adjust([webhook("a.test"), webhook("b.test")])
    scene.gate.clear()
    scene.webhooks.tell(FIRING)
    await settled()
    scene.webhooks.adjust([webhook("a.test"), webhook("c.test")])
    scene.gate.set()
    await settled()
    assert scene.results == [("ok", "")], "the post to b was given up"
    scene.webhooks.tell(RESOLVED)
    await settled()
    assert [origin for origin, _ in scene.posted][2:] == ["https://a.test", "https://c.test"]


async def test_closing_gives_up_what_waits(scene: Scene):
    scene.webhooks.adjust([webhook()])
    scene.gate.clear()
    scene.webhooks.tell(FIRING)
    await settled()
    scene.webhooks.tell(RESOLVED)
    scene.webhooks.close()
    scene.gate.set()
    await settled()
    assert (len(scene.posted), scene.results) == (1, [])


async def test_no_report_has_the_secret_part_of_the_address(scene: Scene):
    scene.webhooks.adjust([webhook()])
    scene.answers = [Answered(404)]
    scene.webhooks.tell(FIRING)
    await settled()
    told = repr((scene.results, webhook(), vars(Address(webhook().url))))
    assert "hunter" not in told


# --- on the wire, to a server on loopback ---

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Reads one request of each connection and answers with these bytes; with None it never does."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self.answer: bytes | None = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        self.closed = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self.requests.append((head, await reader.readexactly(size)))
        if self.answer is not None:
            writer.write(self.answer)
        await reader.read()
        self.closed += 1
        writer.close()

    @property
    def url(self) -> Secret:
        return Secret(f"http://127.0.0.1:{self.port}/services/T0/hunter2?x=hunter3")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@pytest_asyncio.fixture
async def upstreams() -> AsyncIterator[Upstreams]:
    upstreams = Upstreams({})
    yield upstreams
    upstreams.close()


async def closed(server: Server) -> None:
    async with asyncio.timeout(5.0):
        while server.closed < len(server.requests):
            await asyncio.sleep(0.005)


@pytest.mark.real
async def test_a_post_is_one_request_on_a_connection_of_its_own(server: Server, upstreams: Upstreams):
    server.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    assert await post(upstreams, Address(server.url), b'{"a": 1}', 5.0) == Answered(200)
    await closed(server)
    (head, body) = server.requests[0]
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /services/T0/hunter2?x=hunter3 HTTP/1.1"
    assert {f"host: 127.0.0.1:{server.port}", "content-type: application/json", "content-length: 8"} < set(lines)
    assert body == b'{"a": 1}'
    assert upstreams.connections() == 0


@pytest.mark.real
@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (b"HTTP/1.1 429 Too Many\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n", Answered(429, "", 30.0)),
        (b"HTTP/1.1 503 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n", Answered(503)),
        (b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", Answered(302)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 100_000, Answered(200)),
    ],
)
async def test_what_is_answered_is_told_and_no_redirect_is_followed(
    server: Server, upstreams: Upstreams, answer: bytes, wanted: Answered
):
    server.answer = answer
    assert await post(upstreams, Address(server.url), b"{}", 5.0) == wanted
    assert len(server.requests) == 1


@pytest.mark.real
async def test_who_never_answers_is_left_in_time(server: Server, upstreams: Upstreams):
    server.answer = None
    assert await post(upstreams, Address(server.url), b"{}", 0.05) == Answered(None, "no answer within 0.05 s")
    await closed(server)


@pytest.mark.real
async def test_an_answer_that_is_none_and_a_closed_port_are_told_without_the_secret(
    server: Server, upstreams: Upstreams
):
    server.answer = b"hello\r\n\r\n"
    nonsense = await post(upstreams, Address(server.url), b"{}", 5.0)
    gone = await post(upstreams, Address(Secret("http://127.0.0.1:1/hunter2")), b"{}", 5.0)
    for answered in (nonsense, gone):
        assert answered.status is None
        assert answered.problem
        assert "hunter" not in answered.problem
    assert "127.0.0.1:1" in gone.problem


@pytest.mark.real
async def test_a_webhook_that_was_set_by_api_is_posted_to_where_it_may_lie(server: Server, upstreams: Upstreams):
    refused = await post(upstreams, Address(server.url, ()), b"{}", 5.0)
    assert "private_networks" in refused.problem
    assert server.requests == []
    assert (await post(upstreams, Address(server.url, ("127.0.0.0/8",)), b"{}", 5.0)).status is not None


@pytest.mark.real
async def test_a_cancelled_post_leaves_nothing_open(server: Server, upstreams: Upstreams):
    server.answer = None
    posting = asyncio.ensure_future(post(upstreams, Address(server.url), b"{}", 5.0))
    async with asyncio.timeout(5.0):
        while not server.requests:
            await asyncio.sleep(0.005)
    posting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await posting
    await closed(server)
    assert upstreams.connections() == 0


@pytest.mark.real
async def test_an_alert_arrives(server: Server, upstreams: Upstreams):
    done = asyncio.Event()

    async def send(*args: Any) -> Answered:
        return await post(upstreams, *args)

    webhooks = Webhooks(send, lambda *_: done.set(), Random(1))
    webhooks.adjust([Webhook(url=server.url, format="slack")])
    webhooks.tell(FIRING)
    await asyncio.wait_for(done.wait(), 5.0)
    assert json.loads(server.requests[0][1])["text"].startswith("[critical] key_parked")
    webhooks.close()
