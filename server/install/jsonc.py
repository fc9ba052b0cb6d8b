r"""JSON with comments and trailing commas: read it, and set one value without touching the rest.

Pure text in and out, with ``\n`` as the line end. Comments and trailing commas are blanked out in
place, so that the strict parser can read the rest and every offset still holds for the original.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from routemem.memory_core.errors import Conflict, InvalidArgument

_STRING = r'"(?:[^"\\\r\n]|\\.)*+"'
_COMMENT = re.compile(rf"{_STRING}|//[^\r\n]*|/\*[\s\S]*?\*/")
_TRAILING_COMMA = re.compile(rf"{_STRING}|,(?=[ \t\r\n]*[}}\]])")
_TOKEN = re.compile(rf"{_STRING}|[\[{{]|[\]}}]|[^\s,:\[\]{{}}\"]+")
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"^[ \t]+(?=\S)", re.M)


@dataclass(frozen=True, slots=True)
class _Member:
    """One ``key: value`` of an object; offsets of the key, of the value and of the value's end."""

    key: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Object:
    """An object's members and the offsets of its braces."""

    open: int
    close: int
    members: tuple[_Member, ...]


def parse(text: str) -> dict[str, Any]:
    """The document as values. A text without any value counts as an empty object.

    Raises:
        InvalidArgument: not JSON (with comments), or not an object at the top.
    """
    strict = _strict(_without_comments(text))
    if not strict.strip(" \t\r\n"):
        return {}
    try:
        document = json.loads(strict, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"it is not valid JSON ({error})") from error
    if not isinstance(document, dict):
        raise InvalidArgument(f"it holds a {type(document).__name__}, expected an object")
    return document


def set_value(text: str, path: Sequence[str], value: Any) -> str:
    """Set the value at a path of keys; missing objects on the way are made.

    Comments, other members, their order and the indentation stay as they are. A new member comes
    last. Of a key that occurs twice the last one counts, as for every client.

    Args:
        text: a document that ``parse`` accepts.
        path: at least one key.
        value: what ``json.dumps`` accepts.

    Raises:
        Conflict: a key on the way holds something else than an object.
    """
    bare = _without_comments(text)
    strict = _strict(bare)
    if not strict.strip(" \t\r\n"):
        head = text.rstrip()
        fresh = _render(_nested(path, value), "", _unit(strict)) + "\n"
        return f"{head}\n{fresh}" if head else fresh
    at = strict.index("{")
    for depth, key in enumerate(path):
        rest = path[depth + 1 :]
        obj = _object(strict, at)
        found = next((member for member in reversed(obj.members) if member.key == key), None)
        if found is None:
            return _insert(text, bare, obj, key, _nested(rest, value))
        if not rest:
            return _replace(text, obj, found, value)
        if strict[found.value] != "{":
            raise Conflict(f"{'.'.join(path[: depth + 1])} in it is not an object")
        at = found.value
    raise InvalidArgument("path must have at least one key, got none")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _blank(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else re.sub(r"[^\r\n]", " ", found)


def _without_comments(text: str) -> str:
    return _COMMENT.sub(_blank, text)


def _strict(bare: str) -> str:
    return _TRAILING_COMMA.sub(_blank, bare)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # the pattern matches the empty text too
    return found.end()


def _value_end(strict: str, at: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(strict, at):
        depth += (token[0] in ("{", "[")) - (token[0] in ("}", "]"))
        if depth == 0:
            return token.end()
    raise AssertionError("the text was parsed before, so every value ends")


def _object(strict: str, at: int) -> _Object:
    opening, members = at, []
    at = _skip(strict, at + 1)
    while strict[at] != "}":
        key_end = _value_end(strict, at)
        value = _skip(strict, _skip(strict, key_end) + 1)
        end = _value_end(strict, value)
        members.append(_Member(json.loads(strict[at:key_end]), at, value, end))
        at = _skip(strict, end)
        if strict[at] == ",":
            at = _skip(strict, at + 1)
    return _Object(opening, at, tuple(members))


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _unit(text: str) -> str:
    """One step of indentation, taken from the first indented line."""
    found = _INDENT.search(text)
    return found[0] if found else "  "


def _indent(text: str, at: int) -> str:
    """The white space at the start of the line that holds an offset."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _is_first_on_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t")


def _render(value: Any, indent: str, unit: str) -> str:
    """A value over several lines; lists stay on one, as people write arguments."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + unit
    lines = (
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_render(item, inner, unit)}"
        for key, item in value.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _on_one_line(text: str, obj: _Object) -> bool:
    """Whether the object was written on one line and should stay so."""
    if "\n" in text[obj.open : obj.close]:
        return False
    return bool(obj.members) or (obj.open > 0 and "\n" not in text.strip())


def _compact(text: str, obj: _Object, value: Any) -> str:
    space = " " if not obj.members or text[obj.members[-1].value - 1] == " " else ""
    return json.dumps(value, ensure_ascii=False, separators=(f",{space}", f":{space}"))


def _replace(text: str, obj: _Object, member: _Member, value: Any) -> str:
    if _on_one_line(text, obj):
        new = _compact(text, obj, value)
    else:
        new = _render(value, _indent(text, member.start), _unit(_without_comments(text)))
    return text[: member.value] + new + text[member.end :]


def _insert(text: str, bare: str, obj: _Object, key: str, value: Any) -> str:
    """Add a member at the end of an object, after the comments that follow its last one."""
    last = obj.members[-1].end if obj.members else obj.open + 1
    comma = "," if obj.members and "," not in bare[last : obj.close] else ""
    tail = last + len(text[last : obj.close].rstrip(" \t\r\n"))
    head = text[:last] + comma + text[last:tail]
    if _on_one_line(text, obj):
        piece = _compact(text, obj, {key: value})[1:-1]
        space = " " if obj.members and text[obj.members[-1].value - 1] == " " else ""
        return head + space + piece + text[tail:]
    unit, here = _unit(bare), _indent(text, obj.open)
    first = obj.members[0].start if obj.members else None
    own_line = first is not None and _is_first_on_line(text, first)
    inner = _indent(text, first) if first is not None and own_line else here + unit
    piece = f"\n{inner}{json.dumps(key, ensure_ascii=False)}: {_render(value, inner, unit)}"
    gap = text[tail : obj.close]
    return head + piece + (gap if "\n" in gap else f"\n{here}") + text[obj.close :]
