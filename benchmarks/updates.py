"""What became of what was said before: repetitions, updates and contradictions.

    python -m benchmarks.updates --data PAIRS.json --data UPDATES.json --talks TALKS.json

Two kinds of data, neither shipped:

- pairs, ``[{id, kind, old, new}]`` with kind duplicate, supersede, compatible or unrelated: each
  pair goes through `Memory.remember` in a memory of its own, and the receipt is what counts;
- updates, ``[{conv, kind, question, old_ids, new_ids}]`` over conversations in the form that
  `benchmarks.evidence` reads (``--talks``): asked through `Memory.recall`, three ways: as it is,
  without the order of successions, and with every user turn's date and order reversed
  (``swapped``). There the original is the newer one, so an order by wording alone would still put
  the update first, and an order by recency alone would put the original first every time.

Results hold ids and numbers only.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from routemem.memory_core import Memory
from routemem.memory_core.searching import Searching

from .evidence.conversations import load, users_only
from .evidence.embedding import Once
from .evidence.ours import SETTINGS, Library


def pairs(data: Sequence[dict[str, Any]], embedder: Any) -> dict[str, Any]:
    """What the second of each pair is said to do to the first."""
    rows = []
    for pair in data:
        with Memory.open(None, embedder=embedder, settings=SETTINGS) as memory:
            memory.remember(pair["old"])
            receipt = memory.remember(pair["new"])
            stored = memory.store.count_items()
        said = "repeats" if receipt.repeats else "replaces" if receipt.supersedes else ""
        said = "known" if receipt.status == "known" else said
        rows.append([pair["id"], pair["kind"], said, stored])
    counts = Counter((kind, said) for _, kind, said, _ in rows)
    n = Counter(kind for _, kind, _, _ in rows)
    merged = {k: counts[k, "repeats"] + counts[k, "known"] for k in n}
    replaced = sum(counts[k, "replaces"] for k in n)
    summary = {
        "n": dict(n),
        "repetitions found": merged.get("duplicate", 0),
        "updates taken for repetitions": merged.get("supersede", 0),
        "others taken for repetitions": merged.get("compatible", 0) + merged.get("unrelated", 0),
        "updates linked": counts["supersede", "replaces"],
        "linked, of them no update": replaced - counts["supersede", "replaces"],
    }
    return {"summary": summary, "pairs": rows}


def updates(
    data: Sequence[dict[str, Any]], talks: Sequence[dict[str, Any]], embedder: Any
) -> dict[str, Any]:
    """Places of both sides of each pair among 50 hits, 1 the first; 0 not among them."""
    asked: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in data:
        asked[one["conv"]].append(one)
    rows, links = [], 0
    for talk in talks:
        talk = users_only(talk)
        for way, said in (("ours", talk), ("unordered", talk), ("swapped", _swapped(talk))):
            library = Library(said, embedder)
            if way == "ours":
                items = range(1, 10 * len(said["memories"]))
                links += len(library.memory.store.successions(items))
            with _unordered() if way == "unordered" else nullcontext():
                for number, one in enumerate(asked[talk["id"]]):
                    if set(one["old_ids"]) == set(one["new_ids"]):
                        continue  # one message says both
                    found = library.ours(one["question"])
                    places = [_place(found, one[side]) for side in ("new_ids", "old_ids")]
                    rows.append([way, one["kind"], f"{talk['id']}-{number}", *places])
            library.close()
    summary: dict[str, dict[str, int]] = {}
    for way, kind, _, new, old in rows:
        told = summary.setdefault(f"{kind}, {way}", {"n": 0, "new first": 0, "both in 10": 0})
        told["n"] += 1
        told["new first"] += bool(new) and (new < old or not old)
        told["both in 10"] += 0 < new <= 10 and 0 < old <= 10
    memories = sum(len(users_only(talk)["memories"]) for talk in talks)
    return {"summary": summary, "links": links, "memories": memories, "places": rows}


def _place(found: Sequence[Any], ids: Sequence[Any]) -> int:
    return min((found.index(each) + 1 for each in ids if each in found), default=0)


def _swapped(talk: dict[str, Any]) -> dict[str, Any]:
    """The same messages, the last one said first."""
    said = talk["memories"]
    times = [{k: m[k] for k in ("date", "date_str", "session") if k in m} for m in said]
    return talk | {"memories": [m | at for m, at in zip(said[::-1], times, strict=True)]}


@contextmanager
def _unordered() -> Iterator[None]:
    with patch.object(Searching, "_in_succession", lambda self, question, items, order: order):
        yield


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--talks", type=Path, help="conversations that updates belong to")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    embedder = Once()
    results: dict[str, Any] = {}
    for path in given.data:
        data = json.loads(path.read_text("utf-8"))
        if "conv" in data[0]:
            if given.talks is None:
                parser.error(f"{path.name} needs the conversations: --talks FILE")
            results[path.stem] = updates(data, load(given.talks), embedder)
        else:
            results[path.stem] = pairs(data, embedder)
        print(path.stem, json.dumps(results[path.stem]["summary"], indent=1))
    if given.out:
        given.out.write_text(json.dumps(results, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
