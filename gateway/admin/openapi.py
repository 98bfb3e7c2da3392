"""The admin API as OpenAPI 3.1, made from the table of its endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway import __version__
from gateway.admin.endpoint import PAGE_LIMIT, Endpoint
from gateway.identity.store import PAGE_MAX

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string", "description": "What is wrong, for people."},
        "code": {"type": "string", "description": "What is wrong, for programs."},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "message", "hint"],
                "properties": {name: {"type": "string"} for name in ("where", "message", "hint")},
            },
        },
    },
}
_REFUSALS = {
    400: "The request cannot be read",
    401: "No valid credential",
    403: "The credential does not permit this",
    404: "There is no such record, or not for this credential",
    409: "It cannot be done as things stand",
    412: "The record was changed since (If-Match)",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "A value cannot be used",
    429: "Too many wrong credentials from this address",
    503: "Identity cannot be read or written at the moment",
}


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document."""
    endpoints = tuple(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sealgate admin API", "version": __version__},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {**_schemas(endpoints), "Problem": _PROBLEM},
        },
    }


def _schemas(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    forms = {(e.form, "validation") for e in endpoints if e.form is not None}
    answers = {(e.answer, "serialization") for e in endpoints if e.answer is not None}
    models: list[Any] = sorted(forms | answers, key=lambda pair: pair[0].__name__)
    _, schema = models_json_schema(models, ref_template=_REF)
    found: dict[str, Any] = schema["$defs"]
    return found


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.action,
        "summary": endpoint.summary,
        "parameters": list(_parameters(endpoint)),
        "responses": _responses(endpoint),
    }
    if endpoint.permission:
        operation["description"] = f"Needs the permission `{endpoint.permission}`."
    if endpoint.form is not None:
        schema = {"$ref": _ref(endpoint.form)}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    text = {"type": "string"}
    for name in re.findall(r"{(\w+)}", endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": text}
    if endpoint.paged:
        number = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_LIMIT}
        yield {"name": "limit", "in": "query", "schema": number}
        yield {"name": "after", "in": "query", "schema": text}
    for name in (*endpoint.filters, *endpoint.queries):
        yield {"name": name, "in": "query", "schema": text}
    if endpoint.conditional:
        yield {"name": "If-Match", "in": "header", "schema": text}


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if endpoint.answer is not None:
        schema: dict[str, Any] = {"$ref": _ref(endpoint.answer)}
        if endpoint.paged:
            schema = {
                "type": "object",
                "required": ["items", "next"],
                "properties": {
                    "items": {"type": "array", "items": schema},
                    "next": {"type": ["string", "null"], "description": "The next `after`."},
                },
            }
        good["content"] = {"application/json": {"schema": schema}}
    problem = {"application/json": {"schema": {"$ref": _REF.format(model="Problem")}}}
    refusals = {
        str(status): {"description": text, "content": problem} for status, text in _REFUSALS.items()
    }
    return {str(endpoint.status): good, **refusals}


def _ref(model: type[BaseModel]) -> str:
    return _REF.format(model=model.__name__)
