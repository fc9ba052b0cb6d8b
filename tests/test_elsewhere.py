"""Where the tests do not run: what only POSIX has is used nowhere without a way around it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "support" / "as_on_windows.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there it is no play")
def test_every_module_and_a_memory_work_without_what_windows_does_not_have(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert said["wrong"] == []
    assert said["modules"] > 250
