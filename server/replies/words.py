"""Words and forms that all answers share."""

import json
import secrets
from typing import Any

from routemem.memory_core.text.times import iso

#: Tokens kept free for everything around the hits: heading, hints, cursor, JSON frame.
FRAME = 52


def new_mark() -> str:
    """A mark for the texts from outside in one answer: nobody who wrote one could know it."""
    return secrets.token_hex(4)


def second(at: float) -> str:
    """Day and time to the second."""
    return iso(float(int(at)))


def counted(n: int, one: str, many: str = "") -> str:
    """``1 fact``, ``2 facts``."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"


def as_json(value: Any) -> str:
    """Compact JSON, as a program gets it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
