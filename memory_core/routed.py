"""The index of one scope: a generation on disk, what came after it, and its upkeep."""

import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .embedding.heap import release_memory
from .errors import WriteTimeout
from .routing import build, generation
from .routing.drift import DriftAlarm, DriftMonitor
from .routing.generation import Generation
from .routing.index import RoutingIndex
from .routing.results import Signals
from .storage.contract import Store, StoredVectors
from .storage.lock import WriterLock

log = logging.getLogger("routemem")

#: Item's chunk and its cosine with the question.
Near = tuple[int, float]
#: Vectors handed to a build at once.
BATCH = 2000


class Routed:
    """Chunks of one scope by their vectors, kept equal to the store. One writer at a time.

    Up to ``flat_until`` chunks everything is compared exactly. Above it a child process packs the
    vectors into a generation; what is stored afterwards is compared exactly beside it until the
    next one. Archived chunks lie apart, so that an ordinary search need not leave them out.

    Args:
        folder: where generations lie; None to stay flat (a memory without a file).
        flat_until: chunks up to which nothing is packed.
        seed: of fits and calibrations.
        clock: gives the time, seconds UTC.

    Attributes:
        drift: watches whether questions still resemble what the codebook was fitted to.
    """

    def __init__(
        self,
        store: Store,
        folder: Path | None,
        *,
        flat_until: int,
        seed: int,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self.drift = DriftMonitor()
        self._alarm: DriftAlarm | None = None
        self._folder = folder
        self._flat_until = flat_until
        self._seed = seed
        self.seq = 0
        self.generation: Generation | None = None
        self.live: RoutingIndex | None = None
        self._archive: RoutingIndex | None = None

    # ------------------------------------------------------------------ searching

    def search(
        self,
        question: NDArray[np.float32],
        limit: int,
        allowed: NDArray[np.int64] | None,
        *,
        archived: bool,
    ) -> tuple[list[Near], dict[str, Any]]:
        """The chunks nearest to a question, best first, and how the routing went.

        Nothing is moved by a search; an alarm of the drift monitor only makes a build due.

        Args:
            allowed: ascending rows of the chunks that take part; None for all.
            archived: whether archived chunks take part too.
        """
        indexes = [self.live, self._archive if archived else None]
        found: list[Near] = []
        signals: dict[str, Any] = {}
        for index in indexes:
            if index is not None and len(index):
                result = index.search(question, limit, allowed=allowed, return_signals=True)
                found += [(hit.id, hit.score) for hit in result.hits]
                if index is self.live and result.signals is not None:
                    signals = self._observed(result.signals)
        return sorted(found, key=lambda near: (-near[1], near[0]))[:limit], signals

    def _observed(self, signals: Signals) -> dict[str, Any]:
        if signals.qerr is not None and self.generation is not None:
            alarm = self.drift.record(signals.qerr, signals.margin or 0.0, now=self._clock())
            self._alarm = alarm or self._alarm
        told = asdict(signals) | {"probed": len(signals.probed)}
        ratio = self.drift.report().drift_ratio
        return {name: said for name, said in told.items() if said is not None} | (
            {} if ratio is None else {"drift_ratio": ratio}
        )

    def cosines(self, question: NDArray[np.float32], chunks: Sequence[int]) -> dict[int, float]:
        """The cosine of single chunks with a question; those without a vector are left out."""
        found: dict[int, float] = {}
        for index in (self.live, self._archive):
            if index is not None and len(index):
                found |= index.compare(question, chunks)
        return found

    @property
    def dim(self) -> int:
        """Numbers per vector; 0 before the first."""
        return self.live.dim if self.live is not None else 0

    def __len__(self) -> int:
        return sum(len(index) for index in (self.live, self._archive) if index is not None)

    # ------------------------------------------------------------------ keeping up

    def catch_up(self) -> None:
        """Bring the index to the state of the store. Inside `Store.reading()`."""
        changes = self._store.changes(self.seq)
        if changes.seq == self.seq:
            return
        if changes.rows is None:
            self._begin(changes.seq)
            return
        for first, last in changes.lost:
            self._discard(range(first, last + 1))
        self._take(self._store.vectors(changes.rows))
        self.seq = changes.seq

    def _begin(self, latest: int) -> None:
        """Read everything anew: from the newest generation and what followed, or the store."""
        self.live = self._archive = self.generation = None
        found = self._newest(latest)
        if found is not None:
            changes = self._store.changes(found.stamp.seq)
            if changes.rows is not None:
                self._adopt(found)
                self._archived_before(found)
                self.catch_up()
                return
        for batch in self._store.all_vectors(BATCH):
            self._take(batch)
        self.seq = latest
        release_memory()  # reading thousands of rows leaves the heap twice as large as its content

    def _archived_before(self, found: Generation) -> None:
        """What was archived before the generation is in no change that follows it."""
        for batch in self._store.all_vectors(BATCH):
            if batch.archived.any():
                self._take(batch.only(batch.archived))

    def _take(self, found: StoredVectors) -> None:
        """Put vectors where they belong by now; those that lie there already stay."""
        if not len(found.chunks):
            return
        self.live = self.live or self._index(found.vectors.shape[1])
        self._archive = self._archive or self._index(found.vectors.shape[1])
        for chosen, here, there in (
            (~found.archived, self.live, self._archive),
            (found.archived, self._archive, self.live),
        ):
            keys, vectors = found.chunks[chosen], found.vectors[chosen]
            there.discard(keys)
            new = ~here.holds(keys)
            here.add_many(keys[new], vectors[new].astype(np.float32))

    def _discard(self, chunks: Sequence[int]) -> None:
        for index in (self.live, self._archive):
            if index is not None:
                index.discard(np.array(chunks, np.int64))

    def _index(self, dim: int) -> RoutingIndex:
        return RoutingIndex(dim, seed=self._seed, merging="manual", flat_until=self._flat_until)

    def report(self) -> dict[str, Any]:
        """How the vectors lie, in plain values; empty before the first search."""
        if self.live is None:
            return {}
        told = self.live.report()
        return {
            "mode": told.mode,
            "passages": told.items,
            "buckets": told.k,
            "gini": round(told.gini, 3),
            "dead_codes": told.dead_codes,
            "delta": told.delta,
            "deleted": told.deleted,
            "probes": told.n_probes,
            "recall": told.recall,
            "generation": self.generation.stamp.seq if self.generation else None,
            "hot_bytes": told.footprint.hot,
            "cold_bytes": told.footprint.cold,
            "dense_bytes": told.footprint.dense,
            "drift_alarms": self.drift.report().alarms,
        }

    # ------------------------------------------------------------------ generations

    @property
    def due(self) -> str:
        """``build`` or ``merge`` when a new generation would pay; else ""."""
        if self.live is None or self._folder is None:
            return ""
        return "build" if self._alarm is not None else self.live.due

    @property
    def alarm(self) -> DriftAlarm | None:
        """The drift alarm that has not led to a new codebook yet."""
        return self._alarm

    def blank(self) -> None:
        """Take the vectors of what is no longer there out of the files of every generation."""
        if self._folder is None or self.generation is None or self.live is None:
            return
        base = self.live.state.base
        if base.pack is not None and len(base.gone):
            generation.blank(self._folder, base.pack.keys[base.gone])

    def renew(self, stop: threading.Event, guard: threading.RLock, *, anyway: bool = False) -> bool:
        """Build a generation in a child process and take it; False if it was not the time.

        Searches and writes go on meanwhile. One process of all builds; the others take its result.

        Args:
            stop: set when the owner closes; the child is then ended.
            guard: held while the index changes.
            anyway: build even when it would not pay yet.
        """
        if self._folder is None or self.live is None or not (anyway or self.due):
            return False
        self._folder.mkdir(mode=0o700, exist_ok=True)
        turn = WriterLock(self._folder / "build", 0.05)
        try:
            turn.acquire()
        except WriteTimeout:
            return False  # another process builds
        try:
            taken = self._take_newer(guard)
            if (anyway or self.due) and self._build(stop):
                taken = self._take_newer(guard) or taken
                self._alarm = None
                self.drift.reset_baseline()
            return taken
        finally:
            turn.release()

    def _take_newer(self, guard: threading.RLock) -> bool:
        """Take a generation that is newer than the one in use; False if there is none."""
        with guard, self._store.reading():
            found = self._newest(self._store.changes(self.seq).seq)
            mine = self.generation.stamp.seq if self.generation else -1
            if found is None or found.stamp.seq <= mine:
                return False
            archive = self._archive
            self._adopt(found)
            self._archive = archive
            self.catch_up()
        generation.prune(found.path.parent, found.path)
        return True

    def _adopt(self, found: Generation) -> None:
        self.generation = found
        self.live = RoutingIndex.from_pack(
            found.pack,
            found.plan,
            seed=self._seed,
            merging="manual",
            flat_until=self._flat_until,
        )
        self.seq = found.stamp.seq

    def _newest(self, latest: int) -> Generation | None:
        model = self._store.meta("embedder")
        if self._folder is None or model is None:
            return None
        store = self._store.meta("store") or ""
        return generation.newest(self._folder, store, model, latest=latest)

    def _build(self, stop: threading.Event) -> bool:
        """Build in a child process; False if there is nothing to pack or it did not work."""
        assert self._folder is not None
        assert self.live is not None
        place = Path(tempfile.mkdtemp(dir=self._folder, suffix=".partial"))
        try:
            job = self._export(place)
            if job is None:
                return False
            with build.start(job, place) as child:
                told = build.wait(child, stop)
            if child.returncode and not stop.is_set():
                log.warning(
                    "building the index failed with exit status %s: %s", child.returncode, told
                )
            return child.returncode == 0
        except OSError as error:
            log.warning("building the index failed: %s", error.strerror)
            return False
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _export(self, place: Path) -> build.Job | None:
        """Write the live vectors of one snapshot for the child; None when there are none."""
        n = dim = 0
        with (
            self._store.reading(),
            (place / "keys.i64").open("wb") as keys,
            (place / "rows.f16").open("wb") as rows,
        ):
            seq = self._store.changes(0).seq
            for batch in self._store.all_vectors(BATCH):
                live = batch.only(~batch.archived)
                keys.write(live.chunks.tobytes())
                rows.write(live.vectors.tobytes())
                n, dim = n + len(live.chunks), batch.vectors.shape[1]
            store, model = self._store.meta("store") or "", self._store.meta("embedder") or ""
        if not n:
            return None
        again = self.generation
        if self._alarm is not None or (again and n > 2 * again.built):
            again = None  # what is stored or asked no longer resembles what it was fitted to
        return build.Job(
            dim=dim,
            store=store,
            seq=seq,
            embedder=model,
            folder=str(self._folder),
            seed=self._seed,
            codebook=str(again.path) if again else "",
        )
