"""The settings of alerts: what each becomes in a snapshot, and that a webhook's address is kept like a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from headway.config.load import load_text
from headway.config.problems import ConfigError
from headway.types import AlertRules, Crowding, ErrorRate, Secret, Snapshot, Webhook

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
