"""`routemem install --client …`."""

import argparse
import os
import sys
from pathlib import Path

from routemem.memory_core.settings import Settings

from ..install import CLIENTS, install, snippet


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Which client, and how."""
    command.add_argument("--client", required=True, choices=CLIENTS)
    command.add_argument(
        "--project", action="store_true", help="this folder's file, not the user's"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument("--print", action="store_true", help="only print what to paste")
    how.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Merge the server into the client's configuration, keeping a backup."""
    arguments = server_arguments(given)
    if given.print:
        print(
            snippet(given.client, environ=os.environ, platform=sys.platform, server_args=arguments)
        )
        return 0
    done = install(
        given.client,
        home=Path.home(),
        environ=os.environ,
        platform=sys.platform,
        cwd=Path.cwd(),
        server_args=arguments,
        dry_run=given.dry_run,
        project=given.project,
    )
    verb = "would change" if given.dry_run else "changed"
    print(f"{done.path}: {verb if done.changed else 'is right already'}")
    if done.backup:
        print(f"backup: {done.backup}")
    for note in done.notes:
        print(note)
    return 0


def server_arguments(given: argparse.Namespace) -> list[str]:
    """`serve` and the settings given to `install`, so that the client starts the same server."""
    arguments = ["serve"]
    for name in ("data_dir", "scope", "embedder", "log_level"):
        if value := getattr(given, name):
            path = str(Path(value).expanduser().absolute()) if name == "data_dir" else value
            arguments += ["--" + name.replace("_", "-"), path]
    for name in ("allow_scope", "toolsets", "tools", "exclude_tools"):
        if value := getattr(given, name):
            arguments += ["--" + name.replace("_", "-"), ",".join(value)]
    return [*arguments, "--read-only"] if given.read_only else arguments
