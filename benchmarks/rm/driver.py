"""Does one job with Routing Memory's own package (``rm``); started by `benchmarks.theirs`.

Only its public classes and the constants on them are used. It knows nothing of this project.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def book(rm: Any, vectors: NDArray[np.float32], k: int, seed: int) -> Any:
    """A fitted codebook, with their rule for K or with a K of ours."""
    made = rm.Codebook(dim=vectors.shape[1], seed=seed)
    if k:
        made.K_MIN = made.K_MAX = k
    made.fit(vectors, [str(number) for number in range(len(vectors))])
    return made


def codebooks(rm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Fidelity and bucket sizes for several K."""
    vectors = np.load(place / "stored.npy")
    out: dict[str, Any] = {}
    for k in job["ks"]:
        made = book(rm, vectors, k, job["seed"])
        errors = [made.encode(vector)[1] for vector in vectors[:: job.get("every", 1)]]
        sizes = [len(made.get_bucket_items(number).item_ids) for number in range(made.K)]
        out[str(k)] = {"k": made.K, "fidelity": 1 - float(np.mean(errors)), "sizes": sizes}
    return out


def search(rm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Ids, scores, time and compared items for several numbers of probes."""
    vectors, queries = np.load(place / "stored.npy"), np.load(place / "queries.npy")
    start = time.perf_counter()
    made = book(rm, vectors, job.get("k", 0), job["seed"])
    sizes = [len(made.get_bucket_items(number).item_ids) for number in range(made.K)]
    out: dict[str, Any] = {"k": made.K, "fit_s": time.perf_counter() - start, "probes": {}}
    for probes in job["probes"]:
        finder = rm.L1Retriever(made, probes, job["top_k"], job.get("threshold", -2.0))
        for number, vector in enumerate(vectors):
            finder.register_item(str(number), "", vector)
        ids, scores, spent, seen = [], [], [], []
        for query in queries:
            begin = time.thread_time_ns()
            found = finder.query(query).results
            spent.append((time.thread_time_ns() - begin) / 1000)
            ids.append([int(hit.item_id) for hit in found])
            scores.append([hit.score for hit in found])
            seen.append(sum(sizes[number] for number in made.top_centroids(query, probes)))
        out["probes"][str(probes)] = {
            "ids": ids,
            "scores": scores,
            "p50": float(np.median(spent)),
            "compared": float(np.mean(seen)) / len(vectors),
        }
    return out


def drift(rm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Episodes of the alarms of several runs of vectors, and of one run of plain errors."""
    made = book(rm, np.load(place / "stored.npy"), 0, job["seed"])
    queries = np.load(place / "queries.npy")
    alarms = []
    for run in job["runs"]:
        monitor = rm.DriftMonitor()
        for number in run:
            monitor.record(made.encode(queries[number])[1], made.margin(queries[number]))
        alarms.append([alarm.episode for alarm in monitor.alarms])
    plain = rm.DriftMonitor()
    for error in job["errors"]:
        plain.record(error)
    return {"k": made.K, "alarms": alarms, "plain": [alarm.episode for alarm in plain.alarms]}


def memory(rm: Any, place: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Resident memory, file and times of the whole memory, fed with vectors made elsewhere."""
    vectors = np.load(place / "stored.npy")
    import_module("sklearn.cluster")  # before the first reading: it is not the items'

    class Given(rm.EmbeddingBackend):  # type: ignore[misc]  # their base class has no types
        dim = vectors.shape[1]

        def encode(self, text: str) -> Any:
            return vectors[int(text)].copy()

        def encode_batch(self, texts: list[str]) -> Any:
            return np.array([self.encode(text) for text in texts])

    file = place / "rm.db"
    before, start = resident(), time.perf_counter()
    made = rm.RoutingMemory(str(file), embedder=Given(), seed=job["seed"])
    for number in range(len(vectors)):
        made.add(str(number), item_id=str(number))
    added = time.perf_counter() - start
    used = resident() - before
    made.close()
    size = sum(path.stat().st_size for path in place.glob("rm.db*"))
    start = time.perf_counter()
    rm.RoutingMemory(str(file), embedder=Given(), seed=job["seed"]).close()
    return {
        "rss": used,
        "file": size,
        "adds_per_s": len(vectors) / added,
        "open_s": time.perf_counter() - start,
    }


def resident() -> int:
    """Resident bytes of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "job.json").read_text())
    jobs = {"codebooks": codebooks, "search": search, "drift": drift, "memory": memory}
    answer = jobs[asked["do"]](import_module("rm"), folder, asked)
    (folder / "answer.json").write_text(json.dumps(answer))
