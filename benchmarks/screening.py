"""How much screening finds, how often it is wrong, and what it costs.

Usage::

    python -m benchmarks.screening [--seeds N] [--json PATH]

The tokens and the harmless texts come from ``tests/support/screening_set.py``, which was written
from the issuers' descriptions before the rules and apart from them. Harmless pieces are also cut
from the Python files of the installed packages. Prose secrets ("the door opens with …") have no
form to be known by: they are reported here so that nobody expects them to be found.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import pydantic

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from screening_set import PROSE, Sample, negatives, positives

from routemem.memory_core.lifecycle.screening import screen

PIECE = 1000
FILES = 900


def main() -> None:
    """Measure and print; write the figures where ``--json`` says."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    found = measured(given.seeds)
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def measured(seeds: int) -> dict[str, Any]:
    """Every figure, over so many seeds of the set."""
    tokens = [sample for seed in range(seeds) for sample in positives(seed)]
    harmless = [sample for seed in range(seeds) for sample in negatives(seed)]
    code = pieces()
    return {
        "python": platform.python_version(),
        "tokens": rate(tokens) | {"kinds": len({sample.kind for sample in tokens})},
        "harmless": rate(harmless) | {"kinds": len({sample.kind for sample in harmless})},
        "pieces of installed code": rate([Sample("code", text) for text in code]),
        "secrets in prose": rate([Sample("prose", text) for text in PROSE]),
        "cpu_us_per_kb": {
            "prose, own": cost(" ".join(s.text for s in harmless if s.kind == "prose"), False),
            "prose, from outside": cost(
                " ".join(s.text for s in harmless if s.kind == "prose"), True
            ),
            "code, own": cost("".join(code[:300]), False),
        },
        "cpu_us_of_a_note_of_150_characters": cost(harmless[0].text[:150].ljust(150), False, 150),
    }


def rate(samples: list[Sample]) -> dict[str, Any]:
    """How many of the texts are held."""
    held = [sample.kind for sample in samples if screen(sample.text, untrusted=False)]
    return {"n": len(samples), "held": len(held), "share": round(len(held) / len(samples), 4)}


def pieces() -> list[str]:
    """Pieces of the installed packages' code, in a fixed order."""
    files = sorted(Path(pydantic.__file__).parents[1].rglob("*.py"))[::7][:FILES]
    texts = [path.read_text("utf-8", "replace") for path in files]
    return [text[start : start + PIECE] for text in texts for start in range(0, len(text), PIECE)]


def cost(text: str, untrusted: bool, per: int = 1024) -> float:
    """CPU time in µs of this thread for ``per`` characters: the best of five runs."""
    best = 1e9
    for _ in range(5):
        start = time.thread_time()
        screen(text, untrusted=untrusted)
        best = min(best, time.thread_time() - start)
    return round(best * 1e6 / len(text) * per, 1)


if __name__ == "__main__":
    main()
