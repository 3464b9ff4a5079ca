"""Which signer a credential gets, and what is said where there can be none."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from headway.providers import auth
from headway.providers.auth.aws import Chain
from headway.providers.auth.choose import region_of
from headway.providers.auth.extras import EXTRAS
from headway.types import AuthScheme, Credential, Provider, Secret

BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"
NOW = 1_700_000_000.0


def signer_for(scheme: AuthScheme, key: str | None = None, base_url: str = BEDROCK, **environ: str) -> Any:
    provider = Provider(name="p", kind="custom", base_url=base_url, auth=scheme, credentials=())
    credential = Credential(name="default", secret=None if key is None else Secret(key))
    return auth.signer_for(provider, credential, environ)


def refusal(signer: Any) -> str:
    assert signer.fields(b"POST", b"/", b"", NOW) is None
    with pytest.raises(auth.AuthError) as caught:
        signer.refresh()
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["bearer", "api-key", "x-api-key", "x-goog-api-key", "xi-api-key", "none"])
def test_a_key_that_stands_in_a_header_needs_no_signer(scheme: AuthScheme):
    assert signer_for(scheme, "a-key") is None


@pytest.mark.parametrize(
    ("scheme", "key"),
    [
        ("sigv4", "ABSKQmVkcm9ja0FQSUtleS1hYmM="),
        ("sigv4", "bedrock-api-key-YmVkcm9jaw=="),
        ("google", "ya29.token"),
        ("entra", "eyJ0.token"),
    ],
)
def test_a_token_out_of_the_configuration_is_sent_as_it_is(scheme: AuthScheme, key: str):
    signer = signer_for(scheme, key)
    assert signer.fields(b"POST", b"/", b"", NOW) == f"authorization: Bearer {key}\r\n".encode()
    assert not signer.due(NOW)


@pytest.mark.parametrize(
    ("key", "token"), [("AKIDEXAMPLE12345:s/+", None), ("ASIDEXAMPLE12345:s/+:to/ken==", "to/ken==")]
)
def test_an_access_key_signs_at_once_without_any_library(key: str, token: str | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "botocore", None)
    lines = signer_for("sigv4", key).fields(b"POST", b"/model/m/converse", b"{}", NOW).decode()
    assert f"Credential={key.partition(':')[0]}/20231114/us-east-1/bedrock/aws4_request" in lines
    assert ("x-amz-security-token: to/ken==\r\n" in lines) is (token is not None)
    assert "s/+" not in lines


@pytest.mark.parametrize("key", ["sk-what:ever", ":", "AKIDEXAMPLE12345:", "akidexample12345:s", "https://a.example"])
def test_a_key_of_another_kind_is_refused_without_showing_it(key: str):
    said = refusal(signer_for("sigv4", key))
    assert "ACCESS_KEY:SECRET_KEY" in said
    assert key not in said.replace("ACCESS_KEY:SECRET_KEY[:SESSION_TOKEN]", "")


def test_without_a_key_aws_is_asked_by_botocore(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAVARIABLES12")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    signer = signer_for("sigv4")
    assert signer.fields(b"POST", b"/", b"", NOW) is None
    assert signer.due(NOW)
    signer.refresh()
    assert b"Credential=AKIAVARIABLES12/20231114/us-east-1/" in signer.fields(b"POST", b"/", b"", NOW)
    assert not signer.due(NOW)


@pytest.mark.parametrize(
    ("host", "environ", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", {"AWS_REGION": "eu-west-1"}, "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", {}, "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", {}, "cn-north-1"),
        ("bedrock-runtime.us-east-2.api.aws", {}, "us-east-2"),
        ("vpce-0a-1b.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com", {}, "ap-southeast-2"),
        ("bedrock.example", {"AWS_REGION": " eu-west-1 ", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-1"),
        ("bedrock.example", {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ("127.0.0.1", {}, None),
    ],
)
def test_the_region_is_the_hosts_before_the_environments(host: str, environ: dict[str, str], region: str | None):
    assert region_of(f"https://{host}/prefix", environ) == region


def test_an_access_key_without_a_region_is_refused():
    assert "AWS_REGION" in refusal(signer_for("sigv4", "AKIDEXAMPLE12345:s", "http://127.0.0.1:9000"))


# --- extras


@pytest.mark.parametrize(
    ("scheme", "library", "command"),
    [
        ("sigv4", "botocore", "pip install 'headway[bedrock]'"),
        ("google", "google.auth", "pip install 'headway[vertex]'"),
        ("google", "google", "pip install 'headway[vertex]'"),
        ("google", "requests", "pip install 'headway[vertex]'"),
        ("entra", "azure.identity", "pip install 'headway[entra]'"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_the_way_to_get_it(
    scheme: AuthScheme, library: str, command: str, monkeypatch: pytest.MonkeyPatch
):
    assert auth.lacking(scheme) is None
    monkeypatch.setitem(sys.modules, library, None)
    if library == "google":
        monkeypatch.delitem(sys.modules, "google.auth", raising=False)
    assert command in refusal(signer_for(scheme))
    assert command in (auth.lacking(scheme) or "")


@pytest.mark.parametrize("scheme", ["bearer", "none", "x-api-key"])
def test_other_ways_lack_nothing(scheme: AuthScheme):
    assert auth.lacking(scheme) is None


def test_every_extra_is_one_that_the_package_offers():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in EXTRAS.values():
        (wanted,) = project["optional-dependencies"][extra.name]
        assert wanted.startswith(extra.package)


def test_no_library_of_an_extra_is_loaded_before_it_is_needed():
    code = (
        "import sys, headway.transport.signing, headway.app;"
        "print([name for name in ('botocore', 'google.auth', 'azure.identity', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_chain_is_made_without_looking_anywhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert Chain("us-east-1").at(NOW) is None
