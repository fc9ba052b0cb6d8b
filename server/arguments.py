"""Argument types that take what models really send, under schemas that ask for what is right.

None of them changes the published schema. Numbers and booleans need no type of their own (pydantic
reads ``"7"`` and ``"true"``), and a null never gets here: the surface drops it.

A text argument is annotated exactly ``str`` (``Annotated[str, Field(…)]`` is fine): a string given
for a parameter of any other type is parsed as JSON by the SDK first, and stored text may well be
JSON.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

# Branches of a single type each: a `type` that is a list, or none at all, is refused by hosts that
# map schemas to a smaller dialect.
_SCALAR_OR_OBJECT = [{"type": name} for name in ("string", "number", "boolean", "object")]
# Items that say nothing are refused too; a list of lists is taken all the same.
_ANY_JSON = {
    "anyOf": [*_SCALAR_OR_OBJECT, {"type": "array", "items": {"anyOf": _SCALAR_OR_OBJECT}}]
}


def _from_json(value: Any) -> Any:
    """Parse a string that is a JSON list, object, string or null; leave the rest as it is."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{", '"', "null")):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass
    return value


def one_or_many(value: Any) -> Any:
    """Make a list of what was meant as one: JSON text, ``"a, b"``, a single value, nothing."""
    value = _from_json(value)
    if isinstance(value, str):
        value = [part.strip().strip("\"'") for part in value.split(",")]
    many = value if isinstance(value, list) else [value]
    trimmed = [each.strip() if isinstance(each, str) else each for each in many]
    return [each for each in trimmed if each not in (None, "")]


def _objects(value: Any) -> Any:
    value = _from_json(value)
    many = value if isinstance(value, list) else [] if value in (None, "") else [value]
    parsed = map(_from_json, many)
    return [
        {key: field for key, field in each.items() if field is not None}
        if isinstance(each, dict)
        else each
        for each in parsed
    ]


def _name(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _lower(value: Any) -> Any:
    return value.strip(" \t\n\"'").lower() if isinstance(value, str) else value


def _object(value: Any) -> Any:
    return {} if value == "" else value


def _as_is(value: Any) -> Any:
    return value


LEFT: Any = None
"""Default of an argument that changes nothing when it is left out: ``pinned: bool = LEFT``."""

AnyCase = BeforeValidator(_lower)
"""For a ``Literal`` of lower-case words: ``Annotated[Literal["note", "turn"], AnyCase]``."""

OneOrMany = BeforeValidator(one_or_many)
"""For a list of words: ``Annotated[list[Kind], OneOrMany]``."""

AnyJson = PlainValidator(_as_is)
"""For an argument annotated ``str`` with a schema of its own: whatever comes is handed over."""

Objects = BeforeValidator(_objects)
"""For a list of models: takes one object, JSON text, and objects whose fields are null."""

Names = Annotated[list[Annotated[str, BeforeValidator(_name)]], OneOrMany]
"""Tags, ids, keys: ``"a"``, ``"a, b"``, ``'["a"]'``, ``["a", 12]`` and ``""`` are taken."""

JsonObject = Annotated[dict[str, Any], BeforeValidator(_object)]
"""A free-form object; JSON text of one is taken, and ``""`` is the empty one."""

if TYPE_CHECKING:
    from pydantic import JsonValue as JsonValue
else:
    # Annotated as exactly `str` so that the SDK hands strings over unparsed; the plain validator
    # then takes every type. A string that looks like JSON stays a string.
    JsonValue = Annotated[str, PlainValidator(_as_is), WithJsonSchema(_ANY_JSON)]
"""Any JSON value but null (the surface refuses that), keeping its type."""
