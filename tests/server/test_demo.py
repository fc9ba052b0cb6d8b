"""`routemem demo`, the README's first command, as a new user runs it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import PROGRAM, environment
from offline import no_network

from routemem.memory_core.retrieval.lexical import content_words
from routemem.server.commands.demo_life import CHANGE, FACTS, MEMORIES, QUESTIONS

UNSHARED = ["unshare", "--user", "--map-root-user", "--net"]


@dataclass(frozen=True)
class Demo:
    """One run: the folder that held everything, and what came of it."""

    folder: Path
    done: subprocess.CompletedProcess[str]


def play(folder: Path, *before: str, **more: str) -> Demo:
    """Run the demo with an empty home folder and temporary folder of its own."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    env = environment(folder, **(own | {"ROUTEMEM_EMBEDDER": "bundled"} | more))
    # What these name would be written to unseen, were it not for HOME.
    env = {name: value for name, value in env.items() if not name.startswith("XDG_")}
    command = [*before, *PROGRAM, "demo"]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=env, cwd=folder, timeout=120
    )
    return Demo(folder, done)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    # A scope that does not exist would stop the server if the user's settings reached it.
    return play(folder, **no_network(folder), ROUTEMEM_SCOPE="nobody")


def test_every_question_is_answered(demo: Demo) -> None:
    assert (demo.done.returncode, demo.done.stderr) == (0, "")
    told = demo.done.stdout
    assert f"Stored {len(MEMORIES)} memories and {len(FACTS)} facts" in told
    assert "not among the first three" not in told
    for question, answer in QUESTIONS:
        assert answer in told[told.index(question) :].splitlines()[1]


def test_a_fact_changes_and_keeps_its_history(demo: Demo) -> None:
    told = demo.done.stdout
    key, value, _, before = CHANGE
    assert f"On {before} it was 'Lisbon'." in told
    assert "2019-09-01 to 2025-01-11: Lisbon" in told
    assert "2025-01-11 to now: Ghent" in told
    assert told.index("The server was stopped.") < told.rindex(f"{key} is {value!r}")


def test_it_ends_with_timings_and_what_to_paste(demo: Demo) -> None:
    told = demo.done.stdout
    assert "remember " in told[told.index("milliseconds") :]
    snippet = json.loads(told[told.index("{\n") :])
    assert snippet["mcpServers"]["routemem"]["args"][-1] == "serve"


def test_it_asks_the_network_for_nothing(demo: Demo) -> None:
    assert not (demo.folder / "network.log").exists()


def test_it_leaves_nothing_behind_and_never_sees_the_users_memories(demo: Demo) -> None:
    left = {str(path.relative_to(demo.folder)) for path in demo.folder.iterdir()}
    assert left == {"home", "tmp", "guard"}
    for name in ("home", "tmp"):
        assert list((demo.folder / name).rglob("*")) == []


def test_the_guard_of_these_tests_does_refuse_the_network(tmp_path: Path) -> None:
    env = environment(tmp_path, **no_network(tmp_path))
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env)
    assert b"no network in this test" in done.stderr
    assert "192.0.2.1" in (tmp_path / "network.log").read_text()


@pytest.mark.slow
def test_answers_that_are_not_found_are_counted_and_fail_the_demo(tmp_path: Path) -> None:
    done = play(tmp_path, ROUTEMEM_EMBEDDER="none").done
    assert done.returncode == 1
    assert "answers were not found." in done.stderr
    assert "No embedding model is configured" in done.stderr
    assert "not among the first three" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such pipes")
def test_a_reader_that_has_gone_ends_the_demo_quietly(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    env = environment(tmp_path, PYTHONUNBUFFERED="1")  # so that it fails while the server runs
    done = subprocess.run(
        [*PROGRAM, "demo"], stdout=theirs, stderr=subprocess.PIPE, env=env, timeout=60
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_questions_share_no_word_with_what_answers_them(question: str, answer: str) -> None:
    told = [text for text, _, _ in MEMORIES if answer in text]
    assert told
    for text in told:
        assert not set(content_words(question)) & set(content_words(text)), text


@pytest.mark.slow
def test_it_works_where_there_is_no_network_at_all(tmp_path: Path) -> None:
    if not shutil.which("unshare") or subprocess.run([*UNSHARED, "true"]).returncode:
        pytest.skip("this system gives no process a network of its own")
    assert play(tmp_path, *UNSHARED).done.returncode == 0
