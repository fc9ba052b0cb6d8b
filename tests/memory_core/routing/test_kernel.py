"""The compiled kernel answers as numpy does, to the bit, and touches nothing it was not given."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing import kernel as kernels
from routemem.memory_core.routing.codes import Rotation
from routemem.memory_core.routing.kernel import ENV, Kernel, kernel
from routemem.memory_core.routing.pack import Pack
from routemem.memory_core.routing.steps import LANES, Query

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

EXTENSION, LACKING = kernels.extension()
COMPILED: list[str] = list(EXTENSION.PATHS) if EXTENSION else []
NUMPY = kernel("numpy")
NONE = np.empty(0, np.float32)
#: Values whose order, sign or rounding is easily got wrong.
ODD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 1e-45, -1e-45, 3.4e38, -3.4e38, 0.1]

needs_extension = pytest.mark.skipif(EXTENSION is None, reason=f"no compiled kernel: {LACKING}")
each_path = pytest.mark.parametrize(
    "path", [kernel(name) for name in COMPILED], ids=lambda path: path.name
)
seeds = given(st.integers(0, 2**32 - 1))
pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")


def alike(one: Array, two: Array) -> bool:
    """Same dtype, shape and bits."""
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()


def all_alike(one: Any, two: Any) -> bool:
    return all(map(alike, one, two)) if isinstance(one, tuple) else alike(one, two)


def moved(array: Array, by: int) -> Array:
    """The same values ``by`` bytes off any alignment."""
    room = np.empty(array.nbytes + 64 + by, np.uint8)
    start = -room.ctypes.data % 64 + by
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def a_query(rng: np.random.Generator, words: int, dim: int = 1) -> Query:
    planes = rng.integers(0, 2**64, (4, words), np.uint64)
    coarse = rng.integers(-128, 128, dim, np.int8)
    return Query(NONE, coarse, np.float32(0.01), planes, np.float32(0.02))


def a_scan(rng: np.random.Generator, blocks: int, words: int) -> dict[str, Any]:
    return {
        "codes": rng.integers(0, 2**64, (blocks, words, LANES), np.uint64),
        "factors": rng.integers(0, 2**16, (blocks, LANES), np.uint16),
        "norms": np.empty((0, LANES), np.float32),
        "live": rng.integers(0, 256, blocks, np.uint8),
        "base": rng.standard_normal(blocks, np.float32),
        "blocks": None,
        "query": a_query(rng, words),
    }


# ---------------------------------------------------------------------- equal to the reference


@each_path
@seeds
def test_a_scan_finds_the_same_lanes_with_the_same_scores(path: Kernel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    given = a_scan(rng, int(rng.integers(0, 60)), int(rng.integers(1, 24)))
    n = len(given["live"])
    if rng.random() < 0.5 and n:
        given["blocks"] = np.sort(rng.integers(0, n, int(rng.integers(0, 2 * n))))
        given["base"] = rng.choice(np.array(ODD, np.float32), len(given["blocks"]))
    if rng.random() < 0.5:
        given["norms"] = rng.choice(np.array([0, 1, -2, 3e38, np.inf], np.float32), (n, LANES))
    depth = int(rng.integers(1, 8 * len(given["base"]) + 3))
    assert alike(path.estimates(**given), NUMPY.estimates(**given))
    assert all_alike(path.scan(**given, depth=depth), NUMPY.scan(**given, depth=depth))


@each_path
@pytest.mark.parametrize("every", [1, 2, 9, 15, 16, 17])
def test_a_scan_is_right_where_a_few_blocks_are_far_better(path: Kernel, every: int) -> None:
    given = a_scan(np.random.default_rng(every), 2000, 1)
    given["base"][::every] += 100
    for depth in (1, 100, 900, 2000 // every * LANES):
        assert all_alike(path.scan(**given, depth=depth), NUMPY.scan(**given, depth=depth))


@each_path
@pytest.mark.parametrize("words", [1, 2, 3, 6, 7, 24, 25, 40])
def test_the_largest_counts_are_right_for_codes_of_any_length(path: Kernel, words: int) -> None:
    given = a_scan(np.random.default_rng(words), 9, words)
    given["codes"][:5] = 2**64 - 1
    given["codes"][5:8] = 0
    for planes in (0, 2**64 - 1):
        given["query"].planes[:] = planes
        assert all_alike(path.scan(**given, depth=72), NUMPY.scan(**given, depth=72))


@each_path
@given(st.lists(st.sampled_from([*ODD, np.nan]) | st.floats(width=32), max_size=200), st.data())
def test_selection_breaks_ties_by_position(
    path: Kernel, values: list[float], data: st.DataObject
) -> None:
    scores = np.array(values, np.float32)
    depth = data.draw(st.integers(1, len(values) + 2))
    assert alike(path.select(scores, depth), NUMPY.select(scores, depth))
    assert alike(path.probe(scores, depth), NUMPY.probe(scores, depth))


@each_path
@pytest.mark.parametrize("order", ["ascending", "descending", "equal", "organ pipe"])
def test_selection_is_right_for_inputs_that_are_in_some_order(path: Kernel, order: str) -> None:
    rising = np.arange(20_000, dtype=np.float32)
    scores = {
        "ascending": rising,
        "descending": rising[::-1].copy(),
        "equal": np.zeros_like(rising),
        "organ pipe": np.minimum(rising, rising[::-1]),
    }[order]
    for depth in (1, 300, 19_999, 20_000):
        assert alike(path.select(scores, depth), NUMPY.select(scores, depth))


@each_path
@seeds
def test_routing_gives_the_same_scores(path: Kernel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k, dim = int(rng.integers(0, 50)), int(rng.integers(1, 1200))
    routing = rng.choice(np.array([-128, -127, 0, 1, 127], np.int8), (k, dim))
    query = a_query(rng, 1, dim)
    scales = rng.standard_normal(k, np.float32)
    assert alike(path.route(routing, scales, query), NUMPY.route(routing, scales, query))


@each_path
@seeds
def test_a_query_is_prepared_the_same(path: Kernel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(int(rng.choice([1, 9, 64, 100, 384, 448])), 1)
    vector = rng.standard_normal(rotation.dim, np.float32) * (rng.random(rotation.dim) < 0.8)
    one, two = path.prepare(vector, rotation), NUMPY.prepare(vector, rotation)
    assert alike(one.coarse, two.coarse)
    assert alike(one.planes, two.planes)
    assert (one.coarse_step, one.step) == (two.coarse_step, two.step)
    assert type(one.step) is type(two.step)


@each_path
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
@seeds
def test_rows_are_compared_with_the_same_rounding(path: Kernel, dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(1, 30)), int(rng.integers(1, 200))
    rows = (rng.standard_normal((n, dim)) * 40).astype(dtype)
    scales = rng.standard_normal(n, np.float32) if dtype is np.int8 else NONE
    picked = rng.integers(0, n, int(rng.integers(0, 60)))
    query = rng.standard_normal(dim, np.float32)
    given = (rows, scales, picked, query)
    assert alike(path.rerank(*given), NUMPY.rerank(*given))


@each_path
def test_every_finite_float16_is_widened_exactly(path: Kernel) -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    rows = every[np.isfinite(every)][:, None].copy()
    got = path.rerank(rows, NONE, np.arange(len(rows)), np.ones(1, np.float32))
    assert alike(got, rows[:, 0].astype(np.float32) + np.float32(0))


@each_path
@pytest.mark.parametrize("by", [1, 2, 4, 9, 33])
def test_arrays_may_lie_at_any_address(path: Kernel, by: int) -> None:
    rng = np.random.default_rng(by)
    given = a_scan(rng, 30, 6)
    off: dict[str, Any] = {
        name: moved(value, by) if isinstance(value, np.ndarray) else value
        for name, value in given.items()
    }
    assert all_alike(path.scan(**off, depth=20), NUMPY.scan(**given, depth=20))
    rows, picked = rng.standard_normal((20, 100), np.float32), rng.integers(0, 20, 30)
    query = rng.standard_normal(100, np.float32)
    got = path.rerank(moved(rows, by), NONE, moved(picked, by), moved(query, by))
    assert alike(got, NUMPY.rerank(rows, NONE, picked, query))
    scores = rng.standard_normal(100, np.float32)
    assert alike(path.select(moved(scores, by), 7), NUMPY.select(scores, 7))


@each_path
def test_scans_run_side_by_side(path: Kernel) -> None:
    given = a_scan(np.random.default_rng(0), 2000, 6)
    expected = NUMPY.scan(**given, depth=50)
    got: list[Any] = []
    threads = [
        threading.Thread(target=lambda: got.append(path.scan(**given, depth=50))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert all(all_alike(each, expected) for each in got)


def a_pack(rng: np.random.Generator, dim: int, k: int, dtype: Any = np.float16) -> Pack:
    """A pack of any content."""
    sizes = rng.integers(0, 5, k)
    blocks, rotation, n = int(sizes.sum()), Rotation.random(dim, 0), 8 * int(sizes.sum()) + 1
    return Pack(
        keys=np.arange(n),
        rows=(rng.standard_normal((n, dim)) * 3).astype(dtype),
        row_scales=rng.random(n, np.float32) if dtype is np.int8 else NONE,
        ids=rng.permutation(8 * blocks).astype(np.uint32).reshape(-1, LANES),
        lanes=np.full(blocks, 255, np.uint8),
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32),
        codes=rng.integers(0, 2**64, (blocks, rotation.size // 64, LANES), np.uint64),
        factors=rng.integers(0, 2000, (blocks, LANES), np.uint16),
        norms=np.empty((0, LANES), np.float32),
        routing=rng.integers(-127, 128, (k, dim), np.int8),
        scales=rng.random(k, np.float32) / np.float32(127),
        centroids=np.zeros((k, dim), np.float32),
        signs=rotation.signs,
        left=rotation.left,
        right=rotation.right,
    )


@each_path
@seeds
def test_a_pack_gives_the_same_candidates(path: Kernel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dim, k = int(rng.choice([64, 100, 384])), int(rng.integers(1, 60))
    pack = a_pack(rng, dim, k)
    live = rng.choice(np.array([0, 255, 3], np.uint8), len(pack.codes))
    if rng.random() < 0.3:  # every lane of a bucket ties with every other
        pack.factors[...] = 0
    if rng.random() < 0.3:
        lengths = rng.choice(np.array([0, 1, 3e38, np.inf], np.float32), pack.factors.shape)
        pack = replace(pack, norms=lengths)
    vector = rng.standard_normal(dim, np.float32)
    for probes in (1, k // 2 + 1, k, k + 5):
        given = (pack, live, vector, probes, int(rng.integers(1, 300)))
        assert all_alike(path.candidates(*given), NUMPY.candidates(*given))


@each_path
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
@seeds
def test_a_pack_gives_the_same_nearest_rows(path: Kernel, dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pack = a_pack(rng, int(rng.choice([64, 100])), 9, dtype)
    if rng.random() < 0.5:  # ties go to the lower row
        pack.rows[...] = pack.rows[0]
    picked = rng.permutation(len(pack.rows))[: int(rng.integers(0, 80))]
    guesses = rng.standard_normal(len(picked) if rng.random() < 0.5 else 0, np.float32)
    vector = rng.standard_normal(pack.rotation.dim, np.float32)
    given = (pack, picked, guesses, vector, int(rng.integers(1, 30)))
    assert all_alike(path.nearest(*given), NUMPY.nearest(*given))


# ---------------------------------------------------------------------- refusals


@each_path
@pytest.mark.parametrize(
    "change",
    [
        {"codes": np.zeros((4, 2, 8), np.uint64)},
        {"factors": np.zeros((1, 8), np.uint16)},
        {"norms": np.zeros((1, 8), np.float32)},
        {"ids": np.zeros((1, 8), np.uint32)},
        {"ids": np.zeros((4, 8), np.int64)},
        {"offsets": np.zeros(3, np.uint32)},
        {"routing": np.zeros((5, 63), np.int8)},
        {"scales": np.zeros(4, np.float32)},
        {"signs": Rotation.random(128).signs},
        {"rows": np.zeros((9, 65), np.float16)},
        {"row_scales": np.ones(3, np.float32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_arrays_that_make_no_pack_are_refused(path: Kernel, change: dict[str, Any]) -> None:
    pack = replace(a_pack(np.random.default_rng(0), 64, 5), **change)
    with pytest.raises(ValueError, match="expected"):
        path.hold(pack)


@each_path
def test_a_pack_that_points_outside_of_itself_is_not_followed(path: Kernel) -> None:
    pack = a_pack(np.random.default_rng(0), 64, 5)
    live, vector = np.full(len(pack.codes), 255, np.uint8), np.ones(64, np.float32)
    for offsets in ([0, 2, 4, 6, 8, 10_000], [0, 9, 1, 1, 1, 1], [2**31] * 6):
        wrong = replace(pack, offsets=np.array(offsets, np.uint32))
        with pytest.raises(ValueError, match="got one outside"):
            path.candidates(wrong, live, vector, 5, 10)
    with pytest.raises(ValueError, match="got one outside"):
        path.nearest(pack, np.array([2**31 - 1]), NONE, vector, 1)


@needs_extension
def test_a_pack_that_names_a_row_twice_does_no_harm() -> None:
    code = (
        "import numpy as np\n"
        "from routemem.memory_core import RoutingIndex\n"
        "from routemem.memory_core.routing import kernel\n"
        "rng = np.random.default_rng(0)\n"
        "index = RoutingIndex(64, flat_until=10)\n"
        "index.add_many(np.arange(200), rng.standard_normal((200, 64)))\n"
        "index.build()\n"
        "for name in kernel.extension()[0].PATHS:\n"
        "    for most in (1, 2, 20, 200):\n"
        "        twice = rng.integers(0, most, 300)\n"
        "        vector, none = rng.standard_normal(64, np.float32), np.empty(0, np.float32)\n"
        "        some = kernel.kernel(name).nearest(index.pack, twice, none, vector, 100)\n"
        "        assert set(some[0]) <= set(twice)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")  # in a process of its own, which it might end


@each_path
def test_searches_of_a_pack_that_do_not_fit_it_are_refused(path: Kernel) -> None:
    pack = a_pack(np.random.default_rng(0), 64, 5)
    live, vector = np.full(len(pack.codes), 255, np.uint8), np.ones(64, np.float32)
    rows = np.zeros(3, np.int64)
    for wrong in ((live[1:], vector, 5, 9), (live, vector[1:], 5, 9), (live, vector, 0, 9)):
        with pytest.raises(ValueError, match="expected"):
            path.candidates(pack, *wrong)
    with pytest.raises(ValueError, match="expected"):
        path.nearest(pack, rows, NONE, vector[1:], 1)
    with pytest.raises(ValueError, match="expected"):
        path.nearest(pack, rows, np.zeros(2, np.float32), vector, 1)


@each_path
@pytest.mark.parametrize(
    "change",
    [
        {"codes": np.zeros((4, 2, 8), np.int32)},
        {"codes": np.zeros((4, 2, 7), np.uint64)},
        {"codes": np.zeros((4, 8), np.uint64)},
        {"codes": np.zeros((4, 3, 8), np.uint64)},
        {"codes": np.zeros((4, 2, 16), np.uint64)[:, :, ::2]},
        {"codes": np.zeros((4, 2, 8), ">u8")},
        {"codes": [[1]]},
        {"factors": np.zeros((3, 8), np.uint16)},
        {"factors": np.zeros((4, 8), np.float16)},
        {"factors": np.zeros((8, 4), np.uint16).T},
        {"norms": np.zeros((3, 8), np.float32)},
        {"norms": np.zeros((4, 8), np.float64)},
        {"live": np.zeros(3, np.uint8)},
        {"live": np.zeros(4, np.bool_)},
        {"base": np.zeros(5, np.float32)},
        {"base": np.zeros((4, 1), np.float32)},
        {"blocks": np.array([0, 1, 2])},
        {"blocks": np.array([0, 1, 2, 4])},
        {"blocks": np.array([-1, 1, 2, 3])},
        {"blocks": np.array([0, 1, 2, 3], np.int32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_arrays_that_do_not_fit_are_refused(path: Kernel, change: dict[str, Any]) -> None:
    given = a_scan(np.random.default_rng(0), 4, 2)
    given.update({"live": np.full(4, 255, np.uint8), **change})
    with pytest.raises(ValueError, match="expected"):
        path.scan(**given, depth=3)
    with pytest.raises(ValueError, match="expected"):
        path.estimates(**given)


@each_path
@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_1_is_refused(path: Kernel, depth: int) -> None:
    for each in (path, NUMPY):
        with pytest.raises(ValueError, match=r".+"):
            each.select(np.zeros(3, np.float32), depth)


@each_path
@pytest.mark.parametrize("picked", [[3], [-1], [2**62]])
def test_rows_that_do_not_exist_are_refused(path: Kernel, picked: list[int]) -> None:
    rows = np.zeros((3, 64), np.float32)
    with pytest.raises(ValueError, match="got one outside"):
        path.rerank(rows, NONE, np.array(picked), np.zeros(64, np.float32))


@each_path
@pytest.mark.parametrize(
    ("rows", "scales", "dim"),
    [
        (np.zeros((3, 64), np.float32), NONE, 63),
        (np.zeros((3, 64), np.int8), NONE, 64),
        (np.zeros((3, 64), np.int8), np.ones(2, np.float32), 64),
        (np.zeros((3, 64), np.float32), np.ones(3, np.float32), 64),
        (np.zeros((3, 64), np.float64), NONE, 64),
        (np.zeros((3, 128), np.float32)[:, ::2], NONE, 64),
    ],
)
def test_rows_and_queries_that_do_not_fit_are_refused(
    path: Kernel, rows: Array, scales: Array, dim: int
) -> None:
    with pytest.raises(ValueError, match="expected"):
        path.rerank(rows, scales, np.zeros(1, np.int64), np.zeros(dim, np.float32))


@each_path
def test_a_query_of_another_dimension_is_not_routed(path: Kernel) -> None:
    routing, query = np.zeros((3, 64), np.int8), a_query(np.random.default_rng(0), 1, 65)
    with pytest.raises(ValueError, match="expected"):
        path.route(routing, np.ones(3, np.float32), query)
    with pytest.raises(ValueError, match="expected"):
        path.prepare(np.zeros(65, np.float32), Rotation.random(64))


@needs_extension
def test_a_path_of_another_processor_is_not_run() -> None:
    for number in (-1, 99, 2**80):
        with pytest.raises((ValueError, OverflowError)):
            EXTENSION.select(number, np.zeros(3, np.float32), 1, np.zeros(1, np.int64))


# ---------------------------------------------------------------------- which one runs


def named(forced: str) -> subprocess.CompletedProcess[str]:
    """What a fresh process takes when told so by the environment."""
    code = "from routemem.memory_core.routing import kernel; print(kernel.ACTIVE.name)"
    env = {**os.environ, ENV: forced}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)


@pytest.mark.parametrize("forced", ["auto", "", "numpy", *COMPILED])
def test_the_environment_forces_a_path(forced: str) -> None:
    best = COMPILED[0] if COMPILED else "numpy"
    assert named(forced).stdout.strip() == (best if forced in ("auto", "") else forced)


def test_an_unknown_path_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidArgument, match=r"there is no such path.*auto, numpy"):
        kernel("sse9")
    assert "ROUTEMEM_KERNEL='sse9'" in named("sse9").stderr


def test_a_path_this_machine_lacks_is_refused_with_the_reason() -> None:
    missing = next(name for name in kernels.NAMES[2:] if name not in COMPILED)
    with pytest.raises(InvalidArgument, match=r"this processor has no|not built"):
        kernel(missing)


def test_an_extension_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = ModuleType("_kernel")
    stale.ABI, stale.PATHS = kernels.ABI + 1, {"scalar": 0}  # type: ignore[attr-defined]  # made up
    monkeypatch.setitem(sys.modules, "routemem.memory_core.routing._kernel", stale)
    assert kernel("auto").name == "numpy"
    assert "another version" in kernels.extension()[1]
    with pytest.raises(InvalidArgument, match="another version"):
        kernel("scalar")


@needs_extension
def test_the_extension_offers_the_plain_path_everywhere_and_names_its_version() -> None:
    assert EXTENSION.ABI == kernels.ABI
    assert COMPILED[-1] == "scalar"
    assert set(COMPILED) <= set(kernels.NAMES)
