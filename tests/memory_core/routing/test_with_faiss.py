"""The extra `[faiss]`: the same answers, many at once."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core.errors import Conflict, InvalidArgument
from routemem.memory_core.routing.with_faiss import FaissIndex

Draw = Callable[..., NDArray[np.float32]]


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(Conflict, match=r"routemem\[faiss\]"):
        FaissIndex(8)


@pytest.fixture
def index(draw: Draw) -> FaissIndex:
    """2,000 packed, some of them deleted, and 40 in the delta."""
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    index = FaissIndex(64, flat_until=0, merging="manual")
    index.add_many(np.arange(2000), draw(2000, 64))
    index.build()
    index.delete(np.arange(0, 2000, 7))
    index.add_many(np.arange(3000, 3040), draw(40, 64, seed=5))
    return index


@pytest.mark.parametrize("n_probes", [None, 1, 5, 40, 10_000])
@pytest.mark.parametrize("metric", ["cosine", "dot"])
@pytest.mark.parametrize("rerank", ["fp32", "fp16", "int8"])
def test_many_at_once_find_what_one_by_one_finds(
    draw: Draw, n_probes: int | None, metric: str, rerank: str
) -> None:
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    index = FaissIndex(64, flat_until=0, merging="manual", metric=metric, rerank=rerank)
    vectors = draw(1200, 64) * (1 if metric == "cosine" else 3)
    index.add_many(np.arange(1200), vectors)
    index.build()
    index.delete(np.arange(0, 1200, 7))
    index.add_many(np.arange(3000, 3040), draw(40, 64, seed=5))
    queries = draw(60, 64, seed=9)
    together = index.search_many(queries, 12, n_probes=n_probes)
    for query, found in zip(queries, together, strict=True):
        way: dict[str, Any] = {"exact": True} if n_probes is None else {"n_probes": n_probes}
        alone = index.search(query, 12, **way)
        np.testing.assert_array_equal(found.ids, alone.ids)
        np.testing.assert_allclose(
            found.scores, alone.scores, atol=1e-6 if metric == "cosine" else 1e-5
        )
        assert found.mode == alone.mode


def test_a_write_is_seen_by_the_next_batch(index: FaissIndex, draw: Draw) -> None:
    query = draw(1, 64, seed=11)
    assert index.search_many(query, 1)[0].ids[0] != 9999
    index.add(9999, query[0])
    assert index.search_many(query, 1)[0].ids.tolist() == [9999]
    index.merge()
    assert index.search_many(query, 1, n_probes=3)[0].ids.tolist() == [9999]
    index.delete(9999)
    assert index.search_many(query, 1)[0].ids[0] != 9999


def test_a_flat_index_and_an_empty_batch_answer_too(draw: Draw) -> None:
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    index = FaissIndex(32)
    index.add_many(np.arange(50), draw(50))
    assert index.search_many(draw(50)[:3], 1)[2].ids.tolist() == [2]
    assert index.search_many(np.empty((0, 32), np.float32)) == []


def test_what_makes_no_sense_is_refused(index: FaissIndex, draw: Draw) -> None:
    for wrong in ({"top_k": 0}, {"n_probes": -1}):
        with pytest.raises(InvalidArgument, match="at least 1"):
            index.search_many(draw(2, 64), **wrong)
    with pytest.raises(InvalidArgument, match="shape"):
        index.search_many(draw(2, 32))
    with pytest.raises(Conflict, match="none"):
        FaissIndex(8, rerank="none")
