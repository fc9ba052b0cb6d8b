"""Evidence recall: is what answers a question among the first hits?

    python -m benchmarks.evidence --data FILE [--data FILE] [--user-turns] [--only NAME,…]
        [--server] [--ablate] [--out FILE]

Reads the original ``locomo10.json`` or the normalised form ``[{id, memories: [{id, text, speaker or
role, session, date or date_str}], questions: [{qid, question, category, evidence}]}]``. Every
conversation gets a memory of its own; each turn is remembered with its speaker and date, and asked
through `Memory.recall`, or with ``--server`` over stdio. Results hold ids and numbers only.
"""

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from routemem.memory_core import Memory, Settings, load_embedder
from routemem.memory_core.embedding.embedder import Encoded, Span
from routemem.memory_core.records import Hit
from routemem.memory_core.retrieval.lexical import content_words
from routemem.memory_core.retrieval.ranking import WEIGHTS, WEIGHTS_BEFORE_TOKENS
from routemem.server.replies.hits import hit_cost
from routemem.server.replies.recall import room_for_hits

from .server import OURS, environment
from .stdio_client import StdioClient

KS = (1, 5, 10, 20)
UNANSWERABLE = (5, "adversarial", "abstention")
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
PLENTY = 25_000
SEARCHING = "routemem.memory_core.searching"
SETTINGS = Settings(embed_at_once=1000, token_counter="estimate")


class Once:
    """The bundled model; no text is run twice."""

    def __init__(self) -> None:
        self._model = load_embedder("bundled")
        self.id, self.dim, self.max_tokens = self._model.id, self._model.dim, self._model.max_tokens
        self._known: dict[str, tuple[Any, ...]] = {}

    def encode(self, texts: Sequence[str]) -> Encoded:
        """See ``Embedder.encode``."""
        for text in set(texts) - self._known.keys():
            made = self._model.encode([text])
            self._known[text] = (made.vectors[0], made.tokens[0].astype(np.float16))
        found = [self._known[text] for text in texts]
        return Encoded(
            np.array([vector for vector, _ in found], np.float32).reshape(-1, self.dim),
            tuple(tokens.astype(np.float32) for _, tokens in found),
        )

    def pieces(self, text: str) -> list[Span]:
        """See ``Embedder.pieces``."""
        return self._model.pieces(text)


# ---------------------------------------------------------------- data


def load(path: Path) -> list[dict[str, Any]]:
    """Conversations in the normalised form."""
    raw = json.loads(path.read_text("utf-8"))
    return [_locomo(each) if "conversation" in each else each for each in raw]


def _locomo(sample: dict[str, Any]) -> dict[str, Any]:
    talk, memories = sample["conversation"], []
    numbers = [int(k[8:]) for k, v in talk.items() if re.fullmatch(r"session_\d+", k) and v]
    for number in sorted(numbers):
        for turn in talk[f"session_{number}"]:
            seen = turn.get("blip_caption")
            text = (turn.get("text") or "").strip() + (f" [shared image: {seen}]" if seen else "")
            memories.append(
                {"id": turn["dia_id"], "text": text.strip(), "speaker": turn["speaker"],
                 "session": number, "date_str": talk.get(f"session_{number}_date_time", "")}
            )  # fmt: skip
    ids = {memory["id"] for memory in memories}
    questions = []
    for number, asked in enumerate(sample["qa"]):
        said = " ".join(asked.get("evidence") or [])
        gold = [f"D{int(a)}:{int(b)}" for a, b in re.findall(r"D:?(\d+):\s*(\d+)", said)]
        questions.append(
            {"qid": f"{sample['sample_id']}-q{number}", "question": asked["question"],
             "category": asked["category"],
             "evidence": [turn for turn in dict.fromkeys(gold) if turn in ids]}
        )  # fmt: skip
    return {"id": sample["sample_id"], "memories": memories, "questions": questions}


def users_only(talk: dict[str, Any]) -> dict[str, Any]:
    """The conversation without what an assistant said."""
    memories = [m for m in talk["memories"] if m.get("role") != "assistant"]
    ids = {m["id"] for m in memories}
    questions = [
        q | {"evidence": [e for e in q["evidence"] if e in ids]} for q in talk["questions"]
    ]
    return talk | {"memories": memories, "questions": questions}


def fields(turn: dict[str, Any]) -> dict[str, Any]:
    """How a turn is remembered."""
    speaker = turn.get("speaker") or turn.get("role") or ""
    when = turn.get("date") or (turn.get("date_str") or "").replace("-", " ")
    source = "assistant" if speaker == "assistant" else "user"
    return {"kind": "turn", "speaker": speaker, "when": when, "source": source}


# ---------------------------------------------------------------- what is compared


class Library:
    """One conversation in one `Memory`."""

    def __init__(self, talk: dict[str, Any], embedder: Any) -> None:
        self.memory = Memory.open(None, embedder=embedder, settings=SETTINGS)
        self.turn: dict[str, Any] = {}
        for turn in talk["memories"]:
            receipt = self.memory.remember(turn["text"], **fields(turn))
            self.turn.setdefault(receipt.id, turn["id"])

    def ours(self, question: str) -> list[Any]:
        """As a user gets it."""
        hits = self.memory.recall(question, top_k=50, max_tokens=PLENTY).hits
        return [self.turn[hit.id] for hit in hits]

    def packed(self, question: str) -> list[Any]:
        """What is shown whole in a reply of the server of 1,000 tokens."""
        return [self.turn[hit.id] for hit in self._reply(question) if hit.whole]

    def packed_or_cut(self, question: str) -> list[Any]:
        """What is shown of it, be it a part."""
        return [self.turn[hit.id] for hit in self._reply(question)]

    def _reply(self, question: str) -> Sequence[Hit]:
        return self.memory.recall(
            question, top_k=50, max_tokens=room_for_hits(1000, explain=False),
            cost=hit_cost(self.memory.counter.count, detailed=False),
        ).hits  # fmt: skip

    def dense(self, question: str) -> list[Any]:
        """By cosine alone."""
        return self._ordered(self._cosines(question))

    def bm25(self, question: str) -> list[Any]:
        """By FTS5's BM25 alone."""
        return self._ordered(self._bm25(question))

    def rrf(self, question: str) -> list[Any]:
        """Reciprocal ranks of both, k = 60."""
        total: dict[int, float] = defaultdict(float)
        for scores in (self._cosines(question), self._bm25(question)):
            order = sorted(scores, key=lambda item: -scores[item])
            for rank, item in enumerate(order):
                total[item] += 1 / (61 + rank)
        return self._ordered(total)

    def z_sum(self, question: str) -> list[Any]:
        """Sum of both as z-scores, 1 : 0.6."""
        cosines, words = self._cosines(question), self._bm25(question)
        items = list(cosines)
        a, b = (np.array([s.get(i, 0.0) for i in items]) for s in (cosines, words))
        scores = sum(w * (x - x.mean()) / (x.std() + 1e-9) for w, x in ((1, a), (0.6, b)))
        return self._ordered(dict(zip(items, np.asarray(scores).tolist(), strict=True)))

    def _cosines(self, question: str) -> dict[int, float]:
        store = self.memory.store
        stored = store.vectors(None)
        vector = EMBEDDER.encode([question]).vectors[0]
        best: dict[int, float] = {}
        products = stored.vectors.astype(np.float32) @ vector
        for item, cosine in zip(stored.items.tolist(), products.tolist(), strict=True):
            best[item] = max(cosine, best.get(item, -1.0))
        return best

    def _bm25(self, question: str) -> dict[int, float]:
        words = " OR ".join(f'"{word}"' for word in content_words(question))
        sql = (
            "select chunks.item, -words.rank from words join chunks on chunks.row = words.rowid "
            "where words match ?"
        )
        best: dict[int, float] = {}
        for item, score in self.memory.store.db.rows(sql, (words,)):  # type: ignore[attr-defined]  # SQLite
            best[item] = max(score, best.get(item, 0.0))
        return best

    def _ordered(self, scores: dict[int, float]) -> list[Any]:
        rows = sorted(scores, key=lambda item: -scores[item])[:50]
        found = self.memory.store.items(rows)
        return [self.turn[found[row].id] for row in rows]

    def close(self) -> None:
        """Close the memory."""
        self.memory.close()


class Server:
    """One conversation in one scope of a server, over stdio."""

    def __init__(self, talk: dict[str, Any], embedder: Any) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._client = StdioClient(OURS, environment(self._folder.name))
        self.turn: dict[str, Any] = {}
        for turn in talk["memories"]:
            told = self._call("remember", content=turn["text"], **fields(turn))
            self.turn.setdefault(told["id"], turn["id"])

    def server(self, question: str) -> list[Any]:
        """As a client gets it."""
        told = self._call("recall", query=question, top_k=50, max_tokens=PLENTY)
        return [self.turn[hit["id"]] for hit in told["hits"]]

    def server_packed(self, question: str) -> list[Any]:
        """With a reply of at most 1,000 tokens."""
        told = self._call("recall", query=question, top_k=50, max_tokens=1000)
        return [self.turn[hit["id"]] for hit in told["hits"]]

    def _call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self._client.request("tools/call", {"name": tool, "arguments": arguments})
        found: dict[str, Any] = answer["structuredContent"]
        return found

    def close(self) -> None:
        """End the server."""
        self._client.close()
        self._folder.cleanup()


@contextmanager
def without(signal: str) -> Iterator[None]:
    """The library without one of its signals."""
    changed = [("WEIGHTS", WEIGHTS), ("WEIGHTS_BEFORE_TOKENS", WEIGHTS_BEFORE_TOKENS)]
    with ExitStack() as stack:
        for name, weights in changed:
            fewer = {key: weight for key, weight in weights.items() if key != signal}
            stack.enter_context(patch(f"{SEARCHING}.{name}", fewer))
        if signal == "tokens":
            stack.enter_context(patch(f"{SEARCHING}.DEPTH", 0))
        yield


# ---------------------------------------------------------------- metrics


def score(found: Sequence[Any], gold: Sequence[Any], session: dict[Any, Any]) -> dict[str, float]:
    """Of one question: shares of its evidence found, by turn and by conversation."""
    places = {turn: place for place, turn in reversed(list(enumerate(found)))}
    ranks = sorted(places.get(turn, 10**6) for turn in gold)
    told = {f"R@{k}": sum(rank < k for rank in ranks) / len(ranks) for k in KS}
    told["all@10"] = float(ranks[-1] < 10)
    told["all"] = float(ranks[-1] < len(found))
    told["MRR"] = 1 / (1 + ranks[0])
    talks = list(dict.fromkeys(session[turn] for turn in found))
    wanted = {session[turn] for turn in gold}
    told["conversation any@5"] = float(bool(wanted & set(talks[:5])))
    told["conversation all@10"] = float(wanted <= set(talks[:10]))
    return told


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals over questions, in per cent."""
    draw = random.Random(0)
    names = [name for name in rows[0] if name not in ("qid", "conversation", "category", "ms")]
    told: dict[str, Any] = {"n": len(rows)}
    for name in names:
        values = [row[name] for row in rows]
        means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(400))
        told[name] = [round(100 * x, 1) for x in (statistics.fmean(values), means[10], means[389])]
    return told


def by_category(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A summary for each category and for all that can be answered."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[str(CATEGORIES.get(row["category"], row["category"]))].append(row)
        if row["category"] not in UNANSWERABLE:
            groups["answerable"].append(row)
    return {name: summary(group) for name, group in sorted(groups.items())}


def auc(answerable: Sequence[float], others: Sequence[float]) -> float:
    """Chance that an answerable question has the higher value."""
    wins = sum((a > b) + 0.5 * (a == b) for a in answerable for b in others)
    return wins / (len(answerable) * len(others))


# ---------------------------------------------------------------- run

EMBEDDER: Any = None


def measure(
    talks: Sequence[dict[str, Any]], make: Callable[..., Any], names: Sequence[str], ablate: bool
) -> dict[str, Any]:
    """Every method on every conversation."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for talk in talks:
        session = {turn["id"]: turn.get("session") for turn in talk["memories"]}
        adapter = make(talk, EMBEDDER)
        signals = [f"without {name}" for name in WEIGHTS] if ablate else []
        for name in [*names, *signals]:
            method = getattr(adapter, "ours" if name in signals else name)
            for asked in talk["questions"]:
                if not asked["evidence"]:
                    continue
                began = time.perf_counter()
                if name in signals:
                    with without(name.removeprefix("without ")):
                        found = method(asked["question"])
                else:
                    found = method(asked["question"])
                took = time.perf_counter() - began
                rows[name].append(
                    {"qid": asked["qid"], "conversation": talk["id"], "ms": 1000 * took,
                     "category": asked["category"], **score(found, asked["evidence"], session)}
                )  # fmt: skip
        if make is Library:
            rows["confidence"] += [_sure(adapter.memory, asked) for asked in talk["questions"]]
        adapter.close()
        print(f"  {talk['id']}", file=sys.stderr)
    return dict(rows)


def _sure(memory: Memory, asked: dict[str, Any]) -> dict[str, Any]:
    found = memory.recall(asked["question"], top_k=5)
    return {
        "qid": asked["qid"],
        "category": asked["category"],
        "confidence": found.confidence,
        "chance": found.chance,
    }


def main() -> None:
    """Measure, print, write."""
    global EMBEDDER
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--user-turns", action="store_true", help="leave out an assistant's turns")
    parser.add_argument("--only", default="dense,bm25,rrf,z_sum,ours,packed,packed_or_cut")
    parser.add_argument("--server", action="store_true", help="over stdio instead")
    parser.add_argument("--ablate", action="store_true", help="also without each signal")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    EMBEDDER = EMBEDDER or (None if given.server else Once())
    results: dict[str, Any] = {}
    for path in given.data:
        talks = load(path)
        if given.user_turns:
            talks = [users_only(talk) for talk in talks]
        make: Callable[..., Any] = Server if given.server else Library
        names = ["server", "server_packed"] if given.server else given.only.split(",")
        rows = measure(talks, make, names, given.ablate)
        results[path.stem] = report(rows)
    if given.out:
        given.out.write_text(json.dumps(results, separators=(",", ":")) + "\n", "utf-8")


def report(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Print a table; returns what is written: summaries, and per question the ranks' measures."""
    sure = rows.pop("confidence", [])
    told: dict[str, Any] = {name: by_category(each) for name, each in rows.items()}
    columns = [
        "R@1", "R@5", "R@10", "R@20", "all@10", "MRR", "all",
        "conversation any@5", "conversation all@10",
    ]  # fmt: skip
    print("| method | group | n | " + " | ".join(columns) + " | ms |")
    for name, groups in told.items():
        p50 = statistics.median(row["ms"] for row in rows[name])
        for group, each in groups.items():
            if group == "answerable" or name in ("ours", "server"):
                values = " | ".join(
                    f"{each[c][0]:.1f} [{each[c][1]:.0f}, {each[c][2]:.0f}]" for c in columns
                )
                print(f"| {name} | {group} | {each['n']} | {values} | {p50:.1f} |")
    main_rows = rows.get("ours") or rows.get("server") or []
    told["questions"] = [
        [row["qid"], *(round(row[m], 3) for m in ("R@1", "R@5", "R@10", "R@20", "MRR"))]
        for row in main_rows
    ]
    if sure:
        answerable = [r["chance"] for r in sure if r["category"] not in UNANSWERABLE]
        others = [r["chance"] for r in sure if r["category"] in UNANSWERABLE]
        found = {
            row["qid"]: row["R@5"] > 0 for row in main_rows if row["category"] not in UNANSWERABLE
        }
        levels: dict[str, list[bool]] = defaultdict(list)
        for row in sure:
            levels[row["confidence"]].append(found.get(row["qid"], False))
        told["confidence"] = {
            "auc": round(auc(answerable, others), 3) if others else None,
            "levels": {k: [len(v), round(statistics.fmean(v), 3)] for k, v in levels.items()},
        }
        print("confidence", told["confidence"])
    return told


if __name__ == "__main__":
    main()
