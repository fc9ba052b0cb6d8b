"""A routing index whose exact comparisons run in faiss: the extra ``[faiss]``.

What it is for: many exact searches at once, which are matrix products there (0.64 of the time of
one by one at 60,000 vectors of 384 components, one thread; more threads share a batch). Probes gain
nothing in time; they are here so that a program on faiss finds its answers again. `search` stays on
the codes, which are faster for a single query and need no vectors in memory. faiss keeps float32
copies of the packed vectors, 4 bytes a component, once for exact search and once for probes, each
made when first used.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import Conflict, InvalidArgument
from .arrays import F32, I64, checked_vectors
from .index import RoutingIndex
from .kernel import nearest, prepare, probe, route
from .pack import Pack
from .results import SearchResult
from .search import checked_wish, find
from .state import Base, State

#: Taken from faiss beyond what is asked for: its sums differ in the last bits, ours decide.
SPARE = 16
_NO_SCORES = np.empty(0, np.float32)


class FaissIndex(RoutingIndex):
    """A `RoutingIndex` with `search_many`, which gives what `search` gives one by one.

    Ids are the same and scores equal to 1e-6, as long as scores differ by more than that; the
    delta, deletes and every write are those of `RoutingIndex`.

    Raises:
        Conflict: faiss is not installed, or this index keeps no vectors (``rerank="none"``).
    """

    def __init__(self, dim: int, **options: Any) -> None:
        super().__init__(dim, **options)
        if self.rerank == "none":
            raise Conflict("faiss compares vectors, and rerank='none' keeps none.")
        self._faiss = _faiss()
        self._guard = threading.Lock()
        self._pack: Pack | None = None
        self._flat: Any = None
        self._lists: Any = None
        self._removed = np.empty(0, np.int64)

    def search_many(
        self, vectors: ArrayLike, top_k: int = 10, *, n_probes: int | None = None
    ) -> list[SearchResult]:
        """The items nearest to each of several vectors, all compared exactly.

        Args:
            vectors: ``(m, dim)``, as for `search`.
            top_k: hits of each at the most.
            n_probes: look only into so many buckets for each; None for everything.

        Raises:
            InvalidArgument: bad vectors or numbers.
        """
        wish = checked_wish(top_k, n_probes or "auto", None, n_probes is None, None, None, False)
        if n_probes is not None and n_probes < 1:
            raise InvalidArgument(f"Expected n_probes of at least 1, got {n_probes}.")
        queries = checked_vectors(vectors, self.dim, self.metric)
        state = self.state
        base = state.base
        if base.pack is None or not len(queries):
            return [find(state, query, wish) for query in queries]
        probes = None if n_probes is None or n_probes >= base.pack.k else n_probes
        with self._guard:
            rows = self._candidates(base, base.pack, queries, top_k + SPARE, probes)
        empty = Base.of(None, base.codebook, base.plan, np.empty(0, np.int64))
        newer = [find(State(empty, state.tail), query, wish) for query in queries]
        return [
            _merged(base.pack, mine[mine >= 0], query, more, top_k, probes is None)
            for mine, query, more in zip(rows, queries, newer, strict=True)
        ]

    def _candidates(
        self, base: Base, pack: Pack, queries: F32, depth: int, probes: int | None
    ) -> I64:
        """Rows near each query, int64 ``(m, depth)``, -1 where there are fewer."""
        if self._pack is not pack:
            self._pack, self._flat, self._lists = pack, None, None
            self._removed = base.gone[:0]
        if probes is None:
            self._flat = self._flat or _flat(self._faiss, pack)
            gone = self._faiss.IDSelectorNot(self._faiss.IDSelectorBatch(base.gone))
            chosen = self._faiss.SearchParameters(sel=gone) if len(base.gone) else None
            return np.asarray(self._flat.search(queries, depth, params=chosen)[1], np.int64)
        self._lists = self._lists or _lists(self._faiss, pack)
        gone = np.setdiff1d(base.gone, self._removed)
        if len(gone):
            self._lists.remove_ids(gone)
            self._removed = base.gone
        self._lists.nprobe = probes
        opened = np.stack([_opened(pack, query, probes) for query in queries])
        none = np.zeros(opened.shape, np.float32)
        found = self._lists.search_preassigned(queries, depth, opened, none)
        return np.asarray(found[1], np.int64)


def _merged(
    pack: Pack, rows: I64, query: F32, newer: SearchResult, top_k: int, exact: bool
) -> SearchResult:
    """The best of the pack's candidates and of the delta."""
    best, scores, _ = nearest(pack, rows, _NO_SCORES, query, top_k)
    ids = np.concatenate([pack.keys[best], newer.ids])
    every = np.concatenate([scores, newer.scores])
    order = np.lexsort((ids, -every))[:top_k]
    none = np.full(len(order), np.nan, np.float32)
    return SearchResult(ids[order], every[order], none, "exact" if exact else "routed")


def _opened(pack: Pack, query: F32, probes: int) -> I64:
    """The buckets that `RoutingIndex` opens for a query."""
    return probe(route(pack.routing, pack.scales, prepare(query, pack.rotation)), probes)


def _flat(faiss: Any, pack: Pack) -> Any:
    """All packed vectors, to be compared one and all."""
    index = faiss.IndexFlatIP(pack.dim)
    index.add(pack.vectors(np.arange(pack.n)))
    return index


def _lists(faiss: Any, pack: Pack) -> Any:
    """The packed vectors in the pack's own buckets."""
    coarse = faiss.IndexFlatIP(pack.dim)
    coarse.add(pack.centroids)
    index = faiss.IndexIVFFlat(coarse, pack.dim, pack.k, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    rows, buckets = np.arange(pack.n), pack.buckets()
    vectors = np.ascontiguousarray(pack.vectors(rows))
    given = (vectors, rows, buckets)
    index.add_core(pack.n, *map(faiss.swig_ptr, given))
    return index


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise Conflict(
            'faiss is not installed: pip install "routemem[faiss]", or use RoutingIndex.'
        ) from error
    return faiss
