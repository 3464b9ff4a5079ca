"""Messages of a stream: what the model says in words, as text or as a refusal.

A message stays open until something else begins, since all that is said in a run belongs to it, and neighbouring texts
are one content. Where a text begins within its content shifts what it cites.
"""

from __future__ import annotations

import msgspec

from headway.wire.form.parts import Citation
from headway.wire.openai_responses.frames import Output, opening
from headway.wire.openai_responses.output_write import (
    MessageItem,
    OutputRefusal,
    OutputText,
    Status,
    annotations_of,
    rider,
)

_NOWHERE = -1


class _Words(msgspec.Struct):
    """A content, under way."""

    content: OutputText | OutputRefusal
    place: dict[str, object]
    pieces: list[str]
    prefix: bytes


class _Message(msgspec.Struct):
    item: MessageItem
    index: int
    words: _Words | None = None
    signature: str | None = None


class Speech(msgspec.Struct):
    """A part that is text or refusal: it begins `base` characters into the content that it is told in."""

    message: _Message
    words: _Words
    base: int
    citations: list[Citation]


class Speaker:
    """Tells what the model says. `part` is the text that had the last piece, `pieces` and `prefix` are its content's:
    all that the next piece takes.
    """

    __slots__ = ("_message", "_output", "part", "pieces", "prefix")

    def __init__(self, output: Output) -> None:
        self._output = output
        self._message: _Message | None = None
        self.part = _NOWHERE
        self.pieces: list[str] = []
        self.prefix = b""

    def begin_text(self) -> Speech:
        words = self._words_for(OutputText("", [], []))
        words[1].pieces[:] = ["".join(words[1].pieces)]
        return Speech(*words, len(words[1].pieces[0]), [])

    def begin_refusal(self) -> Speech:
        return Speech(*self._words_for(OutputRefusal("")), 0, [])

    def say(self, speech: Speech, part: int, text: str, entries: list[msgspec.Raw]) -> None:
        """`entries` are the log probabilities of this piece."""
        words = speech.words
        self.part, self.pieces, self.prefix = part, words.pieces, words.prefix
        words.pieces.append(text)
        prefix = words.prefix
        if entries and isinstance(words.content, OutputText):
            words.content.logprobs += entries
            prefix = opening("response.output_text.delta", **words.place, logprobs=entries)
        self._output.piece(prefix, text)

    def end(self, speech: Speech) -> None:
        """The part is over: what it cites is told now that its length is known."""
        self.part = _NOWHERE
        words, content = speech.words, speech.words.content
        if not speech.citations or not isinstance(content, OutputText):
            return
        length = sum(map(len, words.pieces)) - speech.base
        for told in annotations_of(speech.citations, speech.base, length):
            number = len(content.annotations)
            content.annotations.append(told)
            self._output.tell(
                "response.output_text.annotation.added", **words.place, annotation=told, annotation_index=number
            )

    def close(self, status: Status = "completed") -> None:
        """Something else begins, or nothing any more."""
        message, self._message, self.part = self._message, None, _NOWHERE
        if message is None:
            return
        self._close_words(message)
        message.item.status = status
        self._output.end(message.index, message.item)
        if message.signature is not None:
            self._output.whole(rider(message.signature, "previous", self._output.name()))

    def _words_for(self, content: OutputText | OutputRefusal) -> tuple[_Message, _Words]:
        message = self._message
        if message is None:
            item = MessageItem(f"msg_{self._output.name()}", "in_progress", [])
            message = self._message = _Message(item, self._output.begin(item))
        words, is_text = message.words, isinstance(content, OutputText)
        if words is not None and is_text and isinstance(words.content, OutputText):
            return message, words
        self._close_words(message)
        number = len(message.item.content)
        place: dict[str, object] = {
            "item_id": message.item.id,
            "output_index": message.index,
            "content_index": number,
        }
        if is_text:
            prefix = opening("response.output_text.delta", **place, logprobs=[])
        else:
            prefix = opening("response.refusal.delta", **place)
        words = message.words = _Words(content, place, [], prefix)
        message.item.content.append(content)
        self._output.tell("response.content_part.added", **place, part=content)
        return message, words

    def _close_words(self, message: _Message) -> None:
        words, message.words = message.words, None
        if words is None:
            return
        said, content = "".join(words.pieces), words.content
        if isinstance(content, OutputText):
            content.text = said
            self._output.tell("response.output_text.done", **words.place, logprobs=content.logprobs, text=said)
        else:
            content.refusal = said
            self._output.tell("response.refusal.done", **words.place, refusal=said)
        self._output.tell("response.content_part.done", **words.place, part=content)
