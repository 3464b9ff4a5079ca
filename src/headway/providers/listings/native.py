"""Lists of models as Anthropic, Google, Amazon, Cohere, Ollama and Replicate write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from headway.providers.listings.compatible import SPELLINGS
from headway.providers.listings.fields import Entry, count, entries, flags, inner, name, plain, section, words
from headway.providers.listings.listed import ListedModel, Listing
from headway.wire.malformed import Malformed

_BEDROCK: Mapping[str, str] = MappingProxyType({"image": "images", "video": "video", "speech": "audio"})


def anthropic(body: bytes) -> Listing | Malformed:
    """`GET /v1/models`; its `after_id` asks for the next page."""
    found = entries(body, "data")
    if isinstance(found, Malformed):
        return found
    listed, around = found
    return Listing(_all(listed, _claude), name(around, "last_id") if around.get("has_more") is True else None)


def gemini(body: bytes) -> Listing | Malformed:
    """`GET /v1beta/models`; its `pageToken` asks for the next page. Vertex's publisherModels are read too."""
    found = entries(body, "models", "publisherModels")
    if isinstance(found, Malformed):
        return found
    listed, around = found
    return Listing(_all(listed, _gemini), _token(around, "nextPageToken"))


def bedrock(body: bytes) -> Listing | Malformed:
    """ListFoundationModels, or ListInferenceProfiles with its `nextToken`."""
    found = entries(body, "modelSummaries", "inferenceProfileSummaries")
    if isinstance(found, Malformed):
        return found
    listed, around = found
    return Listing(_all(listed, _bedrock), _token(around, "nextToken"))


def cohere(body: bytes) -> Listing | Malformed:
    """`GET /v1/models`; its `page_token` asks for the next page."""
    found = entries(body, "models")
    if isinstance(found, Malformed):
        return found
    listed, around = found
    return Listing(_all(listed, _cohere), _token(around, "next_page_token"))


def ollama(body: bytes) -> Listing | Malformed:
    """`GET /api/tags`."""
    found = entries(body, "models")
    return found if isinstance(found, Malformed) else Listing(_all(found[0], _ollama))


def replicate(body: bytes) -> Listing | Malformed:
    """`GET /v1/collections/language-models`: those that answer with words, of very many."""
    found = entries(body, "models")
    return found if isinstance(found, Malformed) else Listing(_all(found[0], _replicate))


def _all(listed: list[Entry], read: Callable[[Entry], ListedModel | None]) -> tuple[ListedModel, ...]:
    models: dict[str, ListedModel] = {}
    for model in map(read, listed):
        if model is not None:
            models.setdefault(model.id, model)
    return tuple(models.values())


def _token(around: Entry, key: str) -> str | None:
    token = around.get(key)
    return token if isinstance(token, str) and 0 < len(token) <= 4096 else None


def _claude(entry: Entry) -> ListedModel | None:
    id_ = name(entry, "id")
    if id_ is None or entry.get("lifecycle") == "retired":
        return None
    capabilities = section(entry, "capabilities")
    abilities = {SPELLINGS[flag]: there for flag, there in flags(capabilities) if flag in SPELLINGS}
    thinks = inner(capabilities, "thinking", "supported")
    return ListedModel(
        id=id_,
        context_window=count(entry, ("max_input_tokens",)),
        output_limit=count(entry, ("max_tokens",)),
        can=frozenset(ability for ability, there in abilities.items() if there),
        cannot=frozenset(ability for ability, there in abilities.items() if not there),
        reasoning=False if thinks is False else None,
    )


def _gemini(entry: Entry) -> ListedModel | None:
    path = name(entry, "name")
    if path is None:
        return None
    return ListedModel(
        id=path.rpartition("models/")[2] or path,
        context_window=count(entry, ("inputTokenLimit",)),
        output_limit=count(entry, ("outputTokenLimit",)),
        reasoning=False if entry.get("thinking") is False else None,
    )


def _bedrock(entry: Entry) -> ListedModel | None:
    id_ = name(entry, "modelId", "inferenceProfileId")
    if id_ is None:
        return None
    taken = words(entry.get("inputModalities"))
    abilities = {} if taken is None else {ability: modality in taken for modality, ability in _BEDROCK.items()}
    return ListedModel(
        id=id_,
        can=frozenset(ability for ability, there in abilities.items() if there),
        cannot=frozenset(ability for ability, there in abilities.items() if not there),
    )


def _cohere(entry: Entry) -> ListedModel | None:
    id_ = name(entry, "name")
    if id_ is None:
        return None
    return ListedModel(
        id=id_,
        context_window=count(entry, ("context_length",)),
        can=frozenset(_spelt(words(entry.get("features")))),
    )


def _ollama(entry: Entry) -> ListedModel | None:
    id_ = name(entry, "model", "name")
    if id_ is None:
        return None
    told = words(entry.get("capabilities"))
    can = frozenset(_spelt(told))
    return ListedModel(
        id=id_,
        context_window=count(entry, ("details", "context_length"), ("context_length",)),
        can=can,
        cannot=frozenset() if told is None else frozenset({"tools", "images"}) - can,
        reasoning=None if told is None else "thinking" in told,
    )


def _replicate(entry: Entry) -> ListedModel | None:
    id_ = name({"id": f"{entry.get('owner')}/{entry.get('name')}"}, "id")
    return None if id_ is None or name(entry, "owner") is None or name(entry, "name") is None else ListedModel(id=id_)


def _spelt(told: frozenset[str] | None) -> Iterator[str]:
    return (SPELLINGS[each] for each in map(plain, told or ()) if each in SPELLINGS)
