"""What callers show: a cookie with the token of their session, a token against forged requests, a tool's token.

All are random and too long to guess, so that what is stored of them is a plain hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from starlette.datastructures import Headers

from headway.admin.origins import only

COOKIE = "headway_session"
CSRF = "x-csrf-token"
PREFIX = "hw_"
_RANDOM = re.compile(r"[A-Za-z0-9_-]{43}")


def new_session() -> str:
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored in its place."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(session: str) -> str:
    """What only a page that could read an answer of ours can know; a form of another site sends the cookie alone."""
    return hmac.new(session.encode(), b"headway csrf", hashlib.sha256).hexdigest()


def is_csrf(headers: Headers, session: str) -> bool:
    return hmac.compare_digest(only(headers, CSRF).encode(), csrf_of(session).encode())


def session_of(headers: Headers) -> str | None:
    """None: there is none, or more than one."""
    found = [value for field in headers.getlist("cookie") for value in cookies_in(field, COOKIE)]
    return found[0] if len(found) == 1 and _RANDOM.fullmatch(found[0]) else None


def cookies_in(field: str, name: str) -> list[str]:
    pairs = (part.strip().partition("=") for part in field.split(";"))
    return [value for key, _, value in pairs if key == name]


def api_token_of(headers: Headers) -> str | None:
    scheme, _, given = only(headers, "authorization").partition(" ")
    given = given.strip()
    return given if scheme.lower() == "bearer" and given.startswith(PREFIX) else None


def cookie(name: str, value: str, *, path: str, age: float, https: bool, same_site: str = "Strict") -> str:
    """The field that sets it; an age of 0 takes it away. The value is letters, digits, and `-_.` at most."""
    secure = "; Secure" if https else ""
    return f"{name}={value}; Path={path}; Max-Age={int(age)}; HttpOnly; SameSite={same_site}{secure}"


def session_cookie(session: str, *, age: float, https: bool) -> str:
    return cookie(COOKIE, session, path="/api", age=age, https=https)
