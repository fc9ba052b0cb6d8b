"""What is forgotten is taken out of the exports in the data folder, too.

A bundle is written anew without those lines, under its name and with its new checksum. Exports that
were written to other places are their owner's.
"""

import json
import logging
import mmap
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidBundle, WriteTimeout
from ..records import Erasure
from ..storage.lock import WriterLock
from .bundle import Writer, check, read
from .files import ENDING
from .schema import FORMAT

log = logging.getLogger("routemem")

FOLDER = "exports"
#: Seconds for which a bundle without an end is taken for one that is being written.
UNDER_WAY = 600.0
#: Longest wait for another erasure before this one is put off, seconds.
PATIENCE = 2.0
PART = ".part"
#: Refs up to which a file is searched for each of them before its lines are read.
FEW = 16
#: Bytes at a bundle's end that its last line is within.
TAIL = 512


def erase_from_exports(folder: Path, scope: str, erased: Sequence[tuple[str, str]]) -> Erasure:
    """Take out of a data folder's exports what was erased from a scope.

    A bundle that cannot be read, damaged or of a newer version, is left as it is: it may be all
    that somebody has. `unreadable_in` names it.

    Args:
        folder: the data folder.
        erased: id or key, and its kind. A scope that was emptied keeps its exports: they may have
            been made for that.

    Returns:
        Not done when one is being written at this moment, another process erases, or one cannot be
        changed: try again later.
    """
    refs = {ref for ref, kind in erased if kind not in ("all", "held")}  # nothing held is in one
    if not refs or not (folder / FOLDER).is_dir():
        return Erasure(True)
    done = True
    left_in: list[str] = []
    try:
        with WriterLock(folder / FOLDER, PATIENCE):
            for path in _files(folder, f".*{ENDING}.*{PART}"):  # by a process that was killed
                _tried(path, lambda path: path.unlink(missing_ok=True), left_in)
            for path in _exports(folder):
                done &= _tried(path, lambda path: _handled(path, scope, refs), left_in) is not False
    except WriteTimeout:
        return Erasure(False)
    return Erasure(done and not left_in, tuple(left_in))


def _tried(path: Path, step: Callable[[Path], bool | None], left_in: list[str]) -> bool | None:
    """Do something to a file; what the system refuses is noted by the file's name."""
    try:
        return step(path)
    except FileNotFoundError:  # its owner was faster
        return None
    except OSError as error:
        log.warning("the export %s cannot be changed: %s", path.name, error.strerror)
        left_in.append(path.name)
        return None


def _exports(folder: Path) -> list[Path]:
    return _files(folder, f"*{ENDING}")


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(path for path in (folder / FOLDER).rglob(pattern) if path.is_file())
    except FileNotFoundError:  # removed while it was read
        return []


def _handled(path: Path, scope: str, refs: set[str]) -> bool:
    """Erase from one file; False while it is being written."""
    try:
        if _scope_of(path) == scope and _may_hold(path, refs):
            _erase_from(path, scope, refs)
    except InvalidBundle as error:
        if time.time() - path.stat().st_mtime < UNDER_WAY:
            return False
        log.warning("nothing could be erased from the export %s: %s", path.name, error.code)
    return True


def unreadable_in(folder: Path) -> list[str]:
    """Names of a data folder's exports that nothing can be erased from."""
    names = []
    for path in _exports(folder):
        try:
            if _scope_of(path):
                with path.open("rb") as file:
                    check(file)
        except FileNotFoundError:  # its owner was faster
            continue
        except (InvalidBundle, OSError):
            names.append(path.name)
    return names


def _scope_of(path: Path) -> str:
    """The scope a bundle says it holds; "" for a file that is none of ours."""
    with path.open("rb") as file:
        line = file.readline(1 << 16)
    if not line:  # an export that was begun a moment ago lies in its writer's buffer
        raise InvalidBundle("it is empty")
    try:
        head = json.loads(line)
    except ValueError:
        return ""
    ours = isinstance(head, dict) and head.get("format") == FORMAT
    return str(head.get("scope", "")) if ours else ""


def _may_hold(path: Path, refs: set[str]) -> bool:
    """Whether a whole bundle says one of some refs anywhere: its lines are read only then.

    Raises:
        InvalidBundle: its end is missing; more of it may be on its way.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if b'"record":"end"' not in content[-TAIL:]:
            raise InvalidBundle("its end is missing: it was cut off")
        if len(refs) > FEW:
            return True
        return any(content.find(each) >= 0 for ref in refs for each in _written(ref))


def _written(ref: str) -> set[bytes]:
    """A ref in the two ways in which `bundle.canonical` writes it."""
    forms = (json.dumps(ref, ensure_ascii=ascii_only) for ascii_only in (False, True))
    return {form.encode(errors="surrogatepass") for form in forms}


def _erase_from(path: Path, scope: str, refs: set[str]) -> None:
    with path.open("rb") as file:
        lines = read(file)
        head = next(lines)
        gone = _with_derived(refs, (line for line in lines if line["record"] == "link"))
        if not any(_is_about(line, gone) for line in read(file)):
            return
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART}")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                writer = Writer(new, scope, head["tag"])
                for line in read(file):
                    if line["record"] != "head" and not _is_about(line, gone):
                        writer.put(line)
                writer.end()
                os.fsync(new.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _with_derived(refs: set[str], links: Iterator[dict[str, Any]]) -> set[str]:
    """The refs and the summaries made of them, and of those."""
    made = [(str(link["source"]), str(link["derived"])) for link in links]
    gone, more = set(refs), True
    while more:
        new = {derived for source, derived in made if source in gone} - gone
        gone |= new
        more = bool(new)
    return gone


def _is_about(line: dict[str, Any], gone: set[str]) -> bool:
    """Whether a line holds words of what is gone."""
    if line["record"] == "link":
        return line["derived"] in gone or line["source"] in gone
    if line["record"] == "fact":
        return line["key"] in gone or line.get("item", "") in gone
    return line.get("id") in gone
