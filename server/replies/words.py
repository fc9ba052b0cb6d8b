"""Words and forms that all answers share."""

import json
import re
import secrets
from typing import Any

from routemem.memory_core.text.times import iso

#: Tokens kept free for everything around the hits: heading, hints, cursor, JSON frame.
FRAME = 52
#: Every character that some reader takes for the end of a line.
_LINE_END = re.compile("(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])")


def new_mark() -> str:
    """A mark for the texts from outside in one answer: nobody who wrote one could know it."""
    return secrets.token_hex(4)


def minute(at: float) -> str:
    """Day and minute; the day alone at midnight, which is how a date without a time is kept."""
    return iso(at)[:16]


def second(at: float) -> str:
    """Day and time to the second."""
    return iso(float(int(at)))


def indented(text: str) -> str:
    """A text whose further lines are indented: none can pass for a line of ours."""
    return _LINE_END.sub(r"\1  ", text)


def counted(n: int, one: str, many: str = "") -> str:
    """``1 fact``, ``2 facts``."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"


def as_json(value: Any) -> str:
    """Compact JSON, as a program gets it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
