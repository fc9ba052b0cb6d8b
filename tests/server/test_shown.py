"""What the command line prints of stored texts, and while a long one is embedded."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from command import PROGRAM, environment, run

#: Runs a command in this process and returns what it said.
Say: TypeAlias = Callable[..., str]

HOSTILE = "\x1b[2Jx\rx\x9bx\u202ex\u2066x\x07x\x7fx"


@pytest.fixture(autouse=True)
def _unscreened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such texts are held in quarantine otherwise; an older file may have some."""
    monkeypatch.setenv("ROUTEMEM_SCREENING", "off")


def test_what_would_steer_a_terminal_is_shown_escaped(say: Say, refused: Say) -> None:
    say("remember", f"tides {HOSTILE} end\r\nand on", "--speaker", f"Ann{HOSTILE}")
    say("facts", f"city={HOSTILE}")
    answers = [
        say("recall", "tides"),
        say("recall", "--id", "a-1", "--detailed"),
        say("facts"),
        refused("recall", "--id", HOSTILE),
    ]
    for told in answers:
        assert "\\x1b[2Jx" in told
        assert not set(told) & (set(HOSTILE) - set("[2Jx"))
    assert r"tides \x1b[2Jx\x0d  x\x9bx\u202ex\u2066x\x07x\x7fx end" in answers[0]
    assert "end\n  and on" in answers[0]


def test_json_holds_it_as_json_escapes(say: Say) -> None:
    say("remember", f"tides {HOSTILE} ü 日本")
    told = say("recall", "tides", "--json")
    assert not set(told) & (set(HOSTILE) - set("[2Jx"))
    assert "ü 日本" in told
    assert json.loads(told)["hits"][0]["text"] == f"tides {HOSTILE} ü 日本"


def test_a_long_text_is_embedded_to_its_end_before_the_command_ends(
    tmp_path: Path, say: Say
) -> None:
    text = "\n".join(f"Gauge {n} at quay {n * 7} was read." for n in range(800)).encode()
    done = run(tmp_path, "remember", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Stored as a-1 in global.\n", b"")
    status = json.loads(say("status", "--json"))
    assert status["chunks"] > 20
    assert status["pending"] == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such terminals")
def test_a_terminal_sees_how_far_a_long_text_is(tmp_path: Path) -> None:
    import pty

    ours, terminal = pty.openpty()
    text = "\n".join(f"Gauge {n} at quay {n * 7} was read." for n in range(800))
    done = subprocess.run(
        [*PROGRAM, "remember", "--json"],
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment(tmp_path),
        timeout=60,
    )
    os.set_blocking(ours, False)  # with nothing to read this fails and does not wait
    told = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(terminal)
    receipt = json.loads(done.stdout.decode())
    assert (receipt["pending"], receipt["note"]) == (0, "")
    assert " passages\r\n" in told
    last = told.splitlines()[-1].split()[0]
    assert last.split("/")[0] == last.split("/")[1]


def test_what_an_earlier_process_had_to_leave_is_embedded_too(say: Say) -> None:
    say("remember", "tides and gauges", "--embedder", "none")
    assert json.loads(say("status", "--json"))["pending"] == 1
    assert say("remember", "another") == "Stored as a-2 in global.\n"
    assert json.loads(say("status", "--json"))["pending"] == 0
