"""The fault programs in their short form: nothing is lost. The long forms run by `--long`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)
sys.path.append(str(ROOT))  # they are not installed

from benchmarks.reliability import __main__ as program
from benchmarks.reliability.disk import MOUNT
from benchmarks.reliability.kills import Kills
from benchmarks.reliability.part import Found, Part, Watch
from benchmarks.reliability.parts import PARTS


def may_mount(folder: Path) -> bool:
    try:
        return subprocess.run([*MOUNT, str(folder), "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PARTS if name != "kills"])
def test_nothing_is_lost(name: str, tmp_path: Path) -> None:
    part = PARTS[name]
    if name == "disk" and not may_mount(tmp_path):
        pytest.skip("this user may not mount a file system")
    found = part.run(part.short, tmp_path, Watch(10))
    assert found.holds, (found.losses, found.counts)


@pytest.mark.slow
def test_kills_hit_writes_that_are_open() -> None:
    kills = PARTS["kills"]
    with tempfile.TemporaryDirectory() as on_disk:  # in memory a write is over before it is hit
        found = kills.run(kills.short, Path(on_disk), Watch(10))
    assert found.holds, (found.losses, found.counts)
    assert found.counts["inside an open write"]


@pytest.fixture
def kills(tmp_path: Path) -> Iterator[Kills]:
    made = Kills(tmp_path, seed=1)
    yield made
    made.close()


def test_a_kill_that_loses_something_is_counted(kills: Kills) -> None:
    told = kills._told
    told.texts, told.facts, told.gone = {"a": "as told", "b": "as told"}, {"f": 2}, {"c"}
    kills._judge_text("a", ("x-1", "another text"))
    kills._judge_text("b", None)
    kills._judge_fact("f", 1)
    assert kills.losses["acknowledged lost"] == 3


def test_what_was_not_acknowledged_may_be_there_or_not(kills: Kills) -> None:
    told = kills._told
    told.texts = {"a": "old", "b": "kept"}
    told.open_texts = {"a": "new", "b": None, "c": "first"}
    told.facts, told.open_facts = {"f": 1}, {"f": 2}
    kills._judge_text("a", ("x-1", "new"))
    kills._judge_text("b", None)
    kills._judge_text("c", None)
    kills._judge_fact("f", 2)
    assert not any(kills.losses.values())
    assert (told.texts, told.facts) == ({"a": "new"}, {"f": 2})


def test_a_watch_ends_a_part_early() -> None:
    assert list(Watch(10).up_to(3)) == [0, 1, 2]
    late = Watch(0)
    assert list(late.up_to(1000)) == [0]
    assert late.over()


def test_parts_that_ran_apart_are_collected_and_a_loss_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(size: int, folder: Path, watch: Watch) -> Found:
        return Found({"done": size}, {"lost": size - 3}, ("a goal",))

    results = tmp_path / "reliability.json"
    monkeypatch.setattr(program, "RESULTS", results)
    part = Part("a fault", 3, 5, "blows", run)
    monkeypatch.setattr(program, "PARTS", {"one": part, "two": replace(part, what="another")})

    def said(*flags: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["reliability", *flags])
        return program.main(), capsys.readouterr().out

    status, told = said("--only", "two")
    assert status == 0
    assert "| another | 3 blows | done 3 | nothing; not met: a goal |" in told
    status, told = said("--long", "--only", "one")
    assert status == 1
    assert "| a fault | 5 blows | done 5 | lost 2; not met: a goal |" in told
    kept: dict[str, Any] = json.loads(results.read_text("utf-8"))
    assert [*kept] == ["one", "two"]
    assert kept["two"]["short"]["counts"] == {"done": 3}
