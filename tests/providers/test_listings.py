"""Lists of models as providers write them, and the files that keep them."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.providers.costs import Quote
from headway.providers.known_models import facts_of
from headway.providers.listings.listed import ListedModel, Listing, facts_with, tariff_told
from headway.providers.listings.read import SOURCES, read_models
from headway.providers.listings.store import LARGEST, Stored, load, path_for, save
from headway.types import Dialect, ModelFacts, Usage
from headway.wire.form.abilities import ABILITIES
from headway.wire.malformed import Malformed

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def listing(document: object, dialect: Dialect = "openai_chat") -> Listing:
    read = read_models(dialect, json.dumps(document).encode())
    assert isinstance(read, Listing)
    return read


def only(document: object, dialect: Dialect = "openai_chat") -> ListedModel:
    models = listing(document, dialect).models
    assert len(models) == 1
    return models[0]


def recorded(name: str) -> list[dict[str, Any]]:
    path = CORPUS / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("the recorded exchanges are not here")
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    return [line["response"]["body"] for line in lines if line["request"]["method"] == "GET"]


# --- OpenAI's form, and what others made of it ---


def test_openais_list_gives_names_and_nothing_else():
    document = {"object": "list", "data": [{"id": "gpt-4o", "object": "model", "created": 1, "owned_by": "system"}]}
    assert only(document) == ListedModel(id="gpt-4o")


def test_a_recorded_list_of_cerebras_is_read():
    names = {model.id for document in recorded("cerebras") for model in listing(document).models}
    assert names == {"gemma-4-31b", "gpt-oss-120b", "zai-glm-4.7"}


def test_a_recorded_list_of_heroku_is_read():
    names = {model.id for document in recorded("heroku") for model in listing(document).models}
    assert {"claude-4-5-sonnet", "gpt-oss-120b", "cohere-embed-v4"} <= names


OPENROUTER = {
    "id": "anthropic/claude-sonnet-4.5",
    "context_length": 1_000_000,
    "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
    "pricing": {
        "prompt": "0.000003",
        "completion": "0.000015",
        "request": "0",
        "image": "0.0048",
        "web_search": "0.01",
        "internal_reasoning": "0",
        "input_cache_read": "0.0000003",
        "input_cache_write": "0.00000375",
    },
    "top_provider": {"context_length": 1_000_000, "max_completion_tokens": 64_000, "is_moderated": True},
    "supported_parameters": ["max_tokens", "reasoning", "response_format", "structured_outputs", "tools"],
}


def test_openrouters_list_tells_sizes_abilities_and_prices():
    model = only({"data": [OPENROUTER]})
    assert (model.context_window, model.output_limit) == (1_000_000, 64_000)
    assert model.can == {"tools", "images", "files", "json_output", "json_schema"}
    assert model.cannot == {"audio", "video"}
    assert model.quote == Quote(
        input=Decimal(3),
        cached_input=Decimal("0.3"),
        cache_write=Decimal("3.75"),
        output=Decimal(15),
        per_search=Decimal("0.01"),
    )


def test_what_openrouters_parameters_leave_out_cannot_be_done():
    model = only({"data": [OPENROUTER | {"supported_parameters": ["max_tokens"]}]})
    assert {"tools", "json_output", "json_schema"} <= model.cannot
    assert model.reasoning is False


def test_what_may_reason_is_not_taken_to_do_so_unasked():
    assert only({"data": [OPENROUTER]}).reasoning is None


def test_pdf_are_not_denied_to_models_that_a_router_reads_them_for():
    model = only({"data": [{"id": "a", "architecture": {"input_modalities": ["text"]}}]})
    assert "files" not in model.cannot


def test_a_price_below_nothing_is_none():
    assert only({"data": [OPENROUTER | {"pricing": {"prompt": "-1", "completion": "-1"}}]}).quote is None


def test_a_free_models_price_is_nothing_and_known():
    model = only({"data": [OPENROUTER | {"pricing": {"prompt": "0", "completion": "0"}}]})
    tariff = tariff_told(model)
    assert tariff is not None
    assert tariff.cost(Usage(1000, 1000), at=0.0) == 0


def test_groqs_list_tells_windows_and_leaves_out_what_is_not_served():
    document = {
        "data": [
            {"id": "llama-3.3-70b-versatile", "active": True, "context_window": 131072, "max_completion_tokens": 32768},
            {"id": "gone", "active": False, "context_window": 8192},
        ]
    }
    assert only(document) == ListedModel(id="llama-3.3-70b-versatile", context_window=131072, output_limit=32768)


def test_mistrals_list_tells_what_a_model_can_and_cannot():
    document = {
        "data": [
            {
                "id": "mistral-medium-latest",
                "capabilities": {"completion_chat": True, "function_calling": True, "vision": True, "audio": False},
                "max_context_length": 131072,
            }
        ]
    }
    assert only(document) == ListedModel(
        id="mistral-medium-latest",
        context_window=131072,
        can=frozenset({"tools", "images"}),
        cannot=frozenset({"audio"}),
    )


def test_togethers_list_is_bare_and_priced_by_the_million():
    document = [
        {
            "id": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "type": "chat",
            "context_length": 131072,
            "pricing": {"hourly": 0, "input": 0.88, "output": 0.88, "base": 0, "finetune": 0},
        }
    ]
    model = only(document)
    assert model.context_window == 131072
    assert model.quote == Quote(input=Decimal("0.88"), output=Decimal("0.88"))


def test_cerebras_public_list_is_read():
    document = {
        "data": [
            {
                "id": "qwen-3.8-27b",
                "pricing": {"prompt": "0.00000099", "completion": "0.00000149"},
                "capabilities": {"function_calling": True, "structured_outputs": True, "vision": False},
                "limits": {"max_context_length": 65536, "max_completion_tokens": 32768},
            }
        ]
    }
    model = only(document)
    assert (model.context_window, model.output_limit) == (65536, 32768)
    assert (model.can, model.cannot) == ({"tools", "json_schema"}, {"images"})
    assert model.quote == Quote(input=Decimal("0.99"), output=Decimal("1.49"))


def test_vercels_list_is_priced_by_the_token_and_tagged():
    document = {
        "data": [
            {
                "id": "openai/gpt-5",
                "context_window": 400000,
                "max_tokens": 128000,
                "tags": ["file-input", "tool-use", "vision"],
                "pricing": {"input": "0.00000125", "output": "0.00001", "input_cache_read": "0.000000125"},
            }
        ]
    }
    model = only(document)
    assert (model.context_window, model.output_limit) == (400000, 128000)
    assert model.can == {"files", "tools", "images"}
    assert model.quote == Quote(input=Decimal("1.25"), cached_input=Decimal("0.125"), output=Decimal(10))


def test_fireworks_flags_and_vllms_window_are_read():
    document = {"data": [{"id": "a", "supports_tools": True, "supports_image_input": False, "max_model_len": 4096}]}
    assert only(document) == ListedModel(
        id="a", context_window=4096, can=frozenset({"tools"}), cannot=frozenset({"images"})
    )


def test_venices_specification_is_read():
    spec = {
        "availableContextTokens": 131072,
        "capabilities": {"supportsFunctionCalling": True, "supportsVision": False, "supportsResponseSchema": True},
        "pricing": {"input": {"usd": 0.7}, "output": {"usd": 2.8}},
    }
    model = only({"data": [{"id": "llama", "model_spec": spec}]})
    assert model.context_window == 131072
    assert (model.can, model.cannot) == ({"tools", "json_schema"}, {"images"})
    assert model.quote == Quote(input=Decimal("0.7"), output=Decimal("2.8"))


# --- forms of their own ---


def test_anthropics_list_tells_sizes_and_capabilities_and_how_it_goes_on():
    yes, no = {"supported": True}, {"supported": False}
    document = {
        "data": [
            {
                "type": "model",
                "id": "claude-sonnet-5-5",
                "display_name": "Claude Sonnet 5.5",
                "lifecycle": "active",
                "max_input_tokens": 1000000,
                "max_tokens": 128000,
                "capabilities": {
                    "image_input": yes,
                    "pdf_input": yes,
                    "structured_outputs": yes,
                    "citations": yes,
                    "thinking": {"supported": True, "types": {"adaptive": yes, "enabled": no}},
                },
            },
            {"type": "model", "id": "claude-2", "display_name": "Claude 2", "lifecycle": "retired"},
        ],
        "has_more": True,
        "first_id": "claude-sonnet-5-5",
        "last_id": "claude-2",
    }
    read = listing(document, "anthropic")
    assert read.after == "claude-2"
    assert read.models == (
        ListedModel(
            id="claude-sonnet-5-5",
            context_window=1000000,
            output_limit=128000,
            can=frozenset({"images", "files", "json_schema"}),
        ),
    )


def test_the_last_page_of_anthropics_list_has_none_after_it():
    assert listing({"data": [{"id": "a"}], "has_more": False, "last_id": "a"}, "anthropic").after is None


def test_geminis_list_tells_limits_and_how_it_goes_on():
    document = {
        "models": [
            {
                "name": "models/gemini-2.5-pro",
                "inputTokenLimit": 1048576,
                "outputTokenLimit": 65536,
                "supportedGenerationMethods": ["generateContent"],
                "thinking": True,
            }
        ],
        "nextPageToken": "abc",
    }
    read = listing(document, "gemini")
    assert read.after == "abc"
    assert read.models == (ListedModel(id="gemini-2.5-pro", context_window=1048576, output_limit=65536),)


def test_bedrocks_lists_of_models_and_of_profiles_are_read():
    models = {
        "modelSummaries": [
            {
                "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
                "modelId": "amazon.nova-lite-v1:0",
                "inputModalities": ["TEXT", "IMAGE", "VIDEO"],
                "outputModalities": ["TEXT"],
                "modelLifecycle": {"status": "ACTIVE"},
            }
        ]
    }
    assert only(models, "converse") == ListedModel(
        id="amazon.nova-lite-v1:0", can=frozenset({"images", "video"}), cannot=frozenset({"audio"})
    )
    profiles = {
        "inferenceProfileSummaries": [{"inferenceProfileId": "us.amazon.nova-lite-v1:0", "type": "SYSTEM_DEFINED"}],
        "nextToken": "n",
    }
    assert listing(profiles, "converse") == Listing((ListedModel(id="us.amazon.nova-lite-v1:0"),), "n")


def test_coheres_list_tells_windows_and_features():
    document = {
        "models": [
            {
                "name": "command-a-03-2025",
                "endpoints": ["chat"],
                "context_length": 288000.0,
                "features": ["json_mode", "json_schema", "tools", "logprobs"],
            }
        ],
        "next_page_token": "",
    }
    read = listing(document, "cohere")
    assert read.after is None
    assert read.models == (
        ListedModel(
            id="command-a-03-2025",
            context_window=288000,
            can=frozenset({"json_output", "json_schema", "tools"}),
        ),
    )


def test_ollamas_list_tells_names_and_what_it_knows_of_them():
    document = {
        "models": [
            {"name": "llama3.2:latest", "model": "llama3.2:latest", "details": {"family": "llama"}},
            {"name": "qwen3:8b", "model": "qwen3:8b", "capabilities": ["completion", "tools", "thinking"]},
        ]
    }
    assert listing(document, "ollama").models == (
        ListedModel(id="llama3.2:latest"),
        ListedModel(id="qwen3:8b", can=frozenset({"tools"}), cannot=frozenset({"images"}), reasoning=True),
    )


def test_replicate_names_whose_a_model_is():
    document = {
        "name": "Language models",
        "slug": "language-models",
        "models": [
            {"owner": "meta", "name": "llama", "url": "https://replicate.com/meta/llama", "run_count": 1},
            {"owner": "meta"},
            {"name": "llama"},
            {"owner": "me ta", "name": "x"},
        ],
    }
    assert listing(document, "replicate").models == (ListedModel(id="meta/llama"),)


def test_every_dialect_has_a_list():
    assert set(SOURCES) == set(get_args(Dialect))


def test_a_page_is_asked_for_by_its_token_which_may_hold_anything():
    assert SOURCES["gemini"].page(None) == "/models?pageSize=1000"
    assert SOURCES["gemini"].page("a&b=c") == "/models?pageSize=1000&pageToken=a%26b%3Dc"
    assert SOURCES["converse"].page("n/") == "/foundation-models?nextToken=n%2F"
    assert SOURCES["openai_chat"].page("ignored") == "/models"


# --- what nobody should write ---


@pytest.mark.parametrize("dialect", get_args(Dialect))
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"7", b'"x"', b"{}", b'{"data": 1, "models": {}}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_list_is_malformed(dialect: Dialect, body: bytes):
    assert isinstance(read_models(dialect, body), Malformed)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    *("id", "name", "model", "modelId", "active", "lifecycle", "state", "context_length", "capabilities"),
    *("architecture", "pricing", "limits", "thinking", "supported_parameters", "features", "tags", "top_provider"),
    *("model_spec", "metadata", "inputModalities", "inputTokenLimit", "details"),
)


@settings(max_examples=150, deadline=None)
@given(
    entry=st.dictionaries(st.sampled_from(KEYS), ODD, max_size=8),
    around=st.dictionaries(st.sampled_from(["has_more", "last_id", "nextPageToken", "nextToken"]), ODD, max_size=3),
)
def test_whatever_an_entry_holds_the_list_is_read(entry: dict[str, object], around: dict[str, object]):
    for dialect in get_args(Dialect):
        for key in ("data", "models", "modelSummaries"):
            read = read_models(dialect, msgspec.json.encode({**around, key: [entry, {"id": "sound"}]}))
            assert isinstance(read, Listing | Malformed)


@pytest.mark.parametrize("wrong", [None, 7, "", "two words", "a\nb", "é", "x" * 257])
def test_what_cannot_be_asked_for_is_left_out(wrong: object):
    assert listing({"data": [{"id": wrong}, 7, None, {"id": "sound"}]}).models == (ListedModel(id="sound"),)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "many", None, [], 10**12])
def test_a_window_that_is_none_is_not_known(wrong: object):
    assert only({"data": [{"id": "a", "context_length": wrong}]}).context_window is None


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-0.1", "1e9", "cheap", "9" * 100, True, [], {}])
def test_a_price_that_is_none_is_not_known(wrong: object):
    assert only({"data": [{"id": "a", "pricing": {"prompt": wrong, "completion": "0.1"}}]}).quote is None


def test_a_model_that_is_listed_twice_counts_once_as_it_came_first():
    document = {"data": [{"id": "a", "context_length": 1}, {"id": "a", "context_length": 2}]}
    assert only(document).context_window == 1


# --- with what is known otherwise ---


def test_a_provider_knows_its_models_better_than_their_names_do():
    known = ModelFacts(context_window=1, output_limit=2, can=frozenset({"images"}), cannot=frozenset({"tools"}))
    listed = ListedModel(id="a", context_window=8, can=frozenset({"tools"}), cannot=frozenset({"images"}))
    assert facts_with(known, listed) == ModelFacts(
        context_window=8, output_limit=2, can=frozenset({"tools"}), cannot=frozenset({"images"})
    )


def test_a_told_price_is_shown_where_the_public_list_has_none():
    quote = Quote(input=Decimal("0.5"), output=Decimal(2))
    shown = facts_with(ModelFacts(), ListedModel(id="a", quote=quote))
    assert (shown.input_price, shown.output_price) == (0.5, 2.0)
    listed = facts_with(facts_of("openai", "gpt-4o"), ListedModel(id="gpt-4o", quote=quote))
    assert (listed.input_price, listed.output_price) == (2.5, 10.0)


def test_a_told_price_prices_an_exchange():
    tariff = tariff_told(ListedModel(id="a", quote=Quote(input=Decimal("0.5"), output=Decimal(2))))
    assert tariff is not None
    assert tariff.cost(Usage(1000, 100), at=0.0) == 700  # 1000 x 0.5 + 100 x 2


def test_abilities_have_the_names_that_requests_are_checked_by():
    told = listing({"data": [OPENROUTER]}).models[0]
    assert told.can | told.cannot == ABILITIES


# --- the store ---

MODELS = (
    ListedModel(
        id="a",
        context_window=8,
        can=frozenset({"tools", "images"}),
        quote=Quote(input=Decimal("0.30"), output=Decimal("1.5")),
    ),
    ListedModel(id="b"),
)


def test_a_list_that_was_saved_is_there_again(tmp_path: Path):
    path = tmp_path / "deep" / "x.json"
    save(path, MODELS, at=100.0)
    stored = load(path)
    assert stored == Stored(version=1, at=100.0, models=MODELS)
    assert stored is not None
    assert (stored.age(160.0), stored.age(50.0)) == (60.0, 0.0)


def test_a_new_list_takes_the_place_of_the_old_and_leaves_nothing_else(tmp_path: Path):
    path = tmp_path / "x.json"
    save(path, MODELS, at=1.0)
    save(path, MODELS[:1], at=2.0)
    stored = load(path)
    assert stored is not None
    assert stored.models == MODELS[:1]
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_list_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "x.json"
    path.mkdir()
    with pytest.raises(OSError, match=r"x\.json"):
        save(path, MODELS, at=1.0)
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"version": 2, "at": 1, "models": []}', b'{"version": 1, "at": 1, "models": [{}]}'],
)
def test_what_is_no_list_of_ours_counts_as_none(tmp_path: Path, content: bytes):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert load(path) is None


def test_neither_a_missing_file_nor_a_folder_nor_a_huge_one_is_a_list(tmp_path: Path):
    assert load(tmp_path / "none.json") is None
    assert load(tmp_path) is None
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        os.truncate(file.fileno(), LARGEST + 1)
    assert load(huge) is None


def test_the_file_is_in_the_users_cache_and_named_for_the_provider_and_its_address(tmp_path: Path):
    environ = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    path = path_for("open.ai/x", "https://api.openai.com/v1", environ)
    assert path is not None
    assert path.parent == tmp_path / "cache" / "headway" / "models"
    assert path.name.startswith("open_ai_x-")
    assert path != path_for("open.ai/x", "https://eu.api.openai.com/v1", environ)
    assert "api.openai.com" not in str(path)


@pytest.mark.parametrize("relative", ["", "cache"])
def test_a_cache_without_an_absolute_path_counts_as_none(tmp_path: Path, relative: str):
    path = path_for("a", "http://h", {"HOME": str(tmp_path), "XDG_CACHE_HOME": relative})
    assert path is not None
    assert path.parent == tmp_path / ".cache" / "headway" / "models"


def test_without_a_home_nothing_is_kept():
    assert path_for("a", "http://h", {}) is None
