"""The catalogue: its data hold together, names and base URLs resolve, and the documentation is current."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from headway.config.load import load
from headway.config.provider import WITHOUT_KEY
from headway.providers import reference
from headway.providers.catalogue import CatalogueEntry, base_url, catalogue, dialect_for, find, parse
from headway.providers.surfaces import SURFACES
from headway.types import Quirks

ENTRIES = list(catalogue().values())
DOCS = Path(__file__).parents[2] / "docs"

EXPECTED = """
openai azure anthropic gemini cohere groq mistral deepseek openrouter together fireworks xai
cerebras perplexity nebius nvidia sambanova huggingface cloudflare github moonshot zai ollama vllm
sglang lmstudio llamacpp deepinfra novita scaleway ovhcloud heroku vercel siliconflow minimax
dashscope baseten featherless friendli upstage databricks snowflake crusoe voyage jina litellm
localai tgi jan vertex bedrock azure-deployments ollama-native
"""

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def an_entry(name: str) -> CatalogueEntry:
    entry = find(name)
    assert entry is not None
    return entry


def test_it_knows_the_providers_that_people_expect():
    assert set(EXPECTED.split()) <= set(catalogue())


def test_it_is_read_once_and_cannot_be_changed():
    assert catalogue() is catalogue()
    with pytest.raises(TypeError):
        catalogue()["openai"] = an_entry("groq")  # type: ignore[index]


@each_entry
def test_a_name_can_stand_in_provider_slash_model(entry: CatalogueEntry):
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) for name in (entry.name, *entry.aliases))


@each_entry
def test_a_base_url_is_a_scheme_a_host_and_a_path_without_a_trailing_slash(entry: CatalogueEntry):
    environ = dict.fromkeys(entry.needs, "value")
    if entry.base_url.startswith("${"):
        environ[entry.needs[0]] = "https://value.example"
    url = base_url(entry, environ)
    assert url is not None
    assert not url.endswith("/")
    parts = urlsplit(url)
    assert parts.scheme == ("http" if entry.local else "https")
    assert parts.hostname
    assert (parts.hostname == "localhost") is entry.local
    assert (parts.query, parts.fragment) == ("", "")


@each_entry
def test_variables_have_names_that_a_shell_takes(entry: CatalogueEntry):
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in entry.key_env + entry.base_url_env)


@each_entry
def test_a_provider_either_takes_a_key_from_a_variable_or_needs_none(entry: CatalogueEntry):
    assert entry.key_env or entry.keyless or entry.auth in WITHOUT_KEY
    assert entry.base_url_env
    assert entry.endpoints


def test_providers_share_a_key_variable_only_where_they_are_two_apis_of_one_service():
    owners: dict[str, list[str]] = {}
    for entry in ENTRIES:
        for variable in entry.key_env:
            owners.setdefault(variable, []).append(entry.name)
    assert {variable: names for variable, names in owners.items() if len(names) > 1} == {
        "AZURE_OPENAI_API_KEY": ["azure", "azure-deployments"],
        "AWS_BEARER_TOKEN_BEDROCK": ["bedrock", "bedrock-mantle"],
    }


@each_entry
def test_a_surface_is_one_that_there_is(entry: CatalogueEntry):
    assert entry.surface in {"", *SURFACES}


def test_no_entry_is_written_twice():
    text = files("headway.providers").joinpath("catalogue.yaml").read_text("utf-8")
    names = re.findall(r"^([a-z][\w.-]*):", text, re.MULTILINE)
    assert names == list(catalogue())


def test_an_alias_finds_its_entry_and_an_unknown_name_finds_nothing():
    assert find("google") is find("gemini") is catalogue()["gemini"]
    assert find("llama.cpp") is catalogue()["llamacpp"]
    assert find("no-such-provider") is None


@pytest.mark.parametrize("name", ["mistral", "cohere", "perplexity", "nvidia", "databricks"])
def test_a_provider_that_refuses_stream_options_is_not_asked_for_usage(name: str):
    assert an_entry(name).quirks.stream_usage is False


@pytest.mark.parametrize("name", ["openai", "crusoe", "deepseek", "openrouter", "snowflake", "zai", "mistral", "groq"])
def test_a_provider_whose_recorded_streams_end_with_done_is_held_to_it(name: str):
    assert an_entry(name).quirks.stream_done is True


def test_perplexity_is_not_held_to_a_done_event():
    assert an_entry("perplexity").quirks == Quirks(stream_usage=False, stream_done=False)


@pytest.mark.parametrize(
    ("name", "prefill"),
    [("mistral", "prefix"), ("openrouter", "plain"), ("groq", "plain"), ("llamacpp", "plain"), ("deepseek", "none")],
)
def test_a_model_goes_on_with_words_of_its_own_where_the_providers_documentation_says_so(name: str, prefill: str):
    assert an_entry(name).quirks.prefill == prefill


def test_of_any_other_provider_nothing_is_assumed():
    able = {entry.name for entry in ENTRIES if entry.quirks.prefill != "none"}
    assert able == {"mistral", "openrouter", "groq", "llamacpp"}


@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("azure", "api-key"),
        ("azure-deployments", "api-key"),
        ("anthropic", "x-api-key"),
        ("gemini", "x-goog-api-key"),
        ("vertex", "google"),
        ("bedrock", "sigv4"),
        ("cohere", "bearer"),
    ],
)
def test_a_key_goes_where_the_provider_looks_for_it(name: str, auth: str):
    assert an_entry(name).auth == auth


@pytest.mark.parametrize("name", ["openai", "azure", "azure-deployments"])
def test_openais_own_models_are_told_the_bound_on_an_answer_by_its_new_name(name: str):
    assert an_entry(name).quirks.max_tokens == "max_completion_tokens"


# --- dialects


@pytest.mark.parametrize(
    ("name", "dialect", "surface"),
    [
        ("anthropic", "anthropic", ""),
        ("gemini", "gemini", ""),
        ("vertex", "gemini", "vertex"),
        ("bedrock", "converse", "bedrock"),
        ("bedrock-mantle", "openai_chat", ""),
        ("cohere", "cohere", ""),
        ("voyage", "openai_chat", "voyage"),
        ("azure-deployments", "openai_chat", "azure_deployments"),
        ("ollama", "openai_chat", ""),
        ("ollama-native", "ollama", ""),
        ("groq", "openai_chat", ""),
    ],
)
def test_a_provider_is_asked_in_its_own_dialect_at_its_own_address(name: str, dialect: str, surface: str):
    entry = an_entry(name)
    assert dialect_for(entry, entry.base_url) == (dialect, surface)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ("gemini", "https://proxy.example/gemini/openai/"),
        ("cohere", "https://api.cohere.ai/compatibility/v1"),
        ("cohere", "https://api.cohere.com/compatibility/v1"),
        ("vertex", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi"),
        ("bedrock", "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1"),
        ("ollama-native", "http://localhost:11434/v1"),
    ],
)
def test_the_address_of_a_compatibility_layer_means_chat_completions(name: str, address: str):
    assert dialect_for(an_entry(name), address) == ("openai_chat", "")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("anthropic", "https://openai.example/v1"),
        ("gemini", "https://proxy.example/openai/v1beta"),
        ("cohere", "https://compatibility.example"),
        ("groq", "https://api.groq.com/openai/v1"),
        ("azure", "https://r.openai.azure.com/openai/v1"),
    ],
)
def test_any_other_address_leaves_the_dialect_as_it_is(name: str, address: str):
    entry = an_entry(name)
    assert dialect_for(entry, address) == (entry.dialect, entry.surface)


def test_a_host_variable_may_hold_the_address_of_a_compatibility_layer():
    layer = "https://generativelanguage.googleapis.com/v1beta/openai"
    assert base_url(an_entry("gemini"), {"GOOGLE_GEMINI_BASE_URL": layer + "/"}) == layer
    assert base_url(an_entry("gemini"), {"GOOGLE_GEMINI_BASE_URL": "https://p.example"}) == "https://p.example/v1beta"


# --- base URLs


def test_without_variables_the_base_url_is_the_catalogues():
    assert base_url(an_entry("groq"), {}) == "https://api.groq.com/openai/v1"


def test_a_variable_moves_a_provider():
    moved = base_url(an_entry("openai"), {"OPENAI_BASE_URL": "http://localhost:9000/v1/"})
    assert moved == "http://localhost:9000/v1"


def test_a_variable_set_to_nothing_moves_nothing():
    assert base_url(an_entry("openai"), {"OPENAI_BASE_URL": " "}) == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("name", "variable", "value", "expected"),
    [
        ("anthropic", "ANTHROPIC_BASE_URL", "https://proxy.example", "https://proxy.example/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://proxy.example/v1/", "https://proxy.example/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://proxy.example/anthropic", "https://proxy.example/anthropic/v1"),
        ("groq", "GROQ_BASE_URL", "https://api.groq.com/", "https://api.groq.com/openai/v1"),
        ("ollama", "OLLAMA_BASE_URL", "http://gpu:11434", "http://gpu:11434/v1"),
        ("ollama", "OLLAMA_BASE_URL", "http://gpu:11434/v1", "http://gpu:11434/v1"),
        ("heroku", "INFERENCE_URL", "https://eu.inference.heroku.com", "https://eu.inference.heroku.com/v1"),
    ],
)
def test_a_variable_that_holds_a_host_by_custom_gets_the_path(name: str, variable: str, value: str, expected: str):
    assert base_url(an_entry(name), {variable: value}) == expected


def test_the_first_variable_that_is_set_wins():
    environ = {"GOOGLE_GEMINI_BASE_URL": "https://second.example", "GEMINI_BASE_URL": "https://first.example/x"}
    assert base_url(an_entry("gemini"), environ) == "https://first.example/x"


def test_a_placeholder_takes_the_variables_value():
    account = {"CLOUDFLARE_ACCOUNT_ID": "abc123"}
    assert base_url(an_entry("cloudflare"), account) == "https://api.cloudflare.com/client/v4/accounts/abc123/ai/v1"


def test_a_placeholder_without_a_value_leaves_no_base_url():
    assert base_url(an_entry("cloudflare"), {}) is None
    assert an_entry("cloudflare").needs == ("CLOUDFLARE_ACCOUNT_ID",)


@pytest.mark.parametrize("endpoint", ["https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/"])
def test_azures_endpoint_is_the_resource_with_or_without_the_path(endpoint: str):
    url = base_url(an_entry("azure"), {"AZURE_OPENAI_ENDPOINT": endpoint + "/"})
    assert url == "https://r.openai.azure.com/openai/v1"


def test_azures_deployments_have_their_paths_below_the_resource():
    environ = {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/"}
    assert base_url(an_entry("azure-deployments"), environ) == "https://r.openai.azure.com"
    assert an_entry("azure-deployments").api_version == "2024-10-21"


def test_vertex_is_where_the_location_and_the_project_are():
    environ = {"GOOGLE_CLOUD_LOCATION": "europe-west4", "GOOGLE_CLOUD_PROJECT": "a-project"}
    assert base_url(an_entry("vertex"), environ) == (
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/a-project/locations/europe-west4"
    )
    assert an_entry("vertex").needs == ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_PROJECT")


def test_azures_base_url_goes_before_its_endpoint():
    environ = {"AZURE_OPENAI_ENDPOINT": "https://a.example", "AZURE_OPENAI_BASE_URL": "https://b.example/openai/v1"}
    assert base_url(an_entry("azure"), environ) == "https://b.example/openai/v1"


def test_an_entry_without_a_url_of_its_own_has_none_until_a_variable_gives_it():
    entry = parse("x: {title: X, base_url_env: [X_BASE_URL]}")["x"]
    assert base_url(entry, {}) is None
    assert base_url(entry, {"X_BASE_URL": "https://x.example/v1"}) == "https://x.example/v1"


# --- data that do not fit


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x: {title: X, base_urll: https://x.example}", "'x'.*base_urll"),
        ("x: {base_url: https://x.example}", "'x'.*title"),
        ("x: {title: X, auth: basic}", "'x'.*basic"),
        ("x: {title: X, keyless: 1}", "'x'.*keyless"),
        ("x: {title: X, endpoints: [chats]}", "'x'.*chats"),
        ("x: {title: X, quirks: {stream_usages: false}}", "'x'.*stream_usages"),
        ("x: {title: X, host_env: [X_URL]}", "'x'.*X_URL"),
        ("x: {title: X, aliases: [y]}\ny: {title: Y}", "'x' and 'y'.*'y'"),
        ("x: {title: X, aliases: [z]}\ny: {title: Y, aliases: [z]}", "'x' and 'y'.*'z'"),
        ("[x]", "object"),
    ],
)
def test_data_that_do_not_fit_are_refused_by_name(text: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        parse(text)


# --- documentation


def test_the_documentation_is_what_the_catalogue_says():
    written = {path.relative_to(DOCS).as_posix(): path for path in [DOCS / "providers.md", *DOCS.glob("providers/*")]}
    wanted = reference.pages()
    assert written.keys() == wanted.keys(), "run make docs"
    stale = [name for name, path in written.items() if uncounted(path.read_text("utf-8")) != uncounted(wanted[name])]
    assert stale == [], "run make docs"


def uncounted(page: str) -> str:
    """Without how many models are known, which depends on the release of genai-prices that is installed."""
    return re.sub(r"Known models: \d+", "Known models: N", page)


@each_entry
def test_the_documentation_says_all_about_a_provider(entry: CatalogueEntry):
    page = reference.page(entry)
    variables = (*entry.key_env, *entry.base_url_env, *entry.needs)
    for fact in (entry.name, entry.title, entry.base_url, *variables, *entry.aliases, entry.notes, *entry.examples):
        assert fact in page
    assert f"(providers/{entry.name}.md)" in reference.render()


def test_the_pages_say_what_is_asked_in_which_words_and_where():
    assert "| answers | Anthropic Messages | `/messages` |" in reference.page(an_entry("anthropic"))
    assert "| reranking | Cohere API | `/v2/rerank` |" in reference.page(an_entry("cohere"))
    assert "| Claude | answers | Anthropic Messages | `/publishers/anthropic" in reference.page(an_entry("vertex"))
    assert "Responses" not in reference.page(an_entry("together"))
    assert "audio.speech" in reference.page(an_entry("openai"))


@each_entry
def test_every_page_has_something_that_is_served(entry: CatalogueEntry):
    assert re.search(r"^\| (?!what|models|---)", reference.page(entry), re.MULTILINE)


def test_a_page_without_an_entry_goes(tmp_path: Path):
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "no-such-provider.md").write_text("old")
    reference.write(tmp_path)
    assert {path.stem for path in (tmp_path / "providers").iterdir()} == set(catalogue())


EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", sorted(reference.pages()))
def test_every_example_in_the_documentation_works_in_under_ten_lines(page: str, tmp_path: Path):
    environ = {variable: "https://value.example" for entry in ENTRIES for variable in (*entry.key_env, *entry.needs)}
    environ |= dict.fromkeys(("SNOWFLAKE_ACCOUNT", "CLOUDFLARE_ACCOUNT_ID", "AWS_REGION"), "value")
    environ |= dict.fromkeys(("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_PROJECT", "VLLM_EU_KEY"), "value")
    environ |= dict.fromkeys(("GOOGLE_APPLICATION_CREDENTIALS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "value")
    examples = EXAMPLE.findall(reference.pages()[page])
    assert examples
    for example in examples:
        assert len(example.splitlines()) < 10
        if not example.startswith("providers:"):  # an entry for the catalogue
            assert list(parse(example)) == ["example-ai"]
            continue
        file = tmp_path / "headway.yaml"
        file.write_text(example)
        assert load(file, environ).providers
