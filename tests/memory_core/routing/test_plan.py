"""How many probes and comparisons a search by itself makes."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.errors import Conflict
from routemem.memory_core.routing import plan
from routemem.memory_core.routing.plan import (
    ALL_CODES_UNTIL,
    calibrated,
    default_plan,
    depths,
    shares,
)

Draw = Callable[..., NDArray[np.float32]]


def test_up_to_twenty_thousand_items_all_codes_are_scanned() -> None:
    assert shares(ALL_CODES_UNTIL) == (1.0,)
    assert default_plan(ALL_CODES_UNTIL, 633).n_probes == 633


def test_floors_fall_with_the_buckets_and_rise_with_the_depth() -> None:
    assert shares(300_000)[-1] == 0.25
    assert shares(1_000_000)[-1] == pytest.approx(0.137, abs=1e-3)
    assert all(a > b for a, b in itertools.pairwise(shares(1_000_000)))
    assert shares(1_000_000)[0] == 1
    assert (depths(5000)[0], depths(1_000_000)[0]) == (100, 300)
    assert 0.13 * 2000 < default_plan(1_000_000, 2000).n_probes < 0.3 * 2000


@pytest.mark.parametrize("top_k", [10, 50, 200])
def test_who_asks_for_many_finds_as_large_a_share_of_the_nearest(top_k: int) -> None:
    random = np.random.default_rng(0)
    index = index_of(random.standard_normal((3000, 32)).astype(np.float32))
    index.build()
    queries = random.standard_normal((40, 32)).astype(np.float32)
    found = [
        len({*index.search(query, top_k).ids} & {*index.search(query, top_k, exact=True).ids})
        for query in queries
    ]
    assert sum(found) >= 0.99 * top_k * len(queries)


def index_of(vectors: NDArray[np.float32]) -> RoutingIndex:
    index = RoutingIndex(vectors.shape[1], flat_until=0, rerank="fp32")
    index.add_many(np.arange(len(vectors)), vectors)
    index.build()
    return index


def test_the_plan_reaches_its_target_on_stored_vectors(draw: Draw) -> None:
    vectors = draw(3000, 64)
    index = index_of(vectors)
    assert index.plan is not None
    assert index.plan.recall is not None
    assert index.plan.recall >= index.plan.target == 0.99
    assert index.plan.sample == 2 * plan.SAMPLE
    found = []
    for row in range(0, 3000, 50):
        truth = np.argsort(-(vectors @ vectors[row]))[:11]
        hits = {hit.id for hit in index.search(vectors[row], 11).hits}
        found.append(len(hits & {*truth.tolist()}) / 11)
    assert np.mean(found) >= 0.98


def test_what_a_calibration_measures_is_what_a_search_then_does(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The depth at which each neighbour is needed, against running the searches."""
    monkeypatch.setattr(plan, "ALL_CODES_UNTIL", 1000)
    monkeypatch.setattr(plan, "LEAST_SHARE", 0.02)  # 0.28 at this size
    vectors, queries = draw(1500, 64), draw(25, 64, seed=3)
    index = index_of(vectors)
    base = index.state.base
    assert base.pack is not None
    nobody = np.full(len(queries), -1)
    needed = plan._needed(base.pack, base.live, base.gone, queries, nobody, 10)
    for share in shares(len(vectors)):
        probes = int(np.ceil(share * base.pack.k))
        for depth in (10, 40):
            hits = []
            for query in queries:
                truth = {*np.argsort(-(vectors @ query))[:10].tolist()}
                result = index.search(query, n_probes=probes, max_candidates=depth)
                hits.append(len(truth & {hit.id for hit in result.hits}))
            assert (needed[share] <= depth).sum() == sum(hits)


def test_stored_vectors_are_not_their_own_neighbours(draw: Draw) -> None:
    index = index_of(draw(600, 64))
    base = index.state.base
    assert base.pack is not None
    own = np.arange(0, 600, 10)
    needed = plan._needed(base.pack, base.live, base.gone, base.pack.vectors(own), own, 10)[1.0]
    assert (needed == 1).any(axis=1).mean() > 0.3  # a neighbour comes first, not the vector itself
    with_itself = base.pack.vectors(own)
    nobody = np.full(len(own), -1)
    needed = plan._needed(base.pack, base.live, base.gone, with_itself, nobody, 1)[1.0]
    assert (needed == 1).all()


def test_large_indexes_open_some_buckets_only(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "ALL_CODES_UNTIL", 1000)
    monkeypatch.setattr(plan, "LEAST_SHARE", 0.02)
    index = index_of(draw(4000, 64, centres=60, spread=0.3))
    assert index.plan is not None
    assert index.codebook is not None
    assert index.plan.n_probes < index.codebook.k
    assert index.plan.recall is not None
    assert index.plan.recall >= 0.99


def test_real_queries_have_their_say(draw: Draw) -> None:
    index = index_of(draw(3000, 64, centres=200, spread=0.2))
    assert index.plan is not None
    alone = index.plan
    strange = np.random.default_rng(0).normal(size=(40, 64))
    asked = index.calibrate(strange)
    assert index.plan is asked
    assert asked.sample == alone.sample + 40
    assert asked.recall is not None
    assert asked.recall >= 0.99
    assert index.calibrate(target=0.5).depth == depths(3000)[0]


def test_an_unreachable_target_takes_the_deepest_plan(draw: Draw) -> None:
    index = index_of(draw(3000, 8))  # 8 components in 64 bits: estimates are poor
    base = index.state.base
    assert base.pack is not None
    best = calibrated(base.pack, base.live, base.gone, target=1.0)
    assert (best.n_probes, best.depth) == (base.pack.k, depths(3000)[-1]) or best.recall == 1


def test_deleted_items_take_no_part(draw: Draw) -> None:
    vectors = draw(400)
    index = index_of(vectors)
    index.delete(np.arange(0, 400, 2))
    assert index.calibrate().recall is not None


def test_a_flat_index_has_nothing_to_calibrate(draw: Draw) -> None:
    index = RoutingIndex(32)
    index.add_many(np.arange(9), draw(9))
    with pytest.raises(Conflict, match=r"build\(\)"):
        index.calibrate()
