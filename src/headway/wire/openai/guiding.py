"""Settings by which servers of Chat Completions hold an answer to a form, beside OpenAI's `response_format`."""

from __future__ import annotations

GUIDING = (
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "json_schema",
    "regex",
    "ebnf",
    "grammar",
)
"""In the words of vLLM, SGLang and llama.cpp."""
