"""Which proxy a request goes through, and that its password shows nowhere."""

from __future__ import annotations

import base64

import pytest

from headway.transport.proxies import Proxy, bypassed, choose

EVERYWHERE = {"http_proxy": "http://plain:1", "https_proxy": "http://secure:2", "all_proxy": "http://any:3"}


def chosen(scheme: str, environ: dict[str, str], own: str | None = None, host: str = "api.example.com") -> str | None:
    proxy = choose(scheme, host, 443, environ, own)
    return None if proxy is None else f"{proxy.host}:{proxy.port}"


@pytest.mark.parametrize(
    ("scheme", "environ", "expected"),
    [
        ("http", {}, None),
        ("http", EVERYWHERE, "plain:1"),
        ("https", EVERYWHERE, "secure:2"),
        ("http", {"http_proxy": "http://plain:1"}, "plain:1"),
        ("https", {"http_proxy": "http://plain:1"}, None),
        ("http", {"all_proxy": "http://any:3"}, "any:3"),
        ("https", {"all_proxy": "http://any:3"}, "any:3"),
        ("https", {"HTTPS_PROXY": "http://upper:4"}, "upper:4"),
        ("https", {"HTTPS_PROXY": "http://upper:4", "https_proxy": "http://lower:5"}, "lower:5"),
        ("https", {"https_proxy": "", "ALL_PROXY": "http://any:3"}, "any:3"),
        ("https", {"https_proxy": "bare:6"}, "bare:6"),
        ("https", {"https_proxy": "http://secure"}, "secure:80"),
    ],
)
def test_the_environment_names_a_proxy_for_each_scheme(scheme, environ, expected):
    assert chosen(scheme, environ) == expected


def test_a_providers_own_proxy_wins_over_the_environment_and_its_exceptions():
    assert chosen("https", EVERYWHERE | {"no_proxy": "*"}, own="http://own:7") == "own:7"


def test_a_provider_may_refuse_every_proxy():
    assert chosen("https", EVERYWHERE, own="") is None


def test_no_proxy_exempts_in_either_case():
    assert chosen("https", EVERYWHERE | {"no_proxy": "example.com"}) is None
    assert chosen("https", EVERYWHERE | {"NO_PROXY": "example.com"}) is None
    assert chosen("https", EVERYWHERE | {"NO_PROXY": "example.org"}) == "secure:2"


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "expected"),
    [
        ("api.example.com", 443, "", False),
        ("api.example.com", 443, "*", True),
        ("api.example.com", 443, "a, *", True),
        ("api.example.com", 443, "example.com", True),
        ("api.example.com", 443, ".example.com", True),
        ("api.example.com", 443, "*.example.com", True),
        ("API.Example.com", 443, "EXAMPLE.com", True),
        ("example.com", 443, ".example.com", True),
        ("badexample.com", 443, "example.com", False),
        ("example.com.evil.org", 443, "example.com", False),
        ("api.example.com", 443, " one.org ,, example.com ", True),
        ("api.example.com", 443, "example.com:443", True),
        ("api.example.com", 443, "example.com:8443", False),
        ("10.1.2.3", 80, "10.1.2.3", True),
        ("10.1.2.3", 80, "10.0.0.0/8", True),
        ("11.1.2.3", 80, "10.0.0.0/8", False),
        ("10.1.2.3", 80, "10.1.2.3:80", True),
        ("10.1.2.3", 80, "10.1.2.3:81", False),
        ("::1", 80, "::1", True),
        ("[::1]", 80, "::1", True),
        ("::1", 80, "[::1]", True),
        ("::1", 80, "[::1]:80", True),
        ("::1", 80, "[::1]:81", False),
        ("fd00::5", 80, "fd00::/8", True),
        ("fe00::5", 80, "fd00::/8", False),
        ("localhost", 80, "localhost", True),
        ("api.example.com", 443, "10.0.0.0/8", False),
        ("api.example.com", 443, "10.0.0.0/99,:,[,.", False),
    ],
)
def test_no_proxy_lists_names_addresses_and_networks(host, port, no_proxy, expected):
    assert bypassed(host, port, no_proxy) is expected


def test_a_proxy_may_want_a_user_and_a_password():
    proxy = Proxy("http://us%40er:p%3Aass@proxy.example.com:3128")
    assert proxy.authorization == b"Basic " + base64.b64encode(b"us@er:p:ass")
    assert Proxy("http://user@proxy.example.com").authorization == b"Basic " + base64.b64encode(b"user:")
    assert Proxy("http://proxy.example.com").authorization is None


def test_line_breaks_in_a_password_stay_within_it():
    proxy = Proxy("http://user:a%0d%0ab@proxy.example.com")
    assert proxy.authorization == b"Basic " + base64.b64encode(b"user:a\r\nb")


def test_a_proxy_prints_without_its_password():
    proxy = Proxy("http://user:hunter2@proxy.example.com:3128")
    assert repr(proxy) == "Proxy(proxy.example.com:3128)"
    assert "hunter2" not in f"{proxy!s}{proxy!r}"


@pytest.mark.parametrize(
    "url",
    [
        "socks5://user:hunter2@proxy:1080",
        "https://user:hunter2@proxy:443",
        "http://user:hunter2@",
        "http://user:hunter2@proxy:99999",
        "http://user:hunter2@proxy:port",
        "http://user:hunter2@[::1",
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_quoting_it(url):
    with pytest.raises(ValueError, match=r"\AHTTPS_PROXY: a proxy must be given as http://") as caught:
        choose("https", "api.example.com", 443, {"HTTPS_PROXY": url}, None)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
