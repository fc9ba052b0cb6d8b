"""`routemem index`, through the command line."""

import json
from pathlib import Path
from typing import Any

from command import run

MANY = "\n".join(f"Parcel {number} stands in aisle {number % 97}." for number in range(400))


def test_an_index_is_reported_built_and_used(tmp_path: Path) -> None:
    few = {"ROUTEMEM_FLAT_UNTIL": "5", "ROUTEMEM_CHUNK_PIECES": "20", "ROUTEMEM_CHUNK_OVERLAP": "0"}
    empty = run(tmp_path, "index", "build", env=few)
    assert (empty.returncode, empty.stdout) == (1, b"No vectors yet.\n")
    assert run(tmp_path, "remember", "--kind", "doc", MANY, env=few).returncode == 0
    before = json.loads(run(tmp_path, "index", "report", "--json", env=few).stdout)
    assert (before["mode"], before["generation"]) == ("exact", None)
    built = run(tmp_path, "index", "build", env=few)
    assert built.returncode == 0
    assert b"mode: routed" in built.stdout
    found = run(tmp_path, "recall", "parcel 123", "--top-k", "1", env=few)
    assert b"Parcel 123" in found.stdout


def test_a_packed_index_is_adapted_and_split_through_the_command_line(tmp_path: Path) -> None:
    few = {"ROUTEMEM_FLAT_UNTIL": "5", "ROUTEMEM_CHUNK_PIECES": "20", "ROUTEMEM_CHUNK_OVERLAP": "0"}

    def index(*arguments: str) -> dict[str, Any]:
        done = run(tmp_path, "index", *arguments, "--json", env=few)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    assert run(tmp_path, "remember", "--kind", "doc", MANY, env=few).returncode == 0
    flat = run(tmp_path, "index", "adapt", env=few)
    assert flat.returncode == 1
    assert b"conflict" in flat.stderr
    before = index("build")["buckets"]
    widest = index("report", "--buckets", "1")["widest"][0]["bucket"]
    assert index("split", "--bucket", str(widest), "--dry-run")["splits"] == [widest]
    assert index("report")["buckets"] == before
    split = index("split", "--bucket", str(widest))
    assert (split["status"], split["splits"], split["buckets"]) == ("built", 1, before + 1)
    assert index("adapt")["status"] == "nothing"
    assert "due" in index("report")
    told = run(tmp_path, "index", "report", env=few).stdout.decode().splitlines()
    assert not [line for line in told if line.endswith((": ", ": None"))]
    adapted = index("adapt", "--force")
    assert adapted["buckets"] == split["buckets"] + adapted["splits"] - adapted["prunes"]
    nothing = run(tmp_path, "index", "split", env=few)
    assert b"invalid_argument: --bucket N" in nothing.stderr
    found = run(tmp_path, "recall", "parcel 123", "--top-k", "1", env=few)
    assert b"Parcel 123" in found.stdout


def test_a_read_only_index_is_not_built(tmp_path: Path) -> None:
    refused = run(tmp_path, "index", "build", "--read-only")
    assert refused.returncode == 1
    assert b"not_allowed" in refused.stderr
