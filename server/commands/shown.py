"""How answers are printed: what was stored is read by a person and never obeyed by a terminal."""

import json
import re
import sys
from typing import Any

#: Controls but for tab and line feed, and the marks that turn the direction of a line.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    r"""The text for people: a control character stands there as ``\x1b`` or ``\u202e``.

    The line ends of Windows become plain ones.
    """
    return _CONTROL.sub(_escape, text.replace("\r\n", "\n"))


def as_json(value: Any) -> str:
    """The value as JSON, indented; readable, and with every control character escaped."""
    plain = json.dumps(value, ensure_ascii=False, indent=2)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)


def progress(done: int, total: int, what: str = "passages") -> None:
    """Say on stderr how far it is, when that is a terminal.

    Args:
        total: 0 when it is not known.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        end = "\n" if done >= total > 0 else "\r"
        of = f"/{total}" if total else ""
        print(f"{done}{of} {what}", end=end, file=sys.stderr, flush=True)


def step(said: str) -> None:
    """Say on stderr that a step is done, when that is a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"{said} …", file=sys.stderr, flush=True)


def _escape(found: "re.Match[str]") -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
