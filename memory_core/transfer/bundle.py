"""A bundle: one scope as JSON Lines, with a head, an end, and a checksum over all of it.

The same scope gives the same bytes, wherever it lies: no line says when it was exported.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from ..course import ALONE, Course
from ..errors import InvalidBundle, Stopped
from .schema import FORMAT, VERSION, check_line

#: Longest line that is read, bytes: the largest memory there can be, escaped.
MAX_LINE = 1 << 29
#: Lines between two looks at whether to go on.
STRIDE = 256


class Writer:
    """Writes the lines of a bundle and their checksum."""

    def __init__(self, file: IO[bytes], scope: str, tag: str) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.lines = 0
        self.put(
            {"record": "head", "format": FORMAT, "version": VERSION, "scope": scope, "tag": tag}
        )

    def put(self, said: dict[str, Any]) -> None:
        """Write a line."""
        line = canonical(said)
        self._sum.update(line)
        self._file.write(line)
        self.lines += 1

    def end(self) -> str:
        """Write the last line; returns the checksum."""
        checksum = self._sum.hexdigest()
        self._file.write(canonical({"record": "end", "lines": self.lines, "sha256": checksum}))
        self._file.flush()
        return checksum


@dataclass(frozen=True, slots=True)
class Head:
    """Whose scope a bundle holds, the tag of its ids, and how many records there are."""

    scope: str
    tag: str
    records: int


def check(file: IO[bytes], course: Course = ALONE) -> Head:
    """Read a bundle from its beginning to its end without keeping it.

    Raises:
        InvalidBundle: it is torn, changed, of another program or of a newer version.
        Stopped: it was not read to its end.
    """
    lines = read(file)
    head = next(lines)
    records = 0
    for records, _ in enumerate(lines, 1):
        if not records % STRIDE and course.stopped():
            raise Stopped("Stopped while the bundle was checked. Nothing was changed.")
    return Head(head["scope"], head["tag"], records)


def read(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The lines of a bundle but for its end, each checked; the checksum is, after the last.

    Raises:
        InvalidBundle: it is torn, changed, of another program or of a newer version.
    """
    file.seek(0)
    checksum = hashlib.sha256()
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        said = _parsed(line, number)
        if number == 1:
            _check_head(said)
        check_line(said, number)
        if said["record"] == "end":
            if (said["lines"], said["sha256"]) != (number - 1, checksum.hexdigest()):
                raise InvalidBundle("its checksum does not fit: it was changed or lost lines")
            if file.readline(1):
                raise InvalidBundle("there is something after its end")
            return
        if (said["record"] == "head") != (number == 1):
            raise InvalidBundle(f"line {number} is a second head")
        checksum.update(line)
        yield said
    raise InvalidBundle("its end is missing: it was cut off" if number else "it is empty")


def canonical(said: dict[str, Any]) -> bytes:
    """A line in the one way it is written; unpaired surrogates, which no encoding has, escaped."""
    for ascii_only in (False, True):
        text = json.dumps(
            said, ensure_ascii=ascii_only, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:
            continue
    raise AssertionError("ASCII can always be encoded")


def _parsed(line: bytes, number: int) -> Any:
    if not line.endswith(b"\n"):
        raise InvalidBundle(f"line {number} is cut off")
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidBundle(f"line {number} is no JSON") from error


def _check_head(said: Any) -> None:
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise InvalidBundle("it is not one of ours")
    version = said.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InvalidBundle(
            f"it is of version {version}, this Routemem reads up to {VERSION}: upgrade"
        )
