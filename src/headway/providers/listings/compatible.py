"""Lists of models in OpenAI's form, and in the richer ones that others made of it.

OpenAI's own says nothing but names. OpenRouter's, which Cerebras, Nebius and more took over, tells sizes, modalities,
parameters and prices for a token; Groq, Mistral, Together, Vercel, Fireworks, Venice and vLLM each add some of their
own. They do not contradict each other, so one reader knows them all and a new provider needs no code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from headway.providers.costs import Quote
from headway.providers.listings.fields import Entry, count, dollars, entries, flags, inner, name, plain, section, words
from headway.providers.listings.listed import ListedModel, Listing
from headway.wire.malformed import Malformed

CONTEXT = (
    ("context_length",),  # OpenRouter, Together, Fireworks, Moonshot
    ("context_window",),  # Groq, Vercel
    ("max_context_length",),  # Mistral
    ("max_model_len",),  # vLLM, SGLang
    ("context_size",),  # Novita
    ("limits", "max_context_length"),  # Cerebras
    ("top_provider", "context_length"),
    ("metadata", "context_length"),  # DeepInfra
    ("model_spec", "availableContextTokens"),  # Venice
    ("meta", "n_ctx"),  # llama.cpp
)
OUTPUT = (
    ("top_provider", "max_completion_tokens"),
    ("max_completion_tokens",),
    ("max_output_tokens",),
    ("max_output_length",),
    ("limits", "max_completion_tokens"),
    ("metadata", "max_tokens"),
    ("model_spec", "maxCompletionTokens"),
    ("max_tokens",),
)
SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("tools", "functioncalling", "toolcalling", "tooluse"), "tools"),
        **dict.fromkeys(("images", "image", "vision", "imageinput"), "images"),
        **dict.fromkeys(("audio", "audioinput"), "audio"),
        **dict.fromkeys(("video", "videoinput"), "video"),
        **dict.fromkeys(("files", "file", "pdf", "fileinput", "pdfinput", "document"), "files"),
        **dict.fromkeys(("jsonoutput", "jsonmode"), "json_output"),
        **dict.fromkeys(("jsonschema", "structuredoutputs", "structuredoutput", "responseschema"), "json_schema"),
    }
)
"""What the abilities are called, in plainest spelling."""
MODALITIES = ("images", "audio", "video")
"""What a list of modalities without them denies. Files are not: OpenRouter reads PDF for models that cannot."""
PARAMETERS: Mapping[str, str] = MappingProxyType(
    {"tools": "tools", "response_format": "json_output", "structured_outputs": "json_schema"}
)
GONE = frozenset({"retired", "removed", "inactive"})


def read(body: bytes) -> Listing | Malformed:
    """A list of models, whole."""
    found = entries(body, "data", "models", "result")
    if isinstance(found, Malformed):
        return found
    models: dict[str, ListedModel] = {}
    for entry in found[0]:
        model = _model(entry)
        if model is not None:
            models.setdefault(model.id, model)
    return Listing(tuple(models.values()))


def _model(entry: Entry) -> ListedModel | None:
    id_ = name(entry, "id", "model_id", "model", "name")
    if id_ is None or entry.get("active") is False or entry.get("state") in GONE or entry.get("lifecycle") in GONE:
        return None
    abilities = dict(_abilities(entry))
    parameters = words(entry.get("supported_parameters"))
    return ListedModel(
        id=id_,
        context_window=count(entry, *CONTEXT),
        output_limit=count(entry, *OUTPUT),
        can=frozenset(ability for ability, there in abilities.items() if there),
        cannot=frozenset(ability for ability, there in abilities.items() if not there),
        # What may reason is not known to do so unasked.
        reasoning=False if parameters and "reasoning" not in parameters else None,
        quote=_quote(entry),
    )


def _abilities(entry: Entry) -> Iterator[tuple[str, bool]]:
    """What is said later counts: the plainest last."""
    modalities = words(inner(entry, "architecture", "input_modalities")) or words(entry.get("input_modalities"))
    if modalities:
        there = {SPELLINGS.get(plain(each)) for each in modalities}
        yield from ((ability, ability in there) for ability in MODALITIES)
    parameters = words(entry.get("supported_parameters"))
    if parameters:
        yield from ((ability, parameter in parameters) for parameter, ability in PARAMETERS.items())
    for part in (section(entry, "capabilities"), section(entry, "model_spec", "capabilities"), entry):
        yield from ((SPELLINGS[flag], there) for flag, there in flags(part) if flag in SPELLINGS)
    for path in (("features",), ("supported_features",), ("tags",), ("metadata", "tags"), ("capabilities",)):
        listed = words(inner(entry, *path))
        yield from ((SPELLINGS[each], True) for each in map(plain, listed or ()) if each in SPELLINGS)
    if modalities and "file" in modalities:
        yield "files", True


# --- prices ---


def _quote(entry: Entry) -> Quote | None:
    pricing = section(entry, "pricing") or section(entry, "metadata", "pricing")
    if "prompt" in pricing:
        quote = _for_a_token(pricing, "prompt", "completion")
    elif isinstance(pricing.get("input"), str):  # Vercel
        quote = _for_a_token(pricing, "input", "output")
    else:  # Together, DeepInfra, Venice
        venice = section(entry, "model_spec", "pricing")
        quote = Quote(
            input=_first(pricing.get("input"), pricing.get("input_tokens"), inner(venice, "input", "usd")),
            cached_input=_first(
                pricing.get("cached_input"), pricing.get("cache_read_tokens"), inner(venice, "cache_input", "usd")
            ),
            output=_first(pricing.get("output"), pricing.get("output_tokens"), inner(venice, "output", "usd")),
        )
    return None if quote is None or (quote.input is None and quote.output is None) else quote


def _for_a_token(pricing: Entry, sent: str, answered: str) -> Quote | None:
    """Prices in dollars for a single token. One below nothing says that it depends: OpenRouter's routers."""
    million = 10**6
    if dollars(pricing.get(sent)) is None or dollars(pricing.get(answered, "0")) is None:
        return None
    return Quote(
        input=dollars(pricing[sent], million),
        cached_input=dollars(pricing.get("input_cache_read"), million),
        cache_write=dollars(pricing.get("input_cache_write"), million),
        audio_input=dollars(pricing.get("audio"), million),
        output=dollars(pricing.get(answered), million),
        reasoning=_dear(dollars(pricing.get("internal_reasoning"), million)),
        per_request=_dear(dollars(pricing.get("request"))),
        per_search=_dear(dollars(pricing.get("web_search"))),
    )


def _dear(amount: Decimal | None) -> Decimal | None:
    """OpenRouter writes 0 where there is no price of its own."""
    return amount or None


def _first(*values: object) -> Decimal | None:
    return next((amount for value in values if (amount := dollars(value)) is not None), None)
