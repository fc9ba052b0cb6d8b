"""What a call that failed tells the model: a stable code, what was expected, what to do next."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp.server.mcpserver.exceptions import (
    ResourceError,
    ToolError,
    UnexpectedResourceError,
    UnexpectedToolError,
)
from mcp.types import Prompt
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from routemem.memory_core.errors import RoutememError

from .schemas import Schema

_MOST_LINES = 8


def unknown_tool(name: str, tools: Sequence[str]) -> str:
    """Say that there is no such tool, and which there are."""
    return f"not_found: There is no tool {_unknown([name], tools)}"


def wrong_prompt(name: str, given: Iterable[str], prompts: Mapping[str, Prompt]) -> str:
    """Say that there is no such prompt, or which arguments it lacks or has not; "" if all is well.

    Args:
        name: of the prompt that was asked for.
        given: names of the arguments that came.
        prompts: those there are, by name.
    """
    if name not in prompts:
        return f"not_found: There is no prompt {_unknown([name], list(prompts))}"
    arguments = prompts[name].arguments or []
    valid, given = [each.name for each in arguments], list(given)
    unknown = [each for each in given if each not in valid]
    told = [f"{name} has no argument {_unknown(unknown, valid)}"] if unknown else []
    missing = [each.name for each in arguments if each.required and each.name not in given]
    told += [f"{each}: Argument of {name} required. Valid: {', '.join(valid)}." for each in missing]
    return f"invalid_argument: {_lines(told)}" if told else ""


def wrong_value(error: BaseException | None) -> str:
    """Say which arguments of a prompt were not valid, a line each; "" if it failed otherwise."""
    while error is not None and not isinstance(error, ValidationError):
        error = error.__cause__
    if error is None:
        return ""
    found = error.errors(include_url=False, include_input=False)
    return f"invalid_argument: {_lines([_field(each, {}) for each in found])}"


def may_only_read(tool: str, offered: Sequence[str]) -> str:
    """Say that this caller's token does not let it change anything."""
    return (
        f"not_allowed: {tool} changes what is stored, and the token of this client may only read. "
        f"Use one of: {', '.join(offered)}."
    )


def wrong_at_sight(tool: str, arguments: dict[str, Any], schema: Schema) -> str:
    """Say what is wrong with arguments that pydantic would let pass; "" if nothing is.

    Args:
        tool: name of the tool.
        arguments: as they came; a null counts as absent.
        schema: the tool's published input schema.
    """
    valid, required = list(schema.get("properties", {})), schema.get("required", ())
    unknown = [key for key, value in arguments.items() if value is not None and key not in valid]
    told = [f"{tool} has no argument {_unknown(unknown, valid)}"] if unknown else []
    for key, value in arguments.items():
        if value is None and key in required:
            told.append(f"{key}: Input is required and cannot be null")
        if place := _not_finite(value, key):
            told.append(f"{place}: Input should be a finite number")
    return f"invalid_argument: {_lines(told)}" if told else ""


def root_cause(error: UnexpectedToolError) -> BaseException:
    """Return what the tool raised; the SDK wraps it, once more for each tool or resource within."""
    cause: BaseException = error
    while isinstance(cause, UnexpectedToolError | UnexpectedResourceError) and cause.__cause__:
        cause = cause.__cause__
    return cause


def crashed(tool: str, cause: BaseException) -> str:
    """Say that a tool failed in a way nobody foresaw, without the exception's text."""
    if isinstance(cause, RoutememError):
        return f"{cause.code}: {cause}"
    return (
        f"internal: {tool} failed with {type(cause).__name__} and may have done part of its work. "
        "The server's log names the place. Try once more, then tell the user."
    )


def refused(error: ToolError, schema: Schema) -> str:
    """Say what a tool refused, or which of its arguments were not valid, a line for each."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        found = cause.errors(include_url=False, include_input=False)
        return f"invalid_argument: {_lines([_field(each, schema) for each in found])}"
    if isinstance(cause, ToolError | ResourceError):
        return str(cause)  # without the SDK's "Error executing tool"
    return str(error)


def _unknown(names: Sequence[str], valid: Sequence[str]) -> str:
    """Quote names that are not known, each with the nearest that is, and all that are."""
    quoted = []
    for name in names[:_MOST_LINES]:
        near = difflib.get_close_matches(name[:80].lower(), valid, 1)
        quoted.append(f"'{_short(name)}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    return f"{', '.join(quoted)}. Valid: {', '.join(valid) or 'none'}."


def _not_finite(value: Any, place: str) -> str:
    """Find a NaN or an infinity (JSON has neither, our parser reads both); "" if there is none."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else _short(place)
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    inside = (_not_finite(child, f"{place}.{key}") for key, child in children)
    return next(filter(None, inside), "")


def _field(error: ErrorDetails, schema: Schema) -> str:
    place = _short(".".join(str(part) for part in error["loc"]))
    if error["type"] == "extra_forbidden":
        *path, name = error["loc"]
        return f"{place}: there is no {_unknown([str(name)], _properties(schema, path))}"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def _properties(schema: Schema, path: Sequence[int | str]) -> list[str]:
    for part in path:
        inside = schema.get("items") if isinstance(part, int) else schema.get("properties")
        schema = (inside if isinstance(part, int) else (inside or {}).get(part)) or {}
    return list(schema.get("properties", {}))


def _short(name: str) -> str:
    return name if len(name) <= 80 else name[:80] + "…"  # as long as the caller likes otherwise


def _lines(told: list[str]) -> str:
    more = len(told) - _MOST_LINES
    return "\n".join(told[:_MOST_LINES] + ([f"and {more} more"] if more > 0 else []))
