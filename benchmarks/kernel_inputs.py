"""Random and adversarial arguments of the kernel's steps, for `benchmarks.kernel_check`."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from routemem.memory_core.routing.codes import QUERY_BITS, Rotation
from routemem.memory_core.routing.kernel import hold
from routemem.memory_core.routing.steps import LANES, Query

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
#: A step's name and its arguments.
Case: TypeAlias = tuple[str, tuple[Any, ...]]

#: Floats that tend to go wrong.
ODD = np.array(
    [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 0.1, 16777217],
    np.float32,
)
DIMS = (1, 7, 8, 63, 64, 65, 100, 128, 200, 384, 385, 448, 768, 1025)


@dataclass(frozen=True)
class Arrays:
    """Those of a pack (see `stages.Packed`), of any content."""

    codes: Array
    factors: Array
    norms: Array
    ids: Array
    offsets: Array
    routing: Array
    scales: Array
    rotation: Rotation
    rows: Array
    row_scales: Array

    @cached_property
    def held(self) -> Any:
        """As the kernel in use takes them."""
        return hold(self)


class Inputs:
    """Random and adversarial arguments of the steps."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._rotations = [Rotation.random(dim, seed) for dim in DIMS]

    def case(self) -> Case:
        """The next one."""
        names = ("select", "scan", "estimates", "rerank", "route", "probe", "nearest")
        name = names[self._below(len(names))]
        if self._below(24) == 0:  # slow in numpy
            name = ("prepare", "candidates")[self._below(2)]
        return name, getattr(self, f"_{name}")()

    def _below(self, n: int) -> int:
        return int(self._rng.random() * n)

    def _size(self, most: int) -> int:
        """Often small, sometimes large, sometimes 0."""
        return self._below(most if self._below(16) == 0 else min(most, 40))

    def _placed(self, array: Array) -> Array:
        """The same values at an address that may suit no register, or not even the type."""
        if self._below(2):
            return array
        room = np.empty(array.nbytes + 64, np.uint8)
        moved = room[self._below(64) :][: array.nbytes].view(array.dtype).reshape(array.shape)
        moved[...] = array
        return moved

    def _floats(self, *shape: int) -> Array:
        kind = self._below(4)
        values = self._rng.standard_normal(shape, np.float32)
        if kind == 1:  # ties
            values = np.rint(values)
        elif kind == 2:  # any bits at all
            values = self._integers(np.uint32, *shape).view(np.float32)
        elif kind == 3:
            values = np.where(values > 1, self._rng.choice(ODD, shape), values)
        return self._placed(values)

    def _finite(self, *shape: int) -> Array:
        scale = np.float32(10.0 ** self._rng.integers(-6, 4))
        values = self._rng.standard_normal(shape, np.float32) * scale
        return self._placed(values * (self._rng.random(shape) < 0.9) if self._below(2) else values)

    def _integers(self, dtype: Any, *shape: int) -> Array:
        info = np.iinfo(dtype)
        kind = self._below(4)
        edges = np.array([info.min, info.max, 0, 1], dtype)
        if kind == 0:
            return self._placed(np.full(shape, edges[self._below(4)]))
        if kind == 1:
            return self._placed(self._rng.choice(edges, shape))
        return self._placed(self._rng.integers(info.min, info.max, shape, dtype, endpoint=True))

    def _depth(self, n: int) -> int:
        return 1 + self._size(n + 3) if self._below(4) else max(1, n - 2 + self._below(5))

    def _prepare(self) -> tuple[Any, ...]:
        rotation = self._rotations[self._below(len(DIMS))]
        return self._finite(rotation.dim), rotation

    def _query(self, dim: int, words: int) -> Query:
        planes = self._integers(np.uint64, QUERY_BITS, words)
        step, coarse_step = (abs(np.float32(x)) for x in self._finite(2))
        coarse = self._integers(np.int8, dim)
        return Query(np.empty(0, np.float32), coarse, coarse_step, planes, step)

    def _route(self) -> tuple[Any, ...]:
        dim, k = DIMS[self._below(len(DIMS))], self._size(200)
        query = self._query(dim, 1)
        return self._integers(np.int8, k, dim), self._finite(k), query

    def _select(self) -> tuple[Any, ...]:
        n = self._size(3000)
        return self._floats(n), self._depth(n)

    def _probe(self) -> tuple[Any, ...]:
        return self._select()

    def _estimates(self) -> tuple[Any, ...]:
        words = (1, 2, 6, 6, 6, 9, 10, 11, 12, 20, 21, 69)[self._below(12)]
        blocks = self._size(4000 // words)
        listed = None
        if self._below(2) and blocks:
            listed = np.sort(self._rng.integers(0, blocks, self._size(2 * blocks)))
        count = blocks if listed is None else len(listed)
        base = self._floats(count) if self._below(4) == 0 else self._finite(count)
        base[:: 1 + self._below(64)] += self._below(3)  # better, or equal, at regular places
        norms = self._floats(blocks if self._below(3) == 0 else 0, LANES)
        live = self._integers(np.uint8, blocks) if self._below(2) else np.full(blocks, 255, "u1")
        return (
            self._integers(np.uint64, blocks, words, LANES),
            self._integers(np.uint16, blocks, LANES),
            norms,
            live,
            base,
            listed,
            self._query(64 * words, words),
        )

    def _scan(self) -> tuple[Any, ...]:
        arguments = self._estimates()
        return *arguments, self._depth(len(arguments[4]) * LANES)

    def _rerank(self, dim: int = 0, n: int = 0) -> tuple[Any, ...]:
        dim, n = dim or DIMS[self._below(len(DIMS))], n or 1 + self._size(300)
        kind = self._below(3)
        scales = np.empty(0, np.float32)
        if kind == 0:
            rows, scales = self._integers(np.int8, n, dim), self._finite(n)
        elif kind == 1:
            rows = self._placed(np.clip(self._finite(n, dim), -65504, 65504).astype(np.float16))
        else:
            rows = self._floats(n, dim)
        picked = self._rng.integers(0, n, self._size(600))
        return rows, scales, self._placed(picked), self._finite(dim)

    def _pack(self) -> Arrays:
        place = self._below(len(DIMS))
        dim, rotation, k = DIMS[place], self._rotations[place], 1 + self._size(60)
        words = rotation.size // 64
        sizes = self._rng.integers(0, 4, k)
        blocks, n = int(sizes.sum()), 1 + self._size(300)
        rows, scales, _, _ = self._rerank(dim, n)
        return Arrays(
            self._integers(np.uint64, blocks, words, LANES),
            self._integers(np.uint16, blocks, LANES),
            self._floats(blocks if self._below(3) == 0 else 0, LANES),
            self._placed(self._rng.integers(0, n, (blocks, LANES), np.uint32)),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32),
            self._integers(np.int8, k, dim),
            self._finite(k),
            rotation,
            rows,
            scales,
        )

    def _candidates(self) -> tuple[Any, ...]:
        pack = self._pack()
        blocks, k = len(pack.codes), len(pack.routing)
        live = self._integers(np.uint8, blocks) if self._below(2) else np.full(blocks, 255, "u1")
        vector = self._finite(pack.rotation.dim)
        return pack, live, vector, 1 + self._below(k + 2), self._depth(blocks * LANES)

    def _nearest(self) -> tuple[Any, ...]:
        pack = self._pack()
        picked = self._rng.permutation(len(pack.rows))[: self._size(300)]
        guesses = self._floats(len(picked) if self._below(2) else 0)
        return pack, picked, guesses, self._finite(pack.rotation.dim), self._depth(len(picked))
