"""How many buckets a query opens and how many items it compares exactly, by measurement."""

import math
from dataclasses import dataclass

import numpy as np

from .arrays import F32, I64, U8, lengths
from .codes import Rotation
from .kernel import LANES, estimates, prepare, route, widened
from .pack import Pack

#: Up to here the codes of all buckets are scanned: routing would save little and cost recall.
ALL_CODES_UNTIL = 20_000
#: Floors at 300,000 and 10,000 items; sentence vectors need them whatever a sample says.
LEAST_SHARE, LEAST_DEPTH = 0.25, 100
#: Exact comparisons cost this many times a code.
ROW_COST = 20
#: Queries of each kind a calibration makes up.
SAMPLE = 96
#: Items compared exactly for each one asked for beyond the ten that a plan is calibrated on.
PER_FARTHER = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search that is told nothing goes about it.

    Attributes:
        n_probes: buckets to open.
        depth: items to compare exactly when ten are asked for; see `depth_for`.
        target: recall@10 aimed at.
        recall: recall@10 measured with these numbers, on the group of queries that fared worst;
            None if nothing was measured.
        sample: queries measured.
    """

    n_probes: int
    depth: int
    target: float = 0.99
    recall: float | None = None
    sample: int = 0

    def depth_for(self, top_k: int) -> int:
        """Items to compare exactly when ``top_k`` are asked for.

        The estimates of far neighbours lie close together: with as many as asked for, the 200
        nearest of 34,500 sentences were found to 69 %, with six for each to 99 %.
        """
        return self.depth + PER_FARTHER * max(0, top_k - 10)


def shares(n: int) -> tuple[float, ...]:
    """Shares of the buckets worth trying, largest first: up to 20,000 items only all.

    The least falls with the square root of the items: 56 % at 60,000, a quarter at 300,000, 14 % at
    a million.
    """
    if n <= ALL_CODES_UNTIL:
        return (1.0,)
    least = LEAST_SHARE * math.sqrt(300_000 / n)
    steps = math.ceil(math.log(1 / least, math.sqrt(2)))
    return tuple(min(1.0, least * 2 ** (step / 2)) for step in range(steps, -1, -1))


def depths(n: int) -> tuple[int, ...]:
    """Depths worth trying, least first: from 100 at 10,000 items, 300 at a million."""
    least = LEAST_DEPTH * (1 + math.log10(max(n, 10_000) / 10_000))
    return tuple(round(least * 2 ** (step / 2)) for step in range(7))


def default_plan(n: int, k: int, target: float = 0.99) -> Plan:
    """Numbers for an index nobody measured: one step above the least."""
    return Plan(math.ceil(k * shares(n)[-2:][0]), depths(n)[1], target)


def calibrated(
    pack: Pack,
    live: U8,
    gone: I64,
    *,
    target: float = 0.99,
    queries: F32 | None = None,
    top_k: int = 10,
    sample: int = SAMPLE,
    seed: int = 0,
) -> Plan:
    """The cheapest numbers that reach the target recall for each of several kinds of queries.

    Stored vectors, asked for without themselves, stand for questions like what is stored; sums of
    three stored vectors for questions that lie between the buckets. Neither is a real question, so
    half of the misses the target allows are kept in reserve unless queries are given.

    Args:
        pack: with level 0.
        live: its live lanes.
        gone: its deleted rows.
        target: recall@``top_k``, 0 to 1, against exact search of the same rows.
        queries: float32 ``(m, dim)``, recent real ones.
        top_k: neighbours counted.
        sample: queries made up of each kind.
        seed: of the sample.
    """
    rng = np.random.default_rng(seed)
    alive = np.delete(np.arange(pack.n), gone)
    if not len(alive):
        return default_plan(pack.n, pack.k, target)
    own = rng.permutation(alive)[:sample]
    between = pack.vectors(rng.choice(alive, 3 * len(own))).reshape(3, len(own), -1).sum(axis=0)
    asked = [pack.vectors(own), _unit(between)]
    if queries is not None and len(queries):
        asked.append(queries)
    needed = [
        _needed(pack, live, gone, group, np.full(len(group), -1) if number else own, top_k)
        for number, group in enumerate(asked)
    ]
    share, depth, recall = _cheapest(needed, pack.n, target if len(asked) > 2 else (1 + target) / 2)
    probes = math.ceil(share * pack.k)
    return Plan(probes, depth, target, recall, sum(len(group) for group in asked))


def _cheapest(needed: list[dict[float, F32]], n: int, target: float) -> tuple[float, int, float]:
    """Share, depth and recall of the cheapest plan that gives every group of queries the target.

    If none does: all buckets, as deep as was tried.
    """
    plans = []
    for share in shares(n):
        for depth in depths(n):
            recall = min(float((need[share] <= depth).mean()) for need in needed)
            cost = share * n + ROW_COST * depth
            # Plans that miss the target come last, the most thorough of them first.
            plans.append(
                (recall < target, cost if recall >= target else -cost, share, depth, recall)
            )
    _, _, share, depth, recall = min(plans)
    return share, depth, recall


def _unit(vectors: F32) -> F32:
    sizes = np.maximum(lengths(vectors), np.float32(1e-12))
    unit: F32 = np.divide(vectors, sizes[:, None])
    return unit


def _needed(
    pack: Pack, live: U8, gone: I64, queries: F32, own: I64, top_k: int
) -> dict[float, F32]:
    """Depth at which each true neighbour is found, by share of buckets; infinite if it is not.

    Returns:
        float32 ``(queries, neighbours)`` for every share.
    """
    nearest = _neighbours(pack, gone, queries, own, top_k)
    lane_of = np.empty(pack.n, np.int64)
    taken = np.flatnonzero(pack.ids.reshape(-1) < pack.n)
    lane_of[pack.ids.reshape(-1)[taken]] = taken
    per_block = np.repeat(np.arange(pack.k), pack.blocks_per_bucket)
    rotation = pack.rotation
    needed = {share: np.empty(nearest.shape, np.float32) for share in shares(pack.n)}
    for row, (query, mine) in enumerate(zip(queries, own, strict=True)):
        scores, rank = _one(pack, live, rotation, query, per_block)
        if mine >= 0:
            scores[lane_of[mine]] = -np.inf
        wanted = lane_of[nearest[row]]
        rivals = np.flatnonzero(scores >= scores[wanted].min())
        above = scores[rivals] >= scores[wanted][:, None]
        for share, need in needed.items():
            probes = math.ceil(share * pack.k)
            within = rank[rivals // LANES] < probes
            depth = (above & within).sum(axis=1).astype(np.float32)
            need[row] = np.where(rank[wanted // LANES] < probes, depth, np.inf)
    return needed


def _one(pack: Pack, live: U8, rotation: Rotation, vector: F32, per_block: I64) -> tuple[F32, I64]:
    """Estimates of all lanes, and the routing rank of every block's bucket."""
    query = prepare(vector, rotation)
    routed = route(pack.routing, pack.scales, query)
    rank = np.empty(pack.k, np.int64)
    rank[np.argsort(-routed, kind="stable")] = np.arange(pack.k)
    scores = estimates(pack.codes, pack.factors, pack.norms, live, routed[per_block], None, query)
    return scores, rank[per_block]


def _neighbours(pack: Pack, gone: I64, queries: F32, own: I64, top_k: int) -> I64:
    """Rows of the exact nearest neighbours, int64 ``(queries, top_k)``, without the own row."""
    depth = min(top_k, pack.n - len(gone) - 1) or 1
    best = np.full((len(queries), 0), 0, np.int64)
    kept = np.empty((len(queries), 0), np.float32)
    dead = np.zeros(pack.n, np.bool_)
    dead[gone] = True
    for start in range(0, pack.n, 8192):
        part = slice(start, start + 8192)
        scores = queries @ widened(pack.rows[part], pack.row_scales[part]).T
        rows = np.arange(start, start + scores.shape[1])
        scores[:, dead[part]] = -np.inf
        scores[rows == own[:, None]] = -np.inf
        kept = np.concatenate([kept, scores], axis=1)
        best = np.concatenate([best, np.broadcast_to(rows, scores.shape)], axis=1)
        if kept.shape[1] > depth:
            top = np.argpartition(-kept, depth - 1, axis=1)[:, :depth]
            kept = np.take_along_axis(kept, top, axis=1)
            best = np.take_along_axis(best, top, axis=1)
    return best
