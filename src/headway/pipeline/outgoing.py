"""What goes out to a target: the client's request with the target's name of the model, its key, and what we add; or the
same in the target's dialect.
"""

from __future__ import annotations

import msgspec

from headway.core.lessons import Lessons
from headway.pipeline.asked import Asked
from headway.pipeline.plan import Sender
from headway.pipeline.translation import Translation
from headway.pipeline.ways import Way, with_verb
from headway.types import Usage
from headway.wire.form.request import Unsupported
from headway.wire.form.seals import may_hold_seals
from headway.wire.malformed import Malformed
from headway.wire.media.form import Sent
from headway.wire.openai import continuation, request
from headway.wire.openai.peek import JsonRequest
from headway.wire.openai.told import Told
from headway.wire.openai_chat import departures

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Outgoing(msgspec.Struct, frozen=True):
    """`hides_usage`: the usage chunk that will come is our wish, not the client's. `dropped` names what the target is
    not told, `answers` the content type of an answer that passes though the request was translated, and `usage` what
    such an answer uses.
    """

    head: bytes
    body: bytes
    hides_usage: bool
    dropped: tuple[str, ...] = ()
    answers: bytes = b""
    usage: Usage | None = None


Cannot = Unsupported | Malformed | None
"""Why there is nothing to send: the target cannot do it, the request is wrong, or a text cannot be continued."""


def outgoing(asked: Asked, sender: Sender, way: Way, going_on: Told | None) -> Outgoing | Cannot:
    """`going_on` is a text that another attempt began."""
    facts = asked.facts
    may_depart = sender.is_particular or sender.learnt.some or asked.recall is not None
    if may_depart and way.again is not None and isinstance(facts, JsonRequest):
        if going_on is None:
            if _departs(facts, sender, way) or _must_be_read(asked, facts, sender, way):
                return _in_other_words(asked, sender, way, way.again)
        elif _must_be_read(asked, facts, sender, way):
            return None
    elsewhere = isinstance(facts, JsonRequest) and (not way.splices or way.adds is not None)
    if way.translation is not None or way.follows is not None or elsewhere:
        return None if going_on is not None else _in_other_words(asked, sender, way, way.translation)
    hides_usage = False
    dropped: tuple[str, ...] = ()
    if isinstance(facts, JsonRequest):
        content_type = b"application/json"
        options = asked.stream_options
        if facts.stream and asked.endpoint.stream_usage and sender.quirks.stream_usage:
            asking = request.asking_for_usage(options)
            if asking is not None:
                options, hides_usage = asking, True
        if going_on is not None:
            body = continuation.body(facts.fields, sender.model, going_on.text, sender.quirks.prefill, options)
            if body is None:
                return None
        elif sender.learnt.some:
            body, dropped = _fitted(request.fields_for(facts, sender.model, options), sender.learnt)
        else:
            body = request.prepare(facts, sender.model, options)
    elif going_on is not None:
        return None
    else:
        content_type = facts.content_type
        body = facts.form.replaced("model", sender.model_text)
    fields = b"%bcontent-type: %b\r\n" % (asked.forwarded, content_type)
    return Outgoing(_head(asked, way, fields, len(body)), body, hides_usage, dropped)


def _must_be_read(asked: Asked, facts: JsonRequest, sender: Sender, way: Way) -> bool:
    """May the request hold what its own dialect's target must not be sent: a foreign signature, something that it knows
    nothing of, or that it has refused and that stands deeper than in the first level?
    """
    if asked.recall is not None and asked.recall.refers(facts.fields):
        return True
    if way.follows is not None and sender.learnt.some:
        return True
    return sender.has_strangers and may_hold_seals(facts.body, asked.endpoint.dialect)


def _departs(facts: JsonRequest, sender: Sender, way: Way) -> bool:
    """May the request hold what this target is known to take otherwise than its dialect has it?"""
    quirks = sender.quirks
    if not quirks.renames or way.form != "openai_chat":
        return False
    return departures.concern(facts.fields, facts.body, quirks.renames, quirks.lacks)


def _fitted(fields: dict[str, msgspec.Raw], learnt: Lessons) -> tuple[bytes, tuple[str, ...]]:
    """Without what the target refuses, and with the names that it wants."""
    renamed, refused = learnt.renamed, learnt.refused
    dropped = tuple([name for name in fields if name in refused])
    kept = {renamed.get(name, name): raw for name, raw in fields.items() if name not in refused}
    return _encode(kept), dropped


def _in_other_words(asked: Asked, sender: Sender, way: Way, translation: Translation | None) -> Outgoing | Cannot:
    facts = asked.facts
    dropped: tuple[str, ...] = ()
    if translation is None:
        if not isinstance(facts, JsonRequest):
            return None
        body = _passing(facts, sender, way)
    else:
        written = translation.request(asked, sender.toward)
        if isinstance(written, Unsupported | Malformed):
            return written
        if isinstance(written, Sent):
            return _sent(asked, sender, way, written)
        body, dropped = written.body, written.dropped
        verb = translation.verb(asked)
        if verb:
            way = sender.under(way, with_verb(way.path, verb))
        if way.adds is not None:
            body = _with(way, _decode_object(body))
    fields = b"" if way.translation is not None else asked.forwarded  # they are of another API
    if way.version and b"anthropic-version:" not in fields:
        fields += way.version
    fields += b"content-type: application/json\r\n"
    return Outgoing(_head(asked, way, fields, len(body)), body, hides_usage=False, dropped=dropped)


def _sent(asked: Asked, sender: Sender, way: Way, sent: Sent) -> Outgoing:
    """A request whose path or kind of body depends on what is asked."""
    head = _head(asked, way, b"content-type: %b\r\n" % sent.content_type, len(sent.body))
    line, end, fields = head.partition(b"\r\n")
    for place, text in sent.fills:
        line = line.replace(place.encode(), text.encode("ascii"), 1)
    return Outgoing(line + end + fields, sent.body, False, sent.dropped, sent.answers, sent.usage)


def _passing(facts: JsonRequest, sender: Sender, way: Way) -> bytes:
    """The client's own bytes, with another name of the model where they have one."""
    if way.adds is not None:
        return _with(way, facts.fields)
    if not way.splices:
        return facts.body
    facts.fields["model"] = sender.model
    return _encode(facts.fields)


def _with(way: Way, fields: dict[str, msgspec.Raw]) -> bytes:
    kept = {name: raw for name, raw in fields.items() if name != "model"}
    return _encode({**(way.adds or {}), **kept})


def _head(asked: Asked, way: Way, fields: bytes, length: int) -> bytes:
    head = way.stream_head if asked.facts.stream else way.head
    return b"%b%bcontent-length: %d\r\n\r\n" % (head, fields, length)
