"""The OpenAPI document: one problem for all errors, and the features of the published contract."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ml.serving.http import contract
from ml.serving.http.clients import KEY_HEADER
from ml.serving.http.problems import MEDIA_TYPE, Problem
from ml.serving.published_rows import PublishedRows

_REF = "#/components/schemas/{model}"
_PROBLEM = {"$ref": "#/components/responses/Problem"}
_ENTITIES = {"/v1/projects/success": "project", "/v1/milestones/risk": "milestone"}
_LIMITED = ("401", "422", "429", "503")
_HEADERS = {
    "RateLimit-Policy": "Predictions (q) in any so many seconds (w)",
    "RateLimit": "Predictions left (r), and seconds (t) until there is room for more",
}
_ABOUT = """
Answers for live projects and open milestones are the rows of the published warehouse, to the bit.
Each costs one of the client's predictions a minute; features given in a body cost one a row.
Every error is `application/problem+json` (RFC 9457).
"""


def build(app: FastAPI, published: PublishedRows | None) -> dict[str, Any]:
    """Returns the document.

    Args:
        app: The application.
        published: What is published; without it the features are not known yet.
    """
    document = get_openapi(
        title="Escrow Milestone Analytics", version="1", description=_ABOUT, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _declare(schemas, [Problem])
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    document["components"] |= {
        "responses": {"Problem": {"description": "Why there is no answer", "content": problem}},
        "headers": headers,
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": KEY_HEADER}},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _finish(path, method, operation)
    for path, entity in _ENTITIES.items():
        schema = _rows(schemas, entity, published)
        document["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return document


def _finish(path: str, method: str, operation: dict[str, Any]) -> None:
    """Adds to an operation what it may answer beside success."""
    responses = operation["responses"]
    responses.pop("422", None)
    if path.startswith("/v1/"):
        operation["security"] = [{}, {"key": []}]
        responses["200"]["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS
        }
        one = ("404", "409") if "{" in path else ()
        given = ("408", "413", "415") if method == "post" else ()
        responses |= dict.fromkeys((*one, *given, *_LIMITED), _PROBLEM)
    elif path == "/readyz":
        responses["503"] = _PROBLEM
    elif path == "/metrics":
        responses["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}


def _rows(schemas: dict[str, Any], entity: str, published: PublishedRows | None) -> dict[str, Any]:
    features = published.features.get(entity) if published else None
    if not features:
        return {"type": "object"}
    model = contract.shape(entity, features)
    _declare(schemas, [model])
    return {"$ref": _REF.format(model=model.__name__)}


def _declare(schemas: dict[str, Any], models: list[type[BaseModel]]) -> None:
    found = models_json_schema([(each, "validation") for each in models], ref_template=_REF)
    schemas |= found[1]["$defs"]
