"""Building, merging and reporting: from one state to the next, off the path of reads and writes."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import numpy as np

from ..errors import Conflict, InvalidArgument
from .arrays import F32, I64, Metric, Rows, one_of, whole
from .codebook import Codebook, Init, sample_size
from .codes import Rotation
from .delta import Delta
from .heuristics import centroid_count, measured_counts
from .kernel import ACTIVE
from .pack import Pack, Rerank, merged, pack_rows, stored_form
from .plan import Plan, calibrated, default_plan
from .results import Footprint, IndexReport, Mode
from .state import Base, State
from .steps import widened

#: Up to here exact search is as fast without the compiled kernel (benchmarks/index.py); with it
#: codes are already faster at 500 vectors, but what is saved is not worth a build before these.
FLAT_UNTIL = 14_000 if ACTIVE.name == "numpy" else 2_000
#: The delta is merged above this many items, or this share of the packed ones if that is more.
MERGE_FROM, MERGE_SHARE = 2000, 0.05
#: A flat index is written anew above this many deleted items, or as many as it holds if that is
#: more: it costs no more than a copy.
FLAT_WASTE = 256
#: A build pays again when the index has grown by this factor since the last one.
GROWTH = 2
#: Vectors the rule ``auto`` looks at.
AUTO_SAMPLE = 20_000

#: What `packed` does, in order.
STEPS = ("centroids fitted", "vectors packed", "recall calibrated")

Due = Literal["build", "merge", ""]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an index is built; see `RoutingIndex` for the fields."""

    dim: int
    seed: int
    metric: Metric
    rerank: Rerank
    k: int | str
    init: Init
    flat_until: int
    target: float

    def __post_init__(self) -> None:
        whole("dim", self.dim)
        whole("flat_until", self.flat_until, least=0)
        if not 0 < self.target <= 1:
            raise InvalidArgument(
                f"Expected a target in (0, 1], got {self.target}. It is a share: 0.99, say."
            )
        one_of("metric", self.metric, get_args(Metric))
        one_of("rerank", self.rerank, get_args(Rerank))
        one_of("init", self.init, get_args(Init))
        if self.k != "auto":
            centroid_count(self.k, max(2, self.k if isinstance(self.k, int) else 2))

    def aiming_at(self, target: float | None) -> "Recipe":
        """The same with another target recall; None changes nothing."""
        return self if target is None else replace(self, target=target)


def due(state: State, recipe: Recipe) -> Due:
    """The upkeep that would pay for a state, if any."""
    base, tail = state
    packed, items = len(base), len(base) + len(tail)
    if items > (GROWTH * base.built if base.pack else recipe.flat_until):
        return "build"
    if base.pack is None:
        return "merge" if len(tail.dead) > max(FLAT_WASTE, len(tail)) else ""
    most = max(MERGE_FROM, int(MERGE_SHARE * packed))
    waste = len(base.gone) + len(tail.dead)
    return "merge" if waste > most or tail.n > most else ""


def built(
    state: State, recipe: Recipe, codebook: Codebook | None = None, queries: F32 | None = None
) -> tuple[Base, Delta]:
    """All items of a state, packed around a codebook, or flat if they are few.

    Args:
        state: stays as it is.
        recipe: of the index.
        codebook: None to fit one.
        queries: float32 ``(m, dim)`` real ones for the calibration.

    Raises:
        Conflict: packed vectors were not kept.
        InvalidArgument: a codebook of another dimension.
    """
    if codebook is not None and codebook.dim != recipe.dim:
        raise InvalidArgument(
            f"Expected a codebook of {recipe.dim} dimensions, got one of {codebook.dim}. Fit it on "
            "vectors of this index, or give none."
        )
    keys, rows, row_scales = _everything(state, recipe)
    delta = Delta(recipe.dim)
    if not len(keys):
        return Base.of(None, codebook, None, _NONE), delta
    if codebook is None:
        codebook = _fitted(rows, row_scales, recipe)
    if len(keys) <= recipe.flat_until:
        delta.append(keys, widened(rows, row_scales))
        return Base.of(None, codebook, None, _NONE), delta
    base = packed(keys, rows, row_scales, recipe, codebook, queries)
    return base, Delta(recipe.dim, base.pack, recipe.rerank)


def packed(
    keys: I64,
    rows: Rows,
    row_scales: F32,
    recipe: Recipe,
    codebook: Codebook | None = None,
    queries: F32 | None = None,
    *,
    told: Callable[[str], None] = lambda step: None,
) -> Base:
    """Items packed around a codebook, however few they are.

    Args:
        keys: int64 ``(n,)``, ascending, ``n >= 1``.
        rows: level-0 rows ``(n, dim)``; may be a memory map.
        row_scales: of int8 rows.
        recipe: of the index.
        codebook: None to fit one.
        queries: float32 ``(m, dim)`` real ones for the calibration.
        told: hears of each of `STEPS` when it is done.
    """
    if codebook is None:
        codebook = _fitted(rows, row_scales, recipe)
    told(STEPS[0])
    rotation = Rotation.random(recipe.dim, recipe.seed)
    pack = pack_rows(keys, rows, row_scales, codebook, rotation, recipe.metric)
    told(STEPS[1])
    base = Base.of(pack, codebook, default_plan(pack.n, pack.k, recipe.target), _NONE, pack.n)
    plan = calibrated(
        pack, base.live, base.gone, target=recipe.target, queries=queries, seed=recipe.seed
    )
    told(STEPS[2])
    if recipe.rerank == "none":
        pack = replace(pack, rows=pack.rows[:0].copy())
    return replace(base, pack=pack, plan=plan)


def calibrated_plan(state: State, recipe: Recipe, queries: F32 | None) -> Plan:
    """What the pack of a state needs for the target recall; see `plan.calibrated`.

    Raises:
        Conflict: nothing is packed, or no vectors were kept to compare with.
    """
    base = state.base
    if base.pack is None or len(base.pack.rows) < base.pack.n:
        raise Conflict("Only a packed index with vectors can be calibrated: call build().")
    return calibrated(
        base.pack, base.live, base.gone, target=recipe.target, queries=queries, seed=recipe.seed
    )


def merged_state(state: State, recipe: Recipe) -> tuple[Base, Delta]:
    """A state without delta and without deleted items, around the codebook it has."""
    base, tail = state
    live = tail.live()
    live = live[np.argsort(tail.keys[live])]
    keys, vectors = tail.keys[live], tail.vectors(live)
    if base.pack is None or not len(base) + len(tail):
        delta = Delta(recipe.dim)
        delta.append(keys, vectors)
        return Base.of(None, base.codebook, None, _NONE), delta
    assert base.codebook is not None
    rows, row_scales = stored_form(vectors, recipe.rerank)
    more = pack_rows(keys, rows, row_scales, base.codebook, base.pack.rotation, recipe.metric)
    pack = merged(base.pack, base.rows(), more)
    after = Base.of(pack, base.codebook, base.plan, _NONE, base.built)
    return after, Delta(recipe.dim, pack, recipe.rerank)


def caught_up(before: State, now: State, base: Base, delta: Delta) -> State:
    """What upkeep made of an earlier state, brought up to what has been written since.

    Args:
        before: the state upkeep started from.
        now: the present one, with the same pack.
        base: upkeep's result.
        delta: upkeep's result; changed here.
    """
    lost = np.setdiff1d(now.tail.dead, before.tail.dead)
    keys = now.tail.keys[lost[lost < before.tail.n]]
    if before.base.pack is not None:
        rows = np.setdiff1d(now.base.gone, before.base.gone)
        keys = np.concatenate([keys, before.base.pack.keys[rows]])
    rows = delta.rows_of(keys)
    delta.drop(rows[rows >= 0])
    if base.pack is not None:
        rows = base.pack.rows_of(keys)
        base = base.without(rows[rows >= 0])
    fresh = now.tail.live(before.tail.n)
    delta.append(now.tail.keys[fresh], now.tail.vectors(fresh))
    return State(base, delta.tail)


# ---------------------------------------------------------------------- reports


def footprint(state: State, delta: Delta) -> Footprint:
    """Bytes of an index by array; `Footprint` says which are hot."""
    base, tail = state
    arrays = {f.name: getattr(base.pack, f.name).nbytes for f in fields(Pack)} if base.pack else {}
    hot = base.pack.hot_bytes if base.pack else 0
    cold = base.pack.cold_bytes if base.pack else 0
    if base.pack is None and base.codebook is not None:
        arrays["centroids"] = cold = base.codebook.centroids.nbytes
    extra = {
        "live": base.live.nbytes if base.pack and base.live is not base.pack.lanes else 0,
        "gone": base.gone.nbytes,
        "delta": delta.hot_bytes,
    }
    arrays["delta_rows"] = delta.cold_bytes
    cold += delta.cold_bytes
    items = len(base) + len(tail)
    dense = items * delta.dim * 4
    return Footprint(items, hot + sum(extra.values()), cold, dense, arrays | extra)


def report(state: State, recipe: Recipe, bytes_held: Footprint) -> IndexReport:
    """Size, balance and upkeep of a state."""
    base, tail = state
    book, plan = base.codebook, base.plan
    mode: Mode = "exact"
    gini, dead = 0.0, 0
    if base.pack is not None and book is not None:
        mode = "estimated" if len(base.pack.rows) < base.pack.n else "routed"
        codes = base.pack.buckets()[base.rows()]
        gini, dead = book.gini(codes), len(book.dead_codes(codes))
    return IndexReport(
        items=len(base) + len(tail),
        k=book.k if book else 0,
        gini=gini,
        dead_codes=dead,
        delta=len(tail),
        deleted=len(base.gone) + len(tail.dead),
        mode=mode,
        due=due(state, recipe),
        n_probes=plan.n_probes if plan else 0,
        depth=plan.depth if plan else 0,
        recall=plan.recall if plan else None,
        footprint=bytes_held,
    )


# ---------------------------------------------------------------------- inside

_NONE = np.empty(0, np.int64)


def _everything(state: State, recipe: Recipe) -> tuple[I64, Rows, F32]:
    """Keys (ascending), level-0 rows and their scales of all live items."""
    base, tail = state
    live = tail.live()
    keys = tail.keys[live]
    rows, scales = stored_form(tail.vectors(live), recipe.rerank)
    if base.pack is not None:
        if len(base.pack.rows) < base.pack.n:
            raise Conflict(
                "This index keeps no packed vectors (rerank='none') and cannot be built again. "
                "Make a new one from the vectors, or use rerank='fp16'."
            )
        kept = base.rows()
        keys = np.concatenate([base.pack.keys[kept], keys])
        rows = np.concatenate([base.pack.rows[kept], rows])
        if len(base.pack.row_scales):
            scales = np.concatenate([base.pack.row_scales[kept], scales])
    order = np.argsort(keys)
    return keys[order], rows[order], scales[order] if len(scales) else scales


def _fitted(rows: Rows, row_scales: F32, recipe: Recipe) -> Codebook:
    """A codebook for level-0 rows, fitted on a sample of them that is not zero."""
    n = len(rows)
    rng = np.random.default_rng(recipe.seed)
    k = recipe.k
    if k == "auto":
        k = measured_counts(_sample(rows, row_scales, AUTO_SAMPLE, rng), n, seed=recipe.seed)[0].k
    count = min(centroid_count(min(k, n) if isinstance(k, int) else k, n), n)
    sample = _sample(rows, row_scales, sample_size(count), rng)
    return Codebook.fit(sample, min(count, len(sample)), init=recipe.init, seed=recipe.seed)


def _sample(rows: Rows, row_scales: F32, most: int, rng: np.random.Generator) -> F32:
    """At most so many rows as unit vectors, float32; zero rows are left out."""
    chosen = np.sort(rng.permutation(len(rows))[:most])
    vectors = widened(rows[chosen], row_scales[chosen] if len(row_scales) else row_scales)
    sizes = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    some = sizes > 1e-12
    unit: F32 = vectors[some] / sizes[some, None]
    return unit if len(unit) else np.eye(1, vectors.shape[1], dtype=np.float32)
