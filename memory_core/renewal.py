"""New generations for the index of one scope: built in a child process, checked, tried again."""

import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

from .errors import RoutememError, WriteTimeout
from .routed import BATCH, Routed
from .routing import build, generation
from .routing.revision import Change
from .storage.contract import Store
from .storage.lock import WriterLock

log = logging.getLogger("routemem")

T = TypeVar("T")

#: Pause after a build that failed, seconds; doubled with each further failure up to the last.
PAUSE, LONGEST_PAUSE = 60.0, 6 * 3600.0
#: A generation that some process found whole is not read again for so long, seconds.
CHECKED_FOR = 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a renewal is asked for; by default what is due, if anything.

    Attributes:
        anyway: build even when it would not pay yet.
        refit: fit a new codebook rather than keep the one there is.
        change: to make to the codebook there is.
        asked: somebody asked for it: the pause after a failure does not count.
    """

    anyway: bool = False
    refit: bool = False
    change: Change | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of a renewal.

    Attributes:
        status: ``built``; ``taken``: another process had just built one; ``nothing`` to pack, or
            not due; ``busy``: another process builds; ``failed``; ``stopped``.
        done: what the build did, if it was built.
    """

    status: Literal["built", "taken", "nothing", "busy", "failed", "stopped"]
    done: build.Done | None = None

    def changes(self) -> dict[str, int]:
        """What the build did, by name; nothing without one."""
        fields = asdict(self.done) if self.done else {}
        return {name: n for name, n in fields.items() if n >= 0}

    def __bool__(self) -> bool:
        return self.status in ("built", "taken")


class Renewal:
    """Gives an index its generations. Of all processes on one store one builds at a time.

    Args:
        index: of the store.
        guard: held while the index changes.
        seed: of fits and calibrations.
        target: recall@10 to calibrate for.
        clock: gives the time, seconds UTC.
        writes: whether it may remove files.
    """

    def __init__(
        self,
        index: Routed,
        store: Store,
        guard: threading.RLock,
        *,
        seed: int,
        target: float,
        clock: Callable[[], float],
        writes: bool = True,
    ) -> None:
        self._writes = writes
        self._index = index
        self._store = store
        self._guard = guard
        self._seed = seed
        self._target = target
        self._clock = clock
        self._failures = 0
        self._rest_until = 0.0
        self._checked: Path | None = None

    def renew(
        self,
        stopped: Callable[[], bool],
        wish: Wish = Wish(),
        told: Callable[[str], None] = lambda step: None,
    ) -> Renewed:
        """Build a generation in a child process and take it. Searches and writes go on meanwhile.

        After a failure nothing is built by itself until a pause is over, which grows with each.

        Args:
            stopped: asked ten times a second; True ends the child and leaves everything as it was.
            wish: what is asked for.
            told: called with each step when it is done.
        """
        folder = self._index.folder
        if folder is None or self._index.seen.live is None or not self._wanted(wish):
            return Renewed("nothing")
        folder.mkdir(mode=0o700, exist_ok=True)
        turn = WriterLock(folder / "build", 0.05)
        try:
            turn.acquire()
        except WriteTimeout:
            return Renewed("busy")
        try:
            taken = self._take_newer()
            if not self._wanted(wish):
                return Renewed("taken" if taken else "nothing")
            built = self._build(folder, stopped, wish, told)
            self._note(built)
            if built:
                self._take_newer()
                if built.done is not None and (built.done.moved < 0 or wish.change is not None):
                    self._index.calmed()
            return built
        finally:
            turn.release()

    def check(self, stopped: Callable[[], bool]) -> bool:
        """Read the generation in use once and compare checksums; False if it was damaged.

        A damaged one is removed; until the next is built the vectors come from the store. In a
        thread of the lowest priority where the system has such (Linux).
        """
        held = self._index.generation
        if held is None or held.path == self._checked:
            return True
        now = self._clock()
        if not generation.was_checked(held, now - CHECKED_FOR):
            whole = _quietly(lambda: generation.is_whole(held, stopped))
            if whole is None:
                return True
            if not whole:
                self._drop(held, "is damaged")
                return False
            generation.note_checked(held, now)
        self._checked = held.path
        return True

    def answered(self, work: Callable[[], T]) -> T:
        """What some work with the index comes to, without the generation if that one fails it.

        A file may be damaged while it is mapped. The vectors then come from the store.
        """
        before = self._index.seen.generation
        try:
            return work()
        except (IndexError, TypeError, ValueError) as error:
            held = before or self._index.generation
            if held is None or isinstance(error, RoutememError):
                raise
            self._drop(held, f"failed with {type(error).__name__}")
        return work()

    def _drop(self, held: generation.Generation, why: str) -> None:
        with self._guard, self._store.reading():
            if self._index.generation is held:
                log.warning("index generation %s %s, it is no longer used", held.path.name, why)
                self._index.drop_generation(remove=self._writes)
                self._checked = None

    def _wanted(self, wish: Wish) -> bool:
        rested = wish.asked or self._clock() >= self._rest_until
        return wish.anyway or (bool(self._index.due) and rested)

    def _note(self, built: Renewed) -> None:
        if built.status == "failed":
            pause = min(PAUSE * 2**self._failures, LONGEST_PAUSE)
            self._failures += 1
            self._rest_until = self._clock() + pause
            log.warning("the index is built again in %.0f s at the earliest", pause)
        elif built:
            self._failures, self._rest_until = 0, 0.0

    def _take_newer(self) -> bool:
        with self._guard, self._store.reading():
            return self._index.take_newer()

    def _build(
        self, folder: Path, stopped: Callable[[], bool], wish: Wish, told: Callable[[str], None]
    ) -> Renewed:
        place = Path(tempfile.mkdtemp(dir=folder, suffix=".partial"))
        try:
            job = self._export(folder, place, wish)
            if job is None:
                return Renewed("nothing")
            told("vectors exported")
            with build.start(job, place) as child:
                said = build.wait(child, stopped, place, told)
            if child.returncode == 0:
                return Renewed("built", build.outcome(place))
            if stopped():
                return Renewed("stopped")
            log.warning("building the index failed, status %s: %s", child.returncode, said)
        except OSError as error:
            log.warning("building the index failed: %s", error.strerror)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return Renewed("failed")

    def _export(self, folder: Path, place: Path, wish: Wish) -> build.Job | None:
        """Write the live vectors of one snapshot for the child; None when there are none."""
        n = dim = 0
        with (
            self._store.reading(),
            (place / "keys.i64").open("wb") as keys,
            (place / "rows.f16").open("wb") as rows,
        ):
            seq = self._store.changes(0).seq
            for batch in self._store.all_vectors(BATCH):
                live = batch.only(~batch.archived & batch.whole)
                keys.write(live.chunks.tobytes())
                rows.write(live.vectors.tobytes())
                n, dim = n + len(live.chunks), batch.vectors.shape[1]
            store, model = self._store.meta("store") or "", self._store.meta("embedder") or ""
            asked = self._store.queries()
        if not n:
            return None
        if len(asked) and asked.shape[1] == dim:
            (place / "queries.f16").write_bytes(asked.tobytes())
        held = self._index.generation
        again = held
        if wish.change is None and (
            wish.refit or self._index.alarm is not None or (held and n > 2 * held.built)
        ):
            again = None  # what is stored or asked no longer resembles what it was fitted to
        return build.Job(
            dim=dim,
            store=store,
            seq=seq,
            embedder=model,
            folder=str(folder),
            edition=held.stamp.edition + 1 if held and held.stamp.seq == seq else 0,
            seed=self._seed,
            target=self._target,
            codebook=str(again.path) if again else "",
            change=asdict(wish.change) if wish.change is not None and again else None,
        )


def _quietly(work: "Callable[[], bool | None]") -> bool | None:
    """The answer of some work, done in a thread that yields to everything else."""
    said: list[bool | None] = []

    def run() -> None:
        if sys.platform == "linux":  # elsewhere priorities belong to processes
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        said.append(work())

    thread = threading.Thread(target=run, name="routemem-check", daemon=True)
    thread.start()
    thread.join()
    return said[0] if said else None
