"""Run it: see the parts.

    python -m benchmarks.context [--x 5 10] [--n 500000] [--data FILE] [--out FILE]

``--x 0`` leaves the overflow tests out, ``--n 0`` the scale; evidence needs ``--data``. What was
measured earlier and is not now stays in the result file.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

from .evidence import retention
from .overflow import KINDS, overflow
from .scale import scale

OUT = Path(__file__).parent.parent / "results" / "context.json"


def main() -> None:
    """Run the parts that are asked for and write what they say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.context")
    parser.add_argument("--x", type=int, nargs="*", default=[5, 10], help="contexts of text")
    parser.add_argument("--embedder", default="hash", help="for the overflow tests (hash)")
    parser.add_argument("--n", type=int, default=500_000, help="conversations (500,000)")
    parser.add_argument("--where", default="", help="folder for the large file")
    parser.add_argument("--data", type=Path, help="conversations with gold turns")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    results: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    results["python"] = platform.python_version()

    def said(name: str, found: dict[str, Any]) -> None:
        results[name] = found
        print(name, json.dumps(found, indent=1), flush=True)
        given.out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")

    for times in filter(None, given.x):
        for kind in KINDS:
            said(f"{times}x, {kind}", overflow(times, kind, given.embedder))
    if given.data:
        said(f"evidence, {given.data.stem}", retention(given.data))
    if given.n:
        said(f"{given.n} conversations", scale(given.n, given.where))


main()
