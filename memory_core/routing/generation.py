"""Generations: a packed index as a folder of files that never change, mapped by every process.

A generation is derived from the store and may be deleted at any time. It is written beside its
place, flushed, and moved there in one step, so a reader finds it whole or not at all. Its name says
up to which change of the store it reaches; the newest whole one is used.
"""

import contextlib
import logging
import mmap
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Set
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .description import META, described, encoded
from .integrity import check_pack
from .pack import Pack
from .plan import Plan

log = logging.getLogger("routemem")

FORMAT = 3
_PARTIAL = ".partial"
#: A file whose time says when a generation was last found whole.
_CHECKED = "checked"
#: Bytes read at once for a checksum.
_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Stamp:
    """Of which store a generation is, and of which moment.

    Attributes:
        store: unique id of the store.
        seq: position in its change log up to which the generation reaches.
        embedder: id of the model that made the vectors.
        edition: counts the generations of one moment, when one is made anew on purpose.
    """

    store: str
    seq: int
    embedder: str
    edition: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Larger for the newer of two generations of a store."""
        return self.seq, self.edition


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """A packed index mapped from files.

    Attributes:
        path: its folder.
        built: items when its codebook was fitted.
        asked: real questions among those it was calibrated with.
    """

    path: Path
    stamp: Stamp
    pack: Pack
    plan: Plan
    built: int
    asked: int = 0


def write(folder: Path, pack: Pack, plan: Plan, stamp: Stamp, built: int, asked: int = 0) -> Path:
    """Write a generation and publish it; returns its folder.

    Atomic: until the last step nothing of it is seen. If another process has published the same
    one, that one stays.
    """
    place = folder / f"{stamp.seq:012d}-{stamp.edition:04d}-{stamp.store[:12]}"
    partial = folder / f"{place.name}-{os.getpid()}{_PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    arrays = {}
    for spec in fields(Pack):
        array = np.ascontiguousarray(getattr(pack, spec.name))
        _flushed(partial / f"{spec.name}.bin", array.data.cast("B") if array.size else b"")
        crc = zlib.crc32(array.data.cast("B")) if array.size else 0
        arrays[spec.name] = {"dtype": array.dtype.str, "shape": array.shape, "crc32": crc}
    meta = {
        "format": FORMAT,
        "stamp": asdict(stamp),
        "plan": asdict(plan),
        "built": built,
        "asked": asked,
        "arrays": arrays,
    }
    _flushed(partial / META, encoded(meta))
    _flush_folder(partial)
    if _stands(place, stamp):  # another process was as quick
        shutil.rmtree(partial, ignore_errors=True)
    else:
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    _flush_folder(folder)
    return place


def _stands(place: Path, stamp: Stamp) -> bool:
    try:
        return load(place).stamp == stamp
    except (OSError, ValueError, KeyError, TypeError):
        return False


def newest(
    folder: Path, store: str, embedder: str, *, latest: int, shunned: Set[Path] = frozenset()
) -> Generation | None:
    """The newest whole generation of a store and model; torn, foreign and later ones are skipped.

    The folder is listed again after each that would not do: another process may have published a
    newer one, and removed this one, since it was last looked at.

    Args:
        latest: position of the store's newest change; a generation beyond it belongs to a store
            that was since replaced by an older copy.
        shunned: folders to pass over.
    """
    tried = set(shunned)
    while place := _untried(folder, tried):
        tried.add(place)
        try:
            found = load(place)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if (place / META).exists():
                log.warning("index generation %s is unusable: %s", place.name, error)
            continue
        if (found.stamp.store, found.stamp.embedder) == (store, embedder):
            if found.stamp.seq <= latest:
                return found
    return None


def _untried(folder: Path, tried: Set[Path]) -> Path | None:
    """The newest folder that was not tried; looked for twice, since what is published while a
    folder is being listed may be missing from the list, and what it replaced too.
    """
    for _ in range(2):
        if place := next((place for place in _places(folder) if place not in tried), None):
            return place
    return None


def load(place: Path) -> Generation:
    """Map a generation. Reads its description and its small arrays: milliseconds at any size.

    Raises:
        ValueError: not one of this format, or its files do not fit each other.
        OSError: a file is missing.
    """
    meta = described(place)
    if meta["format"] != FORMAT:
        raise ValueError(f"format {meta['format']}")
    arrays = {name: _mapped(place / f"{name}.bin", said) for name, said in meta["arrays"].items()}
    pack = Pack(**arrays)
    check_pack(pack)
    return Generation(
        place, Stamp(**meta["stamp"]), pack, Plan(**meta["plan"]), meta["built"], meta["asked"]
    )


def faults(folder: Path) -> dict[str, str]:
    """What is wrong with the generations there are, by name. Reads all bytes of each."""
    found = {}
    for place in _places(folder):
        try:
            whole = is_whole(load(place))
        except (OSError, ValueError, KeyError, TypeError) as error:
            if (place / META).exists():
                found[place.name] = str(error)
            continue
        if whole is False:
            found[place.name] = "its bytes are not as they were written"
    return found


def is_whole(generation: Generation, stopped: Callable[[], bool] = lambda: False) -> bool | None:
    """Whether every byte is as it was written; None when stopped, or removed, before the end.

    Reads all of it, a second or so per gigabyte, but not through the maps: they would count as
    memory of this process.
    """
    try:
        for name, crc in _sums(generation.path).items():
            found = 0
            with (generation.path / f"{name}.bin").open("rb") as file:
                while part := file.read(_PART):
                    found = zlib.crc32(part, found)
                    if stopped():
                        return None
            # An erasure may have begun meanwhile: then there is no sum to compare with any more.
            if found != crc and _sums(generation.path).get(name) == crc:
                return False
    except FileNotFoundError:
        # What another process removes, having a newer one, loses its description first.
        return False if (generation.path / META).exists() else None
    except ValueError:
        return False  # the description itself
    return True


def was_checked(generation: Generation, since: float) -> bool:
    """Whether any process has found it whole at or after a time, seconds UTC."""
    mark = generation.path / _CHECKED
    return mark.exists() and mark.stat().st_mtime >= since


def note_checked(generation: Generation, at: float) -> None:
    """Note that it was found whole at a time, seconds UTC."""
    mark = generation.path / _CHECKED
    with contextlib.suppress(FileNotFoundError):  # removed meanwhile: another process has a newer
        mark.touch(0o600)
        os.utime(mark, (at, at))


def discard(generation: Generation) -> None:
    """Remove a generation from its folder; who has it mapped keeps it until it lets go (POSIX)."""
    _remove(generation.path)


def _sums(place: Path) -> dict[str, int]:
    """The checksum of every file that has one."""
    arrays = described(place)["arrays"]
    return {name: said["crc32"] for name, said in arrays.items() if said["crc32"] is not None}


def blank(folder: Path, keys: NDArray[np.int64]) -> None:
    """Overwrite the vectors and codes of erased items with zeros, in every generation there is.

    The one change a generation may see: who has it mapped finds a vector that resembles nothing.
    From then on its rows and codes have no checksum, until the next generation: to make one, all
    of them would have to be read, and a crash between the bytes and the sum would look like damage.
    """
    for place in list(_places(folder)):
        try:
            pack = load(place).pack
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(place, ignore_errors=True)  # unusable, and it may hold what must go
            continue
        rows = pack.rows_of(keys)
        rows = rows[rows >= 0]
        if len(rows):
            try:
                _blank_rows(place, pack, rows)
            except OSError:  # removed by another process, or not to be written: then it must go
                shutil.rmtree(place, ignore_errors=True)


def _blank_rows(place: Path, pack: Pack, rows: NDArray[np.int64]) -> None:
    meta = described(place)
    for name in ("rows", "codes"):
        meta["arrays"][name]["crc32"] = None
    partial = place / f"{META}.new"
    partial.unlink(missing_ok=True)
    _flushed(partial, encoded(meta))
    partial.replace(place / META)
    width = pack.rows.dtype.itemsize * pack.dim
    with (place / "rows.bin").open("r+b") as file:
        for row in rows.tolist():
            file.seek(row * width)
            file.write(bytes(width))
        os.fsync(file.fileno())
    words = pack.codes.shape[1]
    with (place / "codes.bin").open("r+b") as file:
        for block, lane in np.argwhere(np.isin(pack.ids, rows)).tolist():
            for word in range(words):
                file.seek(((block * words + word) * pack.ids.shape[1] + lane) * 8)
                file.write(bytes(8))
        os.fsync(file.fileno())


def prune(folder: Path, keep: Path | None) -> None:
    """Remove every generation but one, and what builds that died have left.

    Processes that have mapped one keep it until they let go (POSIX); where that is refused
    (Windows) it is removed at a later call.
    """
    for place in [*_places(folder), *folder.glob(f"*{_PARTIAL}")]:
        if place != keep:
            _remove(place)


def _remove(place: Path) -> None:
    with contextlib.suppress(OSError):
        (place / META).unlink()  # first: nobody opens what is half gone
    shutil.rmtree(place, ignore_errors=True)


def _places(folder: Path) -> Iterator[Path]:
    """Generation folders, newest first."""
    if folder.is_dir():
        found = (p for p in folder.iterdir() if p.is_dir() and p.suffix != _PARTIAL)
        yield from sorted(found, key=lambda place: place.name, reverse=True)


def _mapped(path: Path, said: dict[str, Any]) -> NDArray[Any]:
    dtype, shape = np.dtype(said["dtype"]), tuple(said["shape"])
    size = int(np.prod(shape)) * dtype.itemsize
    if path.stat().st_size != size:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, expected {size}")
    if not size:
        return np.empty(shape, dtype)
    with path.open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if path.stem == "rows" and hasattr(held, "madvise"):
        # A query reads single rows: reading ahead would bring 128 kB for each.
        held.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(held, dtype).reshape(shape)


def _flushed(path: Path, content: bytes | memoryview) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
