"""The steps of a query on the fastest path there is: `steps`, or the same in C.

The C extension is optional. It is built where a compiler is found at installation and runs in one
of several paths, for different processors; the answers of all are equal to the bit.
``ROUTEMEM_KERNEL`` forces one, for tests: ``numpy``,
``scalar``, ``avx2``, ``avx512`` or ``neon``; ``auto``, or nothing, takes the fastest.
"""

import importlib
import os
from typing import Any, TypeAlias

import numpy as np

from ..errors import InvalidArgument
from . import stages
from . import steps as reference
from .arrays import F32, I8, I64, U8, U16, U64, Rows
from .codes import FACTOR_UNIT, QUERY_BITS, Rotation
from .stages import Packed
from .steps import LANES, Query, compare_all, weighted_popcounts, widened

__all__ = [
    "ABI", "ENV", "LANES", "Kernel", "Query", "candidates", "compare_all", "estimates",
    "extension", "hold", "kernel", "nearest", "prepare", "probe", "rerank", "route", "scan",
    "select", "weighted_popcounts", "widened",
]  # fmt: skip

#: The version of the extension's functions that this module calls.
ABI = 2
#: The environment variable that forces a path.
ENV = "ROUTEMEM_KERNEL"
#: Every name it takes.
NAMES = ("auto", "numpy", "scalar", "avx2", "avx512", "neon")
#: Why there is no extension where nothing is wrong.
NOT_BUILT = "it was not built, for want of a C compiler at installation"


class Reference:
    """The steps in numpy."""

    name = "numpy"
    prepare = staticmethod(reference.prepare)
    route = staticmethod(reference.route)
    probe = staticmethod(reference.probe)
    select = staticmethod(reference.select)
    scan = staticmethod(reference.scan)
    estimates = staticmethod(reference.estimates)
    rerank = staticmethod(reference.rerank)
    hold = staticmethod(stages.hold)
    candidates = staticmethod(stages.candidates)
    nearest = staticmethod(stages.nearest)


class Compiled:
    """The steps on one path of the extension. Scores with NaN among them are left to the reference.

    Arrays that do not fit the table in `steps` (another dtype or shape, not C-contiguous) raise
    ValueError, and so do numbers of blocks or rows that there are not.

    Args:
        name: of the path.
        module: the extension.
    """

    def __init__(self, name: str, module: Any) -> None:
        self.name = name
        self._path = module.PATHS[name]
        self._c = module

    def prepare(self, vector: F32, rotation: Rotation) -> Query:
        """See `steps.prepare`."""
        coarse = np.empty(rotation.dim, np.int8)
        planes = np.empty((QUERY_BITS, rotation.size // 64), np.uint64)
        arrays = (rotation.signs, rotation.left, rotation.right)
        coarse_step, step = self._c.prepare(self._path, vector, *arrays, coarse, planes)
        return Query(vector, coarse, np.float32(coarse_step), planes, np.float32(step))

    def route(self, routing: I8, scales: F32, query: Query) -> F32:
        """See `steps.route`."""
        scores = np.empty(len(routing), np.float32)
        self._c.route(self._path, routing, scales, query.coarse, query.coarse_step, scores)
        return scores

    def probe(self, scores: F32, n: int) -> I64:
        """See `steps.probe`."""
        if n >= len(scores):
            return np.arange(len(scores))
        best = self.select(scores, n)
        best.sort()
        return best

    def select(self, scores: F32, depth: int) -> I64:
        """See `steps.select`."""
        positions = np.empty(max(min(depth, len(scores)), 0), np.int64)
        found = self._c.select(self._path, scores, depth, positions)
        return positions[:found] if found >= 0 else reference.select(scores, depth)

    def scan(
        self,
        codes: U64,
        factors: U16,
        norms: F32,
        live: U8,
        base: F32,
        blocks: I64 | None,
        query: Query,
        depth: int,
    ) -> tuple[I64, F32]:
        """See `steps.scan`."""
        room = max(min(depth, len(base) * LANES), 0)
        lanes, scores = np.empty(room, np.int64), np.empty(room, np.float32)
        arrays = (codes, factors, norms, live, base, blocks, query.planes)
        found = self._c.scan(self._path, *arrays, _gain(query), depth, lanes, scores)
        if found < 0:
            return reference.scan(codes, factors, norms, live, base, blocks, query, depth)
        return lanes[:found], scores[:found]

    def estimates(
        self,
        codes: U64,
        factors: U16,
        norms: F32,
        live: U8,
        base: F32,
        blocks: I64 | None,
        query: Query,
    ) -> F32:
        """See `steps.estimates`."""
        scores = np.empty(len(base) * LANES, np.float32)
        arrays = (codes, factors, norms, live, base, blocks, query.planes)
        self._c.estimates(self._path, *arrays, _gain(query), scores)
        return scores

    def rerank(self, rows: Rows, row_scales: F32, picked: I64, query: F32) -> F32:
        """See `steps.rerank`."""
        scores = np.empty(len(picked), np.float32)
        self._c.rerank(self._path, rows, row_scales, picked, query, scores)
        return scores

    def hold(self, pack: Packed) -> Any:
        """The arrays of a pack, checked: what the next two take as ``pack.held``, on any path.

        Raises:
            ValueError: they do not fit each other, or the table in `steps`.
        """
        turn = pack.rotation
        return self._c.hold(
            pack.codes, pack.factors, pack.norms, pack.ids, pack.offsets, pack.routing, pack.scales,
            turn.signs, turn.left, turn.right, pack.rows, pack.row_scales,
        )  # fmt: skip

    def candidates(
        self, pack: Packed, live: U8, vector: F32, probes: int, depth: int
    ) -> tuple[I64, F32]:
        """See `stages.candidates`."""
        room = max(min(depth, len(live) * LANES), 0)
        rows, guesses = np.empty(room, np.int64), np.empty(room, np.float32)
        asked = (live, vector, probes, depth)
        found = self._c.candidates(self._path, pack.held, *asked, rows, guesses)
        if found < 0:
            return stages.candidates(pack, *asked)
        return (rows, guesses) if found == room else (rows[:found], guesses[:found])

    def nearest(
        self, pack: Packed, picked: I64, guesses: F32, vector: F32, top: int
    ) -> tuple[I64, F32, F32]:
        """See `stages.nearest`."""
        room = max(min(top, len(picked)), 0)
        rows, scores = np.empty(room, np.int64), np.empty(room, np.float32)
        known = np.empty(room, np.float32)
        found = self._c.nearest(
            self._path, pack.held, picked, guesses, vector, top, rows, scores, known
        )
        if found < 0:
            return stages.nearest(pack, picked, guesses, vector, top)
        return (rows, scores, known) if found == room else (
            rows[:found], scores[:found], known[:found]
        )  # fmt: skip


#: The steps on one path; ``name`` is one of `NAMES`.
Kernel: TypeAlias = Reference | Compiled


def extension() -> tuple[Any, str]:
    """The extension's module if it can be used, else None; and why it cannot."""
    try:
        module = importlib.import_module(f"{__package__}._kernel")
    except ModuleNotFoundError:
        return None, NOT_BUILT
    except ImportError as error:
        return None, f"the extension cannot be loaded: {error}"
    if module.ABI != ABI:
        return None, f"the extension is of another version: ABI {module.ABI}, expected {ABI}"
    return module, ""


def kernel(name: str = "auto") -> Kernel:
    """The steps on a path.

    Args:
        name: one of `NAMES`; ``auto`` takes the fastest.

    Raises:
        InvalidArgument: no such path, or not on this machine.
    """
    module, lacking = extension()
    here = list(module.PATHS) if module else []
    if name == "auto":
        name = here[0] if here else "numpy"
    if name == "numpy":
        return Reference()
    if name in here:
        return Compiled(name, module)
    why = lacking or "this processor has no such instructions"
    if name not in NAMES:
        why = "there is no such path"
    raise InvalidArgument(
        f"{ENV}={name!r}: {why}. Expected one of {', '.join(['auto', 'numpy', *here])}."
    )


def _gain(query: Query) -> np.float32:
    return np.float32(np.float32(FACTOR_UNIT * query.step) / np.float32(2))


#: The path in use.
ACTIVE = kernel(os.environ.get(ENV) or "auto")
prepare = ACTIVE.prepare
route = ACTIVE.route
probe = ACTIVE.probe
select = ACTIVE.select
scan = ACTIVE.scan
estimates = ACTIVE.estimates
rerank = ACTIVE.rerank
hold = ACTIVE.hold
candidates = ACTIVE.candidates
nearest = ACTIVE.nearest
