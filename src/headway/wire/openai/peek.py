"""The few facts that routing needs from a request, read without decoding the rest.

A JSON body is decoded one level deep: nested values stay the bytes they were. Duplicate keys collapse to the last one,
so that no second `model` can pass unseen.
"""

from __future__ import annotations

import msgspec

from headway.wire import multipart
from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode

MAX_MODEL = 256
"""Characters of a model name; longer ones are refused."""


class JsonRequest(msgspec.Struct, eq=False):
    """A request with a JSON body. `fields` maps each top-level name to its raw value, in the order received."""

    fields: dict[str, msgspec.Raw]
    model: str
    stream: bool
    body: bytes = b""
    """As it came."""


class MultipartRequest(msgspec.Struct, eq=False):
    """A request with a multipart form. `form` knows where the model's name stands."""

    form: multipart.Form
    content_type: bytes
    model: str
    stream: bool


def peek_json(body: bytes, named: str | None = None, streams: bool | None = None) -> JsonRequest | Malformed:
    """`named` is the model in dialects that have it in the path, `streams` says whether the path asks for a stream."""
    try:
        fields = _decode_object(body)
    except msgspec.ValidationError:
        return Malformed("the request body must be a JSON object")
    except UNREADABLE as error:
        return Malformed(f"the request body is not valid JSON: {error}")
    if named is not None:
        problem = _name_problem(named)
        if problem is not None:
            return Malformed(problem, "model")
        if streams is None:
            streams = bytes(fields.get("stream", b"")) == b"true"
        return JsonRequest(fields, named, streams, body)
    raw = fields.get("model")
    if raw is None:
        return Malformed("you must provide a model parameter", "model")
    try:
        model = _decode_string(raw)
    except UNREADABLE:
        return Malformed("model must be a string", "model")
    problem = _name_problem(model)
    if problem is not None:
        return Malformed(problem, "model")
    stream = fields.get("stream")
    return JsonRequest(fields, model, stream is not None and bytes(stream) == b"true", body)


def peek_multipart(body: bytes, content_type: bytes, named: str | None = None) -> MultipartRequest | Malformed:
    """`named` as above; it is what a form without a model means."""
    form = multipart.parse(body, content_type)
    if isinstance(form, str):
        return Malformed(form)
    models = form.values("model")
    if not models and named is not None and not form.has_file("model"):
        models = [named.encode()]
    if not models:
        return Malformed("you must provide a model parameter", "model")
    if len(models) > 1 or form.has_file("model"):
        return Malformed("the form has more than one model field", "model")
    try:
        model = models[0].decode()
    except UnicodeDecodeError:
        return Malformed("model must be UTF-8 text", "model")
    problem = _name_problem(model)
    if problem is not None:
        return Malformed(problem, "model")
    return MultipartRequest(form, content_type, model, form.values("stream")[-1:] == [b"true"])


def _name_problem(model: str) -> str | None:
    if not model:
        return "model must not be empty"
    if len(model) > MAX_MODEL:
        return f"model must have at most {MAX_MODEL} characters"
    if not model.isprintable():
        return "model must hold printable characters only"
    return None
