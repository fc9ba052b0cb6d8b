"""The index of one scope: a generation on disk and what came after it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .embedding.heap import release_memory
from .errors import Conflict
from .routing import generation
from .routing.adapt import packed_members
from .routing.drift import DriftAlarm, DriftMonitor
from .routing.generation import Generation
from .routing.index import RoutingIndex
from .routing.results import Signals
from .routing.revision import Change, proposed, stats_of
from .snapshot import Cosines, Rows, Snapshot
from .storage.contract import Store, StoredVectors

log = logging.getLogger("routemem")

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
        alarm: the drift alarm that has not led to a new codebook yet.
        folder: where generations lie.
        generation: the one in use.
        seen: what searches look at; replaced as a whole.
        seq: position of the store's change log that is reached.
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
        self.alarm: DriftAlarm | None = None
        self.folder = folder
        self._flat_until = flat_until
        self._seed = seed
        self.seq = 0
        self.generation: Generation | None = None
        self.seen = Snapshot()
        self._live: RoutingIndex | None = None
        self._archive: RoutingIndex | None = None
        self._shunned: set[Path] = set()

    # ------------------------------------------------------------------ searching

    def search(
        self, question: NDArray[np.float32], limit: int, allowed: Rows | None, *, archived: bool
    ) -> tuple[Rows, Cosines, dict[str, Any]]:
        """See `Snapshot.search`; and how the routing went, by name.

        Nothing is moved by a search; an alarm of the drift monitor only makes a build due.
        """
        rows, cosines, signals = self.seen.search(question, limit, allowed, archived=archived)
        return rows, cosines, self._observed(signals) if signals else {}

    def _observed(self, signals: Signals) -> dict[str, Any]:
        if signals.qerr is not None and self.generation is not None:
            alarm = self.drift.record(signals.qerr, signals.margin or 0.0, now=self._clock())
            self.alarm = alarm or self.alarm
        return self._told(signals)

    def _told(self, signals: Signals) -> dict[str, Any]:
        told = {spec.name: getattr(signals, spec.name) for spec in fields(signals)}
        told["probed"] = len(signals.probed)
        told["drift_ratio"] = self.drift.drift_ratio
        return {name: said for name, said in told.items() if said is not None}

    def explain(self, question: NDArray[np.float32], limit: int) -> dict[str, Any]:
        """How a question would be routed, and what the calibration says; leaves no trace."""
        live = self.seen.live
        if live is None or not len(live):
            return {"mode": "empty"}
        told = live.search(question, limit, return_signals=True).signals
        assert told is not None
        plan = live.plan
        calibrated = {"calibrated": asdict(plan)} if plan else {}
        return self._told(told) | {"in_drift": self.drift.in_drift} | calibrated

    # ------------------------------------------------------------------ keeping up

    def catch_up(self) -> None:
        """Bring the index to the state of the store, in one step. Inside `Store.reading()`."""
        if self._follow():
            self._publish()

    def _publish(self) -> None:
        """Let searches see what was reached."""
        self.seen = Snapshot.of(self._live, self._archive, self.generation)

    def _follow(self) -> bool:
        """Take in what changed since; False if nothing did."""
        changes = self._store.changes(self.seq)
        if changes.seq == self.seq:
            return False
        if changes.rows is None:
            self._begin(changes.seq)
            return True
        for first, last in changes.lost:
            self._discard(range(first, last + 1))
        self._take(self._store.vectors(changes.rows))
        self._reclaim()
        self.seq = changes.seq
        return True

    def _begin(self, latest: int) -> None:
        """Read everything anew: from the newest generation and what followed, or the store."""
        self._live = self._archive = self.generation = None
        self.seq = 0  # a reading that breaks off is begun again
        found = self._newest(latest)
        if found is not None:
            changes = self._store.changes(found.stamp.seq)
            if changes.rows is not None:
                self._adopt(found)
                self._archived_before()
                self._follow()
                return
        for batch in self._store.all_vectors(BATCH):
            self._take(batch)
        self.seq = latest
        release_memory()  # reading thousands of rows leaves the heap twice as large as its content

    def _archived_before(self) -> None:
        """What was archived before the generation is in no change that follows it."""
        archived = self._store.archived()
        for start in range(0, len(archived), BATCH):
            self._take(self._store.vectors(archived[start : start + BATCH]))

    def _take(self, found: StoredVectors) -> None:
        """Put vectors where they belong by now; those that lie there already stay."""
        whole = found.whole
        if not whole.all():  # bytes that changed on the disk; the memory is found by its words
            log.warning("%d vectors are damaged and left out", int((~whole).sum()))
            found = found.only(whole)
        if not len(found.chunks):
            return
        self._live = self._live or self._index(found.vectors.shape[1])
        self._archive = self._archive or self._index(found.vectors.shape[1])
        for chosen, here, there in (
            (~found.archived, self._live, self._archive),
            (found.archived, self._archive, self._live),
        ):
            keys, vectors = found.chunks[chosen], found.vectors[chosen]
            there.discard(keys)
            new = ~here.holds(keys)
            here.add_many(keys[new], vectors[new].astype(np.float32))

    def _discard(self, chunks: Sequence[int]) -> None:
        for index in (self._live, self._archive):
            if index is not None:
                index.discard(np.array(chunks, np.int64))

    def _reclaim(self) -> None:
        """Give back what deleted vectors hold where nothing is packed; a build does the rest."""
        for index in (self._live, self._archive):
            if index is not None and index.pack is None and index.due == "merge":
                index.merge()

    def _index(self, dim: int) -> RoutingIndex:
        return RoutingIndex(dim, seed=self._seed, merging="manual", flat_until=self._flat_until)

    def proposal(self, change: Change) -> dict[str, Any]:
        """What a change of the codebook would come to, in plain values.

        Raises:
            Conflict: nothing is packed.
            InvalidArgument: the bucket to split does not exist or has fewer than two members.
        """
        live = self._packed()
        members = packed_members(live.state.base)
        found = proposed(members, change)
        return {
            "buckets": members.codebook.k,
            "splits": list(found.splits),
            "prunes": list(found.prunes),
            "newer": len(live.state.tail) if change.eta else 0,
        }

    def widest(self, n: int) -> list[dict[str, Any]]:
        """The buckets whose members are farthest from their centroid, worst first; [] if flat."""
        if self.seen.live is None or self.seen.live.pack is None:
            return []
        members = packed_members(self._packed().state.base)
        stats = sorted(stats_of(members), key=lambda one: (-one.variance, one.bucket))
        return [asdict(one) for one in stats[:n]]

    def _packed(self) -> RoutingIndex:
        live = self.seen.live
        if live is None or live.pack is None:
            raise Conflict(
                "The index is flat: nothing is packed into buckets yet. Build it first (action "
                "'build', or `routemem index build`)."
            )
        return live

    def report(self) -> dict[str, Any]:
        """How the vectors lie, in plain values; empty before the first search."""
        live, archive = self.seen.live, self.seen.archive
        if live is None:
            return {}
        told, drift, plan = live.report(), self.drift.report(), live.plan
        held = self.seen.generation
        bytes_held = [i.footprint() for i in (live, archive) if i is not None]
        return {
            "mode": told.mode,
            "passages": told.items,
            "archived": len(archive) if archive is not None else 0,
            "buckets": told.k,
            "gini": round(told.gini, 3),
            "dead_codes": told.dead_codes,
            "delta": told.delta,
            "deleted": told.deleted,
            "due": self.due,
            "probes": told.n_probes,
            "depth": told.depth,
            "target_recall": plan.target if plan else None,
            "recall": told.recall,
            "queries": held.asked if held else 0,
            "generation": held.stamp.seq if held else None,
            "edition": held.stamp.edition if held else None,
            "hot_bytes": sum(part.hot for part in bytes_held),
            "cold_bytes": sum(part.cold for part in bytes_held),
            "dense_bytes": sum(part.dense for part in bytes_held),
            "drift_ratio": drift.drift_ratio,
            "in_drift": drift.in_drift,
            "drift_alarms": drift.alarms,
        }

    # ------------------------------------------------------------------ generations

    @property
    def due(self) -> str:
        """``build`` or ``merge`` when a new generation would pay; else ""."""
        if self.seen.live is None or self.folder is None:
            return ""
        return "build" if self.alarm is not None else self.seen.live.due

    def blank(self) -> None:
        """Take the vectors of what is no longer there out of the files of every generation."""
        if self.folder is None or self.generation is None or self._live is None:
            return
        base = self._live.state.base
        if base.pack is not None and len(base.gone):
            generation.blank(self.folder, base.pack.keys[base.gone])

    def take_newer(self) -> bool:
        """Take a generation that is newer than the one in use; False if there is none.

        Inside `Store.reading()`.
        """
        found = self._newest(self._store.changes(self.seq).seq)
        mine = self.generation.stamp.order if self.generation else (-1, 0)
        if found is None or found.stamp.order <= mine:
            return False
        self._adopt(found)
        self._follow()
        self._publish()
        generation.prune(found.path.parent, found.path)
        return True

    def drop_generation(self, *, remove: bool = True) -> None:
        """Go on without the generation in use, which is damaged. Inside `Store.reading()`.

        Args:
            remove: its files too; else, or where that is refused, it is only never taken again.
        """
        if self.generation is not None:
            if remove:
                generation.discard(self.generation)
            if self.generation.path.exists():
                self._shunned.add(self.generation.path)
            self._begin(self._store.changes(self.seq).seq)
            self._publish()

    def calmed(self) -> None:
        """A new codebook was fitted: what follows is compared with it."""
        self.alarm = None
        self.drift.reset_baseline()

    def _adopt(self, found: Generation) -> None:
        self.generation = found
        self._live = RoutingIndex.from_pack(
            found.pack,
            found.plan,
            seed=self._seed,
            merging="manual",
            flat_until=self._flat_until,
        )
        self.seq = found.stamp.seq

    def _newest(self, latest: int) -> Generation | None:
        model = self._store.meta("embedder")
        if self.folder is None or model is None:
            return None
        store = self._store.meta("store") or ""
        return generation.newest(
            self.folder, store, model, latest=latest, shunned=frozenset(self._shunned)
        )
