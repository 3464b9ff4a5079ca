"""Requests for vectors: one's own put back whole, another's as far as the dialect has words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from headway.wire.embedding.codecs import CODECS, invoked, of_bedrock, of_vertex
from headway.wire.embedding.form import Request, Tokens
from headway.wire.form.parts import Image, Source, Text
from headway.wire.malformed import Malformed

if TYPE_CHECKING:
    from wire.embedding.conftest import Exchange, Hands

PICTURE = "data:image/png;base64,aGVsbG8="


# --- one's own ---


def test_every_recorded_request_is_written_as_it_was_but_for_fields_that_are_null(
    recorded: list[Exchange], hands: Hands
) -> None:
    assert len(recorded) > 30
    for each in recorded:
        request = hands.asked(each.dialect, each.request, each.model)
        body, dropped = hands.write(request, each.dialect, each.model)
        assert body == {name: value for name, value in each.request.items() if value is not None}, each.id
        assert dropped == ()


def test_every_recorded_request_goes_to_the_path_that_it_went_to(recorded: list[Exchange], hands: Hands) -> None:
    for each in recorded:
        request = hands.asked(each.dialect, each.request, each.model)
        assert unquote(each.path).endswith(unquote(CODECS[each.dialect].path(request, each.model))), each.id


OWN: list[tuple[str, dict[str, Any]]] = [
    ("openai", {"model": "up", "input": "a", "user": "u", "encoding_format": "float", "dimensions": 3}),
    ("openai", {"model": "up", "input": [1, 2, 3]}),
    ("openai", {"model": "up", "input": [[1, 2], [3]], "input_type": "passage", "modality": ["text"]}),
    ("voyage", {"model": "up", "input": ["a"], "input_type": "query", "truncation": False, "output_dtype": "int8"}),
    ("voyage", {"model": "up", "input": ["a"], "output_dtype": "int8", "encoding_format": "base64"}),
    ("jina", {"model": "up", "input": [{"text": "a"}], "task": "nl2code.query", "late_chunking": True}),
    ("jina", {"model": "up", "input": ["a", {"image": "https://x.test/a.png"}], "normalized": True}),
    ("jina", {"model": "up", "input": ["a"], "embedding_type": ["float", "base64"], "truncate": True}),
    ("ollama", {"model": "up", "input": "a", "truncate": True, "keep_alive": "5m", "options": {"num_ctx": 9}}),
    ("cohere", {"model": "up", "texts": ["a"], "input_type": "classification", "embedding_types": ["int8", "base64"]}),
    ("cohere", {"model": "up", "images": [PICTURE], "input_type": "image", "priority": 3}),
    ("cohere", {"model": "up", "texts": ["a"], "embedding_types": ["float16"], "truncate": "LEFT"}),
    ("cohere_invoke", {"texts": ["a"], "input_type": "search_query", "truncate": "RIGHT", "max_tokens": 9}),
    (
        "cohere",
        {
            "model": "up",
            "inputs": [
                {"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PICTURE}}]},
                {"content": [{"type": "hologram", "hologram": 1}]},
            ],
            "output_dimension": 256,
        },
    ),
    ("titan", {"inputText": "a", "embeddingTypes": ["binary"], "normalize": False}),
    ("titan", {"inputText": "a", "embeddingTypes": ["float"], "dimensions": 256}),
    ("nova", {"taskType": "SEGMENTED_EMBEDDING", "segmentedEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX"}}),
    ("nova", {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"audio": {"format": "mp3"}}}),
    (
        "nova",
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "CLUSTERING",
                "image": {"format": "png", "source": {"bytes": "aGVsbG8="}},
            },
        },
    ),
    ("gemini", {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_DOCUMENT", "title": "t"}),
    ("gemini", {"content": {"parts": [{"text": "a"}]}, "taskType": "A_NEW_ONE", "outputDimensionality": 3}),
    (
        "gemini",
        {
            "requests": [
                {
                    "model": "models/up",
                    "content": {
                        "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "aGVsbG8="}}]
                    },
                },
                {
                    "model": "models/up",
                    "content": {"parts": [{"fileData": {"fileUri": "gs://a/b.mp4", "mimeType": "video/mp4"}}]},
                },
                {"model": "models/up", "content": {"parts": [{"hologram": {"data": 1}}]}},
            ]
        },
    ),
    (
        "gemini",
        {
            "requests": [
                {"model": "models/up", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY"},
                {"model": "models/up", "content": {"parts": [{"text": "b"}]}, "taskType": "CLUSTERING"},
            ]
        },
    ),
    (
        "vertex",
        {
            "content": {"parts": [{"text": "a"}]},
            "embedContentConfig": {"taskType": "CLUSTERING", "autoTruncate": True, "documentOcr": True},
        },
    ),
    (
        "vertex_predict",
        {
            "instances": [{"content": "a", "task_type": "CLUSTERING", "title": "t"}, {"content": "b"}],
            "parameters": {"autoTruncate": False, "outputDimensionality": 3},
        },
    ),
]


@pytest.mark.parametrize(("dialect", "body"), OWN)
def test_a_request_of_ones_own_keeps_everything(dialect: Any, body: dict[str, Any], hands: Hands) -> None:
    assert hands.write(hands.asked(dialect, body, "up"), dialect, "up") == (body, ())


def test_requests_that_differ_in_their_settings_still_get_the_providers_name_of_the_model(hands: Hands) -> None:
    one = {"content": {"parts": [{"text": "a"}]}, "model": "models/logical"}
    request = hands.asked("gemini", {"requests": [{**one, "taskType": "CLUSTERING"}, one]})
    body, _ = hands.write(request, "gemini", "real")
    assert [each["model"] for each in body["requests"]] == ["models/real", "models/real"]
    assert hands.refused(request, "openai").feature == "requests"


def test_google_is_understood_in_either_spelling(hands: Hands) -> None:
    body = {
        "content": {"parts": [{"inline_data": {"mime_type": "image/png", "data": "aGVsbG8="}}]},
        "task_type": "CLUSTERING",
        "output_dimensionality": 4,
    }
    request = hands.asked("gemini", body)
    assert (request.purpose, request.dimensions) == ("clustering", 4)
    assert request.inputs == ((Image(Source(media_type="image/png", data="aGVsbG8=")),),)


# --- into other dialects ---


def openai(hands: Hands, **fields: Any) -> Request:
    return hands.asked("openai", {"model": "logical", "input": ["a", "b"], **fields})


INTO: list[tuple[str, dict[str, Any]]] = [
    ("voyage", {"model": "up", "input": ["a", "b"], "encoding_format": "base64", "output_dimension": 8}),
    ("jina", {"model": "up", "input": ["a", "b"], "embedding_type": "float", "dimensions": 8}),
    ("ollama", {"model": "up", "input": ["a", "b"], "dimensions": 8}),
    (
        "cohere",
        {
            "model": "up",
            "texts": ["a", "b"],
            "input_type": "search_document",
            "embedding_types": ["float"],
            "output_dimension": 8,
        },
    ),
    ("cohere_invoke", {"texts": ["a", "b"], "input_type": "search_document", "output_dimension": 8}),
    (
        "gemini",
        {
            "requests": [
                {"model": "models/up", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8}
                for text in ("a", "b")
            ]
        },
    ),
    (
        "vertex",
        {
            "requests": [
                {"content": {"parts": [{"text": text}]}, "embedContentConfig": {"outputDimensionality": 8}}
                for text in ("a", "b")
            ]
        },
    ),
    (
        "vertex_predict",
        {"instances": [{"content": "a"}, {"content": "b"}], "parameters": {"outputDimensionality": 8}},
    ),
]


@pytest.mark.parametrize(("dialect", "body"), INTO)
def test_openais_request_in_the_words_of_others(dialect: Any, body: dict[str, Any], hands: Hands) -> None:
    request = openai(hands, dimensions=8, encoding_format="base64", user="u")
    assert hands.write(request, dialect) == (body, ("user",))


@pytest.mark.parametrize("dialect", ["titan", "nova"])
def test_who_takes_one_text_a_request_refuses_several(dialect: Any, hands: Hands) -> None:
    refused = hands.refused(openai(hands), dialect)
    assert (refused.feature, refused.message) == ("input", "takes one text a request")


def test_one_text_for_titan_and_for_nova(hands: Hands) -> None:
    request = openai(hands, input="a", dimensions=256, input_type="query")
    assert hands.write(request, "titan", "amazon.titan-embed-text-v2:0") == (
        {"inputText": "a", "dimensions": 256},
        ("purpose",),
    )
    text = {"truncationMode": "NONE", "value": "a"}
    params = {"embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 256, "text": text}
    assert hands.write(request, "nova") == ({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}, ())


def test_titans_first_generation_has_one_size_of_vectors(hands: Hands) -> None:
    model = "amazon.titan-embed-text-v1"
    assert hands.refused(openai(hands, input="a", dimensions=256), "titan", model).feature == "dimensions"
    assert hands.write(openai(hands, input="a", dimensions=1536), "titan", model) == ({"inputText": "a"}, ())


def test_titan_takes_a_picture_where_the_model_does(hands: Hands) -> None:
    body = {"inputText": "a", "inputImage": "aGVsbG8=", "embeddingConfig": {"outputEmbeddingLength": 384}}
    request = hands.asked("titan", body)
    assert request.inputs == ((Text("a"), Image(Source(data="aGVsbG8="))),)
    assert request.dimensions == 384
    assert hands.write(request, "titan", "amazon.titan-embed-image-v1") == (body, ())
    assert hands.refused(request, "titan", "amazon.titan-embed-text-v2:0").feature == "images"


PURPOSES: list[tuple[str, str, str, str]] = [
    ("query", "search_query", "RETRIEVAL_QUERY", "retrieval.query"),
    ("document", "search_document", "RETRIEVAL_DOCUMENT", "retrieval.passage"),
    ("passage", "search_document", "RETRIEVAL_DOCUMENT", "retrieval.passage"),
    ("search_query", "search_query", "RETRIEVAL_QUERY", "retrieval.query"),
    ("classification", "classification", "CLASSIFICATION", "classification"),
    ("clustering", "clustering", "CLUSTERING", "separation"),
]


@pytest.mark.parametrize(("said", "cohere", "gemini", "jina"), PURPOSES)
def test_a_purpose_that_an_openai_client_borrows_is_said_in_each_dialects_words(
    said: str, cohere: str, gemini: str, jina: str, hands: Hands
) -> None:
    request = openai(hands, input="a", input_type=said)
    assert hands.write(request, "cohere")[0]["input_type"] == cohere
    assert hands.write(request, "vertex")[0]["embedContentConfig"] == {"taskType": gemini}
    assert hands.write(request, "jina")[0]["task"] == jina
    for dialect in ("cohere", "vertex", "jina"):
        assert hands.write(request, dialect)[1] == ()


def test_a_purpose_without_a_word_gives_way_to_the_nearest_and_is_listed(hands: Hands) -> None:
    request = hands.asked("gemini", {"content": {"parts": [{"text": "a"}]}, "taskType": "QUESTION_ANSWERING"})
    body, dropped = hands.write(request, "voyage")
    assert (body["input_type"], dropped) == ("query", ("purpose",))
    same = hands.asked("gemini", {"content": {"parts": [{"text": "a"}]}, "taskType": "SEMANTIC_SIMILARITY"})
    assert hands.write(same, "jina") == ({"model": "up", "input": "a", "task": "text-matching"}, ())
    assert hands.write(same, "voyage") == ({"model": "up", "input": "a"}, ("purpose",))
    assert hands.write(same, "openai") == ({"model": "up", "input": "a"}, ("purpose",))


def test_cohere_is_always_told_an_input_type(hands: Hands) -> None:
    assert hands.write(openai(hands), "cohere")[0]["input_type"] == "search_document"
    lacking = hands.write(openai(hands, input_type="query"), "cohere", lacks=frozenset({"purpose"}))
    assert (lacking[0]["input_type"], lacking[1]) == ("search_document", ("purpose",))


@pytest.mark.parametrize(("cut", "flag"), [("NONE", False), ("END", True)])
def test_truncation_is_a_switch_where_only_the_end_can_be_cut(cut: str, flag: bool, hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"], "truncate": cut})
    assert hands.write(request, "voyage")[0]["truncation"] is flag
    assert hands.write(request, "jina")[0]["truncate"] is flag
    assert hands.write(request, "ollama")[0]["truncate"] is flag
    assert hands.write(request, "vertex")[0]["embedContentConfig"] == {"autoTruncate": flag}
    assert hands.write(request, "vertex_predict")[0]["parameters"] == {"autoTruncate": flag}
    assert hands.write(request, "openai")[1] == ("truncate",)
    assert hands.write(request, "gemini")[1] == ("truncate",)


def test_cutting_the_start_is_left_out_where_nobody_can(hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"], "truncate": "START"})
    body, dropped = hands.write(request, "voyage")
    assert "truncation" not in body
    assert dropped == ("truncate",)


def test_titles_stay_with_their_inputs(hands: Hands) -> None:
    one = {"content": {"parts": [{"text": "a"}]}, "title": "A"}
    request = hands.asked("gemini", {"requests": [one, {"content": {"parts": [{"text": "b"}]}}]})
    assert hands.write(request, "vertex_predict")[0]["instances"] == [{"content": "a", "title": "A"}, {"content": "b"}]
    assert hands.write(request, "cohere")[1] == ("titles",)


def test_tokens_go_only_to_who_may_know_them(hands: Hands) -> None:
    request = openai(hands, input=[[1, 2], [3]])
    assert request.inputs == (Tokens((1, 2)), Tokens((3,)))
    for dialect in CODECS:
        if dialect == "openai":
            continue
        refused = hands.refused(openai(hands, input=[1, 2]), dialect)
        assert (refused.feature, refused.message) == ("input", "takes text, not tokens"), dialect


def test_pictures_go_only_to_who_takes_them(hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "images": [PICTURE], "input_type": "image"})
    for dialect in ("openai", "voyage", "ollama", "vertex_predict"):
        assert hands.refused(request, dialect).message == "takes no images"
    assert hands.refused(request, "gemini", lacks=frozenset({"images"})).feature == "images"
    assert hands.write(request, "gemini") == (
        {
            "requests": [
                {
                    "content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "aGVsbG8="}}]},
                    "model": "models/up",
                }
            ]
        },
        ("input_type",),
    )
    assert hands.write(request, "jina")[0]["input"] == [{"image": "aGVsbG8="}]
    assert hands.write(request, "cohere_invoke", "cohere.embed-english-v3")[0] == {
        "images": [PICTURE],
        "input_type": "image",
    }


def test_a_picture_of_no_named_kind_is_known_by_how_it_begins(hands: Hands) -> None:
    request = hands.asked("titan", {"inputImage": "/9j/4AAQSkZJRg=="})
    assert hands.write(request, "cohere")[0]["images"] == ["data:image/jpeg;base64,/9j/4AAQSkZJRg=="]
    part = hands.write(request, "gemini")[0]["requests"][0]["content"]["parts"][0]
    assert part == {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AAQSkZJRg=="}}
    params = hands.write(request, "nova")[0]["singleEmbeddingParams"]
    assert params["image"] == {"format": "jpeg", "source": {"bytes": "/9j/4AAQSkZJRg=="}}


def test_a_picture_elsewhere_goes_only_to_who_fetches_it(hands: Hands) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    request = hands.asked("cohere", {"model": "m", "inputs": [{"content": [image]}]})
    assert hands.write(request, "jina")[0]["input"] == [{"image": "https://x.test/a.png"}]
    assert hands.refused(request, "nova").feature == "images"
    assert hands.refused(request, "titan", "amazon.titan-embed-image-v1").feature == "images"


def test_texts_with_pictures_become_mixed_inputs_of_cohere(hands: Hands) -> None:
    parts = [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "aGVsbG8="}}]
    request = hands.asked("gemini", {"requests": [{"content": {"parts": parts}}]})
    image = {"type": "image_url", "image_url": {"url": PICTURE}}
    assert hands.write(request, "cohere")[0]["inputs"] == [{"content": [{"type": "text", "text": "a"}, image]}]
    assert hands.refused(request, "jina").feature == "images"


def test_sound_is_refused_by_its_name(hands: Hands) -> None:
    parts = [{"inlineData": {"mimeType": "audio/mp3", "data": "aGVsbG8="}}]
    request = hands.asked("gemini", {"content": {"parts": parts}})
    assert hands.refused(request, "cohere").message == "takes no audio"
    assert (
        hands.refused(hands.asked("gemini", {"content": {"parts": [{"hologram": 1}]}}), "cohere").feature == "hologram"
    )


def test_a_size_of_vectors_that_the_model_cannot_give_is_never_left_out_in_silence(hands: Hands) -> None:
    for dialect in CODECS:
        refused = hands.refused(openai(hands, input="a", dimensions=8), dialect, lacks=frozenset({"dimensions"}))
        assert refused.feature == "dimensions"


@pytest.mark.parametrize(
    ("dialect", "known"), [("voyage", True), ("jina", False), ("gemini", False), ("openai", False)]
)
def test_vectors_of_less_precision_come_only_from_who_makes_them(dialect: Any, known: bool, hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"], "embedding_types": ["int8"]})
    if known:
        assert hands.write(request, dialect)[0]["output_dtype"] == "int8"
    else:
        assert hands.refused(request, dialect).message == "gives no int8 vectors"


def test_several_formats_come_only_from_cohere_but_numbers_make_base64(hands: Hands) -> None:
    both = hands.asked("cohere", {"model": "m", "texts": ["a"], "embedding_types": ["float", "int8"]})
    assert hands.refused(both, "voyage").feature == "formats"
    assert hands.write(both, "cohere_invoke")[0]["embedding_types"] == ["float", "int8"]
    same = hands.asked("cohere", {"model": "m", "texts": ["a"], "embedding_types": ["float", "base64"]})
    assert hands.write(same, "voyage")[0]["output_dtype"] == "float"
    assert "embedding_types" not in hands.write(same, "gemini")[0]


def test_coheres_bound_on_each_input_holds_on_bedrock_too(hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"], "max_tokens": 9, "priority": 1})
    body, dropped = hands.write(request, "cohere_invoke")
    assert (body["max_tokens"], dropped) == (9, ("priority",))
    assert hands.write(request, "voyage")[1] == ("max_tokens", "priority")


def test_a_use_that_is_not_known_is_listed(hands: Hands) -> None:
    one = {"content": {"parts": [{"text": "a"}]}, "taskType": "A_NEW_ONE"}
    request = hands.asked("gemini", {"requests": [one, one]})
    assert hands.write(request, "vertex") == (
        {"requests": [{"content": {"parts": [{"text": "a"}]}}] * 2},
        ("taskType",),
    )
    assert hands.write(request, "gemini")[0]["requests"] == [{**one, "model": "models/up"}] * 2


def test_what_nobody_else_can_do_is_refused_and_the_rest_is_listed(hands: Hands) -> None:
    chunks = hands.asked("jina", {"model": "m", "input": ["a"], "late_chunking": True})
    assert hands.refused(chunks, "openai").feature == "late_chunking"
    bits = hands.asked("titan", {"inputText": "a", "embeddingTypes": ["float", "binary"]})
    assert hands.refused(bits, "cohere").feature == "embeddingTypes"
    priority = hands.asked("cohere", {"model": "m", "texts": ["a"], "priority": 3, "max_tokens": None})
    assert hands.write(priority, "voyage")[1] == ("priority",)


# --- what cannot be read ---

WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("openai", {"model": "m"}, "input", "input is missing"),
    ("openai", {"input": "a", "model": 3}, "model", "model must be a string"),
    ("openai", {"model": "m", "input": []}, "input", "input must be a list that is not empty"),
    ("openai", {"model": "m", "input": ["a", 3]}, "input[1]", "input[1] must be all of one kind"),
    ("openai", {"model": "m", "input": [1, "a"]}, "input[1]", "input[1] must be all of one kind"),
    ("openai", {"model": "m", "input": [[1], ["x"]]}, "input[1][0]", "input[1][0] must be all of one kind"),
    ("openai", {"model": "m", "input": "a", "dimensions": "8"}, "dimensions", "dimensions must be a whole number"),
    ("jina", {"model": "m", "input": ["a", {"bytes": "x"}]}, "input[1]", "input[1] must be a string, or an object"),
    ("jina", {"model": "m", "input": "a", "truncate": 1}, "truncate", "truncate must be true or false"),
    ("cohere", {"model": "m"}, "texts", "texts must be a list that is not empty"),
    ("cohere", {"model": "m", "texts": ["a"], "images": ["b"]}, "images", "images must be left out"),
    ("cohere", {"model": "m", "texts": ["a", {}]}, "texts[1]", "texts[1] must be a string, not an object"),
    ("cohere", {"model": "m", "inputs": [{"content": [3]}]}, "inputs[0].content[0]", "inputs[0].content[0] must be"),
    ("cohere", {"model": "m", "texts": ["a"], "embedding_types": "float"}, "embedding_types", "embedding_types must"),
    ("titan", {"normalize": True}, "inputText", "inputText is missing"),
    (
        "titan",
        {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": "x"}},
        "embeddingConfig.outputEmbeddingLength",
        "embeddingConfig.outputEmbeddingLength must be a whole number",
    ),
    ("nova", {}, "taskType", "taskType is missing"),
    ("gemini", {}, "content", "content is missing"),
    ("gemini", {"requests": []}, "requests", "requests must not be empty"),
    ("gemini", {"requests": [{}]}, "requests[0].content", "requests[0].content is missing"),
    (
        "gemini",
        {"requests": [{"content": {"parts": [{"text": 3}]}}]},
        "requests[0].content.parts[0].text",
        "requests[0].content.parts[0].text must be a string, not a whole number",
    ),
    (
        "gemini",
        {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 1.5},
        "outputDimensionality",
        "outputDimensionality must be a whole number",
    ),
    ("vertex_predict", {"instances": [{}]}, "instances[0].content", "instances[0].content is missing"),
    (
        "vertex_predict",
        {"instances": [{"content": "a"}], "parameters": {"autoTruncate": 1}},
        "parameters.autoTruncate",
        "parameters.autoTruncate must be true or false",
    ),
]


@pytest.mark.parametrize(("dialect", "body", "param", "message"), WRONG)
def test_what_cannot_be_read_is_named(
    dialect: Any, body: dict[str, Any], param: str, message: str, hands: Hands
) -> None:
    wrong = hands.read(dialect, body)
    assert isinstance(wrong, Malformed), wrong
    assert (wrong.param, wrong.message[: len(message)]) == (param, message)


# --- where the path does not say ---


def test_bodies_of_invoke_model_tell_what_they_ask_for() -> None:
    assert invoked({"inputText": "a"}) == "titan"
    assert invoked({"inputText": "a", "textGenerationConfig": {}}) is None
    assert invoked({"texts": ["a"], "input_type": "search_query"}) == "cohere_invoke"
    assert invoked({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {}}) == "nova"
    assert invoked({"messages": [], "anthropic_version": "bedrock-2023-05-31"}) is None


def test_models_of_bedrock_and_vertex_tell_their_dialect() -> None:
    assert of_bedrock("us.cohere.embed-v4:0") == "cohere_invoke"
    assert of_bedrock("arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0") == "titan"
    assert of_bedrock("amazon.nova-2-multimodal-embeddings-v1:0") == "nova"
    assert of_bedrock("anthropic.claude-3-haiku-20240307-v1:0") is None
    assert of_vertex("gemini-embedding-001") == "vertex"
    assert of_vertex("text-embedding-005") == "vertex_predict"


def test_paths_quote_what_a_model_is_called(hands: Hands) -> None:
    request = hands.asked("titan", {"inputText": "a"})
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x"
    assert CODECS["titan"].path(request, arn) == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke"
    )
    assert CODECS["vertex"].path(request, "gemini-embedding-001") == "/models/gemini-embedding-001:embedContent"
    assert CODECS["gemini"].path(request, "models/x") == "/models/x:batchEmbedContents"
    assert CODECS["vertex_predict"].path(request, "text-embedding-005") == "/models/text-embedding-005:predict"
    assert {CODECS[each].path(request, "m") for each in ("openai", "voyage", "jina")} == {"/embeddings"}
    assert CODECS["cohere"].path(request, "m") == "/v2/embed"
    assert CODECS["ollama"].path(request, "m") == "/api/embed"
