"""Google Cloud's tokens, got by google-auth from a server on loopback."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import compute_engine
from google.oauth2.credentials import Credentials as Login

from headway.providers.auth import google
from headway.providers.auth.signer import AuthError, TokenSigner

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture
def account(tmp_path: Path, token_server: Any) -> Path:
    """A service account's file that names the server as the one which gives tokens."""
    pem = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    content = {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "key-1",
        "private_key": pem,
        "client_email": "headway@a-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{token_server.url}/token",
    }
    path = tmp_path / "account.json"
    path.write_text(json.dumps(content))
    return path


def gives(token: str, seconds: int = 3600) -> Any:
    return lambda asked: (200, {"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def fields(signer: TokenSigner, now: float) -> bytes | None:
    return signer.fields(b"POST", b"/", b"{}", now)


def now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


@pytest.mark.real
def test_a_service_account_gets_a_token_with_what_it_signed(account: Path, token_server: Any):
    token_server.answer = gives("ya29.first")
    signer = google.from_file(str(account))
    signer.refresh()
    assert fields(signer, now()) == b"authorization: Bearer ya29.first\r\n"
    (asked,) = token_server.asked
    head, claims, signature = parse_qs(asked.body)["assertion"][0].split(".")
    KEY.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(decoded(claims))
    assert (said["iss"], said["scope"]) == ("headway@a-project.iam.gserviceaccount.com", SCOPE)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.real
def test_its_token_is_renewed_five_minutes_before_it_ends(account: Path, token_server: Any):
    token_server.answer = gives("ya29.first")
    signer = google.from_file(str(account))
    signer.refresh()
    began = now()
    assert not signer.due(began + 3600 - 310)
    assert signer.due(began + 3600 - 299)
    token_server.answer = gives("ya29.second")
    signer.refresh()
    assert fields(signer, now()) == b"authorization: Bearer ya29.second\r\n"


@pytest.mark.real
def test_it_recovers_from_a_failure(account: Path, token_server: Any):
    token_server.answer = lambda asked: (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    signer = google.from_file(str(account))
    with pytest.raises(AuthError, match="Google Cloud gave no token: RefreshError: invalid_grant") as caught:
        signer.refresh()
    assert "\n" not in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)
    assert fields(signer, now()) is None
    token_server.answer = gives("ya29.late")
    signer.refresh()
    assert fields(signer, now()) == b"authorization: Bearer ya29.late\r\n"


@pytest.mark.real
def test_default_credentials_are_the_file_that_the_environment_names(
    account: Path, token_server: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    token_server.answer = gives("ya29.default")
    signer = google.from_surroundings()
    signer.refresh()
    assert fields(signer, now()) == b"authorization: Bearer ya29.default\r\n"


@pytest.mark.real
def test_a_users_login_says_which_project_to_bill(token_server: Any):
    token_server.answer = gives("ya29.user")
    login = Login(
        None,
        refresh_token="r",
        token_uri=f"{token_server.url}/token",
        client_id="1",
        client_secret="s",
        quota_project_id="a-project",
    )
    signer = TokenSigner(google.Tokens(lambda: login).fetch)
    signer.refresh()
    assert fields(signer, now()) == b"authorization: Bearer ya29.user\r\nx-goog-user-project: a-project\r\n"


@pytest.mark.real
def test_a_machine_of_google_clouds_asks_its_metadata_server(token_server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", token_server.authority)
    about = {"email": "a@b", "scopes": [SCOPE], "aliases": ["default"]}
    token = {"access_token": "ya29.machine", "expires_in": 3599, "token_type": "Bearer"}
    token_server.answer = lambda asked: (200, token if "/token" in asked.path else about)
    machine = compute_engine.Credentials(scopes=[SCOPE])
    signer = TokenSigner(google.Tokens(lambda: machine).fetch)
    signer.refresh()
    assert fields(signer, now()) == b"authorization: Bearer ya29.machine\r\n"
    assert {asked.headers["metadata-flavor"] for asked in token_server.asked} == {"Google"}


@pytest.mark.parametrize("content", ["", "{", '{"type": "no-such-kind"}', '{"type": "service_account"}', "[]"])
def test_a_file_that_holds_no_credentials_is_an_error_in_one_line(tmp_path: Path, content: str):
    (tmp_path / "account.json").write_text(content)
    with pytest.raises(AuthError, match="Google Cloud gave no token") as caught:
        google.from_file(str(tmp_path / "account.json")).refresh()
    assert "\n" not in str(caught.value)


def test_a_file_that_there_is_not_is_an_error_and_found_once_it_is_there(tmp_path: Path):
    signer = google.from_file(str(tmp_path / "account.json"))
    for _ in range(2):
        with pytest.raises(AuthError, match=r"account\.json"):
            signer.refresh()


def test_without_any_credentials_the_error_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    with pytest.raises(AuthError, match="DefaultCredentialsError"):
        google.from_surroundings().refresh()
