"""What was added since the last packing: found, small, and quick to add to."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import delta as rooms
from routemem.memory_core.routing import kernel, steps
from routemem.memory_core.routing.delta import BATCH, EXACT_UNTIL, Delta

Draw = Callable[..., NDArray[np.float32]]
DIM = 384


@pytest.fixture(scope="module")
def many() -> NDArray[np.float32]:
    """Unit vectors around centres, as sentence vectors lie."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(60, DIM))
    vectors = centres[rng.integers(0, 60, 8000)] + rng.normal(size=(8000, DIM))
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return unit.astype(np.float32)


@pytest.fixture(scope="module")
def grown(many: NDArray[np.float32]) -> RoutingIndex:
    """4,000 packed and 3,000 in the delta."""
    index = RoutingIndex(DIM, flat_until=0, merging="manual")
    index.add_many(np.arange(4000), many[:4000])
    index.build()
    index.add_many(np.arange(4000, 7000), many[4000:7000])
    return index


def test_what_lies_in_a_large_delta_is_found(
    grown: RoutingIndex, many: NDArray[np.float32]
) -> None:
    tail = grown.state.tail
    assert tail.coded == 3000 - 3000 % BATCH > EXACT_UNTIL
    found = total = 0
    for query in many[7000:7100]:
        scores = tail.vectors(np.arange(tail.n)) @ query
        truth = np.argsort(-scores)[:10]
        rows, near, _ = tail.best(query, 10, depth=100, exact=False)
        np.testing.assert_allclose(near, scores[rows], atol=1e-5)
        assert (np.diff(near) <= 0).all()
        found += len(np.intersect1d(rows, truth))
        total += 10
        exact, *_ = tail.best(query, 10, depth=100, exact=True)
        assert len(np.intersect1d(exact, truth)) >= 9  # float32 sums differ in the last bits
    assert found / total >= 0.99


def test_filters_and_deletes_are_kept_before_ranking(
    grown: RoutingIndex, many: NDArray[np.float32]
) -> None:
    tail = grown.state.tail
    even = np.arange(tail.n) % 2 == 0
    rows, *_ = tail.best(many[4001], 20, depth=100, exact=False, among=even)
    assert len(rows) == 20
    assert (rows % 2 == 0).all()
    nobody = np.zeros(tail.n, np.bool_)
    assert len(tail.best(many[0], 5, depth=100, exact=False, among=nobody)[0]) == 0
    writer = Delta(DIM, grown.pack, "fp16")
    writer.append(np.arange(4000, 7000), many[4000:7000])
    writer.drop(np.array([1, 700, 2999]))
    for row in (1, 700, 2999):
        rows, *_ = writer.tail.best(many[4000 + row], 3000, depth=3000, exact=False)
        assert row not in rows
        rows, *_ = tail.best(many[4000 + row], 1, depth=100, exact=False)
        assert rows.tolist() == [row]  # a tail taken earlier answers as it did


def test_hot_bytes_of_a_large_delta_are_those_of_its_codes(grown: RoutingIndex) -> None:
    size = grown.footprint()
    per_item = size.arrays["delta"] / 3000
    plain = (3000 % BATCH) * DIM * 2 / 3000
    assert per_item - plain <= 100  # 48 of code, 2 of factor, 8 of key, and room to grow
    assert size.hot + size.cold == sum(size.arrays.values())
    assert size.arrays["delta_rows"] == (3000 - 3000 % BATCH) * DIM * 2


@pytest.mark.parametrize("name", [name for name in kernel.NAMES if name not in ("auto", "neon")])
def test_every_kernel_answers_alike(
    grown: RoutingIndex, many: NDArray[np.float32], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        path = kernel.kernel(name)
    except Exception:  # not on this machine
        pytest.skip(name)
    answers = []
    for steps_of in (kernel.Reference(), path):
        monkeypatch.setattr(rooms, "prepare", steps_of.prepare)
        monkeypatch.setattr(rooms, "scan", steps_of.scan)
        monkeypatch.setattr(rooms, "select", steps_of.select)
        monkeypatch.setattr(rooms, "rerank", steps_of.rerank)
        answers.append([grown.state.tail.best(q, 10, depth=100, exact=False) for q in many[:20]])
    for one, two in zip(*answers, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_a_delta_of_several_pieces_is_one(many: NDArray[np.float32]) -> None:
    writer = Delta(8)
    vectors = np.random.default_rng(0).normal(size=(20_000, 8)).astype(np.float32)
    for start in range(0, 20_000, 3333):
        part = slice(start, start + 3333)
        writer.append(np.arange(20_000)[part], vectors[part])
    rows = np.array([0, 8191, 8192, 16_383, 16_384, 19_999])
    np.testing.assert_array_equal(writer.tail.vectors(rows), vectors[rows])
    np.testing.assert_allclose(
        writer.tail.scores(vectors[0]), vectors @ vectors[0], rtol=1e-5, atol=1e-5
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "drop"]), st.lists(st.integers(0, 30), unique=True)),
        max_size=25,
    ),
    st.integers(0, 40),
)
def test_rows_of_keys_are_those_of_a_dict(deeds: list[tuple[str, list[int]]], loose: int) -> None:
    writer, model, n = Delta(2), dict[int, int](), 0
    before, rooms._LOOSE = rooms._LOOSE, loose
    try:
        for deed, keys in deeds:
            if deed == "add":
                new = [key for key in keys if key not in model]
                writer.append(np.array(new, np.int64), np.ones((len(new), 2), np.float32))
                model |= {key: n + place for place, key in enumerate(new)}
                n += len(new)
            else:
                there = [key for key in keys if key in model]
                writer.drop(np.sort(np.array([model.pop(key) for key in there], np.int64)))
            for some in (np.arange(31), np.array([7]), np.array([30, 3])):
                expected = [model.get(key, -1) for key in some.tolist()]
                assert writer.rows_of(some).tolist() == expected
        assert sorted(writer.live_keys) == sorted(model)
    finally:
        rooms._LOOSE = before


def test_lanes_of_codes_are_in_the_order_of_the_rows(grown: RoutingIndex) -> None:
    tail = grown.state.tail
    assert tail.coder is not None
    rows = np.array([0, 9, 255, 256, 2815])
    bits, factors = tail.coder.encode(tail.vectors(rows))
    for place, row in enumerate(rows.tolist()):
        np.testing.assert_array_equal(
            tail.codes[row // steps.LANES, :, row % steps.LANES], bits[place]
        )
        assert tail.factors[row // steps.LANES, row % steps.LANES] == factors[place]


def test_half_again_by_single_adds_stays_within_half_a_point_of_a_fresh_build(
    many: NDArray[np.float32],
) -> None:
    index = RoutingIndex(DIM, flat_until=0, merging="inline")
    index.add_many(np.arange(4600), many[:4600])
    index.build()
    for key in range(4600, 6900):
        index.add(key, many[key])
    fresh = RoutingIndex(DIM, flat_until=0)
    fresh.add_many(np.arange(6900), many[:6900])
    fresh.build()
    recalls = []
    truths = np.argsort(-(many[7000:7200] @ many[:6900].T), axis=1)[:, :10]
    for searched in (index, fresh):
        hits = [{hit.id for hit in searched.search(query, 10).hits} for query in many[7000:7200]]
        same = [len(found & set(best)) for found, best in zip(hits, truths.tolist(), strict=True)]
        recalls.append(np.mean(same) / 10)
    assert recalls[0] >= recalls[1] - 0.005
    assert index.pack is not None
    assert index.pack.n > 4600
