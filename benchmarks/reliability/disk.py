"""A disk that is full, at each kind of write: rolled back, said, and forgetting still works.

The server gets a file system of its own, 96 MB in RAM, which is filled to the last byte before each
call (Linux, where a program may mount in a name space of its own). A second round limits the size
of files instead, which SQLite meets as an I/O error.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from routemem.memory_core.storage.ballast import NAME

from .client import Server
from .part import Found, Watch

MB = 1 << 20
MOUNT = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=96m disk "$0" && exec "$@"']
#: Every kind of write: name of the tool and arguments. ``ID`` is replaced by a memory's id.
WRITES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("remember", {"content": "a new memory " + "of the harbour " * 5000}),
    ("remember", {"content": "another text " + "of the lamps " * 5000, "id": "ID"}),
    ("log_turn", {"user": "where " + "are the lamps " * 5000, "assistant": "there"}),
    ("set_fact", {"key": "user.bio", "value": "long " * 12000}),
    ("compress", {"ids": ["ID"], "summary": "shorter"}),
    ("quarantine", {"content": "hold this " * 20000, "reason": "asked to"}),
    ("create_task", {"title": "dig", "description": "deep " * 1900}),
    ("ask_human", {"question": "what " * 1900}),
    ("export_memory", {}),
    ("track_usage", {"model": "m" * 50, "input_tokens": 5, "output_tokens": 5}),
)
ITEMS = 150
#: Where files end in the second round, bytes.
LIMIT = 4096


def run(size: int, folder: Path, watch: Watch) -> Found:
    """Each kind of write ``size`` times, on a full disk and above a limit."""
    place = folder / "full"
    place.mkdir()
    program = [sys.executable, "-m", "benchmarks.reliability.disk", str(place), str(size)]
    try:
        done = subprocess.run([*MOUNT, str(place), *program], capture_output=True, text=True)
    except FileNotFoundError:
        done = subprocess.CompletedProcess([], 1, "", "no unshare here")
    if done.returncode:
        raise RuntimeError(f"the disk could not be made: {done.stderr[-2000:]}")
    full = json.loads(done.stdout.splitlines()[-1])
    limited = _above_a_limit(folder / "limited")
    losses = {name: full["losses"][name] + limited["losses"][name] for name in full["losses"]}
    return Found(full["counts"] | limited["counts"], losses)


class Disk:
    """A small disk, filled and emptied by one large file."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        """To the last byte."""
        with self._filler.open("ab", buffering=0) as file:
            for step in (MB, 4096, 1):
                try:
                    while True:
                        file.write(bytes(step))
                except OSError:
                    continue

    def empty(self) -> None:
        """Give all of it back."""
        self._filler.unlink(missing_ok=True)


class Writes:
    """Calls that write, and what must be true after one was refused."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.losses: dict[str, int] = dict.fromkeys(
            ("not refused in words", "not rolled back", "reading stopped", "forgetting failed",
             "not well afterwards"), 0,
        )  # fmt: skip
        self.refused = self.fitted = self.forgotten = 0
        self.ids = [
            server.call("remember", content=f"memory {n} of the harbour " * 20)["id"]
            for n in range(ITEMS)
        ]
        self.said: list[str] = []
        self._number = 0

    def try_all(self, code: tuple[str, ...]) -> None:
        """Every kind once; each must be refused with one of the codes, or fit."""
        for tool, arguments in WRITES:
            before = self._state()
            self._number += 1
            text = json.dumps(arguments).replace('"ID"', f'"{self.ids[-1]}"')
            message = self._server.ask("tools/call", {"name": tool, "arguments": json.loads(text)})
            result = message["result"]
            if not result.get("isError"):
                self.fitted += 1  # pages that were free already
                continue
            self.refused += 1
            said = str(result["content"][0]["text"])
            if not said.startswith(code):
                self.losses["not refused in words"] += 1
                self.said.append(f"{tool}: {said[:150]}")
            self.losses["not rolled back"] += self._state() != before
            self._read()

    def forget_some(self) -> None:
        """Delete two memories and look whether they are gone."""
        gone, self.ids = self.ids[:2], self.ids[2:]
        try:
            self._server.call("forget", ids=gone, mode="delete")
            self.losses["forgetting failed"] += bool(self._server.call("recall", ids=gone)["hits"])
            self.forgotten += len(gone)
        except AssertionError:
            self.losses["forgetting failed"] += 1

    def be_well(self) -> None:
        """With space again everything works."""
        try:
            self._number += 1
            id = self._server.call("remember", content=f"space again {self._number}")["id"]
            self.losses["not well afterwards"] += not self._server.call("recall", ids=[id])["hits"]
        except AssertionError:
            self.losses["not well afterwards"] += 1

    def _read(self) -> None:
        try:
            found = self._server.call("recall", query="memory of the harbour", top_k=3)
            self.losses["reading stopped"] += len(found["hits"]) != 3
        except AssertionError:
            self.losses["reading stopped"] += 1

    def _state(self) -> tuple[Any, ...]:
        said = self._server.call("memory_status", detail="full")
        return said["items"], said["facts"], said["detail"]["tokens"]


def _on_a_full_disk(folder: Path, size: int) -> dict[str, Any]:
    disk = Disk(folder)
    server = Server(folder, "--toolsets", "all", ROUTEMEM_FLUSH_SECONDS="0.2")
    writes = Writes(server)
    for _ in range(size):
        _wait_for_the_ballast(folder / "data" / NAME, server)
        disk.fill()
        writes.try_all(("disk_full:", "storage_error:"))
        writes.forget_some()
        disk.empty()
        writes.be_well()
    writes.losses["not well afterwards"] += server.leave() != 0
    return {
        "counts": {
            "writes refused": writes.refused,
            "writes that fitted": writes.fitted,
            "forgotten on a full disk": writes.forgotten,
            "said": writes.said[:5],
        },
        "losses": writes.losses,
    }


def _wait_for_the_ballast(path: Path, server: Server) -> None:
    """It is made with the next upkeep, which a write brings about."""
    until = time.monotonic() + 30
    while not path.exists() and time.monotonic() < until:
        server.call("set_fact", key="user.mood", value=time.monotonic())
        time.sleep(0.1)


def _above_a_limit(folder: Path) -> dict[str, Any]:
    """Nothing may be written beyond the beginning of a file."""
    folder.mkdir()
    server = Server(folder, "--toolsets", "all")
    writes = Writes(server)
    pid, none = server.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LIMIT, none))
    writes.try_all(("storage_error:", "disk_full:"))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (none, none))
    writes.be_well()
    writes.losses["not well afterwards"] += server.leave() != 0
    counts = {"writes refused above a limit": writes.refused, "said above": writes.said[:5]}
    return {"counts": counts, "losses": writes.losses}


if __name__ == "__main__":
    print(json.dumps(_on_a_full_disk(Path(sys.argv[1]), int(sys.argv[2]))))
