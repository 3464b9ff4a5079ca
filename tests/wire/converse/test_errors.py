"""Errors in Bedrock's words."""

from __future__ import annotations

import json

import pytest

from headway.wire.converse.codec import CODEC
from headway.wire.converse.errors import error_type


def test_a_body_holds_the_message_alone():
    assert json.loads(CODEC.error_body("No.", 400, "bad_request", "messages")) == {"message": "No."}


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 408, 409, 413, 422, 424, 429, 499, 500, 501, 502, 503, 504, 529]
)
def test_every_status_has_an_exception_that_the_sdk_knows(status, service_model):
    names = {shape.name for shape in service_model.operation_model("Converse").error_shapes}
    assert error_type(status) in names


def test_exceptions_have_the_status_that_the_sdk_gives_them(service_model):
    for shape in service_model.operation_model("Converse").error_shapes:
        status = shape.metadata["error"]["httpStatusCode"]
        if shape.name != "ModelNotReadyException":  # too many requests as well, but not ours to say
            assert error_type(status) == shape.name
