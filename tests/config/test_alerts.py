"""The settings of alerts: what each becomes in a snapshot, and that a webhook's address is kept like a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from headway.config.load import load_text
from headway.config.problems import ConfigError
from headway.types import AlertRules, Budget, Crowding, ErrorRate, Secret, Snapshot, Webhook

URL = "https://hooks.example.com/services/T0/hunter2?x=1"


def compiled(text: str, folder: Path = Path()) -> Snapshot:
    environ = {"HOOK": URL, "PAGER": "http://10.0.0.7:9000/hunter2"}
    text = f"providers: {{a: {{base_url: http://a}}}}\nobservability: {text}"
    return load_text(text, name="x", folder=folder, environ=environ)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as found:
        compiled(text)
    return str(found.value)


@pytest.mark.parametrize("text", ["", "{}", "{alerts: }", "{alerts: {error_rate: , queue: , webhooks: []}}"])
def test_what_is_not_said_has_its_default(text: str):
    assert compiled(text).alerts == AlertRules()


def test_by_default_there_are_alerts_and_no_webhooks():
    assert (AlertRules().enabled, AlertRules().webhooks) == (True, ())


def test_every_setting_is_as_written():
    settings = """
      alerts:
        enabled: false
        repeat: 4h
        error_rate: {share: 50%, window: 10m, requests: 5}
        queue: {requests: 3, wait: 500ms, window: 30s}
        webhooks:
          - {url: "${HOOK}", format: slack}
          - {url: "${PAGER}"}
    """
    assert compiled(settings).alerts == AlertRules(
        enabled=False,
        repeat=14400.0,
        error_rate=ErrorRate(share=0.5, window=600.0, requests=5),
        queue=Crowding(requests=3, wait=0.5, window=30.0),
        webhooks=(Webhook(url=Secret(URL), format="slack"), Webhook(url=Secret("http://10.0.0.7:9000/hunter2"))),
    )


def test_an_address_may_come_from_a_file(tmp_path: Path):
    (tmp_path / "hook").write_text(f"{URL}\n")
    assert compiled("{alerts: {webhooks: [{url: 'file:hook'}]}}", tmp_path).alerts.webhooks[0].url == Secret(URL)


def test_no_repr_shows_an_address():
    assert "hunter2" not in repr(compiled("{alerts: {webhooks: [{url: '${HOOK}'}]}}").alerts)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hunter2.example.com/x",
        "gopher://x/hunter2",
        "hooks.example.com/hunter2",
        "https://",
        "https://user:hunter2@example.com/x",
        "https://example.com/x#hunter2",
        "https://example.com/hunter2 x",
        "'https://example.com/hunter2\\r\\nX-Injected: 1'",
        "https://example.com:0/hunter2",
        "https://example.com:99999/hunter2",
        f"https://example.com/{'hunter2' * 1000}",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str):
    written = url if url.startswith("'") else f'"{url}"'
    message = refused(f"{{alerts: {{webhooks: [{{url: {written}}}]}}}}")
    assert "observability.alerts.webhooks[0].url" in message
    assert "hunter2" not in message
    assert "X-Injected" not in message


@pytest.mark.parametrize(
    "written",
    [f'["{URL}"]', f'[{{"{URL}": }}]', f'"{URL}"', f'[{{url: ["{URL}"]}}]', f'[{{url: "${{HOOK}}", format: "{URL}"}}]'],
)
def test_an_address_at_the_wrong_place_is_not_repeated(written: str):
    message = refused(f"{{alerts: {{webhooks: {written}}}}}")
    assert "observability.alerts.webhooks" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("{error_rate: {share: 0}}", "must be between 0.1% and 100%"),
        ("{error_rate: {share: 101%}}", "must be between 0.1% and 100%"),
        ("{repeat: 0}", "must be between 1ms and 1d"),
        ("{webhooks: [{url: '${HOOK}', format: slak}]}", "did you mean 'slack'?"),
        ("{webhooks: [{format: slack}]}", "is required"),
        ("{webhook: []}", "did you mean 'webhooks'?"),
    ],
)
def test_what_is_wrong_is_told(written: str, complaint: str):
    assert complaint in refused(f"{{alerts: {written}}}")


# --- budgets ---


def test_budgets_are_as_written_in_micro_dollars():
    settings = """
      alerts:
        budgets:
          - {name: all, amount: 500, per: month}
          - {name: route, amount: 0.01, per: day, route: gpt-4o}
          - {name: opus, amount: "20.5", per: day, target: anthropic/claude-opus-4-6}
          - {name: key, amount: 1e3, per: month, key: team-a}
          - {name: search, amount: 50, per: month, tag: team=search no, route: }
    """
    assert compiled(settings).alerts.budgets == (
        Budget(name="all", amount=500_000_000, per="month"),
        Budget(name="route", amount=10_000, per="day", route="gpt-4o"),
        Budget(name="opus", amount=20_500_000, per="day", target="anthropic/claude-opus-4-6"),
        Budget(name="key", amount=1_000_000_000, per="month", key="team-a"),
        Budget(name="search", amount=50_000_000, per="month", tag="team=search no"),
    )


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("{name: a, amount: 0, per: day}", "budgets[0].amount: must be between 0.01 and 1000000000"),
        ("{name: a, amount: -5, per: day}", "budgets[0].amount: must be between 0.01 and 1000000000"),
        ("{name: a, amount: much, per: day}", "budgets[0].amount: must be a number"),
        ("{name: a, amount: .nan, per: day}", "budgets[0].amount: must be a number"),
        ("{name: a, amount: 5, per: week}", "budgets[0].per: must be day or month"),
        ("{name: a, amount: 5}", "budgets[0].per: is required"),
        ("{name: a, per: day}", "budgets[0].amount: is required"),
        ("{amount: 5, per: day}", "budgets[0].name: is required"),
        ("{name: a b, amount: 5, per: day}", "budgets[0].name: must be at most 64 letters"),
        ("{name: a, amount: 5, per: day, target: opus}", "budgets[0].target: must be written 'provider/model'"),
        ("{name: a, amount: 5, per: day, tag: 'a,b'}", "budgets[0].tag: must be at most 128 printable ASCII"),
        ("{name: a, amount: 5, per: day, tag: ' a'}", "budgets[0].tag: must be at most 128 printable ASCII"),
        ("{name: a, amount: 5, per: day, route: r, tag: t}", "budgets[0]: counts one thing: only one of 'route'"),
        ("{name: a, amount: 5, per: day, tags: t}", "did you mean 'tag'?"),
        ("{name: a, amount: 5, per: day}, {name: a, amount: 6, per: month}", "two budgets are called 'a'"),
    ],
)
def test_what_is_wrong_with_a_budget_is_told(written: str, complaint: str):
    assert complaint in refused(f"{{alerts: {{budgets: [{written}]}}}}")


def test_there_are_at_most_fifty_budgets():
    written = [f"{{name: b{n}, amount: 5, per: day}}" for n in range(51)]
    assert "at most 50" in refused(f"{{alerts: {{budgets: [{', '.join(written)}]}}}}")
    assert len(compiled(f"{{alerts: {{budgets: [{', '.join(written[1:])}]}}}}").alerts.budgets) == 50


BUDGETS = "{alerts: {budgets: [{name: a, amount: 5, per: day}, {name: b, amount: 5, per: month}]}}"


def test_budgets_without_a_request_log_are_refused():
    expected = "need the request log, which is off: see storage.url, and HEADWAY_DATABASE_URL in the environment"
    message = refused(f"{BUDGETS}\nstorage: {{url: off}}")
    assert message == f"x:2:26: observability.alerts.budgets: {expected}"
    text = f"providers: {{a: {{base_url: http://a}}}}\nobservability: {BUDGETS}"
    with pytest.raises(ConfigError) as found:
        load_text(text, name="x", folder=Path(), environ={"HEADWAY_DATABASE_URL": "off"})
    assert str(found.value) == f"x:2:26: observability.alerts.budgets: {expected}"
    written = f"{text}\nstorage: {{url: 'sqlite:///here.db'}}"
    load_text(written, name="x", folder=Path(), environ={"HEADWAY_DATABASE_URL": "off"})


def test_a_database_that_is_not_understood_is_not_taken_for_none():
    text = f"providers: {{a: {{base_url: http://a}}}}\nobservability: {BUDGETS}"
    with pytest.raises(ConfigError) as found:
        load_text(text, name="x", folder=Path(), environ={"HEADWAY_DATABASE_URL": "mysql"})
    assert [problem.path for problem in found.value.problems] == ["storage.url"]


def test_sums_must_be_kept_for_as_long_as_a_budget_lasts():
    assert refused(f"{BUDGETS}\nstorage: {{keep: {{hours: 30d}}}}").endswith(
        "observability.alerts.budgets[1].per: needs sums of a whole month: storage.keep.hours must be at least 31d"
    )
    assert "budgets[0].per: needs sums of a whole day" in refused(f"{BUDGETS}\nstorage: {{keep: {{hours: 23h}}}}")
    assert len(compiled(f"{BUDGETS}\nstorage: {{keep: {{hours: 31d}}}}").alerts.budgets) == 2
