"""The command line that ``routemem install`` writes."""

import json
import sys
from pathlib import Path
from typing import Any

from routemem.server.install import Outcome, install
from routemem.server.install.command import find_command


def plan(home: Path, python: Path, platform: str = "linux") -> Outcome:
    return install(
        "cursor",
        home=home,
        environ={},
        platform=platform,
        cwd=home,
        executable=python,
        dry_run=True,
    )


def entry_of(outcome: Outcome) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(outcome.after)["mcpServers"]["routemem"]
    return entry


def test_the_script_beside_the_interpreter_is_the_command(tmp_path: Path) -> None:
    for folder in ("venv", "path"):
        for script in ("routemem", "routemem.exe"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / script).touch(mode=0o755)
    python, environ = tmp_path / "venv" / "python", {"PATH": str(tmp_path / "path")}
    assert find_command(python, environ, "linux") == (str(tmp_path / "venv/routemem"),)
    assert find_command(python, environ, "win32") == (str(tmp_path / "venv/routemem.exe"),)
    elsewhere = tmp_path / "elsewhere" / "python"
    assert find_command(elsewhere, environ, "linux") == (str(tmp_path / "path/routemem"),)
    assert find_command(elsewhere, environ, "win32") == (str(tmp_path / "path/routemem.exe"),)
    assert find_command(elsewhere, {}, "linux") == (str(elsewhere), "-m", "routemem.server")


def test_outside_a_virtual_environment_windows_keeps_scripts_in_their_own_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "Scripts").mkdir()
    (tmp_path / "Scripts" / "routemem.exe").touch()
    found = find_command(tmp_path / "python.exe", {}, "win32")
    assert found == (str(tmp_path / "Scripts" / "routemem.exe"),)


def test_a_command_in_a_cache_is_the_last_choice_and_comes_with_a_warning(
    tmp_path: Path,
) -> None:
    cached = tmp_path / "uv" / "archive-v0" / "Xy" / "bin"
    lasting = tmp_path / "bin"
    for folder in (cached, lasting):
        folder.mkdir(parents=True)
        (folder / "routemem").touch(mode=0o755)
    python = cached / "python"
    assert find_command(python, {"PATH": str(lasting)}, "linux") == (str(lasting / "routemem"),)
    outcome = plan(tmp_path, python)
    assert entry_of(outcome)["command"] == str(cached / "routemem")
    assert any("for good" in note for note in outcome.notes)


def test_an_interpreter_alone_is_started_with_its_module(tmp_path: Path) -> None:
    entry = entry_of(plan(tmp_path, Path("/x/python")))
    assert entry == {"command": "/x/python", "args": ["-m", "routemem.server", "serve"]}


def test_python_from_the_microsoft_store_comes_with_a_warning(tmp_path: Path) -> None:
    store = Path("/WindowsApps/PythonSoftwareFoundation.Python.3.13_qbz5n2kfra8p0/python.exe")
    assert any("Microsoft Store" in note for note in plan(tmp_path, store, "win32").notes)
    other = Path("/Python313/python.exe")
    assert not any("Microsoft Store" in note for note in plan(tmp_path, other, "win32").notes)


def test_the_running_interpreter_is_the_default(tmp_path: Path) -> None:
    outcome = install(
        "cursor", home=tmp_path, environ={}, platform=sys.platform, cwd=tmp_path, dry_run=True
    )
    entry = entry_of(outcome)
    words = [entry["command"], *entry["args"]]
    assert tuple(words) == (*find_command(Path(sys.executable), {}, sys.platform), "serve")
    assert Path(words[0]).is_file()
