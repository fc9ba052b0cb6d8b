"""The load over HTTP, small: every call is answered, and what was acknowledged is there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)


@pytest.mark.slow
def test_every_call_is_answered_and_nothing_is_lost(tmp_path: Path) -> None:
    out = tmp_path / "http_load.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.http_load", "--out", str(out)),
            *("--clients", "4", "--calls", "80", "--rounds", "2"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    found = json.loads(out.read_text("utf-8"))
    assert (found["ours"]["errors"], found["bare"]["errors"], found["lost"]) == (0, 0, 0)
    assert found["ours"]["calls"] == found["bare"]["calls"] == 80
    assert (found["ours"]["remember"]["n"], found["ours"]["recall"]["n"]) == (16, 64)
