"""Runs the product as a user does: as a process, on a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = [sys.executable, "-m", "routemem.server"]


def own_settings(folder: Path) -> dict[str, str]:
    """Environment variables that keep a process to a folder, with the embedder that needs none."""
    return {
        "ROUTEMEM_DATA_DIR": str(folder / "data"),
        "ROUTEMEM_KEY_DIR": str(folder / "key"),
        "ROUTEMEM_KEYRING": "off",
        "ROUTEMEM_EMBEDDER": "hash",
    }


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment without the caller's settings, on the test's folder."""
    # What a user has not set either: unbuffered output would hide what happens at the end, and a
    # runtime that is told it is under test does not behave as it does elsewhere.
    unset = ("ROUTEMEM_", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "ORT_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    clean.pop("CI", None)
    return clean | own_settings(folder) | more


def run(
    folder: Path,
    *arguments: str | bytes,
    text: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end and return what it said.

    Args:
        text: for its stdin.
        env: added to the environment.
    """
    return subprocess.run(
        [*PROGRAM, *arguments],
        input=text,
        capture_output=True,
        env=environment(folder) | dict(env or {}),
        timeout=60,
    )
