"""What an answer that came as a whole is: an answer, an error in disguise, or none."""

from __future__ import annotations

import msgspec

from headway.failures import Failure, FailureKind
from headway.pipeline.asked import Asked
from headway.pipeline.incoming import read_whole, remember
from headway.pipeline.plan import Sender
from headway.pipeline.ways import Way
from headway.providers.classification.classify import classify_ok
from headway.types import Usage
from headway.wire.form.reply import NoReply
from headway.wire.http_head import CONTENT_ENCODING, Head
from headway.wire.openai import response

NO_STREAM = "answered as a whole where a stream was asked for"
ENCODED = "answered in an encoding that was not asked for"
_FAULT = "ended its answer because the model wrote an invalid tool call"


class Answer(msgspec.Struct, frozen=True):
    """What the client is sent. `streamed`: as the stream that it wants; `translated`: in other words than the target's,
    so that its status means nothing here. `content_type` is empty where the target's own will do.
    """

    body: bytes
    usage: Usage | None = None
    content_type: bytes = b""
    streamed: bool = False
    translated: bool = False


class Came(msgspec.Struct, frozen=True):
    """What came with a body: its status, a good one, its head, and when (Unix time)."""

    status: int
    head: Head
    at: float


def judged(body: bytes, came: Came, asked: Asked, sender: Sender, way: Way | None) -> Answer | Failure:
    if way is not None and (way.translation is not None or way.follows is not None):
        return _in_other_words(body, came, asked, sender, way)
    if came.head.has(CONTENT_ENCODING):  # unread
        return bad_reply(sender, NO_STREAM) if asked.streams_events else Answer(body)
    reply = response.read(body)
    if not reply.valid:
        return bad_reply(sender, "answered with something that is not the JSON it claims to be")
    if reply.error:
        return _in_disguise(body, came, sender)
    if asked.streams_events:
        return bad_reply(sender, NO_STREAM)
    if reply.empty:
        return bad_reply(sender, "answered without any choice")
    if reply.fault:
        return failed(sender, FailureKind.MODEL_FAULT, _FAULT)
    return Answer(body, reply.usage)


def _in_other_words(body: bytes, came: Came, asked: Asked, sender: Sender, way: Way) -> Answer | Failure:
    streams = asked.streams_events
    if streams and not way.whole_only:
        return bad_reply(sender, NO_STREAM)
    if came.head.has(CONTENT_ENCODING):
        return bad_reply(sender, ENCODED)
    found = read_whole(way, body, came.head, asked, came.at)
    if isinstance(found, NoReply):
        if found.is_error:
            return _in_disguise(body, came, sender, found.why)
        return bad_reply(sender, f"answered with something that is no answer: {found.why}")
    if found.fault:
        return failed(sender, FailureKind.MODEL_FAULT, _FAULT)
    translated = way.translation is not None
    if translated:
        remember(asked, found.body)
    return Answer(found.body, found.usage, found.content_type, streams, translated)


def _in_disguise(body: bytes, came: Came, sender: Sender, why: str = "") -> Failure:
    """An error under a status that says all is well."""
    failure = classify_ok(sender.kind, came.head, sender.masked(body), who=sender.name, wall=came.at)
    what = f"answered {came.status} with an error{': ' if why else ''}{why}"
    return failure or failed(sender, FailureKind.SERVER_ERROR, what)


def bad_reply(sender: Sender, what: str) -> Failure:
    return failed(sender, FailureKind.BAD_REPLY, what)


def failed(sender: Sender, kind: FailureKind, what: str) -> Failure:
    """The target is to blame."""
    return Failure(kind=kind, source="upstream", message=f"{sender.name} {what}")
