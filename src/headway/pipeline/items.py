"""What clients of the Responses API were given by targets that keep nothing, so that they may refer to it.

The API keeps answers: a client may send the id of an item, or of the whole response before, in place of what it was.
Where an answer was translated, the provider knows nothing of such an id; so the gateway remembers it for a while, in
bounded memory, for the client that got it and nobody else. It is forgotten at a restart, and not shared between
processes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE

LASTS = 3600.0
"""Seconds."""
MEMORY = 64 * 1024 * 1024
"""Bytes, over all clients."""
LONGEST_CHAIN = 500
"""Responses, each referring to the one before it."""

_REFERENCE = b'"item_reference"'
_COMPLETED = re.compile(rb"^event: response\.(?:completed|incomplete)$", re.MULTILINE)


class _Response(msgspec.Struct):
    id: str
    output: list[msgspec.Raw]


class _Completed(msgspec.Struct):
    response: _Response


class _Item(msgspec.Struct):
    type: str | None = None
    id: str | None = None


_decode_response = msgspec.json.Decoder(_Response).decode
_decode_completed = msgspec.json.Decoder(_Completed).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


class _Kept(msgspec.Struct, frozen=True):
    """An item, or a response: what it was asked with and what it answered, after the one before."""

    until: float
    size: int
    parts: tuple[bytes, ...]
    before: str | None = None


class Items:
    """Of one gateway. `who` is a client, by a digest of its key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, str], _Kept] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, who: bytes, asked: Mapping[str, msgspec.Raw], answer: bytes, now: float) -> None:
        """Remember an answer, whole or the last events of a stream, unless the client did not want it kept."""
        if bytes(asked.get("store", b"")) == b"false":
            return
        response = _response_in(answer)
        if response is None:
            return
        output = tuple([bytes(raw) for raw in response.output])
        for raw in output:
            item = _item_in(raw)
            if item is not None and item.id:
                self._put((who, item.id), _Kept(now + LASTS, len(raw), (raw,)))
        parts = (*_input_of(asked), *output)
        before = _text_of(asked.get("previous_response_id"))
        self._put((who, response.id), _Kept(now + LASTS, sum(map(len, parts)), parts, before))

    def refers(self, who: bytes, asked: Mapping[str, msgspec.Raw], now: float) -> bool:
        """Does a request refer to something that is remembered?"""
        if not self._kept:
            return False
        before = _text_of(asked.get("previous_response_id"))
        if before is not None and self._find(who, before, now) is not None:
            return True
        written = asked.get("input")
        if written is None or _REFERENCE not in bytes(written):
            return False
        return any(self._referred(who, raw, now) is not None for raw in _input_of(asked))

    def filled(self, who: bytes, asked: Mapping[str, msgspec.Raw], now: float) -> Mapping[str, msgspec.Raw]:
        """The request with what it refers to in place of references; unknown ones stay."""
        if not self.refers(who, asked, now):
            return asked
        fields = dict(asked)
        parts: list[bytes] = []
        before = _text_of(asked.get("previous_response_id"))
        chain = [] if before is None else self._chain(who, before, now)
        if chain:
            del fields["previous_response_id"]
            for kept in reversed(chain):
                parts.extend(kept.parts)
        for raw in _input_of(asked):
            found = self._referred(who, raw, now)
            parts.append(raw if found is None else found)
        fields["input"] = msgspec.Raw(b"[%b]" % b",".join(parts))
        return fields

    def _chain(self, who: bytes, before: str | None, now: float) -> list[_Kept]:
        """The response of that id and those before it, the latest first; nothing if a link is missing."""
        chain: list[_Kept] = []
        while before is not None:
            kept = self._find(who, before, now)
            if kept is None or len(chain) >= LONGEST_CHAIN:
                return []
            chain.append(kept)
            before = kept.before
        return chain

    def _referred(self, who: bytes, raw: bytes, now: float) -> bytes | None:
        item = _item_in(raw) if _REFERENCE in raw else None
        if item is None or item.type != "item_reference" or not item.id:
            return None
        kept = self._find(who, item.id, now)
        return None if kept is None else kept.parts[0]

    def _find(self, who: bytes, name: str, now: float) -> _Kept | None:
        kept = self._kept.get((who, name))
        if kept is None or kept.until <= now:
            return None
        self._kept.move_to_end((who, name))
        return kept

    def _put(self, key: tuple[bytes, str], kept: _Kept) -> None:
        if kept.size > MEMORY // 4:
            return
        old = self._kept.pop(key, None)
        self._size += kept.size - (0 if old is None else old.size)
        self._kept[key] = kept
        while self._size > MEMORY:
            _, forgotten = self._kept.popitem(last=False)
            self._size -= forgotten.size


class Recall(msgspec.Struct, frozen=True, eq=False):
    """What is remembered for one client, at the moment of one request."""

    items: Items
    who: bytes
    now: Callable[[], float]

    def refers(self, asked: Mapping[str, msgspec.Raw]) -> bool:
        return self.items.refers(self.who, asked, self.now())

    def filled(self, asked: Mapping[str, msgspec.Raw]) -> Mapping[str, msgspec.Raw]:
        return self.items.filled(self.who, asked, self.now())

    def keep(self, asked: Mapping[str, msgspec.Raw], answer: bytes) -> None:
        self.items.keep(self.who, asked, answer, self.now())


def _response_in(answer: bytes) -> _Response | None:
    try:
        if not _COMPLETED.search(answer):
            return _decode_response(answer)
        for event in reversed(sse.split(answer)[0]):
            if _COMPLETED.search(event):
                return _decode_completed(sse.data_of(event) or b"").response
    except UNREADABLE:
        pass
    return None


def _item_in(raw: bytes) -> _Item | None:
    try:
        return _decode_item(raw)
    except UNREADABLE:
        return None


def _text_of(raw: msgspec.Raw | None) -> str | None:
    try:
        return None if raw is None else _decode_text(raw)
    except UNREADABLE:
        return None


def _input_of(asked: Mapping[str, msgspec.Raw]) -> tuple[bytes, ...]:
    """The items that a request was asked with; a text is one of the user's."""
    raw = asked.get("input")
    if raw is None:
        return ()
    try:
        if bytes(raw)[:1] == b'"':
            return (_encode({"role": "user", "content": msgspec.Raw(bytes(raw))}),)
        return tuple([bytes(each) for each in _decode_list(raw)])
    except UNREADABLE:
        return ()
