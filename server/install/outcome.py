"""Set Routemem up in one client: read, merge, keep the old file, write; and what came of it."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from routemem.memory_core.errors import Conflict, InvalidArgument

from . import files
from .clients import Client, Machine, client_named
from .command import claude_mcp_add, find_command, is_store_python, is_temporary
from .earlier import Settled, settle
from .merge import earlier, merge

_BOM = "\ufeff"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_NO_ENV: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ``install`` did, or would do.

    Attributes:
        client: the client's name.
        path: the file, as the client names it (a symbolic link is not followed here).
        before: what it held, line ends and byte order mark included; empty for no file.
        after: what it holds now, or would hold.
        changed: whether the two differ.
        backup: the copy of ``before``; None when nothing was written or there was no file.
        notes: sentences for the user: what to do next, what to know.
    """

    client: str
    path: Path
    before: str
    after: str
    changed: bool
    backup: Path | None
    notes: tuple[str, ...]


def install(
    client: str,
    *,
    home: Path,
    environ: Mapping[str, str],
    platform: str,
    cwd: Path,
    server_args: Sequence[str] = ("serve",),
    env: Mapping[str, str] = _NO_ENV,
    shell: Mapping[str, str] = _NO_ENV,
    name: str = "routemem",
    dry_run: bool = False,
    project: bool = False,
    command: Sequence[str] | None = None,
    executable: Path | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Write Routemem's entry into a client's list of MCP servers.

    Everything else in the file stays as it is. The write is atomic, and the old file is kept
    beside the new one. A second run changes nothing and writes nothing.

    Args:
        client: one of ``CLIENTS``.
        home: the user's home folder.
        environ: the environment; read for folders (APPDATA, XDG_CONFIG_HOME, …) and PATH.
        platform: as ``sys.platform``.
        cwd: the project's folder; used with ``project`` only.
        server_args: arguments that follow the command. With ``serve`` alone, the flags of an
            earlier entry stay.
        env: environment variables the client shall set: it passes on hardly any by itself.
        shell: the same, for what neither ``server_args`` nor an earlier entry says.
        name: the server's name in the client.
        dry_run: work everything out and write nothing.
        project: the project's file instead of the user's.
        command: program and first arguments, absolute; found when None.
        executable: the interpreter to look beside; the running one when None.
        now: for the name of the backup; the local time when None.

    Raises:
        InvalidArgument: no such client, name or project file, or the file cannot be understood.
        Conflict: the file cannot be changed. In both cases nothing was changed, and where there
            is a file the message ends with the text to paste.
    """
    chosen, machine = client_named(client), Machine(home, environ, platform)
    path = chosen.path(machine, cwd, project)
    python = executable or Path(sys.executable)
    words = tuple(command) if command else find_command(python, environ, platform)
    settled = settle({}, server_args, env, shell)  # what to paste, should the file be unreadable
    entry = _entry(chosen, words, settled, name)
    try:
        raw = files.read(path)
        before = raw.decode() if raw is not None else ""
        mark = _BOM if before.startswith(_BOM) else ""
        old = earlier(before.removeprefix(_BOM), chosen, name)
        settled = settle(old, server_args, env, shell)
        entry = _entry(chosen, words, settled, name)
        merged = merge(before.removeprefix(_BOM), chosen, name, entry)
        after = mark + merged.text
        backup = None
        if after != before and not dry_run:
            clock = now or datetime.now().astimezone()
            backup = files.change(path, raw, after.encode(), now=clock, private=not project)
    except (InvalidArgument, Conflict, UnicodeDecodeError, OSError) as error:
        raise _refusal(error, path, merge("", chosen, name, entry).text) from error
    notes = _notes(chosen, words, python, merged.kept, platform=platform, project=project)
    if not dry_run:  # what to do next, now that the file has changed
        notes = (*(chosen.project_notes if project else chosen.notes), *notes)
    notes = (*settled.notes, *notes)
    if chosen.name == "claude-code":
        whole = [*words, *settled.arguments]
        line = claude_mcp_add(name, whole, settled.env, project=project, platform=platform)
        notes = (*notes, f"The same by Claude Code's own command: {line}")
    return Outcome(client, path, before, after, after != before, backup, notes)


def snippet(
    client: str,
    *,
    environ: Mapping[str, str],
    platform: str,
    server_args: Sequence[str] = ("serve",),
    env: Mapping[str, str] = _NO_ENV,
    name: str = "routemem",
    command: Sequence[str] | None = None,
    executable: Path | None = None,
) -> str:
    """The whole configuration of a client that has no other server, to show or to paste.

    Args: as for ``install``.

    Raises:
        InvalidArgument: no such client or name.
    """
    chosen = client_named(client)
    python = executable or Path(sys.executable)
    words = tuple(command) if command else find_command(python, environ, platform)
    settled = Settled(tuple(server_args), env)
    return merge("", chosen, name, _entry(chosen, words, settled, name)).text


def _entry(
    client: Client,
    command: Sequence[str],
    settled: Settled,
    name: str,
) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"name must be 1 to 64 letters, digits, '-' or '_', got {name!r}. Clients build tool "
            "names from it."
        )
    program, *first = command
    words, env = [*first, *settled.arguments], settled.env
    entry: dict[str, Any] = {**client.fixed, "command": program, "args": words}
    try:
        "".join([program, *words, *env, *env.values()]).encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"the command and its environment must be UTF-8 text, got {command[0]!a} … Install "
            "Routemem under a path that is."
        ) from error
    return {**entry, "env": dict(env)} if env else entry


def _notes(
    client: Client,
    command: Sequence[str],
    python: Path,
    kept: Sequence[str],
    *,
    platform: str,
    project: bool,
) -> tuple[str, ...]:
    notes = []
    if kept:
        notes.append(f"Kept from the earlier entry: {', '.join(kept)}.")
    if project:
        notes.append(
            "The command is a path on this machine. Whoever shares the project runs this too."
        )
    if is_temporary(Path(command[0])):
        notes.append(
            f"{command[0]} is in a cache and may vanish from it. Install Routemem for good "
            "(uv tool install routemem, or pipx install routemem) and run this again."
        )
    if platform == "win32" and is_store_python(python):
        notes.append(
            "This Python comes from the Microsoft Store, and Windows may hide what it writes below "
            f"AppData. If {client.title} does not show the server, add the entry by hand."
        )
    return tuple(notes)


def _refusal(error: Exception, path: Path, text: str) -> InvalidArgument | Conflict:
    kind = InvalidArgument if isinstance(error, InvalidArgument | UnicodeError) else Conflict
    reason = str(error)
    if isinstance(error, UnicodeDecodeError):
        reason = "it is not UTF-8 text; save it as UTF-8 and run this again"
    elif isinstance(error, OSError):
        reason = f"it cannot be read or written ({error.strerror or error})"
    return kind(
        f"{path} was not changed: {reason}. To set the server up by hand, add this to it:\n\n{text}"
    )
