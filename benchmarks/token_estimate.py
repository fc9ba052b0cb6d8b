"""How far the token estimate is from the truth, and where its weights come from.

Usage::

    TIKTOKEN_CACHE_DIR=... python benchmarks/token_estimate.py FOLDER...
        [--hold-out CLASS/SOURCE ...] [--write PATH] [--json PATH]

Every FOLDER is one class of text (prose-de, code-py, json, …) holding UTF-8 files named
``SOURCE-NUMBER.txt``. The truth is the larger of the o200k_base and cl100k_base counts, read from
vocabulary files that must already be in tiktoken's cache. Half of the files (by the SHA-1 of class
and name) calibrate, the other half and every held-out source only measure. Two tables come out:

- windows: pieces of about 60 to 4,000 tokens cut at random places of each file;
- packed: the texts of a class joined and cut by ``truncate`` to a budget, which is what a reply is.

The committed result was measured on Universal Dependencies treebanks, XQuAD, JSQuAD, JMMLU, KLUE
and RealPersonaChat texts, Debian's translated handbooks, help and manual pages, the code and data
files that Debian and Python packages install, and generated numbers, base64, hex, URLs, tables and
emoji. ``runs`` (a few characters repeated, ruler lines, ASCII art) is a stress class beyond the
promise.

With ``--write`` the weights are fitted first (non-negative, asymmetric least squares on the
calibration half, relative error, every class with equal weight) and written as a Python module.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse  # type: ignore[import-untyped] # scipy ships no types

from routemem.memory_core.text import tokens

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WINDOWS = (60, 150, 400, 1200, 4000)  # tokens
BUDGETS = (100, 500, 1500, 5000, 25000)
FILES_PER_CLASS = 400
UNDER = 40.0  # an estimate that is too low costs this much more than one that is too high
PULL = 5e-6  # pull of a weight towards its prior; decides the pairs that were hardly seen
SAME = (
    0.15  # weights closer than this to their prior are set to it: the table packs four times better
)
FLOOR = 0.1875  # tokens, the least a pair of different bytes may cost
PAIRS = 65536


@dataclass(frozen=True)
class Sample:
    """One piece of text and what it really costs."""

    cls: str
    size: int
    held_out: bool
    text: str
    real: int


class Truth:
    """The larger of the two vocabularies' counts."""

    def __init__(self) -> None:
        import tiktoken

        self._encodings = [tiktoken.get_encoding(n) for n in ("o200k_base", "cl100k_base")]

    def __call__(self, text: str) -> int:
        """Tokens of the text."""
        return max(len(e.encode_ordinary(text)) for e in self._encodings)


def read(folders: Iterable[Path], hold_out: set[str]) -> list[tuple[str, bool, str]]:
    """(class, held out?, text) of the files, at most ``FILES_PER_CLASS`` of each folder."""
    found = []
    for folder in folders:
        names = sorted(p.name for p in folder.iterdir())
        random.Random(0).shuffle(names)
        for name in names[:FILES_PER_CLASS]:
            half = hashlib.sha1(f"{folder.name}/{name}".encode()).digest()[0] % 2 == 0
            source = f"{folder.name}/{name.rsplit('-', 1)[0]}"
            text = (folder / name).read_text("utf-8")
            found.append((folder.name, half or source in hold_out, text))
    return found


def windows(texts: list[tuple[str, bool, str]], truth: Truth) -> list[Sample]:
    """Random pieces of every text in the sizes of ``WINDOWS``; large ones only where they fit."""
    rng = random.Random(1)
    samples = []
    for cls, held_out, text in texts:
        per_token = len(text[:4000]) / truth(text[:4000])
        for size in WINDOWS:
            length = int(size * per_token * rng.uniform(0.7, 1.4))
            if size > WINDOWS[1] and length > 1.3 * len(text):
                continue
            start = rng.randrange(max(1, len(text) - length))
            piece = text[start : start + length].strip()
            if len(piece) >= 8:
                samples.append(Sample(cls, size, held_out, piece, truth(piece)))
    return samples


# ── fitting ──────────────────────────────────────────────────────────────────────────────────────


def design(samples: list[Sample]) -> Any:
    """Sparse counts of folded byte pairs, shape (samples, 65536)."""
    columns, values, starts = [], [], [0]
    for sample in samples:
        data = np.frombuffer(tokens.fold(sample.text), np.uint8).astype(np.int64)
        ids, counts = np.unique(data[:-1] * 256 + data[1:], return_counts=True)
        columns.append(ids)
        values.append(counts.astype(float))
        starts.append(starts[-1] + len(ids))
    shape = (len(samples), PAIRS)
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=shape)


def prior_and_floor() -> tuple[Floats, Floats]:
    """What a pair costs until data says otherwise, and the least it may cost; shape (65536,)."""
    first, second = np.divmod(np.arange(PAIRS), 256)
    prior = np.full(PAIRS, 0.35)
    prior[(first >= 128) & (second < 128)] = 0.6
    prior[second >= 128] = 0.75
    # Rare pairings, repeated, must not come out free: "TNTN…" costs half a token a letter.
    floor = np.full(PAIRS, FLOOR)
    floor[(first == second) & (first < 128)] = FLOOR / 2
    floor[(first == second) & (first <= ord(" "))] = FLOOR / 8
    # No CJK character is ever less than half a token in cl100k.
    floor[(first >= 0xE3) & (first <= 0xED) & (second >= 128) & (second < 0xC0)] = 0.5
    return prior, floor


def fit(samples: list[Sample]) -> Floats:
    """Weights of the byte pairs, tokens, shape (65536,): fitted, thinned out, fitted again."""
    real = np.array([s.real for s in samples], float)
    sizes = Counter(s.cls for s in samples)
    share = np.array([sizes[s.cls] ** -0.5 for s in samples])
    matrix = sparse.diags(1 / real) @ design(samples)
    prior, floor = prior_and_floor()
    prior = np.rint(np.maximum(prior, floor) * tokens.SCALE) / tokens.SCALE
    first = solve(matrix, share / share.sum(), prior, floor, np.asarray(matrix.getnnz(axis=0)) > 0)
    return solve(matrix, share / share.sum(), prior, floor, np.abs(first - prior) > SAME)


def solve(matrix: Any, share: Floats, prior: Floats, floor: Floats, free: Bools) -> Floats:
    """Asymmetric least squares of ``matrix @ weights = 1``; what is not free keeps its prior."""
    fixed = matrix @ np.where(free, 0, prior)
    columns = matrix[:, free].tocsr()
    transposed = columns.T.tocsr()

    def loss(weights: Floats) -> tuple[float, Floats]:
        off, pull = columns @ weights + fixed - 1, weights - prior[free]
        cost = np.where(off < 0, UNDER, 1.0) * share
        value = float((cost * off * off).sum() + PULL * (pull * pull).sum())
        return value, 2 * (transposed @ (cost * off)) + 2 * PULL * pull

    bounds = [(low, 255 / tokens.SCALE) for low in floor[free]]
    options = {"maxiter": 300, "maxcor": 20}
    found = optimize.minimize(
        loss, prior[free], jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    weights = prior.copy()
    weights[free] = found.x
    return weights


def module(weights: Floats) -> str:
    """The Python module that holds the weights."""
    table = np.rint(weights * tokens.SCALE).clip(0, 255).astype(np.uint8)
    # Bytes that fold() never produces carry no information: one value packs best.
    possible = np.zeros(256, bool)
    possible[list(tokens.FOLDED)] = True
    table[~(possible[:, None] & possible[None, :]).ravel()] = 0
    packed = base64.b85encode(zlib.compress(table.tobytes(), 9)).decode()
    lines = [packed[i : i + 92] for i in range(0, len(packed), 92)]
    body = "\n".join(f'    r"{line}"' for line in lines)
    return (
        '"""Weights of the token estimate, written by benchmarks/token_estimate.py.\n\n'
        "zlib in base 85: 256 × 256 bytes; row: a folded byte, column: the folded byte after it,\n"
        'value: tokens × ``tokens.SCALE``.\n"""\n\n'
        f"PACKED = (\n{body}\n)\n"
    )


# ── measuring ────────────────────────────────────────────────────────────────────────────────────


def describe(ratios: list[float]) -> dict[str, float]:
    """n, median, p5 and p95 of estimate / real; share exceeding and the largest excess, percent."""
    r = np.array(ratios)
    return {
        "n": len(r),
        "median": round(float(np.median(r)), 3),
        "p5": round(float(np.quantile(r, 0.05)), 3),
        "p95": round(float(np.quantile(r, 0.95)), 3),
        "exceeds_percent": round(100 * float((r < 1).mean()), 2),
        "over_10_percent": round(100 * float((r < 1 / 1.1).mean()), 2),
        "max_excess_percent": round(100 * max(0.0, float(1 / r.min() - 1)), 1),
    }


def measure_windows(samples: list[Sample]) -> dict[str, dict[str, float]]:
    """Held-out windows by class, by size, and all."""
    groups: dict[str, list[float]] = defaultdict(list)
    for s in samples:
        if s.held_out:
            ratio = tokens.estimate(s.text) / s.real
            for key in (s.cls, f"~{s.size} tokens", "all"):
                groups[key].append(ratio)
    return {key: describe(values) for key, values in groups.items()}


def measure_packed(texts: list[tuple[str, bool, str]], truth: Truth) -> dict[str, dict[str, float]]:
    """Budget / real tokens of held-out texts joined and cut to the budget by the estimate."""
    rng = random.Random(2)
    by_class: dict[str, list[str]] = defaultdict(list)
    for cls, held_out, text in texts:
        if held_out:
            by_class[cls].append(text)
    groups: dict[str, list[float]] = defaultdict(list)
    for cls, members in by_class.items():
        for budget in BUDGETS:
            for _ in range(max(4, min(40, 60000 // budget))):
                joined, wanted = [], 8 * budget
                while wanted > 0:
                    text = rng.choice(members)
                    start = rng.randrange(max(1, len(text) - 300))
                    joined.append(text[start : start + max(1200, wanted // 4)])
                    wanted -= len(joined[-1])
                reply = tokens.truncate("\n\n".join(joined), budget, tokens.estimate)
                for key in (cls, f"budget {budget}", "all"):
                    groups[key].append(budget / max(1, truth(reply)))
    return {key: describe(values) for key, values in groups.items()}


def show(title: str, table: dict[str, dict[str, float]]) -> None:
    """Print one table."""
    print(f"\n{title}\n{'':16}" + "".join(f"{k:>20}" for k in next(iter(table.values()))))
    for key in sorted(table):
        print(f"{key:16}" + "".join(f"{v:>20}" for v in table[key].values()))


def main() -> None:
    """Fit when asked, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--hold-out", nargs="*", default=[], metavar="CLASS/SOURCE")
    parser.add_argument("--write", type=Path, help="fit and write the weights module here")
    parser.add_argument("--json", type=Path, help="write both tables here")
    arguments = parser.parse_args()
    truth = Truth()
    texts = read(arguments.folders, set(arguments.hold_out))
    samples = windows(texts, truth)
    if arguments.write:
        weights = fit([s for s in samples if not s.held_out])
        arguments.write.write_text(module(weights), "utf-8")
        print(f"wrote {arguments.write}: run again without --write to measure")
        return
    measured = {
        "windows": measure_windows(samples),
        "packed": measure_packed(texts, truth),
    }
    for title, table in measured.items():
        show(title, table)
    if arguments.json:
        result = {"held_out_sources": sorted(arguments.hold_out), **measured}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
