"""Who may see how the gateway stands: everybody on this machine but web pages, or whoever has the token."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from headway.server.access import Access, token_from
from headway.types import Secret

TOKEN = Secret("s3cret")
HOME = "localhost:8080"


def asked(access: Access, *fields: tuple[str, str]) -> int:
    """The status of the refusal, 200 for none."""
    refusal = access.refusal(Headers(raw=[(name.encode(), value.encode("latin-1")) for name, value in fields]))
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_it_is_open_while_the_gateway_listens_on_loopback(host: str):
    assert asked(Access(host, None), ("host", HOME)) == 200


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.7", "192.168.1.4", "gateway.example", "", "/", "::ffff:10.0.0.7"]
)
def test_it_is_closed_while_the_gateway_listens_to_others(host: str):
    assert asked(Access(host, None), ("host", HOME)) == 403


def test_the_refusal_says_how_to_open_it():
    refusal = Access("0.0.0.0", None).refusal(Headers({"host": HOME}))
    assert refusal is not None
    assert "HEADWAY_ADMIN_TOKEN" in refusal.message
    assert "Authorization: Bearer" in refusal.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "LocalHost:1", "localhost"])
def test_names_of_this_machine_are_taken(host: str):
    assert asked(Access("127.0.0.1", None), ("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "[::1].evil.example",
        "10.0.0.7",
        "0.0.0.0",
        "::1",
        "[",
        "127.0.0.1:80@evil.example",
        "127.0.0.1:80:80",
        "",
    ],
)
def test_a_name_that_leads_here_by_trick_is_refused(host: str):
    assert asked(Access("127.0.0.1", None), ("host", host)) == 403


def test_no_host_or_two_are_refused():
    assert asked(Access("127.0.0.1", None)) == 403
    assert asked(Access("127.0.0.1", None), ("host", HOME), ("host", "evil.example")) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:8080", "null"])
def test_web_pages_are_refused(origin: str):
    assert asked(Access("127.0.0.1", None), ("host", HOME), ("origin", origin)) == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_token_opens_it_from_anywhere(host: str):
    for more in (("host", "gateway.example"), ("origin", "https://console.example")):
        assert asked(Access(host, TOKEN), ("authorization", "Bearer s3cret"), more) == 200
    assert asked(Access(host, TOKEN), ("authorization", "bearer s3cret")) == 200


@pytest.mark.parametrize(
    "field",
    ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer S3CRET", "Basic s3cret", "s3cret", "Bearer ü"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_token_that_is_set_is_demanded(host: str, field: str):
    assert asked(Access(host, TOKEN), ("host", HOME), ("authorization", field)) == 401


def test_a_token_twice_or_none_is_no_token():
    assert asked(Access("127.0.0.1", TOKEN), ("host", HOME)) == 401
    both = ("authorization", "Bearer s3cret"), ("authorization", "Bearer other")
    assert asked(Access("127.0.0.1", TOKEN), ("host", HOME), *both) == 401


@pytest.mark.parametrize("text", [None, "", "  ", "\n"])
def test_an_empty_variable_is_none(text: str | None):
    assert token_from(text) is None


def test_a_token_has_no_blanks_around_it_and_does_not_print():
    token = token_from(" s3cret\n")
    assert token == TOKEN
    assert "s3cret" not in repr(token)
