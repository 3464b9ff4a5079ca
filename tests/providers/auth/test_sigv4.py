"""Signatures equal those that botocore makes of the same requests at the same time."""

from __future__ import annotations

import datetime
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from headway.providers.auth.sigv4 import FixedKeys, Keys, SigV4Signer
from headway.providers.catalogue import catalogue
from headway.providers.surfaces import path_of, surface_of
from headway.types import Provider

KEYS = Keys("AKIDEXAMPLE12345", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION = Keys("ASIDEXAMPLE12345", "another/secret+", "FwoGZXIvYXdzE/session+token==")
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
NOW = 1_700_000_000.7

MODELS = [
    "amazon.nova-pro-v1:0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20240620-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123/with spaces & ümlauts",
    "a~b_c-d.e",
    "100%",
]


def a_signer(keys: Keys = KEYS, base_url: str = HOST, region: str = "us-east-1") -> SigV4Signer:
    return SigV4Signer(FixedKeys(keys), lambda: region, base_url)


def ours(signer: SigV4Signer, path: str, body: bytes, now: float = NOW, method: str = "POST") -> dict[str, str]:
    fields = signer.fields(method.encode(), path.encode(), body, now)
    assert fields is not None
    assert fields.endswith(b"\r\n")
    return dict(each.split(": ", 1) for each in fields.decode().splitlines())


def theirs(
    keys: Keys, url: str, body: bytes, now: float = NOW, *, method: str = "POST", region: str = "us-east-1"
) -> dict[str, str]:
    request = AWSRequest(method, url, data=body)
    with pytest.MonkeyPatch.context() as patch:
        fixed = datetime.datetime.fromtimestamp(now, datetime.UTC)
        patch.setattr(botocore.auth, "get_current_datetime", lambda: fixed)
        botocore.auth.SigV4Auth(Credentials(keys.access, keys.secret, keys.token), "bedrock", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def bedrock_path(model: str, verb: str = "converse") -> str:
    entry = catalogue()["bedrock"]
    provider = Provider(
        name="bedrock", kind="bedrock", dialect="converse", surface=entry.surface, base_url=HOST, credentials=()
    )
    (api,) = surface_of(provider, model).generate
    return path_of(api.path if verb == "converse" else api.stream, provider, model)


@pytest.mark.parametrize("keys", [KEYS, SESSION])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"messages": "\xc3\xa4\xe2\x82\xac"}', bytes(range(256)) * 300])
@pytest.mark.parametrize("model", MODELS)
def test_a_request_of_bedrocks_is_signed_as_botocore_signs_it(model: str, body: bytes, keys: Keys):
    for verb in ("converse", "converse-stream"):
        path = bedrock_path(model, verb)
        assert ours(a_signer(keys), path, body) == theirs(keys, HOST + path, body)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/model/../secret",
        "/model/./x//y/",
        "/../..",
        "/a/..",
        "/model/x/invoke?b=2&a=1&a=0&flag&empty=",
        "/model/x%3A0/converse?alt=sse",
        "/~user/-_.!*'()",
        "/prefix/model/a%20b/converse",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_path_and_query_is_signed_as_botocore_signs_it(path: str, method: str):
    assert ours(a_signer(), path, b"x", method=method) == theirs(KEYS, HOST + path, b"x", method=method)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
        "https://BEDROCK.example:8443",
        "https://bedrock.example:443",
        "http://127.0.0.1:9000",
        "http://bedrock.example:80",
        "http://[::1]:9000",
    ],
)
def test_the_host_is_signed_as_it_is_sent(base_url: str):
    path = bedrock_path(MODELS[0])
    signer = a_signer(base_url=base_url, region="eu-west-1")
    assert ours(signer, path, b"{}") == theirs(KEYS, base_url + path, b"{}", region="eu-west-1")


def test_a_request_line_for_a_proxy_is_signed_by_its_path():
    path = bedrock_path(MODELS[0])
    assert ours(a_signer(), "http://bedrock.example" + path, b"{}") == ours(a_signer(), path, b"{}")


SEGMENTS = st.lists(st.text(st.sampled_from("abzAZ019-_.~%:/+=&!,;'()* ä"), max_size=12), max_size=5)


@given(
    segments=SEGMENTS,
    body=st.binary(max_size=300),
    now=st.floats(946684800, 4102444800),
    secret=st.text(st.sampled_from("abcXYZ0189+/="), min_size=1, max_size=60),
    token=st.none() | st.text(st.sampled_from("abcXYZ0189+/="), min_size=1, max_size=200),
)
def test_every_model_body_and_moment_is_signed_as_botocore_signs_it(
    segments: list[str], body: bytes, now: float, secret: str, token: str | None
):
    path = bedrock_path("/".join(segments) or "m")
    keys = Keys("AKIDEXAMPLE12345", secret, token)
    assert ours(a_signer(keys), path, body, now) == theirs(keys, HOST + path, body, now)


def test_the_key_of_the_day_is_derived_anew_at_midnight_and_for_new_keys():
    class Turning(FixedKeys):
        keys = KEYS

        def at(self, now: float) -> Keys | None:
            return self.keys

    source = Turning(KEYS)
    signer = SigV4Signer(source, lambda: "us-east-1", HOST)
    path = bedrock_path(MODELS[0])
    before, after = 1_700_006_399.0, 1_700_006_400.0  # on both sides of midnight
    for now in (before, after, before):
        assert ours(signer, path, b"{}", now) == theirs(KEYS, HOST + path, b"{}", now)
    source.keys = SESSION
    assert ours(signer, path, b"{}", before) == theirs(SESSION, HOST + path, b"{}", before)


def test_without_keys_nothing_is_signed():
    class Empty(FixedKeys):
        def at(self, now: float) -> Keys | None:
            return None

    assert SigV4Signer(Empty(KEYS), lambda: "us-east-1", HOST).fields(b"POST", b"/", b"", NOW) is None


def test_a_secret_shows_nowhere():
    assert KEYS.secret not in f"{KEYS!r} {KEYS} {a_signer()!r} {FixedKeys(KEYS)!r}"
    assert SESSION.token is not None
    assert SESSION.token not in f"{SESSION!r} {SESSION}"


@pytest.mark.sdk
@pytest.mark.parametrize("model", MODELS)
def test_the_path_is_the_one_that_boto3_would_ask_for(model: str):
    import boto3
    from botocore.awsrequest import AWSResponse

    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 403, {}, None)  # what it answers is of no interest

    client = boto3.client(
        "bedrock-runtime", region_name="us-east-1", aws_access_key_id=KEYS.access, aws_secret_access_key=KEYS.secret
    )
    client.meta.events.register("before-send.bedrock-runtime.Converse", answer)
    with pytest.raises(Exception):  # noqa: B017, PT011
        client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "hi"}]}])
    assert sent[0].url == HOST + bedrock_path(model)
