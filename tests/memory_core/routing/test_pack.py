"""The packed arrays: layout, merging and what they weigh."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import Codebook
from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.codes import Rotation
from routemem.memory_core.routing.pack import (
    EMPTY,
    Pack,
    _arrange,
    merged,
    pack_rows,
    refuse_unstorable,
    stored_form,
)

Draw = Callable[..., NDArray[np.float32]]
NONE = np.empty(0, np.float32)
ROTATION = Rotation.random(32, 0)


def packed(vectors: NDArray[np.float32], keys: NDArray[np.int64], book: Codebook) -> Pack:
    return pack_rows(keys, vectors, NONE, book, ROTATION)


def test_every_row_is_in_one_lane_of_the_bucket_it_encodes_to(draw: Draw) -> None:
    vectors = draw(500)
    book = Codebook.fit(vectors, 30)
    pack = packed(vectors, np.arange(500) * 3, book)
    assert sorted(pack.ids[pack.ids != EMPTY].tolist()) == list(range(500))
    np.testing.assert_array_equal(pack.buckets(), [book.encode(vector)[0] for vector in vectors])
    for bucket in range(30):
        lanes = pack.ids[pack.offsets[bucket] : pack.offsets[bucket + 1]].ravel()
        inside = lanes[lanes != EMPTY]
        assert (inside[1:] > inside[:-1]).all()  # rows ascend, holes only at the end
        assert (lanes[len(inside) :] == EMPTY).all()
    held = np.unpackbits(pack.lanes[:, None], axis=1, bitorder="little").astype(bool)
    np.testing.assert_array_equal(held, pack.ids != EMPTY)


def test_keys_lead_to_rows_and_rows_to_lanes(draw: Draw) -> None:
    vectors = draw(100)
    pack = packed(vectors, np.arange(100) * 10 - 500, Codebook.fit(vectors, 5))
    assert pack.rows_of(np.array([-500, 490, 5, 9999, -9999])).tolist() == [0, 99, -1, -1, -1]
    chosen = np.zeros(100, np.bool_)
    chosen[[3, 50]] = True
    lanes = np.unpackbits(pack.lanes_of(chosen)[:, None], axis=1, bitorder="little").astype(bool)
    assert sorted(pack.ids[lanes].tolist()) == [3, 50]


def test_arrays_have_the_documented_types_and_can_be_mapped(draw: Draw, tmp_path: Path) -> None:
    vectors = draw(200)
    rows, scales = stored_form(vectors, "fp16")
    pack = pack_rows(np.arange(200), rows, scales, Codebook.fit(vectors, 9), ROTATION, "dot")
    types = {f.name: getattr(pack, f.name).dtype.str for f in fields(Pack)}
    assert types == {
        "keys": "<i8", "rows": "<f2", "row_scales": "<f4", "ids": "<u4", "lanes": "|u1",
        "offsets": "<u4", "codes": "<u8", "factors": "<u2", "norms": "<f4", "routing": "|i1",
        "scales": "<f4", "centroids": "<f4", "signs": "<f4", "left": "<f4", "right": "<f4",
    }  # fmt: skip
    assert all(getattr(pack, f.name).flags.c_contiguous for f in fields(Pack))
    for f in fields(Pack):
        np.save(tmp_path / f.name, getattr(pack, f.name))
    mapped = Pack(
        **{f.name: np.load(tmp_path / f"{f.name}.npy", mmap_mode="r") for f in fields(Pack)}
    )
    np.testing.assert_array_equal(mapped.buckets(), pack.buckets())
    assert np.shares_memory(mapped.rows[5:6], mapped.rows)


def test_merging_equals_packing_the_union(draw: Draw) -> None:
    vectors = draw(400)
    keys = np.random.default_rng(0).permutation(400).astype(np.int64)
    book = Codebook.fit(vectors, 17)

    def of(chosen: NDArray[np.int64]) -> Pack:
        order = chosen[np.argsort(keys[chosen])]
        return packed(vectors[order], keys[order], book)

    one, two = of(np.arange(300)), of(np.arange(300, 400))
    keep = np.flatnonzero(np.arange(300) % 4)
    kept = np.flatnonzero(np.isin(keys, one.keys[keep]))
    got = merged(one, keep, two)
    expected = of(np.concatenate([kept, np.arange(300, 400)]))
    for f in fields(Pack):
        np.testing.assert_array_equal(getattr(got, f.name), getattr(expected, f.name), f.name)


def test_merging_with_nothing_drops_rows_only(draw: Draw) -> None:
    vectors = draw(50)
    pack = packed(vectors, np.arange(50), Codebook.fit(vectors, 4))
    none = packed(vectors[:0], np.arange(0), Codebook(pack.centroids))
    got = merged(pack, np.array([1, 7]), none)
    assert got.keys.tolist() == [1, 7]
    np.testing.assert_array_equal(got.rows, vectors[[1, 7]])


@pytest.mark.slow
def test_routing_arrays_of_a_million_items_fit_in_four_and_a_half_mebibytes() -> None:
    rng = np.random.default_rng(0)
    n, rotation = 1_000_000, Rotation.random(768, 0)
    pack = _arrange(
        np.arange(n), np.empty((0, 768), np.float32), NONE, rng.integers(0, 256, n),
        np.zeros((n, 12), np.uint64), np.zeros(n, np.uint16), NONE,
        Codebook(rng.normal(size=(256, 768))), rotation,
    )  # fmt: skip
    routing = (pack.ids, pack.offsets, pack.lanes, pack.routing, pack.scales)
    assert sum(array.nbytes for array in routing) <= 4.57 * 2**20


def test_rows_too_large_for_float16_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"65504.*got 1e\+06 in 1 of 2 vectors"):
        refuse_unstorable(np.array([[1, 0], [0, 1e6]], np.float32), "fp16")
