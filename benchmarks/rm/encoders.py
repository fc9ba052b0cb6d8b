"""H6: whether routing finds as much with one encoder as with another."""

from collections.abc import Callable
from typing import Any

import numpy as np

from routemem.memory_core import load_embedder

from ..claims import Options, Row, Table
from ..vectors import Vectors, docstring_sentences, middle, nearest, unit
from .retrieval import SEED, filled, point, recall, searched, their_point

Encoder = Callable[[list[str]], Vectors]


def encoders(options: Options) -> Table:
    """H6."""
    n = options.n or 4000
    sentences = list(dict.fromkeys(docstring_sentences()))
    order = np.random.default_rng(SEED).permutation(len(sentences))
    texts = [sentences[place] for place in order[:n]]
    questions = [f"Where did we mention {middle(text)}?" for text in texts[: options.queries]]
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for name, encode in present().items():
        stored, asked = encode(texts), encode(questions)
        truth = nearest(stored, asked, 5)
        meant = np.arange(len(asked))[:, None]
        dense = recall(truth.tolist(), meant)
        index = filled(stored, flat_until=0)
        found = [[hit.id for hit in index.search(query, 5).hits] for query in asked]
        mine = {"ratio": recall(found, meant) / dense, **point(index, asked, truth)}
        theirs = searched(options, stored, asked, (4,))
        other = None
        if theirs:
            ids = theirs["probes"]["4"]["ids"]
            other = {"ratio": recall(ids, meant) / dense, **their_point(theirs, 4, truth)}
        raw[name] = {"dense": dense, "ours": mine, "theirs": other}
        rows.append(Row(f"{name} (exact search finds {dense:.3f})", "", told(other), told(mine)))
    ours = [one["ours"]["ratio"] for one in raw.values()]
    theirs_all = [one["theirs"]["ratio"] for one in raw.values() if one["theirs"]]
    rows.append(
        Row(
            "spread of the ratio",
            "0.0036",
            f"{max(theirs_all) - min(theirs_all):.4f}" if theirs_all else "",
            f"{max(ours) - min(ours):.4f}",
            "at most .02",
            max(ours) - min(ours) <= 0.02,
        )
    )
    return Table(
        "robustness to the encoder",
        "Ratio: share of questions whose own sentence is among 5 routed hits, divided by the share "
        "exact search finds with the same encoder; beside it R@5 against the 5 exact nearest. A "
        "question is the middle half of a stored sentence's words. Theirs opens 4 buckets.",
        f"{n:,} sentences of the standard library's docstrings, {len(questions)} questions",
        n,
        rows,
        raw,
        SEED,
    )


def present() -> dict[str, Encoder]:
    """Encoders there are without a download."""
    model, hashing = load_embedder("bundled"), load_embedder("hash:256")
    draw = np.random.default_rng(SEED).standard_normal((model.dim, 96)).astype(np.float32)

    def encode(texts: list[str]) -> Vectors:
        return model.encode(texts).vectors

    return {
        "all-MiniLM-L6-v2, 384": encode,
        "hashed words, 256": lambda texts: hashing.encode(texts).vectors,
        "all-MiniLM-L6-v2 projected at random to 96": lambda texts: unit(encode(texts) @ draw),
    }


def told(one: dict[str, float] | None) -> str:
    """A cell."""
    return f"{one['ratio']:.4f} (R@5 {one['recall']:.4f})" if one else ""
