"""From text to a snapshot: what each provider and target becomes, and which names lead where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.config.compile import targets_for
from headway.config.load import load_text
from headway.config.problems import ConfigError, Problem
from headway.failures import FailureKind
from headway.types import (
    ContentRules,
    Credential,
    Masking,
    Profile,
    Provider,
    Resilience,
    Secret,
    Server,
    Snapshot,
    Target,
)


def compiled(text: str, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> Snapshot:
    return load_text(text, name="x.yaml", folder=folder, environ=environ or {}, generation=7)


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        compiled(text)
    except ConfigError as error:
        return error.problems
    return ()


def provider_of(settings: str, environ: Mapping[str, str] | None = None) -> Provider:
    return compiled(f"providers: {{p: {{base_url: http://h/v1, {settings}}}}}", environ).providers["p"]


def weights(targets: tuple[Target, ...]) -> dict[str, float]:
    return {target.name: target.weight for target in targets}


def test_a_snapshot_says_which_one_it_is():
    snapshot = compiled("")
    assert (snapshot.generation, snapshot.source) == (7, "x.yaml")


def test_what_is_not_said_has_its_default():
    snapshot = compiled("server:\nresilience: {timeouts: }\nmodels:\n")
    assert snapshot.server == Server()
    assert snapshot.resilience == Resilience()
    assert snapshot.routes == {}


def test_the_server_is_as_written():
    server = compiled(
        "server: {host: '::1', port: '${P}', limits: {body: 1MiB, head: 8KiB, keep_alive: 5s, drain: 0}}", {"P": "81"}
    )
    assert (server.server.host, server.server.port) == ("::1", 81)
    limits = server.server.limits
    assert (limits.body, limits.head, limits.keep_alive, limits.drain) == (1048576, 8192, 5.0, 0.0)


def test_a_provider_of_the_catalogue_needs_only_its_keys():
    provider = compiled("providers: {openai: {keys: [k1]}}").providers["openai"]
    assert (provider.kind, provider.base_url, provider.auth) == ("openai", "https://api.openai.com/v1", "bearer")


def test_the_section_wins_over_the_environment_and_that_over_the_catalogue():
    environ = {"OPENAI_BASE_URL": "http://moved/v1", "OPENAI_API_KEY": "k1"}
    assert compiled("providers: {openai: }", environ).providers["openai"].base_url == "http://moved/v1"
    text = "providers: {openai: {base_url: http://here/v1/, auth: api-key, quirks: {stream_done: false}}}"
    provider = compiled(text, environ).providers["openai"]
    assert (provider.base_url, provider.auth) == ("http://here/v1", "api-key")
    assert (provider.quirks.stream_done, provider.quirks.stream_usage) == (False, True)


def test_the_key_of_a_provider_without_keys_is_in_its_usual_variable():
    provider = compiled("providers: {gemini: }", {"GOOGLE_API_KEY": " k1\n", "GEMINI_API_KEY": ""}).providers["gemini"]
    assert [(key.name, key.secret and key.secret.reveal()) for key in provider.credentials] == [("default", "k1")]


def test_an_address_in_the_environment_that_is_none_is_named():
    with pytest.raises(ConfigError, match="the address in OPENAI_BASE_URL must be an http"):
        compiled("providers: {openai: {keys: [k1]}}", {"OPENAI_BASE_URL": "example.com"})


def test_two_providers_may_be_of_one_kind():
    text = """
    providers:
      azure-eu: {kind: azure, base_url: "https://eu.example.com/openai/v1", keys: [k1]}
      azure-us: {kind: azure, base_url: "https://us.example.com/openai/v1", keys: [k2]}
    """
    providers = compiled(text).providers
    assert [(each.name, each.kind, each.auth) for each in providers.values()] == [
        ("azure-eu", "azure", "api-key"),
        ("azure-us", "azure", "api-key"),
    ]


def test_a_kind_of_custom_takes_nothing_from_the_catalogue():
    provider = compiled("providers: {openai: {kind: custom, base_url: http://h/v1}}").providers["openai"]
    assert (provider.kind, provider.auth) == ("custom", "none")


@pytest.mark.parametrize("settings", ["keys: []", "auth: none", "proxy: ''"])
def test_a_keyless_provider_has_one_credential_without_a_secret(settings: str):
    provider = provider_of(settings)
    assert provider.credentials == (Credential(name="none", secret=None),)
    assert provider.auth == "none"


def test_keys_without_a_name_are_called_by_their_place():
    assert [key.name for key in provider_of("keys: [a]").credentials] == ["default"]
    keys = provider_of("keys: [a, {value: b, name: mine}, {value: c}]").credentials
    assert [key.name for key in keys] == ["key-1", "mine", "key-3"]


def test_a_key_is_as_written():
    key = provider_of("keys: [{value: a, weight: 2.5, models: ['gpt-*'], limits: {concurrency: 1k}}]").credentials[0]
    assert (key.weight, key.models, key.concurrency) == (2.5, ("gpt-*",), 1000)


def test_limits_headers_and_proxy_are_as_written():
    provider = provider_of("limits: {concurrency: 64}, headers: {X-A: b}, proxy: 'http://u:p@proxy:3128'")
    assert (provider.concurrency, provider.proxy) == (64, Secret("http://u:p@proxy:3128"))
    assert provider.headers == (("X-A", Secret("b")),)
    assert provider_of("proxy: ''").proxy == Secret("")
    assert provider_of("keys: []").proxy is None


def test_certificates_are_looked_for_beside_the_configuration(tmp_path: Path):
    (tmp_path / "ca.pem").write_text("x")
    text = "providers: {p: {base_url: https://h, tls: {ca_file: ca.pem}}}"
    assert compiled(text, folder=tmp_path).providers["p"].tls.ca_file == str(tmp_path / "ca.pem")


def test_a_key_without_weight_counts_as_one():
    provider = provider_of("keys: [{name: a, value: a, weight: 3}, {name: b, value: b}]")
    assert weights(targets_for(provider, "m", 2.0)) == {"p/m#a": 1.5, "p/m#b": 0.5}


def test_only_keys_that_may_serve_the_model_share_its_weight():
    provider = provider_of("keys: [{name: a, value: a, models: ['gpt-[45]*']}, {name: b, value: b, models: [O3]}]")
    assert weights(targets_for(provider, "gpt-4o")) == {"p/gpt-4o#a": 1.0}
    assert targets_for(provider, "o3") == ()


def test_a_key_of_weight_0_is_drained():
    provider = provider_of("keys: [{name: a, value: a, weight: 0}, {name: b, value: b}]")
    assert weights(targets_for(provider, "m")) == {"p/m#a": 0.0, "p/m#b": 1.0}
    assert weights(targets_for(provider_of("keys: [{value: a, weight: 0}]"), "m")) == {"p/m#default": 0.0}


@given(
    st.lists(st.floats(min_value=0, max_value=1e6, allow_subnormal=False), min_size=1, max_size=8),
    st.floats(0.001, 1e6),
)
def test_the_targets_of_an_entry_share_its_weight_in_proportion(shares: list[float], weight: float):
    keys = tuple(Credential(name=str(n), secret=None, weight=share) for n, share in enumerate(shares))
    targets = targets_for(Provider(name="p", kind="custom", base_url="http://h", credentials=keys), "m", weight)
    total = sum(shares)
    expected = [weight * share / total if total else 0.0 for share in shares]
    assert [target.weight for target in targets] == pytest.approx(expected)


def test_both_forms_of_a_logical_model_become_tiers():
    text = """
    providers: {a: {base_url: http://a}, b: {base_url: http://b}}
    models:
      short: [a/m, {target: b/x/y:z@1, weight: 4}]
      long: {balance: round_robin, tiers: [[a/m, {target: b/n, weight: 2}], [b/m]]}
    """
    routes = compiled(text).routes
    assert [weights(tier.targets) for tier in routes["short"].tiers] == [{"a/m#none": 1.0}, {"b/x/y:z@1#none": 4.0}]
    assert [weights(tier.targets) for tier in routes["long"].tiers] == [
        {"a/m#none": 1.0, "b/n#none": 2.0},
        {"b/m#none": 1.0},
    ]
    assert (routes["short"].balance, routes["long"].balance) == ("adaptive", "round_robin")


def test_a_fallback_has_the_kinds_and_a_tier_for_each_of_its_targets():
    text = """
    providers: {a: {base_url: http://a}, b: {base_url: http://b, keys: [{name: x, value: x}, {name: y, value: y}]}}
    models:
      short: [a/m]
      long:
        tiers: [[a/m, b/m]]
        fallback:
          - {on: [context_too_long, body_too_large], to: [b/long, {target: a/longer, weight: 3}]}
          - {on: [model_not_found]}
    """
    routes = compiled(text).routes
    assert routes["short"].fallbacks == ()
    longer, elsewhere = routes["long"].fallbacks
    assert longer.on == {FailureKind.CONTEXT_TOO_LONG, FailureKind.BODY_TOO_LARGE}
    assert [weights(tier.targets) for tier in longer.tiers] == [
        {"b/long#x": 0.5, "b/long#y": 0.5},
        {"a/longer#none": 3.0},
    ]
    assert (elsewhere.on, elsewhere.tiers) == ({FailureKind.MODEL_NOT_FOUND}, ())


def reasons(snapshot: Snapshot) -> dict[str, bool]:
    targets = [
        target
        for route in snapshot.routes.values()
        for tier in (*route.tiers, *(tier for fallback in route.fallbacks for tier in fallback.tiers))
        for target in tier.targets
    ]
    return {target.deployment.name: target.deployment.profile.reasoning for target in targets}


def test_a_models_name_says_whether_it_reasons_unless_the_target_does():
    text = """
    providers: {a: {base_url: http://a}}
    models:
      short: [a/o3, {target: a/my-r1, reasoning: true}, {target: a/o1, reasoning: false}, {target: a/o4-mini}]
      long: {tiers: [[a/gpt-4o]], fallback: [{on: [context_too_long], to: [a/gpt-5, {target: a/x, reasoning: true}]}]}
    """
    assert reasons(compiled(text)) == {
        "a/o3": True,
        "a/my-r1": True,
        "a/o1": False,
        "a/o4-mini": True,
        "a/gpt-4o": False,
        "a/gpt-5": True,
        "a/x": True,
    }


def test_targets_for_a_model_that_no_route_names_have_its_profile_too():
    provider = provider_of("keys: []")
    assert [target.deployment.profile.reasoning for target in targets_for(provider, "o3")] == [True]
    given = targets_for(provider, "o3", profile=Profile())
    assert [target.deployment.profile.reasoning for target in given] == [False]


def test_a_target_knows_what_its_model_cannot_do_and_how_much_it_answers():
    (target,) = targets_for(provider_of("keys: []"), "o3")
    assert target.deployment.profile.most_output == 100_000
    assert "audio" in target.deployment.profile.lacks
    assert "tools" not in target.deployment.profile.lacks


def test_a_model_that_only_a_fallback_names_is_known():
    text = """
    providers: {a: {base_url: http://a}}
    models: {default: {tiers: [[a/m]], fallback: [{on: [context_too_long], to: [a/long]}]}}
    """
    assert list(compiled(text).bare_models) == ["m", "long"]


@pytest.mark.parametrize(
    ("settings", "prefill"),
    [("", "prefix"), ("quirks: {prefill: none}", "none"), ("quirks: {prefill: plain}", "plain")],
)
def test_how_models_go_on_comes_from_the_catalogue_unless_it_is_said(settings: str, prefill: str):
    provider = compiled(f"providers: {{mistral: {{keys: [k1], {settings}}}}}").providers["mistral"]
    assert (provider.quirks.prefill, provider.quirks.stream_usage) == (prefill, False)


def test_a_bare_model_leads_to_every_provider_that_serves_it():
    text = """
    providers:
      a: {base_url: http://a, models: [both, only-a]}
      b: {base_url: http://b, models: [both]}
    models: {logical: [b/targeted]}
    """
    bare = compiled(text).bare_models
    assert bare == {"both": ("a", "b"), "only-a": ("a",), "targeted": ("b",)}


def test_a_provider_of_the_catalogue_brings_the_models_that_it_is_known_for():
    snapshot = compiled("providers: {openai: {keys: [k1]}, mirror: {kind: openai, keys: [k2]}}")
    assert snapshot.bare_models["gpt-4o-mini"] == ("openai", "mirror")
    assert {model.id: model.context_window for model in snapshot.known_models["openai"]}["gpt-4o-mini"] == 128_000


def test_a_list_of_models_replaces_those_known():
    snapshot = compiled("providers: {openai: {keys: [k1], models: [gpt-4o-mini, ft:mine]}}")
    assert [(model.id, model.context_window) for model in snapshot.known_models["openai"]] == [
        ("gpt-4o-mini", 128_000),
        ("ft:mine", None),
    ]


def test_models_that_no_key_may_serve_are_not_listed():
    text = "providers: {a: {base_url: http://a, models: [x, y], keys: [{value: k1, models: [x]}]}}"
    assert dict(compiled(text).bare_models) == {"x": ("a",)}


def test_a_logical_name_may_have_a_slash_after_what_is_no_provider():
    text = "providers: {a: {base_url: http://a}}\nmodels: {team/default: [a/m]}"
    assert list(compiled(text).routes) == ["team/default"]


def test_a_file_without_providers_takes_those_of_the_environment():
    text = "server: {port: 9000}\nmodels: {default: [openai/gpt-4o-mini]}"
    assert list(compiled(text, {"OPENAI_API_KEY": "k1"}).providers) == ["openai"]
    with pytest.raises(ConfigError, match="add it under 'providers', or set OPENAI_API_KEY"):
        compiled(text)


def test_no_providers_can_be_said_too():
    assert compiled("providers: {}", {"OPENAI_API_KEY": "k1"}).providers == {}


def test_a_large_configuration_compiles():
    lines = ["providers:", *(f"  p{n}: {{base_url: 'http://h{n}/v1', keys: [a, b]}}" for n in range(200)), "models:"]
    for model in range(200):
        targets = ", ".join(f"p{(model + n) % 200}/m{n}" for n in range(10))
        lines.append(f"  m{model}: {{tiers: [[{targets}]]}}")
    snapshot = compiled("\n".join(lines))
    assert sum(len(tier.targets) for route in snapshot.routes.values() for tier in route.tiers) == 4000


_words = st.sampled_from(
    ["openai", "p", "keys", "models", "providers", "server", "tiers", "target", "weight", "value", "name", "limits",
     "base_url", "http://h", "p/m", "k1", "${X}", "auth", "none", "headers", "resilience", "timeouts", "5s", "bad name",
     "fallback", "on", "to", "context_too_long", "rate_limited", "hedge", "share", "breaker", "rest", "idempotency",
     "off", "balance", "affinity", "queue", "wait", "length", "rpm", "adaptive", "auto"]
)  # fmt: skip
_data = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries({}, optional={
        "providers": st.dictionaries(_words, _data, max_size=3) | _data,
        "models": st.dictionaries(_words, _data, max_size=3) | _data,
        "server": _data,
        "resilience": _data,
        "idempotency": _data,
        "x": _data,
    })
)  # fmt: skip
def test_any_data_compiles_or_is_refused_with_reasons(data: dict[str, object]):
    text = json.dumps(data)  # JSON is YAML
    assert all(problem.line and problem.message for problem in problems_of(text))


def test_what_a_section_says_of_a_model_comes_first():
    text = """
    providers:
      a:
        base_url: http://a
        models: [plain, {name: o3, most_output: 9k, abilities: {audio: true, tools: false}, reasoning: false}]
    """
    snapshot = compiled(text)
    facts_of = snapshot.providers["a"].facts_of
    assert facts_of is not None
    facts = facts_of("o3")
    assert facts.output_limit == 9000
    assert facts.reasoning is False
    assert "audio" in facts.can
    assert "tools" in facts.cannot
    assert [model.id for model in snapshot.known_models["a"]] == ["plain", "o3"]
    (target,) = targets_for(snapshot.providers["a"], "o3")
    assert "tools" in target.deployment.profile.lacks


def test_messages_and_replies_are_kept_only_where_somebody_says_so():
    base = "providers: {a: {base_url: http://a}}\nmodels: {plain: [a/m], loud: {tiers: [[a/m]], content: true}}\n"
    silent = compiled(base)
    assert silent.observability.content == ContentRules()
    assert not silent.observability.content.enabled
    assert (silent.routes["plain"].content, silent.routes["loud"].content) == (None, True)
    said = "{enabled: true, cap: 1KiB, redact: [email, secret, email], patterns: {t: 'T-[0-9]+'}, keep: 2d}"
    told = compiled(f"{base}observability: {{content: {said}}}")
    masking = Masking(kinds=("email", "secret"), patterns=(("t", "T-[0-9]+"),))
    assert told.observability.content == ContentRules(enabled=True, cap=1024, masking=masking)
    by_client = compiled(f"{base}observability: {{content: {{principals: {{key-1f3a0c77: true, anonymous: false}}}}}}")
    assert by_client.observability.content.principals == {"key-1f3a0c77": True, "anonymous": False}
    assert told.storage.kept.content == 2 * 86400.0
