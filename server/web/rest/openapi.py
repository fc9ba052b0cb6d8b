"""The OpenAPI document of the REST routes, made from their table and the tools' own schemas."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from ...schemas import Schema, published_output
from .answering import STATUS
from .table import BASE, ENDPOINTS, Endpoint

_ERROR: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error", "message"],
}
_SCOPE: Schema = {"type": "object", "properties": {"scope": {"type": "string"}}}


def document(tools: dict[str, Schema], version: str) -> Schema:
    """An OpenAPI 3.1 document.

    Args:
        tools: name of each tool that may be called -> schema of its arguments. Routes of others
            are left out.
        version: of the server.
    """
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        if tools.keys() >= {*endpoint.needs} and (endpoint.view or endpoint.tool in tools):
            arguments = _SCOPE if endpoint.view else tools[endpoint.tool]
            operation = _operation(endpoint, arguments)
            paths.setdefault(BASE + endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Routemem memory", "version": version},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR, **{out.__name__: _answer(out) for out in _OUTS}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


#: Every status of a refusal: of the tools, of their arguments, of the guard; and what it says.
_REFUSED = {
    status: HTTPStatus(status).phrase
    for status in sorted({*STATUS.values(), 401, 403, 408, 413, 421, 429, 500, 503})
}
_OUTS = {endpoint.out for endpoint in ENDPOINTS if endpoint.out}


def _operation(endpoint: Endpoint, arguments: Schema) -> Schema:
    known = _ref(endpoint.out.__name__) if endpoint.out else {"type": "object"}
    names = ", ".join(f"`{other}` for `{ours}`" for other, ours in endpoint.earlier.items())
    operation: Schema = {
        "operationId": f"{endpoint.method.lower()}{endpoint.path.translate(_PLAIN)}",
        "summary": endpoint.told,
        **({"description": f"Also taken: {names}."} if names else {}),
        "responses": {
            "200": _response("Done.", known),
            **{str(status): _response(told, _ref("Error")) for status, told in _REFUSED.items()},
        },
    }
    needed = arguments.get("required", ())
    if endpoint.method == "POST":
        body = {"required": bool(needed), "content": {"application/json": {"schema": arguments}}}
        return operation | {"requestBody": body}
    parameters = [
        {"name": name, "in": "query", "required": name in needed, "schema": schema}
        for name, schema in arguments["properties"].items()
    ]
    if "{id}" in endpoint.path:
        in_path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        parameters.insert(0, in_path)
    return operation | {"parameters": parameters}


_PLAIN = str.maketrans({"/": "_", "{": None, "}": None})


def _answer(out: type[BaseModel]) -> Schema:
    return published_output(out.model_json_schema(mode="serialization"))


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _response(told: str, schema: Schema) -> Schema:
    return {"description": told, "content": {"application/json": {"schema": schema}}}
