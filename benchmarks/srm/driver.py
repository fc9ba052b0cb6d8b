"""Does one job with Semantic Routing Memory's own code; started by `benchmarks.theirs`.

Its package imports a module that does not exist, so ``srm/srm.py`` is loaded by its path. Its code
is used as it stands; the data is handed over. It knows nothing of this project.
"""

import json
import sys
import time
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np


def module() -> Any:
    """Their module."""
    for folder in sys.path:
        path = Path(folder) / "srm" / "srm.py"
        if path.is_file():
            spec = util.spec_from_file_location("srm_code", path)
            assert spec
            assert spec.loader
            made = util.module_from_spec(spec)
            sys.modules["srm_code"] = made
            spec.loader.exec_module(made)
            return made
    raise SystemExit("no srm/srm.py in the folder given by --theirs")


def size(thing: Any, seen: set[int]) -> int:
    """Bytes of lists and what they hold, each object once."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    held = sum(size(one, seen) for one in thing) if isinstance(thing, list) else 0
    return sys.getsizeof(thing) + held


def search(srm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Fill memories of several K; ids, times and bytes of each."""
    stored, queries = np.load(place / "stored.npy"), np.load(place / "queries.npy")
    out: dict[str, Any] = {}
    for k in job["ks"]:
        config = srm.SRMConfig(d=stored.shape[1], K=k, **job["config"] | {"m": min(job["m"], k)})
        made = srm.SemanticRoutingMemory(config)
        made.fit_codebook(stored[: job["fit"]], n_iter=job["n_iter"])
        made.add_items(stored)
        found, spent = [], []
        for query in queries:
            start = time.thread_time_ns()
            answer = made.query(query)
            spent.append((time.thread_time_ns() - start) / 1000)
            found.append(answer)
        seen: set[int] = set()
        out[str(k)] = {
            "ids": [answer["indices"] for answer in found],
            "compared": float(np.mean([answer["n_candidates"] for answer in found])) / len(stored),
            "p50": float(np.median(spent)),
            "routing_bytes": size(made._ids, seen) + size(made._buckets, seen)
            + made.codebook.nbytes,
        }  # fmt: skip
    return out


def drift(srm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Best scores of queries in a static and in an adaptive memory, and items in a wrong bucket."""
    before, after = np.load(place / "before.npy"), np.load(place / "after.npy")
    out: dict[str, Any] = {}
    for name, more in (("static", {}), ("adaptive", {"adaptive_update": True, **job["adaptive"]})):
        config = srm.SRMConfig(
            d=before.shape[1], K=job["k"], max_candidates=job["max_candidates"], **more
        )
        made = srm.SemanticRoutingMemory(config)
        made.fit_codebook(before)
        made.add_items(before)
        made.add_items(after)
        every = np.concatenate([before, after])
        codes, _ = made._quantize_internal(every / np.linalg.norm(every, axis=1, keepdims=True))
        bucket = np.empty(len(every), np.int64)
        for number, items in enumerate(made._buckets):
            bucket[items] = number
        found = [made.query(query, top_k=10)["scores"] for query in after[:1000]]
        lengths = np.linalg.norm(made.codebook, axis=1)
        out[name] = {
            "best": [max(scores, default=0.0) for scores in found],
            "wrong": int((codes != bucket).sum()),
            "not_unit": int((np.abs(lengths - 1) > 1e-4).sum()),
        }
    return out


def wall(srm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Bytes of their routing in Python lists, for given buckets of items."""
    codes = np.load(place / "codes.npy")
    ids = list(range(len(codes)))
    buckets: list[list[int]] = [[] for _ in range(job["k"])]
    for number, code in enumerate(codes.tolist()):
        buckets[code].append(ids[number])
    seen: set[int] = set()
    return {"lists": size(ids, seen) + size(buckets, seen) + job["k"] * job["d"] * 4}


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "job.json").read_text())
    jobs = {"search": search, "drift": drift, "wall": wall}
    answer = jobs[asked["do"]](module(), folder, asked)
    (folder / "answer.json").write_text(json.dumps(answer))
