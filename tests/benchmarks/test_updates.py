"""The benchmark of updates counts what a receipt says and where both sides of a pair come."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)

PAIRS = [
    {"id": "a", "kind": "duplicate", "old": "My home is in Oslo.", "new": "I live in Oslo."},
    {"id": "b", "kind": "supersede", "old": "I live in Oslo.", "new": "I moved to Turin."},
    {"id": "c", "kind": "unrelated", "old": "I live in Oslo.", "new": "The kettle is broken."},
]
SAID = [
    (1, "The harvest festival has a tent budget of $900 from the parish council.", "2025-01-10"),
    (2, "The kettle is broken.", "2025-02-01"),
    (3, "The harvest festival now has a tent budget of $1,200 from the parish council.",
     "2025-03-02"),
]  # fmt: skip


def test_pairs_and_updates_are_counted_and_no_text_is_kept(tmp_path: Path) -> None:
    talk = {
        "id": "t",
        "memories": [{"id": n, "text": x, "role": "user", "date": at} for n, x, at in SAID],
        "questions": [],
    }
    asked = {
        "conv": "t", "kind": "update", "question": "What is the tent budget of the festival?",
        "old_ids": [1], "new_ids": [3],
    }  # fmt: skip
    for name, data in (("pairs", PAIRS), ("updates", [asked]), ("talks", [talk])):
        (tmp_path / f"{name}.json").write_text(json.dumps(data), "utf-8")
    command = [sys.executable, "-m", "benchmarks.updates", "--out", str(tmp_path / "out.json")]
    command += ["--talks", str(tmp_path / "talks.json")]
    for name in ("pairs", "updates"):
        command += ["--data", str(tmp_path / f"{name}.json")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    written = (tmp_path / "out.json").read_text("utf-8")
    results = json.loads(written)
    assert [row[2] for row in results["pairs"]["pairs"]] == ["repeats", "replaces", ""]
    assert results["pairs"]["summary"]["updates taken for repetitions"] == 0
    told = results["updates"]["summary"]
    assert told["update, ours"] == {"n": 1, "new first": 1, "both in 10": 1}
    assert told["update, swapped"]["new first"] == 0
    assert "budget" not in written
