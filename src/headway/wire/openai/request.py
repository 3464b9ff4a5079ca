"""What goes upstream: the client's body with the model's name replaced, and usage asked for where the client did
not.
"""

from __future__ import annotations

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.peek import JsonRequest

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_TRUE = msgspec.Raw(b"true")
_ONLY_USAGE = msgspec.Raw(b'{"include_usage":true}')


def prepare(request: JsonRequest, model: msgspec.Raw, options: msgspec.Raw | None) -> bytes:
    """The body for one attempt, re-joined at the top level. `model` is the upstream's name as a JSON string, `options`
    what to send as `stream_options` (None: none).
    """
    return _encode(fields_for(request, model, options))


def fields_for(request: JsonRequest, model: msgspec.Raw, options: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """The same before it is joined."""
    fields = request.fields
    fields["model"] = model
    if options is not None:
        fields["stream_options"] = options
    elif "stream_options" in fields:
        del fields["stream_options"]
    return fields


def asking_for_usage(own: msgspec.Raw | None) -> msgspec.Raw | None:
    """The client's `stream_options` with usage asked for; None if it asked already, or sent something that only the
    provider can judge.
    """
    if own is None or bytes(own) == b"null":
        return _ONLY_USAGE
    try:
        options = _decode_object(own)
    except UNREADABLE:
        return None
    asked = options.get("include_usage")
    if asked is not None and bytes(asked) not in (b"false", b"null"):
        return None
    options["include_usage"] = _TRUE
    return msgspec.Raw(_encode(options))
