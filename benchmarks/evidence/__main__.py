"""Measure, print, write; see the package."""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from routemem.memory_core import Memory
from routemem.memory_core.retrieval.ranking import WEIGHTS

from . import __doc__ as usage
from .baselines import Baselines
from .conversations import Talk, load, users_only
from .embedding import Once, served
from .metrics import UNANSWERABLE, auc, by_category, score
from .ours import Library, Server, without
from .peers import Mem0, MemoryService

NAMES = "dense,bm25,rrf,z_sum,z_sum_3,recipe,ours,packed,packed_or_cut,server,server_packed"
COLUMNS = (
    "R@1", "R@5", "R@10", "R@20", "all@10", "MRR", "all", "conversation any@5",
    "conversation all@10",
)  # fmt: skip
Rows = dict[str, list[dict[str, Any]]]


def measure(talk: Talk, adapter: Any, names: Sequence[str], rows: Rows) -> None:
    """Ask every question of a conversation by some of an adapter's methods."""
    session = {turn["id"]: turn.get("session") for turn in talk["memories"]}
    for name in names:
        signal = name.removeprefix("without ")
        method = getattr(adapter, name if name == signal else "ours")
        for asked in talk["questions"]:
            if not asked["evidence"]:
                continue
            began = time.perf_counter()
            with nullcontext() if name == signal else without(signal):
                found = method(asked["question"])
            took = time.perf_counter() - began
            rows[name].append(
                {"qid": asked["qid"], "conversation": talk["id"], "ms": 1000 * took,
                 "category": asked["category"], **score(found, asked["evidence"], session)}
            )  # fmt: skip


def one_adapter(adapter: Any, talk: Talk, names: Sequence[str], rows: Rows) -> None:
    """All methods of an adapter on a conversation, and how sure the library's replies are."""
    measure(talk, adapter, names, rows)
    if "ours" in names:
        rows["confidence"] += [sure(adapter.memory, asked) for asked in talk["questions"]]
    adapter.close()


def sure(memory: Memory, asked: dict[str, Any]) -> dict[str, Any]:
    """How sure a reply is, whether the question has an answer or not."""
    found = memory.recall(asked["question"], top_k=5)
    known = {name: asked[name] for name in ("qid", "category")}
    return known | {"confidence": found.confidence, "chance": found.chance}


def report(rows: Rows) -> dict[str, Any]:
    """Print a table; returns what is written: summaries, and per question the ranks' measures."""
    chances = rows.pop("confidence", [])
    told: dict[str, Any] = {name: by_category(each) for name, each in rows.items()}
    print("| method | group | n | " + " | ".join(COLUMNS) + " | ms |")
    for name, groups in told.items():
        p50 = statistics.median(row["ms"] for row in rows[name])
        for group, each in groups.items():
            if group == "answerable" or name == "ours":
                values = " | ".join(
                    f"{each[c][0]:.1f} [{each[c][1]:.0f}, {each[c][2]:.0f}]" for c in COLUMNS
                )
                print(f"| {name} | {group} | {each['n']} | {values} | {p50:.1f} |")
    ours = rows.get("ours", [])
    told["questions"] = [
        [row["qid"], *(round(row[m], 3) for m in ("R@1", "R@5", "R@10", "R@20", "MRR"))]
        for row in ours
    ]
    if chances:
        told["confidence"] = confidence(chances, ours)
        print("confidence", told["confidence"])
    return told


def confidence(chances: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How well it tells questions with an answer from others, and how often each level is right."""
    known = [r for r in chances if r["chance"] is not None]  # there are none without a candidate
    answerable = [r["chance"] for r in known if r["category"] not in UNANSWERABLE]
    others = [r["chance"] for r in known if r["category"] in UNANSWERABLE]
    found = {row["qid"]: row["R@5"] > 0 for row in ours if row["category"] not in UNANSWERABLE}
    levels: dict[str, list[bool]] = defaultdict(list)
    for row in chances:
        levels[row["confidence"]].append(found.get(row["qid"], False))
    return {
        "auc": round(auc(answerable, others), 3) if others else None,
        "levels": {k: [len(v), round(statistics.fmean(v), 3)] for k, v in levels.items()},
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=usage)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--user-turns", action="store_true", help="leave out an assistant's turns")
    parser.add_argument("--only", default=NAMES)
    parser.add_argument("--ablate", action="store_true", help="also without each signal")
    parser.add_argument("--mem0", help="a Python that has mem0ai")
    parser.add_argument("--memory-service", help="a Python that has mcp-memory-service")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    embedder, names = Once(), given.only.split(",")
    names += [f"without {name}" for name in WEIGHTS] if given.ablate else []
    adapters: list[tuple[Callable[..., Any], list[str]]] = [
        (make, [n for n in names if hasattr(make, n) or (make is Library and " " in n)])
        for make in (Baselines, Library, Server)
    ]
    peers = ((Mem0, given.mem0, "mem0"), (MemoryService, given.memory_service, "memory_service"))
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        for peer, python, name in peers:
            if python:
                address = stack.enter_context(served(embedder))
                adapters.append((partial(peer, python=python, address=address), [name]))
        for path in given.data:
            rows: Rows = defaultdict(list)
            for talk in load(path):
                asked = users_only(talk) if given.user_turns else talk
                for make, methods in adapters:
                    if methods:
                        one_adapter(make(asked, embedder), asked, methods, rows)
                print(f"  {talk['id']}", file=sys.stderr)
            results[path.stem] = report(rows)
    if given.out:
        given.out.write_text(json.dumps(results, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
