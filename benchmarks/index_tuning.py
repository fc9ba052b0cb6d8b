"""Settings chosen by recall, and searches timed in turns. For `benchmarks.index`."""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .index_peers import TOP, Search, Side
from .vectors import Vectors

#: Shares of the true neighbours found, by kind of query.
Found: TypeAlias = dict[str, float]
#: Queries of each kind that a setting is first tried with.
FEW = {"in-distribution": 100, "question": 60}
#: Queries a side answers before the next one's turn; CPU seconds it gets per kind of query.
TURN, SHARE = 50, 3.0
#: How often each query is timed, if the share allows.
ROUNDS = 3


@dataclass(frozen=True)
class Queries:
    """Queries of each kind with the ids of their true neighbours.

    Attributes:
        vectors: float32 ``(m, dim)`` by kind.
        truth: the neighbours of each query, as sets.
    """

    vectors: dict[str, Vectors]
    truth: dict[str, list[set[int]]]

    @classmethod
    def of(cls, stored: Vectors, vectors: dict[str, Vectors]) -> "Queries":
        """With the neighbours found by comparing everything."""
        return cls(vectors, {kind: _neighbours(stored, asked) for kind, asked in vectors.items()})


class Chosen(NamedTuple):
    """One setting of one side.

    Attributes:
        side: whose it is.
        setting: its name.
        recall: measured with all queries.
        group: what it was chosen for.
    """

    side: Side
    setting: str
    recall: Found
    group: str


def recalls(search: Search, queries: Queries, few: bool = False) -> Found:
    """Share of the true neighbours found, by kind of query."""
    told = {}
    for kind, asked in queries.vectors.items():
        most = min(FEW[kind], len(asked)) if few else len(asked)
        truth = queries.truth[kind]
        found = sum(len(truth[i] & {*search(asked[i]).tolist()}) for i in range(most))
        told[kind] = round(found / most / TOP, 4)
    return told


def chosen(side: Side, queries: Queries, bar: Found, group: str) -> Chosen | None:
    """The cheapest setting that reaches a recall; None if none does.

    All are tried with a few queries; those that come near are then tried with all, the quickest
    first.
    """
    near = []
    for setting, search in side.settings.items():
        if setting == "auto":
            continue
        tried = side.tried.get(setting)
        if tried is None:
            begun = time.process_time_ns()
            told = recalls(search, queries, few=True)
            tried = side.tried[setting] = (told, time.process_time_ns() - begun)
        if all(tried[0][kind] >= value - 0.01 for kind, value in bar.items()):
            near.append((tried[1], setting))
    for _, setting in sorted(near):
        if setting not in side.measured:
            side.measured[setting] = recalls(side.settings[setting], queries)
        told = side.measured[setting]
        if all(told[kind] >= value for kind, value in bar.items()):
            return Chosen(side, setting, told, group)
    return None


def take_turns(picks: list[Chosen], queries: Queries) -> list[dict[str, Any]]:
    """CPU time per query of every setting, a few queries of each at a time."""
    spent: dict[int, dict[str, list[int]]] = {
        number: {kind: [] for kind in queries.vectors} for number in range(len(picks))
    }
    for kind, asked in queries.vectors.items():
        for start in [*range(0, len(asked), TURN)] * ROUNDS:
            for number, pick in enumerate(picks):
                mine = spent[number][kind]
                if sum(mine) > SHARE * 1e9:
                    continue
                search = pick.side.settings[pick.setting]
                search(asked[start])  # its arrays are in the cache again
                for query in asked[start : start + TURN]:
                    begun = time.process_time_ns()
                    search(query)
                    mine.append(time.process_time_ns() - begun)
    return [
        {
            "name": pick.side.name,
            "setting": pick.setting,
            "group": pick.group,
            "recall": pick.recall,
            "cpu_us": {kind: _told(times) for kind, times in spent[number].items()},
            "hot_bytes": round(pick.side.hot, 1),
            "cold_bytes": round(pick.side.cold, 1),
            "build_cpu_s": round(pick.side.build, 2),
            **({"note": pick.side.note} if pick.side.note else {}),
        }
        for number, pick in enumerate(picks)
    ]


def added(pick: Chosen, queries: Queries, times: int = 20) -> float:
    """Median CPU time, in microseconds, of adding one vector and searching right after."""
    search, add = pick.side.settings[pick.setting], pick.side.add
    assert add is not None
    asked = queries.vectors["in-distribution"]
    spent = []
    for query in asked[:times]:
        begun = time.process_time_ns()
        add(query)
        search(query)
        spent.append(time.process_time_ns() - begun)
    return round(float(np.median(spent)) / 1000, 1)


def _told(times: list[int]) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95]) / 1000
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "queries": len(times)}


def _neighbours(stored: Vectors, asked: Vectors) -> list[set[int]]:
    best = np.empty((len(asked), 0), np.int64)
    kept = np.empty((len(asked), 0), np.float32)
    for start in range(0, len(stored), 20_000):
        scores = asked @ stored[start : start + 20_000].T
        rows: NDArray[np.int64] = np.arange(start, start + scores.shape[1])
        kept = np.concatenate([kept, scores], axis=1)
        best = np.concatenate([best, np.broadcast_to(rows, scores.shape)], axis=1)
        top = np.argpartition(-kept, TOP - 1, axis=1)[:, :TOP]
        kept, best = np.take_along_axis(kept, top, 1), np.take_along_axis(best, top, 1)
    return [set(row) for row in best.tolist()]
