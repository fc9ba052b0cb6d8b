"""The benchmarks of the index run at a small size, with whatever other libraries there are."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)

#: Other libraries are shut out, so that the test asks for nothing that is not installed.
ALONE = """
import runpy, sys
for name in ("faiss", "rabitqlib", "turbovec", "hnswlib", "usearch"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of vectors around 12 directions, as the benchmarks read them."""
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(5)
    around = rng.normal(size=(12, 32))
    for name, count in (("real", 600), ("in_distribution", 40), ("question", 40)):
        drawn = around[rng.integers(0, 12, count)] + 0.5 * rng.normal(size=(count, 32))
        np.save(folder / f"{name}.npy", drawn.astype(np.float32))
    return folder


def ran(program: str, vectors: Path, out: Path, *arguments: str) -> Any:
    command = [sys.executable, "-c", ALONE, f"benchmarks.{program}", "--vectors", str(vectors)]
    done = subprocess.run(
        [*command, "--out", str(out), *arguments], cwd=ROOT, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text("utf-8"))


def test_without_other_libraries_the_index_stands_beside_exact_search(
    vectors: Path, tmp_path: Path
) -> None:
    out = tmp_path / "index.json"
    ran("index", vectors, out, "--sizes", "300")
    told = ran("index", vectors, out, "--sizes", "700")
    assert all(said.startswith("left out") for said in told["peers"].values())
    assert [(size["n"], size["real"]) for size in told["sizes"]] == [(300, 300), (700, 600)]
    for size in told["sizes"]:
        rows = {(row["name"], row["group"]): row for row in size["searches"]}
        assert rows["routemem", "auto"]["recall"]["in-distribution"] >= 0.95
        assert rows["routemem", "bar"]["recall"]["question"] >= told["bar"]["question"]
        assert rows["numpy exact", "bar"]["recall"] == {"in-distribution": 1, "question": 1}
        assert rows["routemem", "auto"]["add_then_search_us"] > 0
        assert size["ratios"]["auto: to exact numpy"] > 0


@pytest.mark.slow
def test_upkeep_finds_what_the_filter_allows_and_changes_nothing_by_reading(
    vectors: Path, tmp_path: Path
) -> None:
    told = ran("index_upkeep", vectors, tmp_path / "upkeep.json", "--adds", "200")
    (size,) = told["sizes"]
    assert [share["recall"] for share in size["filters"].values()] == [1, 1]
    assert size["reads"]["same_answers"]
    assert size["opening"]["finds_the_same"]
    assert (
        size["growing"]["k"]["grown"] == size["growing"]["k"]["first"] + size["growing"]["splits"]
    )
