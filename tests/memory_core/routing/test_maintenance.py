"""From one state to the next while others write."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import maintenance
from routemem.memory_core.routing.search import checked_wish, find
from routemem.memory_core.routing.state import State

Draw = Callable[..., NDArray[np.float32]]
RECIPE = maintenance.Recipe(32, 0, "cosine", "fp32", "2sqrt", "random", 10_000, 0.99)


def found(state: State, query: NDArray[np.float32], top_k: int) -> list[int]:
    wish = checked_wish(top_k, "auto", None, False, None, None, False)
    return [hit.id for hit in find(state, query, wish).hits]


def test_what_is_written_while_a_flat_index_is_compacted_is_kept(draw: Draw) -> None:
    vectors, new = draw(300), draw(3, seed=1)
    index = RoutingIndex(32)
    index.add_many(np.arange(300), vectors)
    index.delete([0, 1])
    before = index.state
    base, delta = maintenance.merged_state(before, RECIPE)
    assert delta.tail.n == 298
    index.delete([2, 3])
    index.update(4, new[0])
    index.add(0, new[1])
    index.add(999, new[2])
    index.delete(999)
    state = maintenance.caught_up(before, index.state, base, delta)
    expected = [0, *range(4, 300)]
    assert sorted(found(state, new[0], 400)) == expected
    assert sorted(delta.live_keys) == expected
    assert found(state, new[0], 1) == [4]
    assert found(state, new[1], 1) == [0]


@pytest.mark.parametrize("flat_until", [0, 10_000])
def test_what_is_written_while_it_is_caught_up_can_be_caught_up_after_it(
    draw: Draw, flat_until: int
) -> None:
    vectors, new = draw(600), draw(400, seed=1)
    index = RoutingIndex(32, flat_until=flat_until, rerank="fp32", merging="manual")
    index.add_many(np.arange(600), vectors)
    index.build()
    index.add_many(np.arange(600, 900), new[:300])
    recipe = replace(RECIPE, flat_until=flat_until)
    before = index.state
    base, delta = maintenance.merged_state(before, recipe)
    index.delete([0, 1, 600])
    index.update(2, new[300])
    index.add(1000, new[301])
    reached = index.state
    state = maintenance.caught_up(before, reached, base, delta)
    index.delete([2, 3, 1000])
    index.update(4, new[302])
    index.update(601, new[303])
    index.add_many(np.arange(1001, 1003), new[304:306])
    state = maintenance.caught_up(reached, index.state, state.base, delta)
    assert len(state.base) + len(state.tail) == len(index)
    for query in [*vectors[:6], *new[:3], *new[300:306]]:
        assert found(state, query, 20) == found(index.state, query, 20)


def test_a_state_taken_earlier_answers_as_it_did(draw: Draw) -> None:
    vectors = draw(500)
    index = RoutingIndex(32, flat_until=0, rerank="fp32", merging="manual")
    index.add_many(np.arange(500), vectors)
    index.build()
    before = index.state
    index.delete(7)
    index.delete([8, 9])
    index.update(10, -vectors[10])
    for key in (7, 8, 9, 10):
        assert found(before, vectors[key], 1) == [key]
        assert found(index.state, vectors[key], 1) != [key]


def test_due_counts_items_delta_and_waste(draw: Draw) -> None:
    index = RoutingIndex(32, flat_until=0, merging="manual")

    def due() -> str:
        return index.due

    index.add_many(np.arange(3000), draw(3000))
    assert maintenance.due(index.state, RECIPE) == ""  # flat up to 10,000 by this recipe
    flat = RoutingIndex(32, merging="manual")
    flat.add_many(np.arange(600), draw(600))
    flat.delete(np.arange(300))
    assert maintenance.due(flat.state, RECIPE) == ""
    flat.delete(300)
    assert maintenance.due(flat.state, RECIPE) == "merge"
    index.build()
    index.add_many(np.arange(3000, 5000), draw(2000, seed=1))
    assert due() == ""
    index.add(9000, draw(1, seed=2)[0])
    assert due() == "merge"
    index.merge()
    assert due() == ""
    index.delete(np.arange(2001))
    assert due() == "merge"
