"""`routemem doctor`: check this installation, one line a check, and say what to do."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from routemem.memory_core.errors import RoutememError, StorageError
from routemem.memory_core.settings import Settings

from .shown import shown

if TYPE_CHECKING:
    from routemem.memory_core.storage.vault import Vault

#: SQLite before this version can lose a log that two processes write; with our lock it does not.
SAFE_SQLITE = (3, 51, 3)


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        ok: False when something should be done.
        advice: what; "" when nothing.
    """

    name: str
    ok: bool
    said: str
    advice: str = ""


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Whether to mend as well."""
    command.add_argument(
        "--repair",
        action="store_true",
        help="look at every scope whole and bring back what can be read of damaged files",
    )


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Print every finding; exit status 1 when something should be done."""
    bad = _repair(settings) if given.repair else 0
    for finding in examine(settings):
        bad += not finding.ok
        print(f"{'ok  ' if finding.ok else 'LOOK'} {finding.name}: {shown(finding.said)}")
        if finding.advice:
            print(f"     -> {shown(finding.advice)}")
    return 1 if bad else 0


def _repair(settings: Settings) -> int:
    """Bring back what was set aside, a line a file; returns how many could not be."""
    from routemem.memory_core import Scopes
    from routemem.memory_core.scopes.repairing import repair

    failed = 0
    with Scopes(settings) as scopes:
        for done in repair(scopes):
            if done.failure:
                failed += 1
                print(f"LOOK repair: {shown(done.failure)}")
                print("     -> `routemem restore` puts the last backup in its place")
                continue
            got = ", ".join(f"{done.rows.get(name, 0)} {name}" for name in ("items", "facts"))
            lost = sum(done.lost.values())
            how = "put beside what was stored since" if done.merged else "in its place again"
            print(f"ok   repair: {shown(done.scope)}: {got} brought back, {how}; {lost} rows lost")
            print(f"     -> the damaged file is kept as {shown(done.kept_as)}")
    return failed


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, in order; one that fails does not stop the others."""
    checks: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        ("version", _version),
        ("sqlite", _sqlite),
        ("data folder", _folder),
        ("locks and log", _probe),
        ("model", _model),
        ("kernel", _kernel),
        ("token counter", _counter),
        ("index files", _indexes),
        ("scopes", _scopes),
        ("damaged files", _damaged),
        ("exports", _exports),
        ("key", _key),
        ("client", _client),
    )
    for name, check in checks:
        try:
            yield check(settings)
        except (RoutememError, OSError) as error:
            yield Finding(name, False, _without_us(str(error)))
        except Exception as error:  # a broken package is what this command is asked about
            yield Finding(name, False, f"{type(error).__name__}: {error}", "install routemem again")


def _without_us(told: str) -> str:
    """A message without the advice to run this very command."""
    return told.replace("; run `routemem doctor`", "")


def _version(settings: Settings) -> Finding:
    said = f"routemem {version('routemem')}, mcp {version('mcp')}, Python {sys.version.split()[0]}"
    return Finding("version", True, said)


def _sqlite(settings: Settings) -> Finding:
    import apsw

    found = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    said = f"{apsw.sqlite_lib_version()}, full-text search included"
    if found < SAFE_SQLITE:
        return Finding("sqlite", False, said, "pip install -U apsw")
    return Finding("sqlite", True, said)


def _folder(settings: Settings) -> Finding:
    from routemem.memory_core.storage.data_folder import make_private

    folder = settings.data_path()
    before = folder.stat().st_mode & 0o777 if folder.is_dir() else None
    make_private(folder)
    mode = folder.stat().st_mode & 0o777
    was = "made now" if before is None else "exists"
    if before not in (None, mode):
        was = f"others could read it, mode {before:o} until now"
    said = f"{folder} ({was}, mode {mode:o})"
    if os.name == "posix" and mode & 0o077:
        return Finding("data folder", False, said, f"others can read it: chmod 700 {folder}")
    return Finding("data folder", True, said)


def _probe(settings: Settings) -> Finding:
    """Write, read and lock a throw-away scope where the real ones lie."""
    from routemem.memory_core.storage.place import check_place, probe
    from routemem.memory_core.storage.sqlite import SqliteStore

    check_place(settings.data_path())
    probe(settings.data_path())
    with tempfile.TemporaryDirectory(dir=settings.data_path(), prefix="probe-") as folder:
        path = Path(folder) / "probe.db"
        start = time.perf_counter()
        store = SqliteStore(path, "global", "p", now=time.time())
        with store.atomic():
            store.set_meta("probe", "1")
        second = SqliteStore(path, "global", "p", now=time.time())
        seen = second.meta("probe") == "1"
        mode = path.stat().st_mode & 0o777
        second.close()
        store.close()
    took = (time.perf_counter() - start) * 1000
    said = f"write-ahead log and file locks work ({took:.0f} ms, file mode {mode:o})"
    if not seen:
        return Finding("locks and log", False, "a second connection does not see a write")
    return Finding("locks and log", True, said)


def _model(settings: Settings) -> Finding:
    from routemem.memory_core.embedding.lazy import LazyEmbedder

    start = time.perf_counter()
    embedder = LazyEmbedder.of(settings.embedder)()
    embedder.encode(["probe"])
    took = (time.perf_counter() - start) * 1000
    said = f"{embedder.id}, {embedder.dim} dimensions, loaded and run in {took:.0f} ms"
    return Finding("model", True, said)


def _kernel(settings: Settings) -> Finding:
    """Which code compares vectors. Without a compiler it is numpy, which is slower and no fault."""
    from routemem.memory_core.routing import kernel

    extension, lacking = kernel.extension()
    if extension is not None:
        return Finding("kernel", True, f"{kernel.ACTIVE.name} (extension ABI {extension.ABI})")
    advice = "" if lacking == kernel.NOT_BUILT else "install routemem again"
    return Finding("kernel", not advice, f"numpy: {lacking}", advice)


def _counter(settings: Settings) -> Finding:
    from routemem.memory_core.text.tokens import TokenCounter

    counter = TokenCounter.load(settings.token_counter)
    exact = counter.settle()
    kind = "exact" if exact else "estimated, biased up; `routemem tokens fetch` makes it exact"
    return Finding("token counter", True, f"{counter.name} ({kind})")


def _key(settings: Settings) -> Finding:
    folder = settings.key_path()
    if settings.data_path() in (folder, *folder.parents):
        advice = "set ROUTEMEM_KEY_DIR to a folder outside the data folder"
        return Finding("key", False, f"{folder} lies in the data folder", advice)
    where = f"{'the system keyring, else ' if settings.keyring else ''}{folder}"
    if shut := _shut_copies(settings):
        said = "; ".join(f"{scope}: {why}" for scope, why in shut.items())
        advice = (
            f"bring the key back to {where}; without it these memories cannot be restored, and "
            "their copies go by themselves when their days to undo are over"
        )
        return Finding("key", False, said, advice)
    return Finding("key", True, f"sealed copies of deleted memories use a key in {where}")


def _shut_copies(settings: Settings) -> dict[str, str]:
    """Scopes with sealed copies of deleted memories that the key there is does not open."""
    from routemem.memory_core import Scopes
    from routemem.memory_core.storage.sqlite import SqliteStore
    from routemem.memory_core.storage.vault import Vault

    vault, shut = Vault(settings.key_path(), keyring=settings.keyring), {}
    if not any(settings.data_path().glob("*-*.db")):
        return {}
    with suppress(RoutememError), Scopes(settings) as scopes:  # the check of the scopes tells it
        for name in scopes.names():
            with suppress(RoutememError):
                store = scopes.look(name).store
                if not isinstance(store, SqliteStore):
                    continue
                sql = (
                    "select id, sealed from tombstones where sealed is not null and expires_at > ?"
                )
                copies = store.db.rows(sql, (scopes.clock(),))
                failed = [why for id, copy in copies if (why := _failure(vault, name, id, copy))]
                if failed:
                    shut[name] = f"{len(failed)} of {len(copies)} undo copies: {failed[0]}"
    return shut


def _failure(vault: "Vault", scope: str, id: str, copy: bytes) -> str:
    """Why a sealed copy does not open; "" when it does."""
    try:
        vault.open(copy, f"{scope}\0{id}")  # what forgetting binds it to
    except StorageError as error:
        return str(error)
    return ""


def _indexes(settings: Settings) -> Finding:
    """Read every byte of what the indexes are mapped from. Looked at before a scope is opened."""
    from routemem.memory_core.routing.generation import faults

    bad, n = [], 0
    for folder in sorted(settings.data_path().glob("*.index")):
        n += 1
        bad += [f"{folder.name}/{name}: {why}" for name, why in faults(folder).items()]
    if bad:
        advice = (
            "nothing is lost: questions are answered from the memories themselves, and a server "
            "that runs builds the index anew; `routemem index build` does it now"
        )
        return Finding("index files", False, "; ".join(bad), advice)
    return Finding("index files", True, f"{n} whole" if n else "none yet")


def _scopes(settings: Settings) -> Finding:
    from routemem.memory_core import Scopes

    told, bad = [], []
    with Scopes(settings) as scopes:
        for name in scopes.names():
            try:
                status = scopes.look(name).status()
            except RoutememError as error:
                bad.append(f"{name}: {error}")
                continue
            told.append(f"{name} {sum(status.items.values())} ({status.mode})")
            if status.degraded:
                bad.append(f"{name}: {_without_us(status.degraded)}")
    said = ", ".join(told) or "none yet"
    return Finding("scopes", not bad, said, "; ".join(bad))


def _damaged(settings: Settings) -> Finding:
    from routemem.memory_core.scopes.repairing import REPAIRED, set_aside_in

    folder = settings.data_path()
    damaged = [path.name for path in set_aside_in(folder)]
    done = sorted(path.name for path in folder.glob(f"*{REPAIRED}*[0-9]"))
    if damaged:
        advice = "these were set aside, not changed; `routemem doctor --repair` reads them"
        return Finding("damaged files", False, ", ".join(damaged), advice)
    if done:
        advice = (
            "what could be read was brought back; delete these when you miss nothing: what you "
            "forget from now on is not erased from them"
        )
        return Finding("damaged files", True, ", ".join(done), advice)
    return Finding("damaged files", True, "none")


def _exports(settings: Settings) -> Finding:
    from routemem.memory_core.transfer.erasing import unreadable_in

    if names := unreadable_in(settings.data_path()):
        advice = (
            "nobody can read these, so what you forget is not erased from them; delete them, or "
            "upgrade where a newer Routemem wrote them"
        )
        return Finding("exports", False, ", ".join(names), advice)
    return Finding("exports", True, "what is forgotten can be erased from all of them")


def _client(settings: Settings) -> Finding:
    """What a client would see: the tools and their size."""
    import anyio
    from mcp import Client

    from ..app import build_server

    async def look() -> tuple[int, int]:
        async with Client(build_server(settings)) as client:
            found = await client.list_tools()
            return len(found.tools), len(found.model_dump_json(by_alias=True, exclude_none=True))

    tools, size = anyio.run(look)
    return Finding("client", True, f"{tools} tools, {size:,} characters of descriptions")
