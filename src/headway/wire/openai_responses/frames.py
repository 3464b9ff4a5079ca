"""Events of a stream as bytes, numbered from 0 without a gap, and the items that they have told of."""

from __future__ import annotations

import msgspec

_encode = msgspec.json.Encoder().encode


class Frames:
    """Numbers the events of one stream."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def frame(self, kind: str, **fields: object) -> bytes:
        """An event of any kind; a bytes value stands as the JSON that it is."""
        told = {name: msgspec.Raw(value) if isinstance(value, bytes) else value for name, value in fields.items()}
        data = _encode({"type": kind, "sequence_number": self._next, **told})
        self._next += 1
        if b"\n" in data or b"\r" in data:  # in JSON that came from elsewhere, between its tokens
            data = data.replace(b"\r", b" ").replace(b"\n", b" ")
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def piece(self, prefix: bytes, text: str) -> bytes:
        """An event with a `delta`; `prefix` is `opening` of it."""
        number = self._next
        self._next = number + 1
        return b'%b%b,"sequence_number":%d}\n\n' % (prefix, _encode(text), number)


def opening(kind: str, **place: object) -> bytes:
    """What all pieces of one part have in common."""
    fields = _encode({"type": kind, **place})[:-1]
    return b'event: %b\ndata: %b,"delta":' % (kind.encode(), fields)


class Output:
    """What one stream has told: `told` is its items as they ended, None for those under way, and `out` the events that
    are still to be sent. `base` goes into the ids of items.
    """

    __slots__ = ("base", "frames", "out", "told")

    def __init__(self) -> None:
        self.frames = Frames()
        self.out: list[bytes] = []
        self.told: list[msgspec.Raw | None] = []
        self.base = ""

    def taken(self) -> bytes:
        """The events so far, once."""
        out = self.out
        if len(out) == 1:
            return out.pop()
        told = b"".join(out)
        out.clear()
        return told

    def tell(self, kind: str, **fields: object) -> None:
        self.out.append(self.frames.frame(kind, **fields))

    def piece(self, prefix: bytes, text: str) -> None:
        self.out.append(self.frames.piece(prefix, text))

    def name(self) -> str:
        """What sets the ids of the next item apart."""
        return f"{len(self.told)}_{self.base}"

    def begin(self, item: object) -> int:
        """The number of the item that begins."""
        index = len(self.told)
        self.told.append(None)
        self.tell("response.output_item.added", item=item, output_index=index)
        return index

    def end(self, index: int, item: object) -> None:
        told = self.told[index] = msgspec.Raw(_encode(item))
        self.tell("response.output_item.done", item=told, output_index=index)

    def whole(self, item: object) -> None:
        """An item that comes at once."""
        self.end(self.begin(item), item)

    @property
    def items(self) -> list[msgspec.Raw]:
        return [item for item in self.told if item is not None]
