r"""TOML: read it, and set one server's table without touching the rest.

Pure text in and out, with ``\n`` as the line end. The text is cut into logical lines (a multi-line
string or array stays in one piece), so a line that looks like a header inside a string is none.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routemem.memory_core.errors import InvalidArgument

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*+"'
    r"|'[^'\n]*+'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]"
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(slots=True)
class _Section:
    """A header's path (empty for the part above the first header) and its logical lines."""

    path: tuple[str, ...]
    lines: list[str]

    def end(self) -> int:
        """Where its content ends: blank lines and comments after that belong to what follows."""
        filled = [at for at, line in enumerate(self.lines) if _is_content(line)]
        return filled[-1] + 1 if filled else 0


def parse(text: str) -> dict[str, Any]:
    """The document as values; floats stay text, so that equal documents compare equal (nan too).

    Raises:
        InvalidArgument: not TOML.
    """
    try:
        return tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"it is not valid TOML ({error})") from error


def set_table(text: str, path: Sequence[str], entry: Mapping[str, Any]) -> str:
    """Set the keys of one table; a new table comes at the end of the text.

    Other keys of the table, comments and every other table stay as they are. A value that is
    itself a mapping goes to where the table has it, or to a sub-table ``[path.key]``.

    Args:
        text: a document that ``parse`` accepts.
        path: the table's name.
        entry: strings, lists of strings and mappings of strings.
    """
    sections = _sections(text)
    main = _section(sections, path)
    if main is None:
        _end_line(sections)
        gap = ["\n"] if text.strip() else []
        main = _Section(tuple(path), [*gap, f"[{_dotted(path)}]\n"])
        sections.append(main)
    for key, value in entry.items():
        if not isinstance(value, Mapping):
            _assign(main, key, value)
        elif value:
            _assign_mapping(sections, main, key, value)
    return "".join(line for section in sections for line in section.lines)


def drop_table(text: str, path: Sequence[str]) -> str:
    """Take a table and its sub-tables out. Comments that stand before the next header stay."""
    kept = []
    for section in _sections(text):
        inside = section.path[: len(path)] == tuple(path)
        kept += section.lines[section.end() :] if inside else section.lines
    return "".join(kept)


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _lines(text: str) -> list[str]:
    lines, start, depth = [], 0, 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        if token[0] == "\n" and depth == 0:
            lines.append(text[start : token.end()])
            start = token.end()
    return [*lines, text[start:]] if start < len(text) else lines


def _sections(text: str) -> list[_Section]:
    sections = [_Section((), [])]
    for line in _lines(text):
        if line.lstrip().startswith("["):
            sections.append(_Section(_header(line), []))
        sections[-1].lines.append(line)
    return sections


def _header(line: str) -> tuple[str, ...]:
    """The path of ``[a.b]`` or ``[[a.b]]``, read by the parser itself."""
    path, table = [], tomllib.loads(line)
    while table:
        key, inner = next(iter(table.items()))
        path.append(key)
        table = inner[0] if isinstance(inner, list) else inner
    return tuple(path)


def _section(sections: list[_Section], path: Sequence[str]) -> _Section | None:
    return next((section for section in sections if section.path == tuple(path)), None)


def _end_line(sections: list[_Section]) -> None:
    """See that the last line is ended before something comes after it."""
    for section in reversed(sections):
        if section.lines:
            section.lines[-1] = section.lines[-1].rstrip("\n") + "\n"
            return


def _found(section: _Section, key: str) -> list[int]:
    """The lines of a section that set a key, also as ``key.inner = …``."""
    return [
        at
        for at, line in enumerate(section.lines)
        if not line.lstrip().startswith("[") and key in tomllib.loads(line)
    ]


def _assign(section: _Section, key: str, value: Any) -> None:
    found = _found(section, key)
    if not found:
        _end_line([section])
        section.lines.insert(section.end(), f"{_key(key)} = {_value(value)}\n")
    elif tomllib.loads(section.lines[found[0]]) != {key: value}:
        section.lines[found[0]] = _reassigned(section.lines[found[0]], key, value)


def _reassigned(line: str, key: str, value: Any) -> str:
    """The line with another value; its indentation and a comment at its end stay."""
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    comments = [token[0].rstrip() for token in _TOKEN.finditer(line) if token[0][0] == "#"]
    comment = f"  {comments[-1]}" if comments and "\n" not in line.strip() else ""
    return f"{indent}{_key(key)} = {_value(value)}{comment}\n"


def _assign_mapping(
    sections: list[_Section], main: _Section, key: str, value: Mapping[str, str]
) -> None:
    table = _section(sections, (*main.path, key))
    found = _found(main, key)
    if table is not None:
        for inner, item in value.items():
            _assign(table, inner, item)
    elif found:
        old: dict[str, Any] = {}
        for at in found:
            old |= tomllib.loads(main.lines[at])[key]
        if any(old.get(inner) != item for inner, item in value.items()):
            main.lines[found[0]] = _reassigned(main.lines[found[0]], key, {**old, **value})
            for at in reversed(found[1:]):
                del main.lines[at]
    else:
        _end_line([main])
        tail = main.lines[main.end() :]
        del main.lines[main.end() :]
        lines = [f"{_key(inner)} = {_value(item)}\n" for inner, item in value.items()]
        header = ["\n", f"[{_dotted((*main.path, key))}]\n"]
        after = sections.index(main) + 1
        sections.insert(after, _Section((*main.path, key), [*header, *lines, *tail]))


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _dotted(path: Sequence[str]) -> str:
    return ".".join(_key(key) for key in path)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # JSON's escapes are a subset of TOML's, but TOML wants DEL escaped too.
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
