"""The second leg of a continued Chat Completions stream, rewritten to go on in the first leg's envelope.

What of its text repeats the told text is `seam`'s to find. Everything else of a chunk stays what it was.
"""

from __future__ import annotations

import msgspec

from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.seam import Seam
from headway.wire.openai.told import ENVELOPE, Object, Told, beyond_text, content_of, is_error, says_something

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(Object).decode
_decode_choices = msgspec.json.Decoder(list[Object] | None).decode
_decode_delta = msgspec.json.Decoder(Object | None).decode

_NULL = msgspec.Raw(b"null")
_COUNTS = ("completion_tokens", "total_tokens")


class Splice:
    """One second leg. `failed` says why the text cannot go on with it; nothing is returned from there.

    Usage is told for both legs: the prompt of the second, which holds the text of the first, and the completions of
    both. What the first wrote is as it reported it, else estimated. Details and costs stay those of the second.
    """

    __slots__ = ("_envelope", "_first_tokens", "_held", "_joined", "_last", "_seam", "failed")

    def __init__(self, told: Told) -> None:
        self.failed: str | None = None
        self._envelope = told.envelope
        self._first_tokens = told.output_tokens
        self._seam = Seam(told.text)
        self._joined = False
        """It is known where the new text begins."""
        self._held = ""
        """New text until then."""
        self._last: tuple[Object, Object] = ({}, {})
        """The chunk and the choice that brought the last of it."""

    def feed(self, events: bytes) -> bytes:
        """Whole server-sent events; what the client is shown of them."""
        shown: list[bytes] = []
        for event in sse.split(events)[0]:
            if self.failed is not None:
                break
            shown.append(self._spliced(event))
        return b"".join(shown)

    def end(self) -> bytes:
        """No more of the text will come: what was held back of it."""
        if self._joined or not self._held:
            return b""
        chunk, choice = self._last
        rest = self._join("", final=True)
        return self._with_delta(chunk, choice, {"content": msgspec.Raw(_encode(rest))}) if rest else b""

    def _spliced(self, event: bytes) -> bytes:
        payload = sse.data_of(event)
        if payload is None:
            return event
        if payload.strip() == b"[DONE]":
            return self.end() + event
        try:
            chunk = _decode_object(_in_one_line(payload))
            if is_error(event, chunk.get("error", _NULL)):
                return self.end() + event
            choices = _decode_choices(chunk.get("choices", _NULL))
            self._count_both(chunk)
            if choices:
                return self._with_text(chunk, choices)
        except UNREADABLE:
            return self._fail("sent an event that cannot be read")
        if says_something(chunk.get("usage", _NULL)):
            return self.end() + self._enveloped(chunk)
        return self._enveloped(chunk) if self._joined else b""

    def _with_text(self, chunk: Object, choices: list[Object]) -> bytes:
        choice = choices[0]
        if len(choices) > 1 or bytes(choice.get("index", b"0")) != b"0":
            return self._fail("sent more than one choice")
        delta: Object = _decode_delta(choice.get("delta", _NULL)) or {}
        other = beyond_text(delta)
        if other is not None:
            return self._fail(_said(other))
        text = content_of(delta)
        delta.pop("role", None)  # the client knows who speaks
        if not self._joined:
            final = says_something(choice.get("finish_reason", _NULL))
            if text:
                self._last = (chunk, choice)
            rest = self._join(text, final=final)
            if not rest and not final and (text or not says_something(chunk.get("usage", _NULL))):
                return b""
            if rest or text:
                delta["content"] = msgspec.Raw(_encode(rest or ""))
        return self._with_delta(chunk, choice, delta)

    def _join(self, text: str, *, final: bool) -> str | None:
        """What the client is told of the text held and this one; None while that cannot be known."""
        self._held += text
        if not self._held and not final:
            return None
        rest = self._seam.rest(self._held, final=final)
        self._joined = rest is not None
        return rest

    def _with_delta(self, chunk: Object, choice: Object, delta: Object) -> bytes:
        choice["delta"] = msgspec.Raw(_encode(delta))
        chunk["choices"] = msgspec.Raw(_encode([choice]))
        return self._enveloped(chunk)

    def _enveloped(self, chunk: Object) -> bytes:
        for name in ENVELOPE:
            if name in self._envelope:
                chunk[name] = self._envelope[name]
            else:
                chunk.pop(name, None)
        return sse.encode(_encode(chunk))

    def _count_both(self, chunk: Object) -> None:
        raw = chunk.get("usage", _NULL)
        if bytes(raw)[:1] != b"{":
            return
        usage = _decode_object(raw)
        for name in _COUNTS:
            count = bytes(usage.get(name, b""))
            if count.isdigit() and len(count) < 19:
                usage[name] = msgspec.Raw(b"%d" % (int(count) + self._first_tokens))
        chunk["usage"] = msgspec.Raw(_encode(usage))

    def _fail(self, reason: str) -> bytes:
        self.failed = reason
        return self.end()


def _said(name: str) -> str:
    """What a second leg did that has this field in a delta."""
    if name in ("tool_calls", "function_call"):
        return "called a tool"
    if name.startswith(("reasoning", "thinking")):
        return "began to reason"
    return "refused to go on" if name == "refusal" else "sent more than text"


def _in_one_line(payload: bytes) -> bytes:
    """JSON holds line breaks between its tokens only, so that a space can stand for each."""
    return payload.replace(b"\n", b" ").replace(b"\r", b" ")
