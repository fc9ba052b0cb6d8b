"""The routing index: vectors in, nearest items out."""

import threading
from copy import copy
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from . import maintenance
from .arrays import (
    F32,
    Bools,
    Metric,
    asked_keys,
    checked_keys,
    checked_rows,
    checked_vector,
    checked_vectors,
    one_of,
    whole,
)
from .codebook import Codebook, Init
from .contents import Contents
from .delta import Delta
from .filters import Allowed
from .pack import Pack, Rerank, refuse_unstorable
from .plan import Plan
from .results import Footprint, IndexReport, SearchResult
from .search import checked_wish, compared, find
from .state import Base, State

_NONE = np.empty(0, np.int64)


class RoutingIndex:
    """Vectors by id, searched through buckets of 1-bit codes and compared exactly at the end.

    Safe to use from several threads: a search takes no lock and sees each change whole or not at
    all; writes wait for each other only. Nothing is fitted inside a write, and no search changes
    anything.

    New items go to a delta, which every search looks at (`delta`). `build` fits the codebook and
    packs everything; up to ``flat_until`` items there is nothing to pack and search stays exact.
    When the delta, or what was deleted, exceeds both 2,000 items and 5 % of the packed ones, it is
    merged into the pack with the codebook there is.

    Args:
        dim: numbers per vector.
        seed: of the fit, the rotation and the calibration. Same seed and same items: same codes.
        metric: ``cosine`` (vectors are scaled to length 1) or ``dot`` (lengths count).
        rerank: how packed vectors are kept for the exact comparison: ``fp32``, ``fp16``, ``int8``,
            or ``none``: not at all, scores are then estimates and results say ``approximate``.
            ``fp16`` with ``dot`` takes vectors whose largest component is 6e-5 to 65504, or zero.
        k: number of centroids, or the name of a rule (`heuristics`), or ``auto``.
        init: how k-means starts, ``random`` or ``k-means++``.
        flat_until: up to this many items `build` packs nothing; by itself 2,000 with the compiled
            kernel and 14,000 without.
        target: recall@10 that ``n_probes="auto"`` is calibrated for.
        merging: ``background`` merges in a thread of its own, ``inline`` within the write that
            makes it due, ``manual`` only on `merge`.
    """

    def __init__(
        self,
        dim: int,
        *,
        seed: int = 0,
        metric: Metric = "cosine",
        rerank: Rerank = "fp16",
        k: int | str = "2sqrt",
        init: Init = "random",
        flat_until: int = maintenance.FLAT_UNTIL,
        target: float = 0.99,
        merging: Literal["background", "inline", "manual"] = "background",
    ) -> None:
        one_of("merging", merging, ("background", "inline", "manual"))
        dim, flat_until = whole("dim", dim), whole("flat_until", flat_until, least=0)
        k = k if isinstance(k, str) else whole("k", k)
        self.dim, self.seed = dim, seed
        self.metric: Metric = metric
        self.rerank: Rerank = rerank
        self._recipe = maintenance.Recipe(dim, seed, metric, rerank, k, init, flat_until, target)
        self._merging = merging
        self._held = Contents(Base.of(None, None, None, _NONE), Delta(dim))
        self._upkeep = threading.Lock()
        self._merger: threading.Thread | None = None

    @classmethod
    def from_pack(cls, pack: Pack, plan: Plan, **options: Any) -> "RoutingIndex":
        """An index over arrays made elsewhere, for example memory-mapped from files.

        Args:
            pack: used as it is, nothing is copied.
            plan: how it is searched.
            options: as of the class, the same the pack was made with.
        """
        index = cls(pack.dim, **options)
        base = Base.of(pack, Codebook(pack.centroids), plan, _NONE, pack.n)
        index._held = Contents(base, Delta(pack.dim, pack, index.rerank))
        return index

    # ------------------------------------------------------------------ reading

    def __len__(self) -> int:
        base, tail = self.state
        return len(base) + len(tail)

    def __contains__(self, id: int) -> bool:
        return bool(self.holds([id])[0])

    @property
    def state(self) -> State:
        """What a search would see now. Immutable: it can be read at leisure."""
        return self._held.state

    @property
    def pack(self) -> Pack | None:
        """The packed part; None while the index is flat."""
        return self.state.base.pack

    @property
    def codebook(self) -> Codebook | None:
        """The centroids; None before the first `build`."""
        return self.state.base.codebook

    @property
    def plan(self) -> Plan | None:
        """What ``n_probes="auto"`` stands for; None while the index is flat."""
        return self.state.base.plan

    def frozen(self) -> "RoutingIndex":
        """This moment of it, to read only: what is written afterwards is not seen there."""
        moment = copy(self)
        moment._held = self._held.frozen()
        return moment

    def ids(self) -> list[int]:
        """The ids of all items, ascending."""
        return list(self.state.keys().tolist())

    def vector(self, id: int) -> F32:
        """The vector of an item as it is compared, float32 ``(dim,)``.

        Raises:
            NotFound: no such id.
            Conflict: packed, and this index keeps no vectors (``rerank="none"``).
        """
        return self._held.vector(int(asked_keys([id])[0]))

    def codes(self) -> dict[int, int]:
        """The bucket of every packed item by its id."""
        return self.state.base.codes()

    def holds(self, ids: ArrayLike) -> Bools:
        """Whether each of some ids is in the index, bool ``(n,)``."""
        return self._held.holds(asked_keys(ids))

    def compare(self, vector: ArrayLike, ids: ArrayLike) -> F32:
        """The exact score of single items with a vector, float32 ``(n,)``; NaN for one not held.

        Args:
            vector: as for `search`.
            ids: ``(n,)`` whole numbers.

        Raises:
            Conflict: one is packed, and this index keeps no vectors (``rerank="none"``).
        """
        query = checked_vector(vector, self.dim, self.metric)
        return compared(self.state, query, asked_keys(ids))

    def allow(self, ids: ArrayLike) -> Allowed:
        """Make ids ready for ``search(allowed=…)``; worth keeping if they filter many searches."""
        return Allowed.of(ids, self.pack)

    def search(
        self,
        vector: ArrayLike,
        top_k: int = 10,
        n_probes: int | str = "auto",
        threshold: float | None = None,
        exact: bool = False,
        max_candidates: int | None = None,
        allowed: ArrayLike | Allowed | None = None,
        return_signals: bool = False,
    ) -> SearchResult:
        """The items nearest to a vector.

        Args:
            vector: ``(dim,)`` finite numbers; not zero if the metric is cosine.
            top_k: hits at the most.
            n_probes: ``auto`` follows the calibration. A number opens that many buckets and
                compares everything in them exactly; all buckets equals exact search.
            threshold: least score of a hit (of its estimate in an approximate result).
            exact: compare every item.
            max_candidates: compare only that many packed items, those with the best estimates.
            allowed: ids to stay within, as numbers or from `allow`; applied before ranking. Up to
                3,000 are all compared unless ``n_probes`` or ``max_candidates`` limits it.
            return_signals: report how sure the routing was and what was looked at.

        Returns:
            Hits, best first, with exact scores. ``exact`` compares the items of the delta too.

        Raises:
            InvalidArgument: a bad vector or number; the text says which and what was expected.
            Conflict: ``exact`` in an index that keeps no vectors.
        """
        query = checked_vector(vector, self.dim, self.metric)
        state = self.state
        within = None if allowed is None else Allowed.of(allowed, state.base.pack)
        wish = checked_wish(
            top_k, n_probes, threshold, exact, max_candidates, within, return_signals
        )
        return find(state, query, wish)

    # ------------------------------------------------------------------ writing

    def add(self, id: int, vector: ArrayLike) -> None:
        """Add one item. Found by the next search.

        Raises:
            InvalidArgument: a bad vector, or an id the index has already.
        """
        good = self._storable(checked_vector(vector, self.dim, self.metric)[None])
        self._held.append(checked_keys([id], 1), good)
        self._after_write()

    def add_many(self, ids: ArrayLike, vectors: ArrayLike) -> None:
        """Add items: all of them, or none if one is refused.

        Args:
            ids: ``(n,)`` whole numbers in the range of int64, all different and new.
            vectors: ``(n, dim)``.

        Raises:
            InvalidArgument: bad vectors or ids; the text names the first ones.
        """
        given, sizes = checked_rows(vectors, self.dim, self.metric)
        self._held.append(checked_keys(ids, len(given)), self._storable(given), sizes)
        self._after_write()

    def update(self, id: int, vector: ArrayLike) -> None:
        """Replace the vector of an item. A search finds the old or the new one, never both or none.

        Raises:
            NotFound: no such id.
            InvalidArgument: a bad vector.
        """
        good = self._storable(checked_vector(vector, self.dim, self.metric)[None])
        self._held.replace(checked_keys([id], 1), good)
        self._after_write()

    def delete(self, ids: int | ArrayLike) -> None:
        """Remove one item or several: all of them, or none if one is not there.

        Raises:
            NotFound: an id the index does not have.
        """
        given = np.atleast_1d(np.asarray(ids))
        self._held.remove(checked_keys(given, len(given)))
        self._after_write()

    def discard(self, ids: ArrayLike) -> None:
        """Remove those of some ids that are there."""
        self._held.discard(np.unique(asked_keys(ids)))
        self._after_write()

    # ------------------------------------------------------------------ upkeep

    @property
    def due(self) -> maintenance.Due:
        """The upkeep that would pay now: ``build``, ``merge`` or nothing."""
        return maintenance.due(self.state, self._recipe)

    def build(
        self, codebook: Codebook | None = None, *, queries: ArrayLike | None = None
    ) -> IndexReport:
        """Fit the codebook, pack all items and calibrate. Searches and writes go on meanwhile.

        Args:
            codebook: use this one and fit nothing; every item is assigned anew.
            queries: ``(m, dim)`` real queries for the calibration.

        Raises:
            Conflict: packed vectors were not kept (``rerank="none"``).
            InvalidArgument: bad queries, or a codebook of another dimension.
        """
        asked = self._queries(queries)
        with self._upkeep:
            before = self.state
            self._held.adopt(before, *maintenance.built(before, self._recipe, codebook, asked))
        return self.report()

    def merge(self) -> None:
        """Move the delta into the pack and reclaim what deleted items hold. Fits nothing."""
        with self._upkeep:
            before = self.state
            self._held.adopt(before, *maintenance.merged_state(before, self._recipe))

    def calibrate(self, queries: ArrayLike | None = None, *, target: float | None = None) -> Plan:
        """Measure what ``n_probes="auto"`` needs for the target recall, and use it from now on.

        Args:
            queries: ``(m, dim)`` real queries, beside a sample of the stored vectors.
            target: recall@10, above 0, at most 1; None for the one the index was made with.

        Raises:
            Conflict: nothing is packed, or no vectors were kept to compare with.
            InvalidArgument: bad queries, or a target out of range.
        """
        asked, recipe = self._queries(queries), self._recipe.aiming_at(target)
        with self._upkeep:
            plan = maintenance.calibrated_plan(self.state, recipe, asked)
            self._held.follow(plan)
        return plan

    def wait(self) -> None:
        """Wait for a merge that runs in the background."""
        if self._merger is not None:
            self._merger.join()

    def footprint(self) -> Footprint:
        """Bytes held, counted on the arrays."""
        return self._held.footprint()

    def report(self) -> IndexReport:
        """Size, balance, upkeep and bytes."""
        return maintenance.report(self.state, self._recipe, self.footprint())

    # ------------------------------------------------------------------ inside

    def _storable(self, vectors: F32) -> F32:
        """The same; refused if packing could not keep them."""
        if self.metric == "dot":
            refuse_unstorable(vectors, self.rerank)
        return vectors

    def _queries(self, given: ArrayLike | None) -> F32 | None:
        return None if given is None else checked_vectors(given, self.dim, self.metric)

    def _after_write(self) -> None:
        if self._merging == "manual" or self.due != "merge" or self._upkeep.locked():
            return
        if self._merging == "inline":
            self.merge()
        elif self._merger is None or not self._merger.is_alive():
            self._merger = threading.Thread(target=self.merge, name="routemem-merge", daemon=True)
            self._merger.start()
