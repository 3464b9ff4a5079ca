"""What goes out to a target: the client's request with the target's name of the model, its key, and what we add."""

from __future__ import annotations

import msgspec

from headway.pipeline.asked import Asked
from headway.pipeline.plan import Sender
from headway.wire.openai import continuation, request
from headway.wire.openai.peek import JsonRequest
from headway.wire.openai.told import Told


class Outgoing(msgspec.Struct, frozen=True):
    """`hides_usage`: the usage chunk that will come is our wish, not the client's."""

    head: bytes
    body: bytes
    hides_usage: bool


def outgoing(asked: Asked, sender: Sender, going_on: Told | None) -> Outgoing | None:
    """`going_on` is a text that another attempt began; None if it cannot be continued."""
    facts = asked.facts
    hides_usage = False
    if isinstance(facts, JsonRequest):
        content_type = b"application/json"
        options = asked.stream_options
        if facts.stream and asked.endpoint.stream_usage and sender.quirks.stream_usage:
            asking = request.asking_for_usage(options)
            if asking is not None:
                options, hides_usage = asking, True
        if going_on is None:
            body = request.prepare(facts, sender.model, options)
        else:
            body = continuation.body(facts.fields, sender.model, going_on.text, sender.quirks.prefill, options)
            if body is None:
                return None
    elif going_on is not None:
        return None
    else:
        content_type = facts.content_type
        body = facts.form.replaced("model", sender.model_text)
    head = b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (
        sender.heads[asked.endpoint],
        asked.forwarded,
        content_type,
        len(body),
    )
    return Outgoing(head, body, hides_usage)
