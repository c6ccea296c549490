"""Completes a service's OpenAPI document: what may go wrong on every route, in the form that all routes answer it."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from shared.health import CONTENT_TYPE_HEALTH
from shared.http import CONTENT_TYPE_PROBLEM

Json = dict[str, Any]

PROBLEM = "Problem"
_SCHEMA: Json = {
    "type": "object",
    "title": PROBLEM,
    "description": "Problem details (RFC 9457); each error points at its field.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status"],
}
ANY_PROBLEM: Json = {"$ref": f"#/components/schemas/{PROBLEM}"}
_OF_HEALTH = "/health/"
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")


def problem(description: str) -> Json:
    """Return an answer that is a problem."""
    return {"description": description, "content": {CONTENT_TYPE_PROBLEM: {"schema": ANY_PROBLEM}}}


def complete(app: FastAPI) -> Json:
    """Return the document of an app that has all its routes, completed in place."""
    document = app.openapi()
    _hoist(document)
    schemas = document["components"]["schemas"]
    for name in _OF_FASTAPI:
        schemas.pop(name, None)
    schemas[PROBLEM] = _SCHEMA
    for path, _, operation in operations(document):
        if path.startswith(_OF_HEALTH):
            _tell_health(operation)
        elif path.startswith("/v1"):
            _tell_problems(path, operation)
    return document


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Return each path, method and what the document says of it."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _tell_health(operation: Json) -> None:
    content = {CONTENT_TYPE_HEALTH: {"schema": {"type": "object"}}}
    operation["responses"] = {
        "200": {"description": "It is well.", "content": content},
        "503": {"description": "It is not; the reasons.", "content": content},
    }


def _tell_problems(path: str, operation: Json) -> None:
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):
        answers["422"] = problem("A parameter or the body is not valid; each error points at its field.")
    if "requestBody" in operation:
        answers.setdefault("400", problem("The body cannot be read."))
    if "{" in path:
        answers.setdefault("404", problem("There is no such thing."))
    answers.setdefault("503", problem("A dependency is away; try again."))


def _hoist(document: Json) -> None:
    """Move what schemas define for themselves to where the document's references can reach it."""
    components = document.setdefault("components", {}).setdefault("schemas", {})
    for node in list(_nodes(document["paths"])):
        for name, schema in node.pop("$defs", {}).items():
            components.setdefault(name, schema)
    for node in _nodes(document):
        reference = node.get("$ref")
        if isinstance(reference, str):
            node["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")


def _nodes(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _nodes(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _nodes(member)
