"""The description of a generation: one JSON object on disk, with a checksum of its own."""

import json
import zlib
from pathlib import Path
from typing import Any

META = "meta.json"


def described(place: Path) -> dict[str, Any]:
    """The description of a generation folder, as `encoded` was given it.

    Raises:
        ValueError: it is not as it was written.
        OSError: there is none.
    """
    content = json.loads((place / META).read_bytes())
    if not isinstance(content, dict) or not isinstance(content.get("said"), dict):
        raise ValueError(f"{META} is no description")
    said: dict[str, Any] = content["said"]
    if content.get("crc32") != _sum(said):
        raise ValueError(f"{META} is not as it was written")
    return said


def encoded(said: dict[str, Any]) -> bytes:
    """A description as it lies on disk."""
    return json.dumps({"crc32": _sum(said), "said": said}).encode()


def _sum(said: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(said, sort_keys=True).encode())
