"""`routemem vault`: a person at a terminal decides."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import PROGRAM, environment

TOKEN = "ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17"
Say = Any
posix = pytest.mark.skipif(os.name != "posix", reason="a pseudo terminal")


def typed(folder: Path, *arguments: str, text: str = "") -> tuple[int, str]:
    """Run a command in a terminal in which a person types."""
    import pty

    person, terminal = pty.openpty()
    os.write(person, text.encode())
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=terminal, stdout=terminal, stderr=terminal,
        env=environment(folder), close_fds=True,
    )  # fmt: skip
    os.close(terminal)
    said = b""
    while True:
        try:
            part = os.read(person, 4096)
        except OSError:  # how a terminal ends on Linux
            break
        if not part:
            break
        said += part
    os.close(person)
    return process.wait(60), said.decode()


@pytest.fixture
def held(say: Say) -> str:
    """The id of something that is held."""
    return str(json.loads(say("remember", f"deploy with {TOKEN}", "--json"))["id"])


def test_the_list_names_reasons_and_no_content(say: Say, held: str) -> None:
    told = say("vault", "list")
    assert held in told
    assert "GitHub token" in told
    assert TOKEN not in told
    (listed,) = json.loads(say("vault", "list", "--json"))
    assert (listed["id"], listed["what"]) == (held, "memory")


@pytest.mark.parametrize("what", ["show", "release", "purge", "export-key", "import-key"])
def test_without_a_terminal_nothing_is_shown_and_nothing_happens(
    say: Say, refused: Say, held: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{held}\n"))
    said = refused("vault", what, held)
    assert "not_allowed" in said
    assert TOKEN not in said
    assert held in say("vault", "list")


@posix
def test_a_person_is_shown_the_content(held: str, own_folder: Path) -> None:
    status, said = typed(own_folder, "vault", "show", held)
    assert status == 0
    assert TOKEN in said


@posix
def test_the_typed_id_releases_it_and_it_is_recallable(
    say: Say, held: str, own_folder: Path
) -> None:
    status, said = typed(own_folder, "vault", "release", held, text=f"{held}\n")
    assert status == 0, said
    assert TOKEN in say("recall", "deploy")
    assert "Nothing is held" in say("vault", "list")


@posix
@pytest.mark.parametrize("answer", ["\n", "yes\n", "a-9\n", "\x04"])
def test_anything_else_leaves_it_held(say: Say, held: str, own_folder: Path, answer: str) -> None:
    status, said = typed(own_folder, "vault", "release", held, text=answer)
    assert status == 1
    assert "it stays held" in said
    assert held in say("vault", "list")


@posix
def test_the_typed_id_destroys_it(say: Say, held: str, own_folder: Path) -> None:
    status, _ = typed(own_folder, "vault", "purge", held, text=f"{held}\n")
    assert status == 0
    assert "Nothing is held" in say("vault", "list")


@posix
def test_the_key_is_kept_apart_and_opens_what_it_sealed(
    say: Say, held: str, own_folder: Path
) -> None:
    kept = own_folder / "safe" / "key.txt"
    kept.parent.mkdir()
    status, said = typed(own_folder, "vault", "export-key", str(kept))
    assert status == 0, said
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().strip() not in said
    inside = own_folder / "data" / "key.txt"
    assert typed(own_folder, "vault", "export-key", str(inside))[0] == 1
    assert typed(own_folder, "vault", "export-key", str(kept))[0] == 1
    (own_folder / "key" / "seal.key").unlink()
    assert typed(own_folder, "vault", "show", held)[0] == 1
    assert typed(own_folder, "vault", "import-key", str(kept))[0] == 0
    assert TOKEN in typed(own_folder, "vault", "show", held)[1]


def test_the_command_imports_nothing_heavy_before_it_runs() -> None:
    code = (
        "import sys, routemem.server.cli as c; c.parser('vault');"
        "print(sorted({'numpy', 'apsw', 'mcp', 'cryptography', 'keyring'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
