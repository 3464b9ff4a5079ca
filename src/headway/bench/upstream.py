"""A mock provider that costs as little as Python can: every reply is a prebuilt run of bytes.

Run as `python -m headway.bench.upstream`; the port it listens on is the first line it prints, and it ends when its
standard input does. It answers chat requests whole or as a stream whose chunks leave at a fixed interval; one timer
serves all streams. It models no behaviour of a provider beyond that: `headway.simulated` does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import sys
import time
from typing import cast

import msgspec
import uvloop

from headway.bench import payloads, translated

CONTENT_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength:[ \t]*(\d+)")
CHUNKED = re.compile(rb"\r\n[Tt]ransfer-[Ee]ncoding:")
STREAM = re.compile(rb'"stream": ?true')
INCLUDE_USAGE = re.compile(rb'"include_usage": ?true')
SLOTS = 10
SHORTEST_WAIT = 0.001
"""The loop counts in milliseconds: it would spin through a shorter wait."""


class Replies(msgspec.Struct, frozen=True):
    """All that the mock ever says, built once. A stream's first write carries head, role and first text at once."""

    whole: bytes
    models: bytes
    not_found: bytes
    length_required: bytes
    first: bytes
    chunk: bytes
    end: bytes
    end_with_usage: bytes
    chunks: int
    foreign_whole: bytes
    """The same in Anthropic's words."""
    foreign_first: bytes
    foreign_chunk: bytes
    foreign_end: bytes


def replies(chunks: int, *, openai_headers: bool) -> Replies:
    headers = payloads.OPENAI_HEADERS if openai_headers else payloads.PLAIN_HEADERS
    error = payloads.compact(
        {"error": {"message": "the mock knows only chat completions", "type": "invalid_request_error"}}
    )
    models = payloads.compact({"object": "list", "data": [{"id": payloads.UPSTREAM_MODEL, "object": "model"}]})
    content = payloads.framed(payloads.content_event())
    role = payloads.framed(payloads.event({"role": "assistant", "content": ""}))
    return Replies(
        whole=payloads.whole_reply(payloads.chat_reply(), headers),
        models=payloads.whole_reply(models),
        not_found=payloads.whole_reply(error, status="404 Not Found"),
        length_required=payloads.whole_reply(error, status="411 Length Required"),
        first=payloads.stream_head(headers) + role + content,
        chunk=content,
        end=payloads.stream_end(chunks, usage=False),
        end_with_usage=payloads.stream_end(chunks, usage=True),
        chunks=chunks,
        foreign_whole=translated.reply(),
        foreign_first=translated.beginning(),
        foreign_chunk=translated.long_chunk(),
        foreign_end=translated.end(),
    )


class Wheel:
    """Paces all streams with one timer: `SLOTS` turns make one interval, and each turn serves a tenth of the streams.

    When the process falls behind by more than one interval the lost turns are skipped, so that a stream never gets two
    chunks in one write.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._loop = loop
        self._turn_time = max(interval / SLOTS, SHORTEST_WAIT)
        self._slots: list[dict[Upstream, None]] = [{} for _ in range(max(1, round(interval / self._turn_time)))]
        self._began = 0.0
        self._turn = 0
        self._live = 0
        self._ticking = False

    def join(self, stream: Upstream) -> int:
        """Puts a stream into the emptiest slot and tells which."""
        slot = min(range(len(self._slots)), key=lambda i: len(self._slots[i]))
        self._slots[slot][stream] = None
        self._live += 1
        if not self._ticking:
            self._ticking = True
            self._began = time.monotonic()
            self._turn = 0
            self._loop.call_later(self._turn_time, self._tick)
        return slot

    def leave(self, stream: Upstream, slot: int) -> None:
        del self._slots[slot][stream]
        self._live -= 1

    def _tick(self) -> None:
        if not self._live:
            self._ticking = False
            return
        due = int((time.monotonic() - self._began) / self._turn_time)
        self._turn = max(self._turn, due - len(self._slots))
        while self._turn < due:
            for stream in list(self._slots[self._turn % len(self._slots)]):
                stream.advance()
            self._turn += 1
        wait = self._began + (due + 1) * self._turn_time - time.monotonic()
        self._loop.call_later(max(wait, SHORTEST_WAIT), self._tick)


class Upstream(asyncio.Protocol):
    """One connection from the client side: requests in, prebuilt replies out, one at a time."""

    __slots__ = ("_chunk", "_end", "_held", "_left", "_need", "_replies", "_slot", "_transport", "_wheel")

    def __init__(self, prebuilt: Replies, wheel: Wheel) -> None:
        self._replies = prebuilt
        self._wheel = wheel
        self._transport: asyncio.Transport | None = None
        self._held = bytearray()
        self._need = 0
        self._left = 0
        self._slot = -1
        self._chunk = b""
        self._end = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._leave()

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._held += data
            if len(self._held) < self._need:
                return
            data = bytes(self._held)
            self._held.clear()
        while data and self._slot < 0:
            rest = self._take(data)
            if rest is None:
                return
            data = rest
        if data:  # bytes while a stream runs: no client of this mock pipelines
            self._hang_up()

    def _take(self, data: bytes) -> bytes | None:
        """Answers the first request in `data` and returns what follows it; None when it is not complete yet."""
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            self._hold(data, len(data) + 1)
            return None
        length = CONTENT_LENGTH.search(data, 0, head_end)
        total = head_end + 4 + (int(length[1]) if length else 0)
        if len(data) < total:
            self._hold(data, total)
            return None
        if length is None and CHUNKED.search(data, 0, head_end):
            self._say(self._replies.length_required)
            self._hang_up()
            return None
        self._answer(data, head_end, total)
        return data[total:]

    def _hold(self, data: bytes, need: int) -> None:
        self._held += data
        self._need = need

    def _answer(self, data: bytes, head_end: int, total: int) -> None:
        if data.startswith(b"GET "):
            self._say(self._replies.models)
        elif data.startswith(b"POST /v1/messages "):
            self._answer_foreign(bool(STREAM.search(data, head_end, total)))
        elif not data.startswith(b"POST /v1/chat/completions "):
            self._say(self._replies.not_found)
        elif STREAM.search(data, head_end, total):
            self._stream(usage=bool(INCLUDE_USAGE.search(data, head_end, total)))
        else:
            self._say(self._replies.whole)

    def _answer_foreign(self, streams: bool) -> None:
        replies = self._replies
        if streams:
            self._begin(replies.foreign_first, replies.foreign_chunk, replies.foreign_end)
        else:
            self._say(replies.foreign_whole)

    def _stream(self, *, usage: bool) -> None:
        replies = self._replies
        self._begin(replies.first, replies.chunk, replies.end_with_usage if usage else replies.end)

    def _begin(self, first: bytes, chunk: bytes, end: bytes) -> None:
        self._say(first)
        self._left = self._replies.chunks - 1
        self._chunk = chunk
        self._end = end
        self._slot = self._wheel.join(self)

    def advance(self) -> None:
        """Called by the wheel once an interval."""
        if self._left > 0:
            self._left -= 1
            self._say(self._chunk)
            return
        self._leave()
        self._say(self._end)

    def _leave(self) -> None:
        if self._slot >= 0:
            self._wheel.leave(self, self._slot)
            self._slot = -1

    def _say(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def listen(prebuilt: Replies, interval: float, port: int = 0) -> asyncio.Server:
    """A mock on 127.0.0.1; port 0 takes any free one."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop, interval)
    return await loop.create_server(lambda: Upstream(prebuilt, wheel), "127.0.0.1", port, backlog=4096)


async def serve(prebuilt: Replies, interval: float, port: int) -> None:
    server = await listen(prebuilt, interval, port)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    gc.freeze()
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await over.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m headway.bench.upstream", description="A cheap mock provider on 127.0.0.1."
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=100, help="chunks of text in a stream")
    parser.add_argument("--interval", type=float, default=0.01, help="seconds between two chunks")
    parser.add_argument("--openai-headers", action="store_true", help="answer with 24 headers, as OpenAI does")
    given = parser.parse_args()
    prebuilt = replies(max(1, given.chunks), openai_headers=given.openai_headers)
    uvloop.run(serve(prebuilt, given.interval, given.port))


if __name__ == "__main__":
    main()
