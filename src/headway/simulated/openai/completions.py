"""`/v1/completions`, the legacy form: one prompt or several, continued."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.answer import Answer, Question, answer
from headway.simulated.openai.chat import StreamOptions, usage
from headway.simulated.openai.prompt import prompts
from headway.simulated.openai.wording import DONE, EVENTS
from headway.simulated.reply import Context, Json, Piece, Refusal, Reply, event, stream, whole

_DEFAULT_LIMIT = 16
"""OpenAI's default for this endpoint."""


class CompletionAsk(msgspec.Struct):
    model: str
    prompt: str | list[Any] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    stop: str | list[str] | None = None
    echo: bool | None = None
    seed: int | None = None

    @property
    def limit(self) -> int:
        return _DEFAULT_LIMIT if self.max_tokens is None else self.max_tokens

    def prompt_tokens(self) -> int:
        return sum(prompt.tokens for prompt in prompts(self.prompt or "") or ())

    def need(self) -> int:
        return max(self.prompt_tokens(), self.limit)

    def answer(self, context: Context) -> Reply | Refusal:
        texts = prompts("<|endoftext|>" if self.prompt is None else self.prompt)
        if texts is None:
            return Refusal(
                message="Invalid type for 'prompt': expected text or tokens.", param="prompt", code="invalid_type"
            )
        identity = context.identity("completion", self.prompt, self.seed)
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        answers: list[Answer] = []
        for prompt in () if context.blank else texts:
            question = Question(
                model=context.model, provider=context.provider, said=prompt.text, limit=self.limit, stops=stops
            )
            for _ in range(self.n or 1):
                own = identity.child(len(answers)) if answers else identity
                answers.append(self._echoed(prompt.text, answer(question, own)))
        head: Json = {
            "id": context.naming(identity).letters("cmpl-", 29),
            "object": "text_completion",
            "created": context.created,
            "model": context.model,
        }
        if self.stream:
            return stream(self._events(head, answers), EVENTS)
        spent = sum(each.tokens for each in answers)
        choices = [_choice(index, each.text, each.finish) for index, each in enumerate(answers)]
        return whole({**head, "choices": choices, "usage": usage(self.prompt_tokens(), spent)}, tokens=spent)

    def _echoed(self, prompt: str, given: Answer) -> Answer:
        if not self.echo:
            return given
        return msgspec.structs.replace(given, pieces=(*tokens.tokens(prompt), *given.pieces))

    def _events(self, head: Json, answers: list[Answer]) -> Iterator[Piece]:
        with_usage = self.stream_options is not None and bool(self.stream_options.include_usage)
        extra: Json = {"usage": None} if with_usage else {}

        def events(index: int, each: Answer) -> Iterator[Piece]:
            for token in each.pieces:
                yield Piece(event({**head, "choices": [_choice(index, token, None)], **extra}), 1)
            yield Piece(event({**head, "choices": [_choice(index, "", each.finish)], **extra}))

        for steps in zip_longest(*(events(index, each) for index, each in enumerate(answers))):
            yield from (piece for piece in steps if piece is not None)
        if with_usage or not answers:
            spent = usage(self.prompt_tokens(), sum(each.tokens for each in answers))
            yield Piece(event({**head, "choices": [], **({"usage": spent} if with_usage else {})}))
        yield Piece(DONE, terminal=True)


def _choice(index: int, text: str, finish: str | None) -> Json:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
