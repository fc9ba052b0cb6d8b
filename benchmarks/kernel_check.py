"""The compiled kernel against the numpy reference: equal to the bit, and how much faster.

``python -m benchmarks.kernel_check`` calls every step on a million random and adversarial inputs,
on every path this machine has, and compares the answers with those of numpy bit by bit. It stops at
the first difference, with exit status 1, or after ``--seconds``. Inputs vary in size, alignment and
content: ties, signed zeros, infinities, NaN, denormals, all bits set, lanes and blocks that are
dead, numbers at the edges of their types. What was compared is written to
``results/kernel_check.json``.

With the address sanitizer, which sees what is read or written beyond an array (benchmarks/README.md
has the commands), the same is written to ``results/kernel_check_sanitized.json``.

``--time`` then measures 384 dimensions at 5,000 and 60,000 lanes (CPU time of one thread, median),
all paths in turn, and writes ``results/kernel.json``.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: one thread

import numpy as np

from routemem.memory_core.routing import steps
from routemem.memory_core.routing.codes import Rotation
from routemem.memory_core.routing.kernel import ABI, Kernel, extension, kernel
from routemem.memory_core.routing.steps import LANES, Query

from .kernel_inputs import Array, Inputs

RESULTS = Path(__file__).parent / "results"
#: Queries that the times are of.
QUERIES = 200


def arrays_of(answer: Any) -> list[Array]:
    """What a step answered, as arrays."""
    if isinstance(answer, Query):
        steps_ = np.array([answer.coarse_step, answer.step], np.float32)
        return [answer.coarse, answer.planes, steps_]
    return list(answer) if isinstance(answer, tuple) else [answer]


def equal(one: Array, two: Array) -> bool:
    """Same dtype, shape and bits; every NaN is as good as another."""
    if one.dtype != two.dtype or one.shape != two.shape:
        return False
    if one.dtype != np.float32:
        return bool((one == two).all())
    same = one.view(np.uint32) == two.view(np.uint32)
    return bool((same | (np.isnan(one) & np.isnan(two))).all())


def check(kernels: list[Kernel], inputs: int, seconds: float, seed: int) -> bool:
    """Compare; print what was compared, or the first difference."""
    source, reference = Inputs(seed), kernel("numpy")
    done: Counter[str] = Counter()
    start = time.monotonic()
    while done.total() < inputs and time.monotonic() - start < seconds:
        name, arguments = source.case()
        expected = arrays_of(getattr(reference, name)(*arguments))
        for path in kernels:
            got = arrays_of(getattr(path, name)(*arguments))
            if not all(map(equal, got, expected)):
                print(f"{path.name}: {name} differs at input {done.total()} of seed {seed}")
                print(f"arguments {arguments}\nexpected {expected}\ngot {got}")
                return False
        done[name] += 1
    paths = ", ".join(path.name for path in kernels)
    took = time.monotonic() - start
    print(f"{done.total():,} inputs equal to the bit on {paths} ({took:.0f} s): {dict(done)}")
    keep(kernels, done, seed)
    return done.total() >= inputs


def keep(kernels: list[Kernel], done: Counter[str], seed: int) -> None:
    """Write what was found equal."""
    sanitized = "libasan" in os.environ.get("LD_PRELOAD", "")
    told = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "abi": ABI,
        "paths": [path.name for path in kernels],
        "address sanitizer": sanitized,
        "seed": seed,
        "equal inputs": done.total(),
        "by step": dict(sorted(done.items())),
    }
    name = "kernel_check_sanitized.json" if sanitized else "kernel_check.json"
    (RESULTS / name).write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def cases(lanes: int, depth: int, seed: int) -> dict[str, list[tuple[Any, ...]]]:
    """Arguments of every step as an index of this many 384-dimensional items has them.

    Of many queries: were it always the same one, the processor would learn its branches by heart.
    """
    rng = np.random.default_rng(seed)
    dim, k, blocks = 384, int(2 * lanes**0.5), -(-lanes // LANES)
    rotation, none = Rotation.random(dim, seed), np.empty(0, np.float32)
    routing = rng.integers(-127, 128, (k, dim), np.int8), rng.random(k, np.float32) / 500
    packed = (
        rng.integers(0, 2**64, (blocks, dim // 64, LANES), np.uint64),
        rng.integers(1300, 1900, (blocks, LANES), np.uint16),
        none.reshape(0, LANES),
        np.full(blocks, 255, np.uint8),
    )
    per_block = np.sort(rng.integers(0, k, blocks))
    rows = (rng.standard_normal((lanes, dim), np.float32) / 20).astype(np.float16)
    made: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for vector in rng.standard_normal((QUERIES, dim), np.float32):
        vector /= np.linalg.norm(vector)
        query, scores = steps.prepare(vector, rotation), rng.standard_normal(k, np.float32) / 20
        made["prepare"].append((vector, rotation))
        made["route"].append((*routing, query))
        made["select"].append((scores, max(k // 8, 1)))
        made["scan"].append((*packed, scores[per_block], None, query, depth))
        made["rerank"].append((rows, none, rng.integers(0, lanes, depth), vector))
    return made


def measure(kernels: list[Kernel], depth: int = 200) -> list[dict[str, Any]]:
    """Median CPU time of each step, by path; the paths take turns."""
    reference = kernel("numpy")
    table = []
    for lanes in (5_000, 60_000):
        for step, inputs in cases(lanes, depth, seed=lanes).items():
            calls: dict[str, Callable[..., Any]] = {
                path.name: getattr(path, step) for path in (reference, *kernels)
            }
            if step in ("prepare", "rerank"):
                calls["numpy, sums by BLAS"] = getattr(steps, step)
            took: dict[str, list[int]] = {name: [] for name in calls}
            for arguments, (name, call) in itertools.product(inputs, calls.items()):
                begun = time.thread_time_ns()
                call(*arguments)
                took[name].append(time.thread_time_ns() - begun)
            p50 = {name: round(float(np.median(times)) / 1000, 1) for name, times in took.items()}
            table.append({"lanes": lanes, "step": step, "p50_us": p50})
    return table


def show(table: list[dict[str, Any]]) -> None:
    """Print CPU times, and how many times faster than numpy each path is."""
    for row in table:
        base = row["p50_us"]["numpy"]
        told = [f"{name} {us} µs (x{base / us:.1f})" for name, us in row["p50_us"].items()]
        print(f"{row['lanes']:>6} {row['step']:<8} {', '.join(told)}")


def main() -> int:
    """Run what was asked for; 1 if something differs or could not be checked."""
    parser = argparse.ArgumentParser(description="compiled kernel against numpy")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=900, help="stop after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--time", action="store_true", help="measure, and write results/kernel.json"
    )
    given = parser.parse_args()
    module, lacking = extension()
    if module is None:
        print(f"nothing to compare: {lacking}")
        return 1
    kernels = [kernel(name) for name in module.PATHS]
    with np.errstate(all="ignore"):
        fine = check(kernels, given.inputs, given.seconds, given.seed)
    if given.time:
        table = measure(kernels)
        show(table)
        machine = {"machine": platform.machine(), "numpy": np.__version__, "abi": module.ABI}
        told = json.dumps({**machine, "steps": table}, indent=1)
        (RESULTS / "kernel.json").write_text(told + "\n", "utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
