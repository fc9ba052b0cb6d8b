"""The evidence benchmark counts the share of the gold turns, and asks every method the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)

SAID = [
    ("D1:1", "Ann", "I signed up for the pottery class.", "2024-03-02"),
    ("D1:2", "Bo", "What made you do it?", "2024-03-02"),
    ("D1:3", "Ann", "My sister gave me a voucher for it.", "2024-03-02"),
    ("D2:1", "Bo", "I ran a half marathon in the rain.", "2024-05-11"),
    ("D2:2", "Ann", "The kettle is broken again.", "2024-05-11"),
]
TALK = {
    "id": "t",
    "memories": [
        {"id": id, "text": text, "speaker": who, "session": int(id[1]), "date": at}
        for id, who, text, at in SAID
    ],
    "questions": [
        {"qid": "t-1", "category": 1, "question": "Why did Ann sign up for the pottery class?",
         "evidence": ["D1:1", "D1:3"]},
        {"qid": "t-2", "category": 2, "question": "When did Bo run a half marathon?",
         "evidence": ["D2:1"]},
        {"qid": "t-3", "category": 5, "question": "When did Ann run a half marathon?",
         "evidence": ["D2:1"]},
        {"qid": "t-4", "category": 4, "question": "Who?", "evidence": []},
    ],
}  # fmt: skip
METHODS = ["dense", "bm25", "rrf", "z_sum", "z_sum_3", "recipe", "ours", "packed"]


def test_every_method_answers_the_same_questions_and_no_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / "talks.json").write_text(json.dumps([TALK]), "utf-8")
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.evidence", "--data", str(tmp_path / "talks.json"),
         "--only", ",".join(METHODS), "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "| ours | answerable | 2 |" in done.stdout
    told = json.loads(out.read_text("utf-8"))["talks"]
    for method in METHODS:
        assert told[method]["answerable"]["R@5"][0] == 100
        assert told[method]["adversarial"]["n"] == 1
    assert told["ours"]["temporal"]["R@1"][0] == 100
    assert [row[0] for row in told["questions"]] == ["t-1", "t-2", "t-3"]
    assert told["questions"][0][1] == 0.5  # one of two gold turns is first
    assert "pottery" not in out.read_text("utf-8")
    assert sum(n for n, _ in told["confidence"]["levels"].values()) == 4
