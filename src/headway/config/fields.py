"""Which single values a setting accepts: names, addresses, keys and headers. Numbers are in `quantities`.

Each type checks one value by itself and says what is expected without repeating the value, since it may be a secret.
How values go together is `schema`'s and `references`' business.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from headway.types import Secret

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
LOGICAL_NAME_PATTERN = r"^[!-~]{1,200}$"
_TARGET = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[!-~]{1,256}$"
_TAG = r"^[!-+\--~]([ -+\--~]{0,126}[!-+\--~])?$"
HEADER_NAME_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"

FRAMING_HEADERS = frozenset(
    {
        # hop-by-hop, RFC 9110 §7.6.1
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization", "proxy-authentication-info"),
        # framing and negotiation, which Headway does itself
        *("host", "content-length", "content-type", "content-encoding", "accept-encoding", "expect", "date"),
    }
)
KEY_HEADERS = frozenset({"authorization", "api-key", "x-api-key"})

_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)
_VISIBLE = re.compile(r"[!-~]+")
_HEADER_VALUE = re.compile(r"[!-~\x80-\xff]([\t -~\x80-\xff]*[!-~\x80-\xff])?|")


def _text_like(pattern: str, expected: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(expected)
        return value

    return AfterValidator(check)


def checked_base_url(value: str, keys: str = "keys go under 'keys'") -> str:
    """Without the slash at its end."""
    parts = _split_url(value, "an http:// or https:// address such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must not hold a user name or password; {keys}")
    if "?" in value or "#" in value:
        raise ValueError("must not have a query (?) or a fragment (#)")
    return value.rstrip("/")


def _export_url(value: str) -> str:
    return checked_base_url(value, "write 'headers: {authorization: ...}'")


def _proxy(value: str) -> str:
    if value:
        expected = "an http:// address such as http://proxy.example.com:3128, or empty"
        parts = _split_url(value, expected)
        if parts.scheme != "http":
            raise ValueError(f"must be {expected}")
        if parts.path not in ("", "/") or "?" in value or "#" in value:
            raise ValueError("must not have a path, a query or a fragment")
    return value.rstrip("/")


def _split_url(value: str, expected: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        sound = False
        parts = SplitResult("", "", "", "", "")
    if not sound or _VISIBLE.fullmatch(value) is None:
        raise ValueError(f"must be {expected}")
    return parts


def is_host(value: str) -> bool:
    """Whether it is the name of a host or an IP address, without a port."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return _HOST_NAME.fullmatch(value) is not None and not value.replace(".", "").isdigit()
    return True


def _host(value: str) -> str:
    if not is_host(value):
        raise ValueError("must be a host name or an IP address, without a port")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8 or fd00::/8, or one IP address") from None


def _unframing_header_name(value: str) -> str:
    if value.lower() in FRAMING_HEADERS:
        raise ValueError("is a header that only Headway itself may set")
    return value


def _header_name(value: str) -> str:
    _unframing_header_name(value)
    if value.lower() in KEY_HEADERS:
        raise ValueError("holds a key; that goes under 'keys', and its scheme under 'auth'")
    return value


def _header_value(value: str) -> str:
    if _HEADER_VALUE.fullmatch(value) is None:
        raise ValueError("must be one line of text without control characters, as HTTP allows it in a header")
    return value


def checked_key(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text; put it in quotes")
    if not value:
        raise ValueError("is empty; for a provider without keys write 'keys: []'")
    if _VISIBLE.fullmatch(value) is None or len(value) > 16384:
        raise ValueError(
            "must be one word of visible ASCII characters; there is a blank, line end or other character in it"
        )
    return Secret(value)


def _webhook_url(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    expected = "an http:// or https:// address such as https://hooks.example.com/services/..."
    if not isinstance(value, str):
        raise ValueError(f"must be {expected}")
    parts = _split_url(value, expected)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    if "#" in value:
        raise ValueError("must not have a fragment (#)")
    if len(value) > 4096:
        raise ValueError("must be at most 4096 characters long")
    return Secret(value)


def _regular_expression(value: str) -> str:
    try:
        finds_nothing = re.compile(value).match("") is not None
    except (re.error, OverflowError, RecursionError):
        raise ValueError("is no regular expression as Python has them") from None
    if finds_nothing:
        raise ValueError("must not match a text of no length")
    return value


Name = Annotated[
    str,
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
    _text_like(
        NAME_PATTERN,
        "must be at most 64 letters, digits, dots, dashes and underscores, and begin with a letter or digit",
    ),
]
"""What a provider or a key is called. It stands in headers and metrics."""
LogicalName = Annotated[
    str,
    Field(json_schema_extra={"pattern": LOGICAL_NAME_PATTERN}),
    _text_like(LOGICAL_NAME_PATTERN, "must be at most 200 visible ASCII characters"),
]
"""What a client asks for."""
TargetName = Annotated[
    str,
    Field(json_schema_extra={"pattern": r"/|\$\{"}),
    _text_like(_TARGET, "must be written 'provider/model', such as openai/gpt-4o-mini"),
]
TagText = Annotated[
    str,
    Field(json_schema_extra={"pattern": _TAG}),
    _text_like(_TAG, "must be at most 128 printable ASCII characters without a comma, blanks not at its ends"),
]
"""What clients file requests under."""
ModelName = Annotated[
    str,
    _text_like(r"[!-~]{1,256}", "must be at most 256 visible ASCII characters"),
]
Host = Annotated[str, AfterValidator(_host)]
BaseUrl = Annotated[str, AfterValidator(checked_base_url)]
Network = Annotated[str, AfterValidator(_network)]
ExportUrl = Annotated[str, AfterValidator(_export_url)]
ProxyUrl = Annotated[str, AfterValidator(_proxy)]
HeaderName = Annotated[
    str,
    Field(json_schema_extra={"pattern": HEADER_NAME_PATTERN}),
    _text_like(HEADER_NAME_PATTERN, "is not a header's name: letters, digits and dashes"),
    AfterValidator(_header_name),
]
SentHeaderName = Annotated[
    str,
    Field(json_schema_extra={"pattern": HEADER_NAME_PATTERN}),
    _text_like(HEADER_NAME_PATTERN, "is not a header's name: letters, digits and dashes"),
    AfterValidator(_unframing_header_name),
]
"""The same where a key may stand in a header."""
HeaderValue = Annotated[str, AfterValidator(_header_value)]
_DATABASES = ("sqlite:///", "postgresql://", "postgres://")


def database_url(value: object) -> Secret | None:
    """The whole of it is a secret, since it may hold a password."""
    if isinstance(value, Secret):
        return value
    if value in ("off", False, None):
        return None
    if not isinstance(value, str) or not value.startswith(_DATABASES) or not value.isprintable():
        raise ValueError("must be sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or off")
    if value.partition("://")[2].strip("/") == "":
        raise ValueError("must name a file or a database, as in sqlite:///headway.db")
    return Secret(value)


DatabaseUrl = Annotated[
    Secret,
    PlainValidator(database_url),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"const": False}]}),
]
Key = Annotated[Secret, PlainValidator(checked_key), WithJsonSchema({"type": "string", "minLength": 1})]
WebhookUrl = Annotated[Secret, PlainValidator(_webhook_url), WithJsonSchema({"type": "string", "minLength": 1})]
AttributeName = Annotated[
    str,
    _text_like(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}", "is no name of an attribute, such as deployment.environment.name"),
]
AttributeText = Annotated[str, Field(min_length=1, max_length=1024)]
Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_regular_expression)]
"""A regular expression. How long it may take is bounded where it is used."""
FilePath = Annotated[str, Field(min_length=1, max_length=4096)]
