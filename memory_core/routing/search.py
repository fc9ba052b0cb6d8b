"""One search of one state: which lanes to scan, which rows to compare, what to answer."""

from typing import NamedTuple

import numpy as np

from ..errors import Conflict, InvalidArgument
from .arrays import F32, I64
from .cold import rerank
from .filters import GATHER_UP_TO, Allowed
from .kernel import Query, compare_all, prepare, probe, route, scan, select
from .pack import EMPTY, Pack
from .results import Hit, Mode, SearchResult, Signals
from .state import Base, State, Tail
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
    """Rows of the pack with their scores, and how they came about."""

    rows: I64
    scores: F32
    estimates: F32
    mode: Mode
    probed: I64
    scanned: int
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
    found = _in_pack(base, vector, wish) if base.pack else _nothing()
    rows, scores = _in_tail(tail, vector, wish)
    keys = np.concatenate([base.pack.keys[found.rows] if base.pack else _NO_ROWS, tail.keys[rows]])
    every = np.concatenate([found.scores, scores])
    order = np.lexsort((keys, -every))[: wish.top_k]
    if wish.threshold is not None:
        order = order[every[order] >= wish.threshold]
    hits = tuple(_hit(int(keys[i]), float(every[i]), int(i), found) for i in order)
    mode: Mode = found.mode
    if not base.pack:
        mode = "filtered" if wish.allowed else "exact"
    approximate = mode == "estimated"
    signals = None
    if wish.signals:
        seen = len(tail) if wish.allowed is None else len(rows)
        told = _routing(base, vector)
        probed = _best_first(base, vector, found.probed)
        signals = Signals(
            *told, probed, found.scanned + seen, found.reranked + seen, mode, approximate
        )
    return SearchResult(hits, mode, approximate, signals)


# ---------------------------------------------------------------------- the packed part


def _nothing() -> _Found:
    return _Found(_NO_ROWS, _NO_SCORES, _NO_SCORES, "exact", _NO_ROWS, 0, 0)


def _in_pack(base: Base, vector: F32, wish: Wish) -> _Found:
    """The best rows of the pack, scored, at least ``top_k`` where there are as many."""
    pack = base.pack
    assert pack is not None
    assert base.plan is not None
    bare = len(pack.rows) < pack.n
    if wish.exact and bare:
        raise Conflict(
            "exact=True compares stored vectors, but this index keeps none (rerank='none'). Search "
            "without exact, or make the index with rerank='fp16'."
        )
    allowed = wish.allowed
    if allowed is not None and not bare and len(allowed.rows) <= GATHER_UP_TO:
        return _compare(pack, np.setdiff1d(allowed.rows, base.gone), vector, wish, "filtered")
    all_of_it = wish.n_probes is not None and wish.n_probes >= pack.k
    if wish.exact or (all_of_it and not bare and wish.max_candidates is None):
        return _compare_everything(base, pack, vector, wish)
    query = prepare(vector, pack.rotation)
    routed = route(pack.routing, pack.scales, query)
    buckets = probe(routed, _probes(base, pack, wish))
    if wish.n_probes is not None and wish.max_candidates is None and not bare:
        rows = _rows_in(base, pack, buckets, allowed)
        return _compare(pack, rows, vector, wish, "routed")._replace(probed=buckets)
    return _scan(base, pack, query, routed, buckets, wish, bare)


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


def _scan(
    base: Base, pack: Pack, query: Query, routed: F32, buckets: I64, wish: Wish, bare: bool
) -> _Found:
    """Scan the codes of buckets, compare the best exactly."""
    assert base.plan is not None
    live = base.live if wish.allowed is None else base.live & wish.allowed.all_lanes()
    blocks, sizes = _blocks_of(pack, buckets)
    per_block = np.repeat(routed[buckets], sizes)
    if wish.allowed is not None:
        some = np.flatnonzero(live if blocks is None else live[blocks])
        blocks, per_block = some if blocks is None else blocks[some], per_block[some]
    depth = max(wish.top_k, base.plan.depth)
    if wish.max_candidates is not None:
        depth = wish.max_candidates
    lanes, guesses = scan(
        pack.codes, pack.factors, pack.norms, live, per_block, blocks, query, depth
    )
    rows = pack.ids.reshape(-1)[lanes].astype(np.int64)
    seen = int(np.bitwise_count(live if blocks is None else live[blocks]).sum())
    if bare:
        return _Found(rows, guesses, guesses, "estimated", buckets, seen, 0)
    scores = rerank(pack.rows, pack.row_scales, rows, query.vector)
    return _Found(rows, scores, guesses, "routed", buckets, seen, len(rows))


def _compare(pack: Pack, rows: I64, vector: F32, wish: Wish, mode: Mode) -> _Found:
    """Compare some rows exactly."""
    scores = rerank(pack.rows, pack.row_scales, rows, vector)
    best = select(scores, wish.top_k)
    n = len(rows)
    return _Found(rows[best], scores[best], _NO_SCORES, mode, _NO_ROWS, n, n)


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
    return _Found(best, scores[best], _NO_SCORES, "exact", _NO_ROWS, n, n)


def _blocks_of(pack: Pack, buckets: I64) -> tuple[I64 | None, I64]:
    """The blocks of ascending buckets (None if these are all), and how many each has."""
    starts = pack.offsets[:-1][buckets].astype(np.int64)
    sizes = pack.offsets[1:][buckets].astype(np.int64) - starts
    if len(buckets) == pack.k:
        return None, sizes
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum())), sizes


def _rows_in(base: Base, pack: Pack, buckets: I64, allowed: Allowed | None) -> I64:
    """Live rows of buckets, within the allowed ones, ascending."""
    blocks, _ = _blocks_of(pack, buckets)
    ids = pack.ids if blocks is None else pack.ids[blocks]
    rows = np.sort(ids[ids != EMPTY]).astype(np.int64)
    rows = np.setdiff1d(rows, base.gone, assume_unique=True)
    return rows if allowed is None else np.intersect1d(rows, allowed.rows, assume_unique=True)


# ---------------------------------------------------------------------- the rest


def _in_tail(tail: Tail, vector: F32, wish: Wish) -> tuple[I64, F32]:
    """The best rows of the delta with their exact scores."""
    if not len(tail):
        return _NO_ROWS, _NO_SCORES
    scores = tail.scores(vector)
    if wish.allowed is not None:
        scores[~wish.allowed.among(tail.keys[: tail.n])] = -np.inf
    best = select(scores, wish.top_k)
    return best, scores[best]


def _hit(key: int, score: float, place: int, found: _Found) -> Hit:
    levels = {}
    if place < len(found.estimates):
        levels[2] = float(found.estimates[place])
    if found.mode != "estimated" or place >= len(found.rows):
        levels[0] = score
    return Hit(key, score, levels)


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
        InvalidArgument: a number below 1, or ``n_probes`` neither a number nor ``auto``.
    """
    if top_k < 1:
        raise InvalidArgument(f"Expected top_k of at least 1, got {top_k}.")
    if max_candidates is not None and max_candidates < 1:
        raise InvalidArgument(f"Expected max_candidates of at least 1, got {max_candidates}.")
    if isinstance(n_probes, str):
        if n_probes != "auto":
            raise InvalidArgument(f"Expected n_probes 'auto' or a number, got {n_probes!r}.")
        return Wish(top_k, None, threshold, exact, max_candidates, allowed, signals)
    if n_probes < 1:
        raise InvalidArgument(f"Expected n_probes of at least 1, got {n_probes}.")
    return Wish(top_k, int(n_probes), threshold, exact, max_candidates, allowed, signals)


def compared(state: State, query: F32, keys: I64) -> dict[int, float]:
    """The exact score of single items, by key; those that are not there are left out."""
    base, tail = state
    scores: dict[int, float] = {}
    if base.pack is not None:
        rows = live_rows(base, keys)
        products = base.pack.vectors(rows[rows >= 0]) @ query
        scores |= zip(keys[rows >= 0].tolist(), products.tolist(), strict=True)
    mine = np.flatnonzero(np.isin(tail.keys[: tail.n], keys))
    mine = mine[~np.isin(mine, tail.dead)]
    if len(mine):
        products = tail.vectors(mine) @ query
        scores |= zip(tail.keys[mine].tolist(), products.tolist(), strict=True)
    return scores
