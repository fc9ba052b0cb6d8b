"""What a bundle holds, as JSON Schemas made from the records themselves."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..boards.cards import Agent, Question, Task
from ..errors import InvalidBundle
from ..records import Fact, Item, Link, Trust, Usage

FORMAT = "routemem-bundle"
VERSION = 1
Schema = dict[str, Any]

#: Record -> fields that are worked out anew, or belong to the file it lay in.
LEFT_OUT = {
    Item: ("row", "digest"),
    Fact: ("row", "scope", "hides"),
    Task: ("waits_for",),
    Agent: (),
    Question: (),
    Usage: (),
    Link: (),
}
#: Kind of a line -> what it holds.
RECORDS: dict[str, type] = {
    "item": Item,
    "fact": Fact,
    "task": Task,
    "agent": Agent,
    "question": Question,
    "usage": Usage,
    "link": Link,
}
_NEEDED = {
    Item: ("id", "text", "created_at"),
    Fact: ("id", "key", "value", "valid_from", "recorded_at"),
    Task: ("id", "title"),
    Agent: ("id", "name"),
    Question: ("id", "text"),
    Usage: ("day", "model"),
    Link: ("derived", "source"),
}
#: What a field's type does not say of it.
_LIMITS: dict[str, Schema] = {
    **{name: {"minimum": 0} for name in ("copies", "tokens", "access_count", "calls", "cost")},
    "id": {"pattern": "^[a-z]{1,4}-[0-9a-z]{1,12}$"},
    "text": {"minLength": 1},
    "key": {"maxLength": 200},
    "priority": {"minimum": 0, "maximum": 10},
    "progress": {"minimum": 0, "maximum": 100},
    "confidence": {"minimum": 0, "maximum": 1},
    "day": {"pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
    "state": {"enum": ["active", "compressed", "archived"]},
}
#: Times are seconds UTC within the years 1 to 9999; other numbers are smaller.
FIRST, LAST = -62_135_596_800, 253_402_300_799
LARGEST = 1 << 53  # what every reader of JSON holds exactly
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
    float: {"type": "number", "minimum": FIRST, "maximum": LAST},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


def names_of(record: type) -> tuple[str, ...]:
    """Fields of a record that a bundle holds."""
    return tuple(spec.name for spec in fields(record) if spec.name not in LEFT_OUT[record])


def line_schema() -> Schema:
    """JSON Schema of one line of a bundle."""
    count = {"type": "integer", "minimum": 0}
    head = {
        "record": {"const": "head"},
        "format": {"const": FORMAT},
        "version": {"const": VERSION},
        "scope": {"type": "string"},
        "tag": {"type": "string"},
    }
    tail = {
        "record": {"const": "end"},
        "lines": count,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    }
    kinds = [_object(head), *(record_schema(name) for name in RECORDS), _object(tail)]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "oneOf": kinds}


def record_schema(name: str) -> Schema:
    """JSON Schema of a line that holds a record."""
    record = RECORDS[name]
    hints = get_type_hints(record)
    properties = {field: _of(hints[field]) | _LIMITS.get(field, {}) for field in names_of(record)}
    return _object({"record": {"const": name}, **properties}, ("record", *_NEEDED[record]))


def state_schema() -> Schema:
    """JSON Schema of the snapshot of a scope."""
    listed: dict[str, Schema] = {
        board: {"type": "array", "items": record_schema(name)}
        for board, name in (
            ("tasks", "task"), ("agents", "agent"), ("questions", "question"),
            ("usage", "usage"),
        )
    }  # fmt: skip
    # A bundle says of a fact who stated it; who reads the state is told what that is worth.
    fact = record_schema("fact")
    fact["properties"]["trust"] = _of(Trust)
    listed["facts"] = {"type": "array", "items": fact}
    counts = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
    about = {"scope": {"type": "string"}, "at": {"type": "string"}, "items": counts}
    numbers = {name: {"type": "integer", "minimum": 0} for name in ("tokens", "bytes", "waiting")}
    whole = _object({**about, **numbers, **listed})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def check_line(said: Any, number: int) -> None:
    """Refuse a line that is not as the schema says.

    Raises:
        InvalidBundle: naming the line and the field.
    """
    kind = said.get("record") if isinstance(said, dict) else None
    check = _checks().get(kind) if isinstance(kind, str) else None
    if check is None:
        raise InvalidBundle(f"line {number} is no known record ({str(kind)[:40]!r})")
    error = next(check.iter_errors(said), None)
    if error is not None:
        place = ".".join(map(str, error.path)) or "the line"
        raise InvalidBundle(f"line {number}, {place}: {error.message[:200]}")


@cache
def _checks() -> dict[str, Any]:
    from jsonschema import Draft202012Validator  # 150 ms: only when something is imported

    kinds = line_schema()["oneOf"]
    return {one["properties"]["record"]["const"]: Draft202012Validator(one) for one in kinds}


def _object(properties: Schema, required: tuple[str, ...] | None = None) -> Schema:
    needed = list(properties if required is None else required)
    return {
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }


def _of(hint: Any) -> Schema:
    """JSON Schema of a field's type."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        return {"type": "array", "items": _of(args[0])}
    if origin in (Union, UnionType):
        return {"anyOf": [_of(arg) for arg in args]}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object"}
    raise TypeError(f"no JSON Schema for {hint}")
