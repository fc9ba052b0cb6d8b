"""The table of faults: what was done to the real server, how often, and what was lost.

    python -m benchmarks.reliability [--long] [--only NAME ...] [--size N] [--minutes M]

Without ``--long`` each part runs in the form that the tests run. The long parts take from minutes
to an hour each; they may run apart, on different days: each writes its own entry, with date and
commit, into ``results/reliability.json``. Ends with status 1 if anything was lost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .part import Found, Part, Watch
from .parts import PARTS

RESULTS = Path(__file__).parent.parent / "results" / "reliability.json"


def main() -> int:
    """Run what was asked for; print the table of everything that is on record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the long forms")
    parser.add_argument("--only", action="append", choices=[*PARTS], help="these parts")
    parser.add_argument("--size", type=int, help="another size than the usual one")
    parser.add_argument("--minutes", type=float, default=600.0, help="longest time of a part")
    given = parser.parse_args()
    lost = False
    for name in given.only or PARTS:
        part = PARTS[name]
        size = given.size or (part.long if given.long else part.short)
        print(f"{name}: {part.what}, {size} {part.unit} …", flush=True)
        found, seconds = _run(name, part, size, given.minutes)
        lost |= not found.holds
        _record(name, part, found, size, seconds, long=given.long)
    _show()
    return 1 if lost else 0


def _run(name: str, part: Part, size: int, minutes: float) -> tuple[Found, float]:
    watch = Watch(minutes, lambda done: print(f"  {name}: {done} of {size}", flush=True))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return part.run(size, Path(folder), watch), watch.seconds()


def _record(name: str, part: Part, found: Found, size: int, seconds: float, *, long: bool) -> None:
    """Write the entry of a part; the long and the short form are kept side by side."""
    kept = _kept()
    kept.setdefault(name, {})["long" if long else "short"] = {
        "what": part.what,
        "asked": f"{size} {part.unit}",
        "seconds": round(seconds),
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": _commit(),
        "counts": dict(found.counts),
        "losses": dict(found.losses),
        "unmet": list(found.unmet),
    }
    ordered = {part: kept[part] for part in PARTS if part in kept}
    RESULTS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return kept


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=RESULTS.parent,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _show() -> None:
    print("\n| fault | asked for | done | lost | date, commit |")
    print("|---|---|---|---|---|")
    for forms in _kept().values():
        said = forms.get("long") or forms["short"]
        done = ", ".join(f"{name} {value}" for name, value in said["counts"].items())
        losses = {name: value for name, value in said["losses"].items() if value}
        lost = ", ".join(f"{name} {value}" for name, value in losses.items()) or "nothing"
        unmet = "".join(f"; not met: {goal}" for goal in said["unmet"])
        print(
            f"| {said['what']} | {said['asked']} | {done} | {lost}{unmet} "
            f"| {said['at']}, {said['commit']} |"
        )


if __name__ == "__main__":
    sys.exit(main())
