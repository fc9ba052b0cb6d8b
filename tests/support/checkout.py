"""The checkout the tests run in, and what belongs to the project in it."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Folders that hold the project where there is no git to ask.
FOLDERS = (".ci", "benchmarks", "examples", "memory_core", "prompts", "scripts", "server", "tests")


@cache
def project_files() -> list[Path]:
    """Every file of the project that is there: tracked ones, and new ones that are not ignored."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [path for path in ROOT.iterdir() if path.is_file()]
        found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)
