"""A whole answer, read from a provider and written for a client."""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Citation, Part, Reasoning, Text
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.gemini import answers, grounding, logprobs, signatures
from headway.wire.gemini.vocabulary import (
    reason_of,
    stop_of,
    tier_told,
    usage_metadata,
    usage_of,
    usage_told,
    version_of,
)

_encode = msgspec.json.Encoder().encode


def read_reply(body: bytes) -> Reply | NoReply:
    try:
        answer = answers.decode(body)
        if answer.error:
            return NoReply("it is an error", is_error=True)
        feedback = answer.prompt_feedback
        if answer.candidates:
            choices = [_choice(answer, number, body) for number in range(len(answer.candidates))]
        elif feedback is not None and feedback.block_reason is not None:
            choices = [Choice(parts=[], stop=Stop.FILTER)]
        else:
            return NoReply("it holds no candidate")
    except UNREADABLE:
        return NoReply("it is no answer of generateContent")
    usage = usage_told(answer.usage_metadata)
    searches = sum(_searches(candidate, answer.model_version) for candidate in answer.candidates or ())
    return Reply(
        id=answer.response_id,
        model=answer.model_version,
        created=answers.created_of(answer.create_time),
        choices=choices,
        usage=None if usage is None else usage_of(usage, searches),
        service_tier=tier_told(usage),
    )


def _searches(candidate: answers.Candidate, model: str | None) -> int:
    return grounding.searches_of(candidate.grounding_metadata, model) if candidate.grounding_metadata else 0


def _choice(answer: answers.Answer, number: int, body: bytes) -> Choice:
    candidate = (answer.candidates or [])[number]
    index = number if candidate.index is None else candidate.index
    parts: list[Part] = []
    calls = 0
    content = candidate.content
    for place, part in enumerate((content.parts if content is not None else None) or ()):
        call = part.function_call
        if call is None:
            _add(parts, part, body, number, place)
        elif call.name:
            parts.append(answers.call_of(part, call, calls, answer.response_id, index))
            calls += 1
    if candidate.grounding_metadata or candidate.citation_metadata:
        _cite(parts, candidate)
    return Choice(
        index=index,
        parts=parts,
        stop=stop_of(candidate.finish_reason, calls=calls > 0),
        logprobs=logprobs.chat_of(candidate.logprobs_result) if candidate.logprobs_result else msgspec.Raw(),
    )


def _add(parts: list[Part], part: answers.AnswerPart, body: bytes, number: int, place: int) -> None:
    text, signature = part.text, part.thought_signature
    if text is None:
        other = answers.held_of(part) or answers.opaque_part(body, number, place)
        if other is not None:
            parts.append(other)
            return
        text = ""  # a signature by itself signs the text before it
    before = parts[-1] if parts else None
    if part.thought:
        if not text and isinstance(before, Reasoning) and before.signature is None:
            parts[-1] = signatures.reasoning(before.text, signature)
        else:
            parts.append(signatures.reasoning(text, signature))
    elif not text and isinstance(before, Text) and before.signature is None:
        parts[-1] = msgspec.structs.replace(before, signature=signature)
    elif text or signature is not None:
        parts.append(Text(text, signature=signature))


def _cite(parts: list[Part], candidate: answers.Candidate) -> None:
    places = [place for place, part in enumerate(parts) if isinstance(part, Text)]
    if not places:
        return
    text = parts[places[-1]]
    assert isinstance(text, Text)
    known = text.text if len(places) == 1 else None
    found = grounding.citations_of(candidate.grounding_metadata, candidate.citation_metadata, known)
    parts[places[-1]] = msgspec.structs.replace(text, citations=tuple(found))


# --- written ---


def write_reply(reply: Reply, show: Show) -> bytes:
    model = reply.model or show.model
    foreign = version_of(model) is None
    told: dict[str, Any] = {"candidates": [_candidate(choice, foreign=foreign) for choice in reply.choices]}
    if reply.usage is not None:
        told["usageMetadata"] = usage_metadata(reply.usage, reply.service_tier)
    created = None if reply.created is None else answers.time_of(reply.created)
    if created is not None:
        told["createTime"] = created
    told["modelVersion"] = model
    told["responseId"] = reply.id or show.request_id
    return _encode(told)


def _candidate(choice: Choice, *, foreign: bool) -> dict[str, Any]:
    """`foreign`: it is no answer of a Gemini's."""
    parts: list[dict[str, Any]] = []
    cited: list[tuple[Citation, str | None, int]] = []
    for part in choice.parts:
        if isinstance(part, Text) and part.citations:
            cited.extend((citation, part.text, len(parts)) for citation in part.citations)
        made = answers.shown(part)
        if made is not None:
            parts.append(made)
    if foreign:
        signatures.mark(parts)
    told: dict[str, Any] = {
        "content": {"parts": parts or [{"text": ""}], "role": "model"},
        "finishReason": reason_of(choice.stop),
        "index": choice.index,
    }
    told.update(beside(cited, choice.logprobs))
    return told


def beside(cited: list[tuple[Citation, str | None, int]], raw: msgspec.Raw) -> dict[str, Any]:
    """What a candidate says beside its content."""
    told: dict[str, Any] = {}
    metadata = grounding.metadata_of(cited) if cited else None
    if metadata is not None:
        told["groundingMetadata"] = metadata
    result = logprobs.result_of(raw) if raw else None
    if result is not None:
        told["logprobsResult"] = result
    return told
