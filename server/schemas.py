"""Tool schemas as they are published: only what a model needs, and only what every host reads."""

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")


def published_input(schema: Schema) -> Schema:
    """Shorten an input schema: no titles, no empty defaults, no references, no other arguments.

    Raises:
        ValueError: the schema is recursive, or not a plain object: hosts refuse such tools.
    """
    tidied = _portable(schema, lambda key, value: key == "default" and _is_empty(value))
    return tidied | {"additionalProperties": False}


def published_output(schema: Schema) -> Schema:
    """Shorten an output schema: no titles, defaults, descriptions or references.

    Raises:
        ValueError: the schema is recursive, or not a plain object: hosts refuse such tools.
    """
    return _portable(schema, lambda key, value: key in ("default", "description"))


def _portable(schema: Schema, is_noise: Callable[[str, Any], bool]) -> Schema:
    tidied = _tidy(schema, schema.get("$defs", {}), is_noise, ())
    if tidied.get("type") != "object" or {"anyOf", "oneOf", "allOf"} & tidied.keys():
        raise ValueError(f"A tool's schema must be one object, got {sorted(tidied)}.")
    return tidied


def _tidy(
    node: Schema, defs: Schema, is_noise: Callable[[str, Any], bool], inside: tuple[str, ...]
) -> Schema:
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        if name in inside:
            raise ValueError(f"A tool's schema must not be recursive, {name} contains itself.")
        node = {**defs[name], **{key: value for key, value in node.items() if key != "$ref"}}
        inside = (*inside, name)

    def below(child: Any) -> Any:
        return _tidy(child, defs, is_noise, inside) if isinstance(child, dict) else child

    tidied: Schema = {}
    for key, value in node.items():
        if key in ("title", "$defs") or is_noise(key, value):
            continue
        if key == "additionalProperties" and value is True:
            continue  # what a schema means anyway
        if key in _MAPS:
            value = {name: below(child) for name, child in value.items()}
        elif key in _LISTS:
            value = [below(child) for child in value]
        elif key in _SINGLE:
            value = below(value)
        tidied[key] = value
    return tidied


def _is_empty(value: Any) -> bool:
    # 0 equals False but says something; False, like "", says only that the argument is optional.
    return value is False or value is None or value in ("", [], {})
