"""The table of language models: the one in the package, and a file of the user's own over it."""

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .errors import InvalidArgument
from .lifecycle.models import Models, parse


def load_models(own: str = "") -> Models:
    """The models of the package, with those of a file laid over them field by field.

    Args:
        own: path of a JSON file of the same form; "" for none.

    Raises:
        InvalidArgument: the file cannot be read, or says something that cannot be.
    """
    if not own:
        return _plain()
    path = Path(own).expanduser()
    return _laid_over(path, _changed(path))


@cache
def _plain() -> Models:
    return parse(shipped())


@lru_cache(maxsize=4)
def _laid_over(path: Path, changed: int) -> Models:
    return parse(shipped(), _own(path))


def _changed(path: Path) -> int:
    """When the file was changed: every write asks for the table, and reads it only once."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def shipped() -> Mapping[str, Any]:
    """The table of the package, as it stands in its file."""
    file = files("routemem.memory_core").joinpath("models.json")
    said: Mapping[str, Any] = json.loads(file.read_bytes())
    return said


def _own(path: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"The models file {path.name} cannot be read: {error}.") from error
    if not isinstance(said, dict):
        raise InvalidArgument(f"The models file {path.name} holds no JSON object.")
    return said
