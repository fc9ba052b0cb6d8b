"""Coarse to fine through any levels."""

from collections.abc import Callable
from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import Hierarchy
from routemem.memory_core.errors import Conflict, InvalidArgument
from routemem.memory_core.routing.levels import Reduction, level_dims

Draw = Callable[..., NDArray[np.float32]]
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
SUBSETS = [levels for size in (1, 2, 3) for levels in combinations((0, 1, 2), size)]


@pytest.mark.parametrize(
    ("dim", "dims"),
    [(128, (128, 42, 10)), (256, (256, 84, 21)), (384, (384, 126, 31)), (768, (768, 253, 63))],
)
def test_levels_keep_all_a_third_and_a_twelfth(dim: int, dims: tuple[int, int, int]) -> None:
    assert tuple(level_dims(dim).values()) == dims


def test_small_dimensions_keep_levels_that_differ() -> None:
    for dim in range(3, 60):
        full, one, two = level_dims(dim).values()
        assert full > one > two >= 1


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("levels", SUBSETS)
def test_every_subset_of_levels_answers(
    draw: Draw, reduction: Reduction, levels: tuple[int, ...]
) -> None:
    vectors = draw(200, 128)
    hierarchy = Hierarchy(128, reduction=reduction)
    hierarchy.fit(np.arange(200), vectors)
    hits = hierarchy.search(vectors[3], 5, levels)
    assert [hit.rank for hit in hits] == [0, 1, 2, 3, 4]
    assert hits[0].id == 3
    for hit in hits:
        assert set(hit.levels) == set(levels)
        assert hit.score == hit.levels[min(levels)]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_level_0_alone_is_exact(draw: Draw, reduction: Reduction) -> None:
    vectors, queries = draw(300, 64), draw(10, 64, seed=1)
    hierarchy = Hierarchy(64, reduction=reduction)
    hierarchy.fit(np.arange(300), vectors)
    for query in queries:
        expected = np.argsort(-(vectors @ query))[:8].tolist()
        assert [hit.id for hit in hierarchy.search(query, 8, (0,))] == expected


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_as_many_candidates_as_items_equal_exact_search(draw: Draw, reduction: Reduction) -> None:
    vectors, query = draw(150, 64), draw(1, 64, seed=1)[0]
    hierarchy = Hierarchy(64, reduction=reduction)
    hierarchy.fit(np.arange(150), vectors)
    found = hierarchy.search(query, 6, candidates=300)
    assert [hit.id for hit in found] == np.argsort(-(vectors @ query))[:6].tolist()


def test_the_default_drills_down_to_nearly_all_of_the_exact_hits(draw: Draw) -> None:
    vectors, queries = draw(3000, 128, spread=0.9), draw(40, 128, seed=1, spread=0.9)
    hierarchy = Hierarchy(128)
    hierarchy.fit(np.arange(3000), vectors)
    found = [
        len(
            {hit.id for hit in hierarchy.search(query, 5, candidates=100)}
            & {*np.argsort(-(vectors @ query))[:5].tolist()}
        )
        for query in queries
    ]
    assert np.mean(found) / 5 >= 0.95


def test_more_candidates_find_more(draw: Draw) -> None:
    vectors, queries = draw(3000, 128, spread=0.9), draw(40, 128, seed=1, spread=0.9)
    hierarchy = Hierarchy(128, reduction="random")
    hierarchy.fit(np.arange(3000), vectors)
    shares = []
    for candidates in (5, 50, 500):
        hits = [{hit.id for hit in hierarchy.search(q, 5, candidates=candidates)} for q in queries]
        truth = [{*np.argsort(-(vectors @ query))[:5].tolist()} for query in queries]
        shares.append(sum(len(a & b) for a, b in zip(hits, truth, strict=True)))
    assert shares[0] < shares[1] < shares[2]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_items_can_be_added_later(draw: Draw, reduction: Reduction) -> None:
    vectors = draw(120, 64)
    hierarchy = Hierarchy(64, reduction=reduction)
    hierarchy.add_many(np.arange(100), vectors[:100])
    hierarchy.add_many(np.arange(100, 120), vectors[100:])
    assert len(hierarchy) == 120
    assert hierarchy.search(vectors[110], 1)[0].id == 110
    with pytest.raises(InvalidArgument, match="1 known: 5"):
        hierarchy.add_many([5], vectors[:1])


def test_bytes_by_level_are_what_the_levels_hold(draw: Draw) -> None:
    held = {}
    for reduction in REDUCTIONS:
        hierarchy = Hierarchy(384, reduction=reduction)
        hierarchy.fit(np.arange(100), draw(100, 384))
        held[reduction] = hierarchy.nbytes
    assert held["pca"] == held["random"] == {0: 100 * 1536, 1: 100 * 126 * 4, 2: 100 * 31 * 4}
    assert held["hgns"][1] == 100 * 126 * (4 + 2)  # and which components they are
    assert held["bit"] == {0: 100 * 1536, 1: 100 * (384 + 4), 2: 100 * (48 + 2)}


def test_a_least_score_cuts_the_hits(draw: Draw) -> None:
    vectors = draw(200, 64)
    hierarchy = Hierarchy(64, min_score=0.9)
    hierarchy.fit(np.arange(200), vectors)
    hits = hierarchy.search(vectors[0], 50)
    assert 1 <= len(hits) < 50
    assert all(hit.score >= 0.9 for hit in hits)
    assert len(hierarchy.search(vectors[0], 50, min_score=-1)) == 50


def test_the_same_seed_gives_the_same_levels(draw: Draw) -> None:
    vectors, query = draw(100, 64), draw(1, 64, seed=2)[0]

    def hits(seed: int) -> object:
        hierarchy = Hierarchy(64, reduction="random", seed=seed)
        hierarchy.fit(np.arange(100), vectors)
        return hierarchy.search(query, 5, (2,))

    assert hits(1) == hits(1) != hits(2)


def test_bad_arguments_are_refused(draw: Draw) -> None:
    hierarchy = Hierarchy(64)
    with pytest.raises(Conflict, match="empty"):
        hierarchy.search(draw(1, 64)[0])
    hierarchy.fit([1], draw(1, 64))
    for levels in ((), (3,), (0, -1)):
        with pytest.raises(InvalidArgument, match="levels"):
            hierarchy.search(draw(1, 64)[0], levels=levels)
    with pytest.raises(InvalidArgument, match="top_k"):
        hierarchy.search(draw(1, 64)[0], 0)
    with pytest.raises(InvalidArgument, match="reduction"):
        Hierarchy(64, reduction="umap")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InvalidArgument, match="candidate_multiplier"):
        Hierarchy(64, candidate_multiplier=0)
    with pytest.raises(InvalidArgument, match="at least 1 vector"):
        Hierarchy(64).fit([], np.empty((0, 64)))
