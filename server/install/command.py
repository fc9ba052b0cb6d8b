"""The command line a client starts the server with."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# Environments of `uvx` and `pipx run`: their files go when the cache is cleaned.
_TEMPORARY = re.compile(
    r"/(?:archive|builds|environments)-v\d+/|/pipx/\.?cache/|/\.cache/pipx/", re.I
)


def find_command(executable: Path, environ: Mapping[str, str], platform: str) -> tuple[str, ...]:
    """What starts Routemem, as an absolute path: clients run with a minimal PATH.

    The console script beside the interpreter comes first, then the one on PATH, then the
    interpreter itself. A script in a cache that is cleaned now and then is the last choice.

    Args:
        executable: the running interpreter, as ``sys.executable``. Not resolved: in a virtual
            environment it is a link, and the script is beside the link.
        environ: read for PATH.
        platform: as ``sys.platform``.
    """
    script = "routemem.exe" if platform == "win32" else "routemem"
    beside = [executable.parent / script]
    if platform == "win32":  # outside a virtual environment scripts have a folder of their own
        beside.append(executable.parent / "Scripts" / script)
    found = [path for path in beside if path.is_file()]
    on_path = shutil.which(script, path=environ.get("PATH", ""))
    if on_path:
        found.append(Path(on_path).absolute())
    lasting = [path for path in found if not is_temporary(path)]
    best = next(iter(lasting or found), None)
    return (str(best),) if best else (str(executable), "-m", "routemem.server")


def is_temporary(program: Path) -> bool:
    """Whether the program is in a cache from which it may vanish."""
    return _TEMPORARY.search(program.as_posix()) is not None


def is_store_python(executable: Path) -> bool:
    """Whether this Python came from the Microsoft Store."""
    return "PythonSoftwareFoundation.Python" in str(executable)


def claude_mcp_add(
    name: str, command: Sequence[str], env: Mapping[str, str], *, project: bool, platform: str
) -> str:
    """The line for Claude Code's own command that makes the same entry."""
    words = ["claude", "mcp", "add"]
    for variable, value in env.items():
        words += ["--env", f"{variable}={value}"]
    # --env takes every word up to the next option, so --scope has to come after it.
    words += ["--scope", "project" if project else "user", name, "--", *command]
    return subprocess.list2cmdline(words) if platform == "win32" else shlex.join(words)
