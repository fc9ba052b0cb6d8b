"""One search of one state: which lanes to scan, which rows to compare, what to answer."""

from typing import NamedTuple

import numpy as np

from ..errors import Conflict, InvalidArgument
from .arrays import F32, I64, U8, whole
from .cold import nearest
from .delta import Tail
from .filters import GATHER_UP_TO, Allowed
from .kernel import candidates, compare_all, prepare, probe, route, select
from .pack import EMPTY, Pack
from .results import Mode, SearchResult, Signals
from .stages import blocks_of
from .state import Base, State
from .writes import live_rows

#: Above this share of allowed rows buckets are probed as usual, only more of them.
PROBE_FROM = 0.3


class Wish(NamedTuple):
    """What a search was asked for, checked.

    Attributes:
        top_k: hits at the most.
        n_probes: buckets to open; None for the plan's.
        threshold: least score of a hit.
        exact: whether to compare everything.
        max_candidates: most items to compare exactly; None for the plan's.
        allowed: ids to stay within; None for all.
        signals: whether to report signals.
    """

    top_k: int
    n_probes: int | None
    threshold: float | None
    exact: bool
    max_candidates: int | None
    allowed: Allowed | None
    signals: bool


class _Found(NamedTuple):
    """Rows of the pack, best first, equal scores by row; and how they came about."""

    rows: I64
    scores: F32
    estimates: F32
    mode: Mode
    probed: int
    reranked: int


_NO_ROWS = np.empty(0, np.int64)
_NO_SCORES = np.empty(0, np.float32)


def find(state: State, vector: F32, wish: Wish) -> SearchResult:
    """Search a state. See `RoutingIndex.search` for what the wish means.

    Args:
        state: stays as it is.
        vector: float32 ``(dim,)``, unit if the metric is cosine.
        wish: what is asked for.
    """
    base, tail = state
    pack = base.pack
    if pack is None:
        mode: Mode = "filtered" if wish.allowed else "exact"
        found = _Found(_NO_ROWS, _NO_SCORES, _NO_SCORES, mode, 0, 0)
        ids = _NO_ROWS
    else:
        found = _in_pack(base, pack, vector, wish)
        ids = pack.keys[found.rows]
    scores, estimates, seen = found.scores, found.estimates, (0, 0)
    if len(tail):
        rows, more, seen = _in_tail(base, tail, vector, wish)
        ids = np.concatenate([ids, tail.keys[rows]])
        scores = np.concatenate([scores, more])
        estimates = np.concatenate([estimates, np.full(len(rows), np.nan, np.float32)])
        order = np.lexsort((ids, -scores))[: wish.top_k]
        ids, scores, estimates = ids[order], scores[order], estimates[order]
    if wish.threshold is not None:
        enough = scores >= wish.threshold
        ids, scores, estimates = ids[enough], scores[enough], estimates[enough]
    approximate = found.mode == "estimated"
    signals = _signals(base, vector, wish, found, seen) if wish.signals else None
    return SearchResult(ids, scores, estimates, found.mode, approximate, signals)


# ---------------------------------------------------------------------- the packed part


def _in_pack(base: Base, pack: Pack, vector: F32, wish: Wish) -> _Found:
    """The best rows of the pack, scored."""
    bare = len(pack.rows) < pack.n
    if wish.exact and bare:
        raise Conflict(
            "exact=True compares stored vectors, but this index keeps none (rerank='none'). Search "
            "without exact, or make the index with rerank='fp16'."
        )
    allowed = wish.allowed
    all_of_it = wish.n_probes is not None and wish.n_probes >= pack.k and not wish.max_candidates
    everything = wish.exact or (all_of_it and not bare)
    if allowed is not None and not bare and len(allowed.rows) <= GATHER_UP_TO:
        free = wish.n_probes is None and len(allowed.rows) <= (wish.max_candidates or GATHER_UP_TO)
        if everything or free:
            rows = np.setdiff1d(allowed.rows, base.gone)
            return _compare(pack, rows, vector, wish, "filtered", 0)
    if everything:
        return _compare_everything(base, pack, vector, wish)
    probes = _probes(base, pack, wish)
    if wish.n_probes is not None and wish.max_candidates is None and not bare:
        rows = _rows_in(base, pack, _probed(pack, vector, probes), allowed)
        return _compare(pack, rows, vector, wish, "routed", probes)
    return _scan(base, pack, vector, wish, probes, bare)


def _probes(base: Base, pack: Pack, wish: Wish) -> int:
    """How many buckets to open: what was asked for, else the plan's, more under a filter."""
    assert base.plan is not None
    if wish.n_probes is not None:
        return wish.n_probes
    if wish.allowed is None:
        return base.plan.n_probes
    if len(wish.allowed.rows) < PROBE_FROM * pack.n:
        return pack.k
    return min(2 * base.plan.n_probes, pack.k)


def _scan(base: Base, pack: Pack, vector: F32, wish: Wish, probes: int, bare: bool) -> _Found:
    """Scan the codes of buckets, compare the best exactly."""
    assert base.plan is not None
    depth = base.plan.depth_for(wish.top_k)
    if wish.max_candidates is not None:
        depth = wish.max_candidates
    rows, guesses = candidates(pack, _lanes(base, wish), vector, probes, depth)
    if bare:
        order = np.lexsort((rows, -guesses))[: wish.top_k]
        guesses = guesses[order]
        return _Found(rows[order], guesses, guesses, "estimated", probes, 0)
    best, scores, estimates = nearest(pack, rows, guesses, vector, wish.top_k)
    return _Found(best, scores, estimates, "routed", probes, len(rows))


def _lanes(base: Base, wish: Wish) -> U8:
    """The lanes that a search may find."""
    return base.live if wish.allowed is None else base.live & wish.allowed.all_lanes()


def _compare(pack: Pack, rows: I64, vector: F32, wish: Wish, mode: Mode, probed: int) -> _Found:
    """Compare some rows exactly."""
    best, scores, none = nearest(pack, rows, _NO_SCORES, vector, wish.top_k)
    return _Found(best, scores, none, mode, probed, len(rows))


def _compare_everything(base: Base, pack: Pack, vector: F32, wish: Wish) -> _Found:
    """Compare all live rows exactly, or all allowed ones."""
    scores = compare_all(pack.rows, pack.row_scales, vector)
    scores[base.gone] = -np.inf
    if wish.allowed is not None:
        inside = np.full(pack.n, -np.inf, np.float32)
        inside[wish.allowed.rows] = scores[wish.allowed.rows]
        scores = inside
    best = select(scores, wish.top_k)
    n = int(np.count_nonzero(scores > -np.inf))
    return _Found(best, scores[best], np.full(len(best), np.nan, np.float32), "exact", 0, n)


def _probed(pack: Pack, vector: F32, probes: int) -> I64:
    """The buckets that are opened, ascending."""
    return probe(route(pack.routing, pack.scales, prepare(vector, pack.rotation)), probes)


def _rows_in(base: Base, pack: Pack, buckets: I64, allowed: Allowed | None) -> I64:
    """Live rows of buckets, within the allowed ones, ascending."""
    ids = pack.ids[blocks_of(pack.offsets, buckets)]
    rows = np.sort(ids[ids != EMPTY]).astype(np.int64)
    rows = np.setdiff1d(rows, base.gone, assume_unique=True)
    return rows if allowed is None else np.intersect1d(rows, allowed.rows, assume_unique=True)


# ---------------------------------------------------------------------- the rest


def _in_tail(base: Base, tail: Tail, vector: F32, wish: Wish) -> tuple[I64, F32, tuple[int, int]]:
    """The best rows of the delta, their exact scores, and how many were looked at and compared."""
    depth = base.plan.depth_for(wish.top_k) if base.plan else 0
    if wish.allowed is None:
        rows, scores, reranked = tail.best(vector, wish.top_k, depth=depth, exact=wish.exact)
        return rows, scores, (len(tail), reranked)
    among = wish.allowed.among(tail.keys[: tail.n])
    rows, scores, reranked = tail.best(
        vector, wish.top_k, depth=depth, exact=wish.exact, among=among
    )
    return rows, scores, (int(np.count_nonzero(among)), reranked)


def _signals(base: Base, vector: F32, wish: Wish, found: _Found, seen: tuple[int, int]) -> Signals:
    """How the routing went; what a search does not need itself is found again here."""
    buckets, scanned = _NO_ROWS, found.reranked
    if base.pack is not None and found.probed:
        buckets = _probed(base.pack, vector, found.probed)
    if base.pack is not None and (len(found.estimates) and not np.isnan(found.estimates[0])):
        lanes = _lanes(base, wish)[blocks_of(base.pack.offsets, buckets)]
        scanned = int(np.bitwise_count(lanes).sum())
    return Signals(
        *_routing(base, vector), _best_first(base, vector, buckets), scanned + seen[0],
        found.reranked + seen[1], found.mode, found.mode == "estimated",
    )  # fmt: skip


def _routing(
    base: Base, vector: F32
) -> tuple[float | None, float | None, float | None, int | None]:
    """Confidence, margin, qerr and nearest centroid of a query."""
    if base.codebook is None:
        return None, None, None, None
    best = base.codebook.top_centroids(vector, 2) if vector.any() else [(0, 0.0)]
    qerr = 1 - best[0][1]
    margin = best[0][1] - best[1][1] if len(best) > 1 else 0.0
    return 1 / (1 + qerr), margin, qerr, best[0][0]


def _best_first(base: Base, vector: F32, buckets: I64) -> tuple[int, ...]:
    if base.codebook is None or not len(buckets):
        return ()
    scores = base.codebook.centroids[buckets] @ vector
    return tuple(buckets[np.argsort(-scores, kind="stable")].tolist())


def checked_wish(
    top_k: int,
    n_probes: int | str,
    threshold: float | None,
    exact: bool,
    max_candidates: int | None,
    allowed: Allowed | None,
    signals: bool,
) -> Wish:
    """The arguments of a search, refused where they make no sense.

    Raises:
        InvalidArgument: not a whole number from 1 on, ``n_probes`` neither that nor ``auto``, or a
            threshold that is not a number.
    """
    if isinstance(n_probes, str) and n_probes != "auto":
        raise InvalidArgument(f"Expected n_probes 'auto' or a number, got {n_probes!r}.")
    probes = None if isinstance(n_probes, str) else whole("n_probes", n_probes)
    most = None if max_candidates is None else whole("max_candidates", max_candidates)
    if threshold is not None and not _is_number(threshold):
        raise InvalidArgument(
            f"Expected threshold as a number or None for no limit, got {threshold!r}."
        )
    return Wish(whole("top_k", top_k), probes, threshold, exact, most, allowed, signals)


def _is_number(value: object) -> bool:
    """Whether a value is a real number; NaN is none."""
    return isinstance(value, int | float | np.integer | np.floating) and bool(value == value)


def compared(state: State, query: F32, keys: I64) -> F32:
    """The exact score of single items, float32 ``(n,)``; NaN for those that are not there.

    Raises:
        Conflict: one is packed, and the pack keeps no vectors.
    """
    base, tail = state
    keys, back = np.unique(keys, return_inverse=True)
    scores = np.full(len(keys), np.nan, np.float32)
    if base.pack is not None:
        rows = live_rows(base, keys)
        packed = rows >= 0
        if packed.any() and len(base.pack.rows) < base.pack.n:
            raise Conflict(
                "compare() needs stored vectors, but this index keeps none (rerank='none'). Use "
                "search(), or make the index with rerank='fp16'."
            )
        scores[packed] = base.pack.vectors(rows[packed]) @ query
    mine = np.flatnonzero(np.isin(tail.keys[: tail.n], keys))
    if len(tail.dead):
        mine = mine[~np.isin(mine, tail.dead)]
    if len(mine):
        scores[np.searchsorted(keys, tail.keys[mine])] = tail.vectors(mine) @ query
    return scores[back]
