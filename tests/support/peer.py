"""Another process that does what a test tells it, step by step, over its pipes."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

PRELUDE = """
import json, sys
def say(value): print(json.dumps(value), flush=True)
def hear(): return json.loads(sys.stdin.readline() or "null")
"""


class Peer:
    """Runs ``code`` in a process of its own; there ``say`` and ``hear`` talk to the test.

    A peer that hangs is killed after ``patience`` seconds, so that no test hangs.

    Args:
        code: Python; the test's ``names`` (JSON values and paths) are global variables in it.
    """

    def __init__(self, code: str, *, patience: float = 60.0, **names: Any) -> None:
        given = "".join(f"{name} = {_literal(value)}\n" for name, value in names.items())
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + given + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        assert self.process.stdin
        assert self.process.stdout
        self._to, self._from = self.process.stdin, self.process.stdout
        self._watchdog = threading.Timer(patience, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def say(self, value: Any = None) -> None:
        """Send a value to the peer's ``hear``."""
        self._to.write(json.dumps(value) + "\n")
        self._to.flush()

    def hear(self) -> Any:
        """The next value the peer said; an error when it ended without."""
        line = self._from.readline()
        assert line, f"the peer ended with {self.process.wait()}"
        return json.loads(line)

    def rest(self) -> list[Any]:
        """Everything the peer still says until it ends."""
        return [json.loads(line) for line in self._from if line.endswith("\n")]

    def ask(self, value: Any = None) -> Any:
        """Send a value and wait for the answer."""
        self.say(value)
        return self.hear()

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind:
            self.process.kill()
        self._to.close()
        self.process.wait()
        self._from.close()
        self._watchdog.cancel()


def _literal(value: Any) -> str:
    if isinstance(value, Path):
        return f"__import__('pathlib').Path({str(value)!r})"
    return repr(value)
