"""What comes back from a target that is not asked in one of OpenAI's dialects, or whose client is not: how it is read,
and in which words the client is told.
"""

from __future__ import annotations

from functools import partial

from headway.core.load import Estimate
from headway.pipeline.asked import Asked
from headway.pipeline.checked import Checks
from headway.pipeline.follow import Following
from headway.pipeline.translation import Read, Translation, form_of, is_fault, reply_in, show_of
from headway.pipeline.ways import Way
from headway.wire.counting import COUNTS
from headway.wire.dialects import CODECS
from headway.wire.form.assembly import events_of
from headway.wire.form.codec import Codec, StreamWriter
from headway.wire.form.reply import NoReply
from headway.wire.form.weight import text_in
from headway.wire.gemini.array import ArrayWriter
from headway.wire.gemini.reframe import Reframer
from headway.wire.http_head import Head
from headway.wire.malformed import Malformed
from headway.wire.openai.peek import JsonRequest


def read_whole(way: Way, body: bytes, head: Head, asked: Asked, at: float) -> Read | NoReply:
    """A whole answer. `at` is Unix time."""
    if way.translation is not None:
        if way.whole_only and asked.streams_events:
            return _as_stream(way.translation, body, asked, at)
        return way.translation.reply(body, head, asked, at)
    if way.follows is None:
        return Read(body, None)
    found = reply_in(way.follows, body)
    return found if isinstance(found, NoReply) else Read(body, found.usage, is_fault(found))


def _as_stream(translation: Translation, body: bytes, asked: Asked, at: float) -> Read | NoReply:
    """A whole answer as the stream that the client wants, all at once."""
    codec = translation.codec
    found = NoReply("it is no stream") if codec is None else reply_in(codec, body)
    if isinstance(found, NoReply):
        return found
    writer = writer_for(asked, at)
    frames = writer.write(list(events_of(found)))
    return Read(frames + writer.end(), found.usage, is_fault(found))


def following(asked: Asked, codec: Codec, checks: Checks | None, who: str, at: float, *, translated: bool) -> Following:
    """How a stream of that dialect is read and shown to this client."""
    checks = checks or Checks()
    return Following(
        who=who,
        codec=codec,
        writer=writer_for(asked, at) if translated else None,
        errors=partial(writer_for, asked, at),
        reframer=Reframer() if asked.endpoint.array and not translated else None,
        keep=partial(remember, asked) if asked.recall is not None and translated else None,
        tools=checks.tools,
        tool_calls=checks.tool_calls,
        stream=checks.stream,
    )


def remember(asked: Asked, answer: bytes) -> None:
    """Keep an answer that its client may refer to."""
    facts = asked.facts
    if asked.recall is not None and isinstance(facts, JsonRequest):
        asked.recall.keep(facts.fields, answer)


def writer_for(asked: Asked, at: float) -> StreamWriter:
    """Who writes a stream in the client's dialect."""
    show = show_of(asked, at)
    return ArrayWriter(show) if asked.endpoint.array else CODECS[asked.endpoint.dialect].writer(show)


def estimated(asked: Asked, estimate: Estimate) -> bytes | Malformed:
    """The answer to how many tokens a request has, of a target that does not say."""
    request = form_of(asked)
    if isinstance(request, Malformed):
        return request
    text, media = text_in(request)
    tokens = max(1, round(text / estimate.bytes_per_token + media))
    return COUNTS[asked.endpoint.dialect].write_reply(tokens)
