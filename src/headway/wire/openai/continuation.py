"""Which Chat Completions requests another model may go on with after their stream broke off, and what it is asked.

Whether what was told so far can be continued is `told`'s to say; `splice` joins the two streams. When to continue, and
with whom, is the pipeline's business.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.types import Prefill
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.guiding import GUIDING
from headway.wire.openai.seam import asked_with
from headway.wire.openai.told import tokens_in

_RULED_OUT = (
    "tools",  # a model that is to go on writes prose instead of calling them
    "functions",
    "audio",
    "prediction",
    "web_search_options",
    *GUIDING,
)
_PLAIN = {"n": b"1", "logprobs": b"false", "top_logprobs": b"0", "store": b"false"}
"""What may be asked of these; anything else rules the request out."""

_LIMITS = ("max_tokens", "max_completion_tokens")
_TRUE = msgspec.Raw(b"true")
_FALSE = msgspec.Raw(b"false")


class _Typed(msgspec.Struct):
    type: str = ""


class _Message(msgspec.Struct):
    role: str = ""


class _Answer(msgspec.Struct, omit_defaults=True):
    role: str
    content: str
    prefix: bool = False


_encode = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_strings = msgspec.json.Decoder(list[str]).decode
_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_message = msgspec.json.Decoder(_Message).decode


def may_ever(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Does this request ask for a stream of one plain text, of which it holds no beginning of its own?"""
    if bytes(fields.get("stream", b"")) != b"true":
        return False
    if any(_asked(fields, name) for name in _RULED_OUT):
        return False
    if any(_asked(fields, name) and bytes(fields[name]) != plain for name, plain in _PLAIN.items()):
        return False
    try:
        if _asked(fields, "response_format") and _decode_typed(fields["response_format"]).type != "text":
            return False
        if _asked(fields, "modalities") and _decode_strings(fields["modalities"]) != ["text"]:
            return False
        messages = _decode_list(fields.get("messages", b""))
        return bool(messages) and _decode_message(messages[-1]).role != "assistant"
    except UNREADABLE:
        return False


def body(
    fields: Mapping[str, msgspec.Raw], model: msgspec.Raw, text: str, prefill: Prefill, options: msgspec.Raw | None
) -> bytes | None:
    """The client's request with the text so far as the assistant's last message, and with its limits of tokens lowered
    by that. `model` and `options` are as `request.prepare` takes them. None: it cannot be continued there; the text
    has used up a limit; or a limit is no whole number.
    """
    begun = asked_with(text)
    if prefill == "none" or not begun:
        return None
    changed = dict(fields)
    try:
        messages = _decode_list(fields.get("messages", b""))
    except UNREADABLE:
        return None
    for name in _LIMITS:
        if _asked(fields, name):
            left = _whole(fields[name]) - tokens_in(text)
            if left < 1:
                return None
            changed[name] = msgspec.Raw(b"%d" % left)
    messages.append(msgspec.Raw(_encode(_Answer("assistant", begun, prefill == "prefix"))))
    changed["messages"] = msgspec.Raw(_encode(messages))
    changed["model"] = model
    if prefill == "continue":
        changed["continue_final_message"] = _TRUE
        changed["add_generation_prompt"] = _FALSE
    if options is not None:
        changed["stream_options"] = options
    else:
        changed.pop("stream_options", None)
    return _encode(changed)


def comment(deployment: str) -> bytes:
    """What marks the seam in the stream; `deployment` is the name of the one that goes on. Clients skip comments
    (WHATWG HTML §9.2.6).
    """
    return b": continued by %b\n\n" % " ".join(deployment.split()).encode(errors="replace")


def _asked(fields: Mapping[str, msgspec.Raw], name: str) -> bool:
    raw = fields.get(name)
    return raw is not None and bytes(raw) != b"null"


def _whole(raw: msgspec.Raw) -> int:
    """A limit as a number; 0 if it is no whole number, or none that anybody could mean."""
    digits = bytes(raw)
    return int(digits) if digits.isdigit() and len(digits) < 19 else 0
