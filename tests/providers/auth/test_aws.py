"""AWS credentials come from wherever botocore finds them, are renewed, and recover from a failure."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError, EndpointConnectionError

from headway.providers.auth.aws import Chain
from headway.providers.auth.signer import AuthError
from headway.providers.auth.sigv4 import Keys


class FakeSession:
    """A botocore session whose credentials end an hour after each renewal, by the test's clock."""

    def __init__(self, clock: Any, region: str | None = "eu-central-1") -> None:
        self.clock = clock
        self.region = region
        self.failure: Exception | None = None
        self.renewals = 0

    def _renew(self) -> dict[str, str]:
        if self.failure is not None:
            raise self.failure
        self.renewals += 1
        ends = datetime.datetime.fromtimestamp(self.clock.now + 3600, datetime.UTC)
        return {
            "access_key": f"ASIA{self.renewals}",
            "secret_key": "s",
            "token": "t",
            "expiry_time": ends.isoformat(),
        }

    def get_credentials(self) -> Any:
        return RefreshableCredentials(
            "",
            "",
            "",
            expiry_time=datetime.datetime.fromtimestamp(0, datetime.UTC),
            refresh_using=self._renew,
            method="test",
            time_fetcher=lambda: datetime.datetime.fromtimestamp(self.clock.now, datetime.UTC),
        )

    def get_config_variable(self, name: str) -> str | None:
        assert name == "region"
        return self.region


def test_credentials_are_renewed_before_they_end(clock: Any):
    chain = Chain("us-east-1", lambda: FakeSession(clock), clock)
    assert chain.due(clock.now)
    assert chain.at(clock.now) is None
    chain.refresh()
    assert chain.at(clock.now) == Keys("ASIA1", "s", "t")
    assert not chain.due(clock.now)
    clock.now += 3600 - 14 * 60
    assert chain.due(clock.now)
    assert chain.at(clock.now) == Keys("ASIA1", "s", "t")
    chain.refresh()
    assert chain.at(clock.now) == Keys("ASIA2", "s", "t")
    assert not chain.due(clock.now)


def test_a_renewal_that_fails_early_is_tried_again_and_the_old_keys_serve(clock: Any):
    session = FakeSession(clock)
    chain = Chain("us-east-1", lambda: session, clock)
    chain.refresh()
    clock.now += 3600 - 14 * 60
    session.failure = EndpointConnectionError(endpoint_url="http://metadata")
    chain.refresh()
    assert chain.at(clock.now) == Keys("ASIA1", "s", "t")
    assert not chain.due(clock.now)
    assert chain.due(clock.now + 30)
    session.failure = None
    clock.now += 30
    chain.refresh()
    assert chain.at(clock.now) == Keys("ASIA2", "s", "t")


def test_keys_that_have_ended_are_not_used_and_come_back_after_a_recovery(clock: Any):
    session = FakeSession(clock)
    chain = Chain("us-east-1", lambda: session, clock)
    chain.refresh()
    clock.now += 3601
    assert chain.at(clock.now) is None
    session.failure = EndpointConnectionError(endpoint_url="http://metadata")
    with pytest.raises(AuthError, match="EndpointConnectionError"):
        chain.refresh()
    session.failure = None
    chain.refresh()
    assert chain.at(clock.now) == Keys("ASIA2", "s", "t")


def test_what_a_credential_program_printed_is_not_passed_on(clock: Any):
    session = FakeSession(clock)
    session.failure = CredentialRetrievalError(provider="custom-process", error_msg="password is hunter2")
    chain = Chain("us-east-1", lambda: session, clock)
    with pytest.raises(AuthError) as caught:
        chain.refresh()
    assert "hunter2" not in str(caught.value)


def test_the_region_is_the_profiles_unless_one_is_given(clock: Any):
    for given, expected in (("us-east-1", "us-east-1"), (None, "eu-central-1")):
        chain = Chain(given, lambda: FakeSession(clock), clock)
        chain.refresh()
        assert chain.region() == expected


def test_without_any_region_there_are_no_keys(clock: Any):
    chain = Chain(None, lambda: FakeSession(clock, region=None), clock)
    with pytest.raises(AuthError, match="AWS_REGION"):
        chain.refresh()
    assert chain.at(clock.now) is None


def test_a_token_with_a_line_end_is_refused(clock: Any):
    session = FakeSession(clock)
    chain = Chain("us-east-1", lambda: session, clock)
    renew = session._renew
    session._renew = lambda: {**renew(), "token": "t\r\nx-evil: 1"}  # type: ignore[method-assign]
    with pytest.raises(AuthError, match="no header"):
        chain.refresh()
    assert chain.at(clock.now) is None


# --- botocore itself


def test_credentials_in_variables_are_found(monkeypatch: pytest.MonkeyPatch, clock: Any):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAVARIABLES")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    chain = Chain("us-east-1")
    chain.refresh()
    assert chain.at(clock.now) == Keys("AKIAVARIABLES", "s", None)
    assert not chain.due(clock.now)


def test_a_profile_brings_credentials_and_a_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Any):
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text("[profile work]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    chain = Chain(None)
    chain.refresh()
    assert chain.at(clock.now) == Keys("AKIAPROFILE", "s", None)
    assert chain.region() == "ap-south-1"


def test_a_profile_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(AuthError, match="no-such-profile"):
        Chain("us-east-1").refresh()


def test_where_nothing_is_found_the_ways_out_are_named():
    with pytest.raises(AuthError, match=r"ACCESS_KEY:SECRET_KEY.*AWS_PROFILE"):
        Chain("us-east-1").refresh()


@pytest.mark.real
def test_a_container_gets_its_roles_credentials_and_recovers(
    monkeypatch: pytest.MonkeyPatch, token_server: Any, clock: Any
):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{token_server.url}/role")
    token_server.answer = lambda asked: (403, {"message": "not yet"})
    chain = Chain("us-east-1")
    with pytest.raises(AuthError, match="CredentialRetrievalError"):
        chain.refresh()
    ends = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = {"AccessKeyId": "ASIAROLE", "SecretAccessKey": "s", "Token": "t", "Expiration": ends}
    token_server.answer = lambda asked: (200, content)
    chain.refresh()
    assert chain.at(clock.now) == Keys("ASIAROLE", "s", "t")
    assert token_server.asked[-1].path == "/role"
