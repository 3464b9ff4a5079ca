"""Hiding what looks like a key in text that others wrote.

Providers quote the key they refuse, in part or whole, and URLs with one in them. Better a word too many hidden than a
key shown: any long run of letters mixed with digits goes. Names of models, whose runs are short, and identifiers of
requests, which support asks for, remain.
"""

from __future__ import annotations

import re

MASK = "***"

_KEY = re.compile(
    r"""
      \bsk-[\w\-.*]{4,400}
    | \b(?:sk|pk|rk|gsk|hf|r8|fw|tgp|ghp|gho|ghs|github_pat|jina)_[\w\-.*]{8,400}
    | \b(?:pk|rk|csk|xai|pa|nvapi|pplx|glpat)-[\w\-.*]{12,400}
    | \b(?:AIza|AKIA|ASIA|ABIA|ABSK|dapi|eyJ|ya29)[\w\-.*+/=]{8,4000}
    | \b[Bb]earer\ +[^\s"',;]{16,4000}
    | (?<=[?&;])(?:api[-_]?)?(?:key|token|access_token|sig)=[^\s&"']{1,4000}
    | (?<=://)[^\s/@]{1,400}(?=@)
    | (?<![\w\-])[\w\-]{0,100}\*{3,400}[\w\-]{0,100}
    | \*{3,400}[\w\-]{0,100}
    """,
    re.VERBOSE | re.ASCII,
)
"""By prefix (OpenAI's and its followers', Google's, AWS's, Databricks's, JSON web tokens), by place, or because it is
masked already and shows its ends.
"""

_RUN = re.compile(r"(?<![A-Za-z0-9])(req_)?([A-Za-z0-9]{20,4000})")


def masked(text: str) -> str:
    return _RUN.sub(_run, _KEY.sub(MASK, text))


def _run(found: re.Match[str]) -> str:
    run = found[2]
    mixed = any(letter.isdigit() for letter in run) and any(letter.isalpha() for letter in run)
    return MASK if mixed and not found[1] else found[0]
