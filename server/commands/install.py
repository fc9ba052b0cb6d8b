"""`routemem install --client …`."""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from routemem.memory_core.embedding import is_folder_spec
from routemem.memory_core.settings import Settings, env_name

from ..install import CLIENTS, install, snippet


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Which client, and how."""
    command.add_argument("--client", required=True, choices=CLIENTS, help="whose configuration")
    command.add_argument(
        "--project", action="store_true", help="this folder's file, not the user's"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument("--print", action="store_true", help="only print what to paste")
    how.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Merge the server into the client's configuration, keeping a backup.

    Raises:
        InvalidArgument: a scope, toolset or tool does not exist; the server would not start.
    """
    check(settings)
    arguments, shell = server_arguments(given), shell_settings(given, os.environ)
    if given.print:
        text = snippet(
            given.client,
            environ=os.environ,
            platform=sys.platform,
            server_args=arguments,
            env=shell,
        )
        print(text)
        return 0
    done = install(
        given.client,
        home=Path.home(),
        environ=os.environ,
        platform=sys.platform,
        cwd=Path.cwd(),
        server_args=arguments,
        shell=shell,
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
            arguments += ["--" + name.replace("_", "-"), _anywhere(name, value)]
    for name in ("allow_scope", "toolsets", "tools", "exclude_tools"):
        if value := getattr(given, name):
            arguments += ["--" + name.replace("_", "-"), ",".join(value)]
    return [*arguments, "--read-only"] if given.read_only else arguments


def shell_settings(given: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """Settings of the environment that no flag overrides: a client would start without them."""
    names = [spec.name for spec in fields(Settings) if spec.metadata["flag"]]
    return {
        env_name(name): _anywhere(name, environ[env_name(name)])
        for name in (*names, "key_dir", "keyring")
        if environ.get(env_name(name)) and getattr(given, name, None) is None
    }


def check(settings: Settings) -> None:
    """Refuse what the server would refuse, while a person may still read it.

    Raises:
        InvalidArgument: a scope is malformed, or a toolset or tool does not exist.
    """
    from routemem.memory_core.storage.registry import check_scope

    for scope in (settings.scope, *settings.allow_scope):
        if not scope.endswith("*"):
            check_scope(scope)
    chosen = (settings.toolsets, settings.tools, settings.exclude_tools)
    if chosen != (Settings.toolsets, (), ()):
        from ..app import chosen_tools  # imports the MCP SDK: only when there is a name to check

        chosen_tools(settings)


def _anywhere(name: str, value: str) -> str:
    """The value as it must read in another folder than this: clients start the server anywhere."""
    is_path = name in ("data_dir", "key_dir") or (name == "embedder" and is_folder_spec(value))
    return str(Path(value).expanduser().absolute()) if is_path else value
