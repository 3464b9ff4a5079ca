"""Answers that are structs and go out as msgspec writes them: how the description tells of them."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.responses import Response

REFERENCE = "#/components/schemas/{name}"
"""Of a shape in the description."""
_PROBLEM = {"application/json": {"schema": {"$ref": REFERENCE.format(name="Problem")}}}
_ANYWHERE = {
    "401": "It is not known who asks.",
    "403": "Whoever asks may not do this.",
    "413": "What was sent is too large.",
    "503": "The database does not answer.",
}
"""What any page may answer instead."""
_FOREIGN = "HTTPValidationError"
"""FastAPI's own form of a complaint, which is not ours."""
_encode = msgspec.json.Encoder().encode


def of_now(answer: msgspec.Struct) -> Response:
    """It holds for a moment."""
    return Response(_encode(answer), media_type="application/json", headers={"cache-control": "no-store"})


def told_as(kind: type[msgspec.Struct], about: str) -> dict[int | str, dict[str, Any]]:
    """What a route says of its answer."""
    schema = {"$ref": REFERENCE.format(name=kind.__name__)}
    return {200: {"description": about, "content": {"application/json": {"schema": schema}}}}


class DescribedApp(FastAPI):
    """Knows the structs that its routes answer with, and describes them like its other shapes."""

    structs: tuple[type[msgspec.Struct], ...] = ()

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        for operations in described["paths"].values():
            for operation in operations.values():
                for status, about in _ANYWHERE.items():
                    operation["responses"].setdefault(status, {"description": about, "content": _PROBLEM})
                if _FOREIGN in str(operation["responses"].get("422")):
                    operation["responses"]["422"] = {
                        "description": "What is asked for makes no sense.",
                        "content": _PROBLEM,
                    }
        _, shapes = msgspec.json.schema_components(self.structs, ref_template=REFERENCE)
        described.setdefault("components", {}).setdefault("schemas", {}).update(shapes)
        return described
