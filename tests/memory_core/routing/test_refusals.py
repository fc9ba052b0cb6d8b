"""What the routing library refuses, with the number it got and the way out; nothing is changed."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import Codebook, RoutingIndex
from routemem.memory_core.errors import Conflict, InvalidArgument

Draw = Callable[..., NDArray[np.float32]]
Merging = Literal["background", "inline", "manual"]


@pytest.fixture
def index(draw: Draw) -> RoutingIndex:
    """200 packed items, 10 in the delta."""
    made = RoutingIndex(32, flat_until=0, merging="manual")
    made.add_many(np.arange(200), draw(200))
    made.build()
    made.add_many(np.arange(200, 210), draw(10, seed=1))
    return made


# ---------------------------------------------------------------------- what float16 cannot keep


@pytest.mark.parametrize("merging", ["inline", "background", "manual"])
@pytest.mark.parametrize("component", [1e5, -65536.0, 5e-8, 1e-9])
def test_a_vector_that_could_not_be_packed_is_refused_when_it_is_added(
    draw: Draw, merging: Merging, component: float
) -> None:
    index = RoutingIndex(32, metric="dot", flat_until=10, merging=merging)
    index.add_many(np.arange(50), draw(50))
    vectors = draw(2, seed=1)
    vectors[1] = 0
    vectors[1, 3] = component
    writes: list[Callable[[], None]] = [
        lambda: index.add(100, vectors[1]),
        lambda: index.add_many([100, 101], vectors),
        lambda: index.update(7, vectors[1]),
    ]
    for refused in writes:
        with pytest.raises(InvalidArgument, match=r"rerank='fp16', got .*Use rerank='fp32' or sc"):
            refused()
    assert index.ids() == list(range(50))
    np.testing.assert_array_equal(index.vector(7), draw(50)[7])
    index.build()
    index.add_many(np.arange(1000, 3100), draw(2100, seed=2))  # enough for a merge
    index.wait()
    assert len(index) == 2150


@pytest.mark.parametrize("rerank", ["fp32", "int8"])
def test_other_forms_take_components_of_any_size(draw: Draw, rerank: Any) -> None:
    vectors = draw(100)
    vectors[4] *= 1e6
    vectors[5] *= 1e-8
    index = RoutingIndex(32, metric="dot", rerank=rerank, flat_until=10)
    index.add_many(np.arange(100), vectors)
    index.build()
    for row in (4, 5):
        most = float(np.abs(vectors[row]).max())
        np.testing.assert_allclose(index.vector(row), vectors[row], atol=most / 127)


def test_zero_vectors_and_the_edges_of_float16_are_taken(draw: Draw) -> None:
    vectors = draw(40)
    vectors[0], vectors[1, 0], vectors[2] = 0, 65504, 0
    vectors[2, 0] = 2.0**-14
    index = RoutingIndex(32, metric="dot", flat_until=10)
    index.add_many(np.arange(40), vectors)
    index.build()
    assert index.vector(1)[0] == 65504
    assert index.vector(2)[0] == 2.0**-14
    assert not index.vector(0).any()


# ---------------------------------------------------------------------- numbers and ids


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"top_k": 2.5}, "top_k as a whole number, got 2.5"),
        ({"top_k": 2**70}, "top_k of at most 2147483647"),
        ({"n_probes": 2.7}, "n_probes as a whole number, got 2.7"),
        ({"n_probes": None}, "n_probes as a whole number, got None"),
        ({"n_probes": 2**70}, "n_probes of at most"),
        ({"max_candidates": 1.5}, "max_candidates as a whole number"),
        ({"max_candidates": 2**70}, "max_candidates of at most"),
        ({"threshold": float("nan")}, "threshold as a number or None for no limit, got nan"),
        ({"threshold": "high"}, "threshold as a number or None for no limit, got 'high'"),
    ],
)
def test_a_search_refuses_numbers_that_make_no_sense(
    index: RoutingIndex, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        index.search(np.ones(32), **options)


def test_numbers_of_numpy_are_taken_wherever_pythons_are(draw: Draw) -> None:
    whole: Any = np.int64
    index = RoutingIndex(whole(32), k=whole(5), flat_until=whole(10))
    index.add_many(np.arange(200, dtype=np.uint32), draw(200))
    assert index.build().k == 5
    found = index.search(
        np.ones(32), whole(7), whole(5), float(np.float32(-1)), max_candidates=whole(20)
    )
    assert len(found.hits) == 7
    assert whole(3) in index
    assert index.holds(np.array([3, 3], np.uint8)).tolist() == [True, True]
    assert Codebook.fit(draw(50), whole(4), n_init=whole(1)).k == 4


@pytest.mark.parametrize("id", ["a", 1.7, 2**70, None])
def test_what_is_no_id_is_never_taken_for_one(index: RoutingIndex, id: Any) -> None:
    for refused in (
        lambda: id in index,
        lambda: index.holds([id]),
        lambda: index.discard([id]),
        lambda: index.delete(id),
        lambda: index.compare(np.ones(32), [id]),
        lambda: index.vector(id),
    ):
        with pytest.raises(InvalidArgument, match=r"whole numbers as ids, .*got (?!int64)"):
            refused()
    assert len(index) == 210


@pytest.mark.parametrize("mask", [np.ones(210, bool), {1, 2}, [[1, 2]], [2**64 - 1]])
def test_a_filter_is_a_list_of_ids_and_no_mask(index: RoutingIndex, mask: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"ids, got .*Give one list|ids below 2\*\*63"):
        index.search(np.ones(32), allowed=mask)


def test_a_vector_too_large_to_compare_is_refused_without_a_warning(index: RoutingIndex) -> None:
    for refused in (lambda: index.add(900, [1e25] * 32), lambda: index.search([1e25] * 32)):
        with pytest.raises(InvalidArgument, match="overflowing values"):
            refused()
    assert 900 not in index


def test_an_item_may_be_compared_twice_in_one_call(index: RoutingIndex) -> None:
    for id in (10, 205):
        one, other, none = index.compare(np.ones(32), [id, id, 9999])
        assert one == other
        assert np.isnan(none)


# ---------------------------------------------------------------------- upkeep


def test_packed_items_cannot_be_compared_without_vectors(draw: Draw) -> None:
    index = RoutingIndex(32, rerank="none", flat_until=0, merging="manual")
    index.add_many(np.arange(100), draw(100))
    index.build()
    index.add(500, draw(1, seed=1)[0])
    with pytest.raises(Conflict, match=r"keeps none.*rerank='fp16'"):
        index.compare(np.ones(32), [1, 500])
    assert np.isfinite(index.compare(np.ones(32), [500])).all()


@pytest.mark.parametrize("flat_until", [0, 1000])
def test_a_codebook_of_another_dimension_is_refused(draw: Draw, flat_until: int) -> None:
    index = RoutingIndex(32, flat_until=flat_until)
    index.add_many(np.arange(100), draw(100))
    with pytest.raises(InvalidArgument, match="of 32 dimensions, got one of 16"):
        index.build(Codebook(np.eye(16)))
    assert index.codebook is None


@pytest.mark.parametrize("target", [5, 0, -1, float("nan")])
def test_a_recall_to_aim_at_is_a_share(index: RoutingIndex, target: float) -> None:
    plan = index.plan
    with pytest.raises(InvalidArgument, match=r"a target in \(0, 1\]"):
        index.calibrate(target=target)
    assert index.plan is plan


@pytest.mark.parametrize("name", ["sample_per_centroid", "n_init", "max_iter"])
def test_a_fit_refuses_counts_below_one(draw: Draw, name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} of at least 1, got 0"):
        Codebook.fit(draw(50), 4, **{name: 0})  # type: ignore[arg-type]  # the point of the test
