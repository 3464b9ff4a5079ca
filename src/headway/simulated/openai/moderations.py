"""`/v1/moderations`: a category is flagged when its name (`violence`, `self-harm`, ...) stands in the text."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from headway.simulated import tokens
from headway.simulated.reply import Context, Json, Refusal, Reply, whole

_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


class ModerationAsk(msgspec.Struct):
    input: str | list[Any]
    model: str = "omni-moderation-latest"

    def need(self) -> int:
        return sum(tokens.count(text) for text in self._texts())

    def answer(self, context: Context) -> Reply | Refusal:
        texts = self._texts()
        if not texts:
            return Refusal(message="'input' must hold at least one text.", param="input", code="empty_array")
        identity = context.naming(context.identity("moderation", self.input))
        document = {
            "id": identity.letters("modr-", 29),
            "model": context.model,
            "results": [_result(context, text) for text in texts],
        }
        return whole(document)

    def _texts(self) -> list[str]:
        """Several texts are judged one by one, the parts of one multi-modal input together."""
        if isinstance(self.input, str):
            return [self.input]
        texts = [item for item in self.input if isinstance(item, str)]
        parts = [cast("Json", item) for item in self.input if isinstance(item, dict)]
        if parts:
            texts.append(" ".join(str(part.get("text", "")) for part in parts))
        return texts


def _result(context: Context, text: str) -> Json:
    noise = context.identity("moderation", text).stream("scores", len(_CATEGORIES))
    words = text.lower()
    flagged = {category: category in words for category in _CATEGORIES}
    scores = {
        category: 0.9 + byte / 2560 if flagged[category] else byte / 256_000
        for category, byte in zip(_CATEGORIES, noise, strict=True)
    }
    applied: Json = {category: ["text"] for category in _CATEGORIES}
    return {
        "flagged": any(flagged.values()),
        "categories": flagged,
        "category_scores": scores,
        "category_applied_input_types": applied,
    }
