"""The OpenAPI document of ``/api/v1``, made from the endpoints themselves."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from acpublish.server.answer import json_body
from acpublish.server.api.api_schemas import SCHEMAS
from acpublish.server.api.endpoints import API, Endpoint

_JSON = "application/json"
_BYTES = "application/octet-stream"
_DESCRIPTIONS = {200: "It was done.", 201: "It was created."}
#: The bodies that a request need not have.
_MAY_BE_MISSING = frozenset({"Reason"})
#: What a token allows, as a security scheme; which scope is needed is in the description.
_TOKEN = "token"  # noqa: S105


def documented(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Returns endpoints, with one more that returns the document about all of them."""

    async def openapi(_: Request) -> Response:
        """Returns this document."""
        return Response(body, media_type=_JSON)

    own = Endpoint(method="GET", path="/openapi.json", call=openapi, answer="OpenApi")
    every = (*endpoints, own)
    body = json_body(document(every))
    return every


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Returns the document as JSON types.

    Args:
        endpoints: All endpoints.
    """
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(API + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "acpublish", "version": version("acpublish")},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": endpoint.summary}
    if endpoint.scope:
        operation["description"] = f"Needs a token with the scope {endpoint.scope}."
        operation["security"] = [{_TOKEN: []}]
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in endpoint.parameters
    ]
    query = [
        {"name": name, "in": "query", "schema": dict(schema)}
        for name, schema in endpoint.query.items()
    ]
    if path or query:
        operation["parameters"] = path + query
    if endpoint.body:
        operation["requestBody"] = {
            "required": endpoint.body not in _MAY_BE_MISSING,
            "content": _content(endpoint.body),
        }
    operation["responses"] = {
        **{
            str(status): {
                "description": _DESCRIPTIONS[status],
                "content": _content(endpoint.answer),
            }
            for status in endpoint.statuses
        },
        "default": {"description": "It was refused, or failed.", "content": _content("Problem")},
    }
    return operation


def _content(name: str) -> dict[str, Any]:
    if name == "bytes":
        return {_BYTES: {"schema": {"type": "string", "format": "binary"}}}
    return {_JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
