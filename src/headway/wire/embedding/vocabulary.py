"""What the dialects call purposes, and which word comes nearest where one has none."""

from __future__ import annotations

from collections.abc import Mapping

from headway.wire.embedding.form import EmbeddingDialect, Purpose, Truncation

_GOOGLE: Mapping[Purpose, str] = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "question": "QUESTION_ANSWERING",
    "fact": "FACT_VERIFICATION",
    "code_query": "CODE_RETRIEVAL_QUERY",
}
_COHERE: Mapping[Purpose, str] = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}
_JINA: Mapping[Purpose, str] = {
    "query": "retrieval.query",
    "document": "retrieval.passage",
    "similarity": "text-matching",
    "classification": "classification",
    "clustering": "separation",
    "code_query": "code.query",
    "code_document": "code.passage",
}
_NOVA: Mapping[Purpose, str] = {
    "query": "GENERIC_RETRIEVAL",
    "document": "GENERIC_INDEX",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}

PURPOSES: Mapping[EmbeddingDialect, Mapping[Purpose, str]] = {
    "voyage": {"query": "query", "document": "document"},
    "jina": _JINA,
    "gemini": _GOOGLE,
    "vertex": _GOOGLE,
    "vertex_predict": _GOOGLE,
    "cohere": _COHERE,
    "cohere_invoke": _COHERE,
    "nova": _NOVA,
}

_NEAREST: Mapping[Purpose, Purpose] = {
    "question": "query",
    "fact": "query",
    "code_query": "query",
    "code_document": "document",
    "similarity": "clustering",  # both compare like with like
}

_MEANT: Mapping[EmbeddingDialect, Mapping[str, Purpose]] = {
    dialect: {word: purpose for purpose, word in words.items()} for dialect, words in PURPOSES.items()
}

_ANY_WORD: Mapping[str, Purpose] = {
    "passage": "document",
    "semantic_similarity": "similarity",
    "TEXT_RETRIEVAL": "query",
    **{word: purpose for words in _MEANT.values() for word, purpose in words.items()},
}

TRUNCATIONS: Mapping[Truncation, str] = {"none": "NONE", "start": "START", "end": "END"}
"""As Cohere and Nova have them."""

TRUNCATIONS_MEANT: Mapping[str, Truncation] = {
    **{word: meant for meant, word in TRUNCATIONS.items()},
    "LEFT": "start",
    "RIGHT": "end",
}


def word_of(purpose: Purpose, dialect: EmbeddingDialect) -> tuple[str | None, bool]:
    """The dialect's word for a purpose, or for the nearest that it knows, and whether it says just that."""
    words = PURPOSES.get(dialect, {})
    if purpose in words:
        return words[purpose], True
    nearest = _NEAREST.get(purpose)
    return (None if nearest is None else words.get(nearest)), False


def purpose_in(word: str, dialect: EmbeddingDialect) -> Purpose | None:
    return _MEANT.get(dialect, {}).get(word)


def purpose_in_any(word: str) -> Purpose | None:
    """The same where a client speaks OpenAI's dialect, which has no word of its own, and borrows one."""
    return _ANY_WORD.get(word)
