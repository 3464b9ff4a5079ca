"""One attempt at one target: connect, send, wait, and judge what comes back.

It tells an answer from a failure and how long to wait for either. What follows from that is `pipeline.dispatch`'s
business; passing on an answer that comes in pieces is `pipeline.relay`'s.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from headway.core.exchange import Attempt
from headway.failures import Failure, FailureKind
from headway.pipeline.asked import Asked
from headway.pipeline.checked import CheckedRelay, Checks
from headway.pipeline.follow import FollowedRelay
from headway.pipeline.incoming import estimated, following
from headway.pipeline.outgoing import Outgoing
from headway.pipeline.plan import Sender
from headway.pipeline.relay import Manner, Notice, PlainRelay, StreamRelay
from headway.pipeline.setting_out import Taught, cannot, learn, passed_over, set_out
from headway.pipeline.tracing import traced
from headway.pipeline.ways import Way
from headway.pipeline.whole import ENCODED, NO_STREAM, Came, bad_reply, failed, judged
from headway.ports import Connection, Dial, Downstream, Signing
from headway.providers.classification.classify import classify, classify_event
from headway.providers.ratelimits import readings
from headway.types import Reading, Usage
from headway.wire.dialects import CODECS
from headway.wire.form.codec import Codec
from headway.wire.form.request import Unsupported
from headway.wire.http_head import CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, NO_HEAD, Head
from headway.wire.malformed import Malformed
from headway.wire.openai import errors
from headway.wire.openai.splice import Splice
from headway.wire.openai.told import Told

JSON = b"application/json"
HOLD_LIMIT = 1024 * 1024
"""Bytes of a whole JSON answer that are held until it is complete, so that one that breaks off can be replaced."""
TRANSLATED_LIMIT = 64 * 1024 * 1024
"""The same of one that must be there in full to be translated."""
ERROR_LIMIT = 64 * 1024
"""Bytes of an upstream's error reply that are read."""
TOO_MANY = 429


class CallOwner(Protocol):
    """Whom a call reports to. Exactly one report ends it: a failure, an answer, a refusal, a break-off."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> float:
        """Unix time."""
        ...

    def alone(self) -> bool:
        """Is there nobody else who could be asked if this call were given up?"""
        ...

    def told_of_quota(self, call: Call, readings: tuple[Reading, ...]) -> None:
        """The reply's head says how much of its key's quotas is left."""
        ...

    def commit(self, call: Call, length: int | None) -> None:
        """From here on the client sees this call's answer."""
        ...

    def attempt_failed(self, call: Call, failure: Failure) -> None:
        """Nothing of its answer has been passed on."""
        ...

    def refused(self, call: Call, failure: Failure, body: bytes) -> None:
        """The same, for a reply with an error status."""
        ...

    def answered(self, call: Call, body: bytes, usage: Usage | None) -> None:
        """A whole answer."""
        ...

    def relayed(self, call: Call, usage: Usage | None, passed: int) -> None:
        """An answer that came in pieces is complete; `passed` bytes of it went to the client."""
        ...

    def broke(self, call: Call, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        """It broke after the client had seen part of it."""
        ...


class Call(msgspec.Struct, eq=False):
    """`expires` is the moment (monotonic seconds) at which patience with what it waits for ends. `going_on` continues a
    text that another attempt began.
    """

    _owner: CallOwner
    _asked: Asked
    sender: Sender
    attempt: Attempt
    _downstream: Downstream
    _deadline: float
    _checks: Checks | None = None
    going_on: Told | None = None
    _outgoing: Outgoing | None = None
    _way: Way | None = None
    dropped: tuple[str, ...] = ()
    """What of the request its target was not told."""
    expires: float = 0.0
    status: int = 0
    head: Head = NO_HEAD
    content_type: bytes = b""
    _started: float = 0.0
    _connection: Connection | None = None
    _dial: Dial | None = None
    _relay: StreamRelay | FollowedRelay | PlainRelay | None = None
    _seen_progress: int = 0
    _seen_arrived: int = 0
    _heard: float = 0.0
    """When anything came in last, as far as the sweep has seen."""
    _cut_off: bool = False
    """Its first token was due, and there is nobody else to ask."""
    _unsigned: bool = False
    """It waits for a token."""
    _since: float = 0.0
    """When the gateway's own turn began, in which nobody is waited for (monotonic seconds)."""
    _held: list[bytes] | None = None
    _held_size: int = 0

    # --- sending ---

    def start(self, now: float) -> None:
        self._started = self._since = now
        sender = self.sender
        way = sender.way(self._asked.endpoint)
        if isinstance(way, Unsupported):
            self._owner.attempt_failed(self, passed_over(sender, way))
            return
        self._way = way
        if way.local:
            self._answer_here()
            return
        found = set_out(self._asked, sender, way, self.going_on, alone=self._owner.alone, now=now)
        if isinstance(found, Failure):
            self._owner.attempt_failed(self, found)
            return
        trace = self._asked.trace
        self._outgoing = found if trace is None else traced(found, trace, self._asked.headers, self.attempt.number)
        self.dropped = found.dropped
        if sender.signing is not None:
            self._sign(sender.signing)
        else:
            self._go(now)

    def _sign(self, signing: Signing) -> None:
        """Add what only this request's signature or the present token can tell."""
        request = self._outgoing
        if request is None:
            raise RuntimeError("there is nothing to sign")
        method, path, _ = request.head.split(b" ", 2)
        fields = signing.fields(method, path, request.body)
        if fields is None:
            self.expires = self._deadline
            self._unsigned = True
            self._asked.worked += self._owner.now() - self._since
            signing.wait(self._on_token)
            return
        head = request.head[:-2] + fields + b"\r\n"
        self._outgoing = msgspec.structs.replace(request, head=head)
        self._go(self._owner.now())

    def _on_token(self, failure: Failure | None) -> None:
        if not self._unsigned:  # it was left meanwhile
            return
        self._unsigned = False
        self._since = self._owner.now()
        if failure is not None:
            self._owner.attempt_failed(self, failure)
        elif self.sender.signing is not None:
            self._sign(self.sender.signing)

    def _go(self, now: float) -> None:
        connection = self.sender.origin.take()
        if connection is None:
            self._connect(now)
        else:
            self._send(connection, now)

    def _answer_here(self) -> None:
        """The target has nothing to answer this with, and the gateway has."""
        found = estimated(self._asked, self.attempt.candidate.state.estimate)
        if isinstance(found, Malformed):
            self._owner.attempt_failed(self, cannot(self.sender, found))
            return
        self.status = 200
        self.content_type = JSON
        self._owner.answered(self, found, None)

    def _connect(self, now: float) -> None:
        self.expires = self._deadline
        self._asked.worked += self._owner.now() - self._since
        patience = max(min(self.sender.usual_patience.connect, self._deadline - now), 0.0)
        self._dial = self.sender.origin.dial(patience, self)

    def on_connected(self, connection: Connection) -> None:
        self._dial = None
        now = self._since = self._owner.now()
        self._send(connection, now)

    def on_dial_failed(self, failure: Failure) -> None:
        self._dial = None
        if failure.kind is FailureKind.TIMEOUT and self._owner.now() >= self._deadline:
            failure = self._past_deadline()
        self._owner.attempt_failed(self, failure)

    def leave(self) -> None:
        """Have nothing more to do with it: a connection whose reply is not complete closes at once."""
        self._unsigned = False
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def pause(self) -> None:
        """Read no more of an answer that the client sees. What it does not see yet is bounded, and its being late must
        not be our own doing.
        """
        if self._connection is not None and self._relay is not None and self._relay.committed:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()
        if self._relay is not None and self._relay.started:  # while it was not read its silence meant nothing
            self._heard = self._owner.now()
            self.expires = min(self._heard + self._stall(), self._deadline)

    def _send(self, connection: Connection, now: float) -> None:
        request, sender, asked = self._outgoing, self.sender, self._asked
        if request is None:
            raise RuntimeError("there is nothing to send")
        self._connection = connection
        streams = asked.facts.stream and not self._is_whole_only
        wait = sender.patience(asked).headers_stream if streams else sender.usual_patience.headers_whole
        self.expires = min(now + wait, self._deadline)
        connection.send(request.head, request.body, self)
        asked.worked += self._owner.now() - self._since

    # --- what comes back ---

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        self.status = status
        self.head = head
        if complete:
            self._connection = None
        kind = self.content_type = head.get(CONTENT_TYPE) or b""
        now = self._since = self._owner.now()
        candidate = self.attempt.candidate
        candidate.concurrency.answered(self._started, now)
        quota = candidate.quota
        if now >= quota.looks_again or status == TOO_MANY:
            quota.looked(now)
            self._read_quota(head)
        if not 200 <= status < 300:
            self._hold(body, complete)
        elif kind.startswith(b"application/json"):
            if complete:
                self._whole(body)
            else:
                self._hold(body, complete)
        else:
            self._unlike_json(kind, body, complete)

    def _read_quota(self, head: Head) -> None:
        found = readings(self.sender.kind, head, self._owner.wall())
        if found:
            self._owner.told_of_quota(self, found)

    def _unlike_json(self, kind: bytes, body: bytes, complete: bool) -> None:
        asked = self._asked
        codec = self._codec
        if self._is_whole_only and not kind:
            self._hold(body, complete)
        elif codec is not None and asked.facts.stream and (not kind or kind.startswith(codec.media_type)):
            self._follow(codec, body, complete)
        elif codec is not None:
            self._bad_reply(f"answered with content of type {kind[:60].decode('ascii', 'replace')}")
        elif kind.startswith(b"text/event-stream"):
            if asked.facts.stream or not asked.endpoint.terminals:
                self._stream(body, complete)
            else:
                self._bad_reply("answered with a stream that was not asked for")
        elif kind.startswith(b"text/html"):
            self._bad_reply("answered with an HTML page")
        elif not kind and asked.streams_events:
            self.content_type = b"text/event-stream"
            self._stream(body, complete)
        elif not kind and asked.endpoint.json_only:
            self._hold(body, complete)
        elif asked.streams_events or asked.endpoint.json_only:
            self._bad_reply(f"answered with content of type {kind[:60].decode('ascii', 'replace')}")
        elif complete and not body:
            self._bad_reply("answered without a body")
        else:
            self._pass_on(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        if complete:
            self._connection = None
        self._hold(data, complete)

    def on_lost(self, failure: Failure) -> None:
        self._connection = None
        if failure.stale_connection:  # those that went idle beside it are most likely closed too
            self._connect(self._owner.now())
        else:
            self._owner.attempt_failed(self, failure)

    def _hold(self, data: bytes, complete: bool) -> None:
        if self._held is None:
            self._held = []
        self._held.append(data)
        self._held_size += len(data)
        good = 200 <= self.status < 300
        most = ERROR_LIMIT if not good else HOLD_LIMIT if self.is_verbatim else TRANSLATED_LIMIT
        if not complete and self._held_size <= most:
            self.expires = min(self._owner.now() + self._stall(), self._deadline)
            return
        body = b"".join(self._held)
        if not good:
            body = self.sender.masked(body)
            self._owner.refused(self, self._classified(body), body)
        elif complete:
            self._since = self._owner.now()
            self._whole(body)
        elif self._asked.streams_events and not self._is_whole_only:
            self._bad_reply(NO_STREAM)
        elif not self.is_verbatim:
            self._bad_reply("sent a longer answer than can be translated")
        else:
            self._pass_on(body, complete)

    def _whole(self, body: bytes) -> None:
        came = Came(self.status, self.head, self._owner.wall())
        found = judged(body, came, self._asked, self.sender, self._way)
        if isinstance(found, Failure):
            self._owner.attempt_failed(self, found)
            return
        if found.translated:
            self.status = 200
        if not found.streamed:
            self.content_type = found.content_type or self.content_type
            self._owner.answered(self, found.body, found.usage)
            return
        self.content_type = self._stream_type
        self._owner.commit(self, None)
        self._downstream.write(found.body)
        self._owner.relayed(self, found.usage, len(found.body))

    def _stream(self, body: bytes, complete: bool) -> None:
        sender, asked, checks = self.sender, self._asked, self._checks
        hides_usage = self._outgoing is not None and self._outgoing.hides_usage
        manner = Manner(asked.endpoint, sender.name, hides_usage, sender.quirks.stream_done, asked.choices)
        if checks is None:
            relay = StreamRelay(self, self._downstream, manner)
        else:
            splice = None if self.going_on is None else Splice(self.going_on)
            relay = CheckedRelay(self, self._downstream, manner, checks, splice=splice)
        self._watch(sender.patience(asked).first_token)
        self._hand_over(relay, body, complete)

    def _follow(self, codec: Codec, body: bytes, complete: bool) -> None:
        sender, asked = self.sender, self._asked
        if self.head.has(CONTENT_ENCODING):
            self._bad_reply(ENCODED)
            return
        way = self._way
        translated = way is not None and way.translation is not None
        how = following(asked, codec, self._checks, sender.name, self._owner.wall(), translated=translated)
        self.content_type = self._stream_type
        self._watch(sender.patience(asked).first_token)
        self._hand_over(FollowedRelay(self, self._downstream, how), body, complete)

    def _pass_on(self, body: bytes, complete: bool) -> None:
        relay = self._relay = PlainRelay(self, self._downstream, json=self._is_plain_json())
        if self._outgoing is not None:
            self.content_type = self._outgoing.answers or self.content_type
        length = self.head.get(CONTENT_LENGTH)
        self._watch(self._stall())
        self._owner.commit(self, int(length) if length is not None and length.isdigit() else None)
        self._hand_over(relay, body, complete)

    def _hand_over(self, relay: StreamRelay | FollowedRelay | PlainRelay, body: bytes, complete: bool) -> None:
        self._relay = relay
        if self._connection is not None:
            self._connection.hand_over(relay)
        if body or complete:
            relay.on_body(body, complete)

    def _is_plain_json(self) -> bool:
        return self.content_type.startswith(b"application/json") and not self.head.has(CONTENT_ENCODING)

    # --- what its relay says ---

    def commit(self, length: int | None) -> None:
        self._owner.commit(self, length)

    def attempt_failed(self, failure: Failure) -> None:
        self._relay = None
        self._owner.attempt_failed(self, failure)

    def relayed(self, usage: Usage | None, passed: int) -> None:
        self._relay = None
        if usage is None and self._outgoing is not None:
            usage = self._outgoing.usage
        self._owner.relayed(self, usage, passed)

    def broke(self, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        self._owner.broke(self, failure, usage, passed, notice)
        self._relay = None

    def reported(self, payload: bytes) -> Failure:
        sender = self.sender
        payload = sender.masked(payload)
        failure = classify_event(sender.kind, payload, who=sender.name, wall=self._owner.wall())
        return failure or self._failure(FailureKind.UNKNOWN, "sent an error event")

    def closing_event(self, message: str, code: str) -> bytes:
        """What tells the client that this stream broke off."""
        relay = self._relay
        if isinstance(relay, StreamRelay | FollowedRelay):
            return relay.closing_event(message, code)
        return errors.event(message, code=code)  # it was to go on with a chat, and never began to

    def work(self, now: float) -> float:
        """Seconds that the gateway has worked on an answer that came whole."""
        return now - self._since

    @property
    def is_verbatim(self) -> bool:
        """Does what it answers pass as it is?"""
        return self._way is None or self._way.translation is None

    @property
    def _is_whole_only(self) -> bool:
        return self._way is not None and self._way.whole_only

    @property
    def _stream_type(self) -> bytes:
        """The content type of a stream in the client's dialect."""
        endpoint = self._asked.endpoint
        return JSON if endpoint.array else CODECS[endpoint.dialect].media_type

    @property
    def _codec(self) -> Codec | None:
        """Who reads its stream, where that is not one of OpenAI's that passes."""
        way = self._way
        if way is None:
            return None
        return way.follows if way.translation is None else way.translation.codec

    def learn(self, failure: Failure, body: bytes, now: float) -> Taught | None:
        """What a refusal says about the target's abilities; None if nothing that is news."""
        return None if self._outgoing is None else learn(self.sender, failure, self.status, body, now)

    # --- failures ---

    def _classified(self, body: bytes) -> Failure:
        sender = self.sender
        return classify(sender.kind, self.status, self.head, body, who=sender.name, wall=self._owner.wall())

    def _bad_reply(self, what: str) -> None:
        self._owner.attempt_failed(self, bad_reply(self.sender, what))

    def _failure(self, kind: FailureKind, what: str) -> Failure:
        return failed(self.sender, kind, what)

    # --- patience ---

    def check(self, now: float, *, paused: bool) -> bool:
        """Called by the sweep. False: the client has not accepted anything for too long, and nothing is to be done
        here.
        """
        relay = self._relay
        if relay is not None:
            self._listen(relay, now)
        if now < self.expires:
            return True
        if relay is None or not relay.started:
            if relay is None or now >= self._deadline or self._is_hopeless(now):
                self.leave()
                self._owner.attempt_failed(self, self._out_of_patience(now))
            return True
        if paused and now < self._deadline:
            return False
        self.leave()
        relay.on_lost(self._past_deadline() if now >= self._deadline else self._failure(FailureKind.TIMEOUT, "stalled"))
        return True

    def _listen(self, relay: StreamRelay | FollowedRelay | PlainRelay, now: float) -> None:
        """What has come in since the last look? Only what says something counts against a stall."""
        arrived = relay.progress + relay.fillers
        if arrived != self._seen_arrived:
            self._seen_arrived = arrived
            self._heard = now
            if relay.started and relay.progress != self._seen_progress:
                self.expires = min(now + self._stall(), self._deadline)
            self._seen_progress = relay.progress

    def _is_hopeless(self, now: float) -> bool:
        """The first token is late: is somebody else to be asked? If there is nobody, anything that still comes in is
        worth waiting for.
        """
        if not self._cut_off and not self._owner.alone():
            return True
        self._cut_off = True
        self.expires = min(self._heard + self.sender.patience(self._asked).alive, self._deadline)
        return now >= self.expires

    def _watch(self, patience: float) -> None:
        self._heard = self._owner.now()
        self.expires = min(self._heard + patience, self._deadline)

    def _stall(self) -> float:
        return self.sender.patience(self._asked).stall

    def _out_of_patience(self, now: float) -> Failure:
        if now >= self._deadline:
            return self._past_deadline()
        return self._failure(FailureKind.TIMEOUT, f"sent no answer within {now - self._started:.1f} s")

    def _past_deadline(self) -> Failure:
        """The exchange's own limit, which says nothing about the upstream."""
        return Failure(
            kind=FailureKind.DEADLINE,
            source="gateway",
            message=f"the request's deadline passed while {self.sender.name} was answering",
        )
