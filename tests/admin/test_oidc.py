"""Single sign-on with an identity provider of the tests' own, and everything that it may get wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from headway.admin.claims import name_of, role_of
from headway.admin.sign_on import begin_sign_on, seal, unseal
from headway.types import Secret, SingleSignOn

CLIENT, SECRET = "headway", "s3cret-of-the-client"
KEY, OTHER_KEY = (RSAKey.generate_key(2048, {"kid": name, "use": "sig"}) for name in ("one", "two"))


class Identity:
    """A provider that knows one person, and may lie about them."""

    def __init__(self) -> None:
        self.url = ""
        self.claims: dict[str, Any] = {
            "sub": "1",
            "email": "Anna@example.com",
            "email_verified": True,
            "groups": ["ops"],
        }
        self.described: dict[str, Any] = {}
        self.key: Any = KEY
        self.published = [KEY]
        self.algorithm = "RS256"
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._describe),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _describe(self, _: Request) -> Response:
        self.asked.append("description")
        usual = {"issuer": self.url, "authorization_endpoint": f"{self.url}/authorize"}
        usual |= {"token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys"}
        return JSONResponse(usual | self.described)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked.append("token")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        by_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or not (request.headers.get("authorization") == f"Basic {basic}" or by_form):
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if digest.decode() != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"id_token": self.id_token(asked["nonce"]), "token_type": "Bearer"})

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            parts = [json.dumps(part).encode() for part in ({"alg": "none", "kid": "one"}, claims)]
            return ".".join([base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts] + [""])
        header = {"alg": self.algorithm, "kid": self.key.kid or "one"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    async def _keys(self, _: Request) -> Response:
        self.asked.append("keys")
        shared = {"kty": "oct", "k": "c2hhcmVk", "kid": "shared"}
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.published] + [shared]})


@pytest.fixture
async def identity() -> AsyncIterator[Identity]:
    identity = Identity()
    config = uvicorn.Config(identity.app, port=0, log_config=None, lifespan="off", loop="asyncio", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    identity.url = f"http://127.0.0.1:{port}"
    yield identity
    server.should_exit = True
    await serving


def settings_for(identity: Identity, **told: Any) -> SingleSignOn:
    usual: dict[str, Any] = {
        "issuer": identity.url,
        "client_id": CLIENT,
        "client_secret": Secret(SECRET),
        "roles": {"admin": ("root",), "operator": ("ops",)},
    }
    return SingleSignOn(**(usual | told))


@pytest.fixture
def sso(world: Any, identity: Identity) -> Any:
    world.gateway.administer(oidc=settings_for(identity))
    return world


async def to_the_provider(browser: httpx.AsyncClient) -> httpx.URL:
    """To the provider and back again: where it sends its person."""
    leaving = await browser.get("/login/oidc")
    assert leaving.status_code == 302, leaving.text
    async with httpx.AsyncClient() as elsewhere:
        return httpx.URL((await elsewhere.get(leaving.headers["location"])).headers["location"])


async def sign_on(browser: httpx.AsyncClient) -> httpx.Response:
    return await browser.get(await to_the_provider(browser))


@pytest.mark.real
async def test_somebody_comes_in_with_the_role_that_the_provider_tells(sso: Any):
    browser = sso.browser()
    answer = await sign_on(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = answer.headers.get_list("set-cookie")
    assert any("headway_session=" in each and "SameSite=Strict" in each and "HttpOnly" in each for each in cookies)
    assert any("headway_oidc=; Path=/api/login/oidc; Max-Age=0" in each for each in cookies)
    me = (await browser.get("/me")).json()
    assert (me["name"], me["role"], me["proof"]) == ("oidc:anna@example.com", "operator", "session")
    assert (await browser.post("/logout", headers={"x-csrf-token": me["csrf"]})).status_code == 204


@pytest.mark.real
async def test_what_is_remembered_meanwhile_is_bound_to_the_browser(sso: Any):
    browser = sso.browser()
    leaving = await browser.get("/login/oidc")
    field = leaving.headers["set-cookie"]
    assert field.endswith("; Path=/api/login/oidc; Max-Age=600; HttpOnly; SameSite=Lax")
    asked = parse_qs(urlsplit(leaving.headers["location"]).query)
    assert asked["redirect_uri"] == ["http://localhost:8080/api/login/oidc/callback"]
    back = await to_the_provider(browser)
    stranger = await sso.browser().get(back)
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (403, "stale_login")


@pytest.mark.real
@pytest.mark.parametrize("state", ["", "other", "%ED%A0%80"])
async def test_a_state_that_is_not_ours_is_refused_before_the_provider_is_asked(
    sso: Any, identity: Identity, state: str
):
    browser = sso.browser()
    await to_the_provider(browser)
    answer = await browser.get(f"/login/oidc/callback?code=code0&state={state}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "stale_login")
    assert "token" not in identity.asked


LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "other"},
    "no nonce": {"nonce": None},
    "for somebody else": {"aud": "other"},
    "for nobody": {"aud": None},
    "for another of several": {"aud": [CLIENT, "other"], "azp": "other"},
    "too old": {"exp": 1_700_000_000},
    "for ever": {"exp": None},
    "of the future": {"iat": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "of another provider": {"iss": "https://other.example"},
    "of nobody": {"sub": None},
}


@pytest.mark.real
@pytest.mark.parametrize("lie", LIES)
async def test_an_id_token_that_does_not_hold_lets_nobody_in(sso: Any, identity: Identity, lie: str):
    identity.claims |= LIES[lie]
    browser = sso.browser()
    answer = await sign_on(browser)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "identity_provider")
    assert "headway_session" not in str(answer.headers.get_list("set-cookie"))
    assert SECRET not in answer.text
    assert (await browser.get("/me")).status_code == 401


@pytest.mark.real
@pytest.mark.parametrize(
    "forged", ["none", "by another key", "by a key under our name", "by the public key as a secret"]
)
async def test_a_forged_signature_lets_nobody_in(sso: Any, identity: Identity, forged: str):
    match forged:
        case "none":
            identity.algorithm = "none"
        case "another key":
            identity.key = OTHER_KEY
        case "a key under our name":
            identity.key = RSAKey.generate_key(2048, {"kid": "one"})
        case _:
            identity.key = OctKey.import_key(KEY.as_pem(private=False).replace(b"-----", b""), {"kid": "one"})
            identity.algorithm = "HS256"
    answer = await sign_on(sso.browser())
    assert answer.status_code == 502, answer.text


@pytest.mark.real
async def test_a_new_key_of_the_provider_is_asked_for(sso: Any, identity: Identity, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("headway.admin.identity._FRESH", 0.0)
    assert (await sign_on(sso.browser())).status_code == 303
    identity.key, identity.published = OTHER_KEY, [KEY, OTHER_KEY]
    assert (await sign_on(sso.browser())).status_code == 303
    assert (await sign_on(sso.browser())).status_code == 303
    assert identity.asked.count("keys") == 2
    assert identity.asked.count("description") == 1


@pytest.mark.real
async def test_who_has_no_role_does_not_come_in_and_it_is_written_down(sso: Any, identity: Identity):
    identity.claims["groups"] = ["visitors"]
    answer = await sign_on(sso.browser())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access_denied")
    await sso.account("root", "admin")
    admin = await sso.logged_in("root")
    entries = (await admin.get("/audit", params={"action": "session.refuse"})).json()["entries"]
    assert [each["subject"] for each in entries] == ["(single sign-on)"]
    assert [each["name"] for each in (await admin.get("/accounts")).json()["accounts"]] == ["root"]


@pytest.mark.real
async def test_whoever_is_disabled_stays_outside_and_loses_nothing_but_that(sso: Any):
    await sso.account("root", "admin")
    admin, browser = await sso.logged_in("root"), sso.browser()
    await sign_on(browser)
    changed = await admin.patch("/accounts/oidc:anna@example.com", json={"enabled": False})
    assert (changed.status_code, changed.json()["single_sign_on"]) == (200, True)
    assert (await browser.get("/me")).status_code == 401
    assert (await sign_on(browser)).status_code == 403
    refused = await admin.patch("/accounts/oidc:anna@example.com", json={"role": "admin"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "signed_on")


@pytest.mark.real
async def test_a_token_of_theirs_follows_the_role_that_they_are_told_to_have(sso: Any, identity: Identity):
    browser = sso.browser()
    await sign_on(browser)
    browser.headers["x-csrf-token"] = (await browser.get("/me")).json()["csrf"]
    tool = await sso.tool(browser, "read", "configure")
    sso.gateway.administer(oidc=settings_for(identity, default_role="viewer", roles={}))
    await sign_on(sso.browser())
    assert (await tool.get("/me")).json()["permissions"] == ["read"]


@pytest.mark.real
async def test_single_sign_on_closes_open_access_and_setup(sso: Any):
    assert (await sso.browser().get("/status")).status_code == 401
    assert (await sso.browser().get("/login")).json() == {"password": False, "oidc": True, "setup": "closed"}
    body = {"name": "anna", "password": "correct horse battery", "token": "from-standard-error"}
    assert (await sso.browser().post("/setup", json=body)).status_code == 409


@pytest.mark.real
async def test_nobody_has_the_password_of_an_account_without_one(sso: Any):
    await sign_on(sso.browser())
    for password in ("", "correct horse battery"):
        answer = await sso.browser().post("/login", json={"name": "oidc:anna@example.com", "password": password})
        assert answer.status_code == 401


@pytest.mark.real
async def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(sso: Any, identity: Identity):
    identity.described = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await sign_on(sso.browser())).status_code == 303


@pytest.mark.real
@pytest.mark.parametrize(
    "described", [{"issuer": "https://other.example"}, {"jwks_uri": "ftp://x/keys"}, {"token_endpoint": 5}]
)
async def test_a_description_that_cannot_be_trusted_leads_nowhere(
    sso: Any, identity: Identity, described: dict[str, Any]
):
    identity.described = described
    answer = await sso.browser().get("/login/oidc")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "identity_provider")


@pytest.mark.real
async def test_a_provider_that_is_not_there_is_said_so(world: Any, identity: Identity):
    world.gateway.administer(oidc=settings_for(identity, issuer="http://127.0.0.1:1"))
    answer = await world.browser().get("/login/oidc")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "identity_provider")
    assert "does not answer" in answer.json()["error"]["message"]


@pytest.mark.real
async def test_an_answer_that_says_it_is_from_another_provider_is_refused(sso: Any, identity: Identity):
    browser = sso.browser()
    back = await to_the_provider(browser)
    assert (await browser.get(back.copy_merge_params({"iss": "https://other.example"}))).status_code == 502
    back = await to_the_provider(browser)
    assert (await browser.get(back.copy_merge_params({"iss": identity.url}))).status_code == 303


async def test_without_it_the_pages_say_so(world: Any):
    for path in ("/login/oidc", "/login/oidc/callback?code=x&state=y"):
        assert (await world.browser().get(path)).status_code == 404


def test_what_is_sealed_cannot_be_made_or_kept_by_others():
    made = begin_sign_on(100.0)
    value = seal(made, Secret("a"))
    assert unseal(value, Secret("a"), 101.0) == made
    assert unseal(value, Secret("b"), 101.0) is None
    assert unseal(value, Secret("a"), 800.0) is None
    for broken in ("", "x", "é", value[:-4], "A" + value[1:], value + "AAAA"):
        if broken != value:
            assert unseal(broken, Secret("a"), 101.0) is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "A@x.example", "email_verified": True, "sub": "1"}, "oidc:a@x.example"),
        ({"email": "root@x.example", "sub": "1"}, "oidc:1"),
        ({"email": "root@x.example", "email_verified": False, "preferred_username": "Eve", "sub": "1"}, "oidc:eve"),
        ({"preferred_username": "x" * 200, "sub": "1"}, "oidc:1"),
        ({"preferred_username": "a\nb", "sub": ""}, None),
    ],
)
def test_people_are_called_by_what_the_provider_vouches_for(claims: dict[str, Any], name: str | None):
    assert name_of(SingleSignOn(issuer="", client_id="", client_secret=Secret("")), claims) == name


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"groups": ["a", "root", "ops"]}, "admin"),
        ({"groups": "ops"}, "operator"),
        ({"groups": [1, None, {"x": 1}, "ops"]}, "operator"),
        ({"groups": ["OPS"]}, None),
        ({"groups": {"ops": True}}, None),
        ({}, None),
    ],
)
def test_the_highest_role_counts(claims: dict[str, Any], role: str | None):
    roles = {"admin": ("root",), "operator": ("ops",)}
    assert role_of(SingleSignOn(issuer="", client_id="", client_secret=Secret(""), roles=roles), claims) == role  # type: ignore[arg-type]


def test_a_claim_may_lie_deeper_or_have_dots_in_its_name():
    roles = {"admin": ("root",)}
    deep = SingleSignOn(issuer="", client_id="", client_secret=Secret(""), roles=roles, role_claim="realm.roles")  # type: ignore[arg-type]
    assert role_of(deep, {"realm": {"roles": ["root"]}}) == "admin"
    assert role_of(deep, {"realm.roles": ["root"]}) == "admin"
    assert role_of(deep, {"realm": "root"}) is None
