"""The `routemem` command: serve a client, or work with the memory from a shell.

Nothing heavy is imported before a command needs it; only `serve` and `demo` import the MCP SDK.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib import import_module

from routemem.memory_core.errors import RoutememError
from routemem.memory_core.settings import ENV_PREFIX, Settings, env_name

from . import log
from .commands.shown import shown

#: Command -> module of `commands`, what it does.
COMMANDS = {
    "serve": ("serve", "serve an MCP client over stdio, or many over HTTP"),
    "token": ("token", "who may use the HTTP server: create, list or revoke a token"),
    "demo": ("demo", "show the memory at work on a temporary data folder"),
    "install": ("install", "add the server to a client's configuration"),
    "doctor": ("doctor", "check this installation and say what to do"),
    "status": ("people", "what a scope holds"),
    "remember": ("people", "store a memory (text as argument or on stdin)"),
    "recall": ("people", "search, list (no query) or read (--id) memories"),
    "context": ("context", "what is known for a question, in one text within a budget"),
    "facts": ("people", "list, set (key=value) or trace (--history) facts"),
    "forget": ("people", "hide, restore, delete or purge memories"),
    "compress": ("review", "show memories by a short form, or list those worth it"),
    "review": ("review", "propose what to keep, shorten, delete or promote; do what is decided"),
    "vault": ("vault", "what is held in quarantine: list, show, release or purge it"),
    "scopes": ("scopes", "which scopes there are, and what each holds"),
    "export": ("bundle", "write a scope to a file that `import` reads"),
    "import": ("bundle", "merge an exported file into a scope"),
    "move": ("bundle", "put memories and facts into another scope, under their ids"),
    "clear": ("bundle", "empty a scope in two steps, or undo that"),
    "models": ("models", "language models: what each can read and costs, and what is uncertain"),
    "tokens": ("tokens", "tell how tokens are counted, or fetch the vocabulary for exact counts"),
    "index": ("index", "tell how the vectors lie; pack, adapt or split them now"),
    "reindex": ("maintain", "embed every memory again, after a change of model"),
    "backup": ("backup", "copy a scope's file, while servers run"),
    "restore": ("backup", "put a backup in the place of a scope"),
    "hygiene": ("hygiene", "compress and archive what nobody has read for long"),
    "gc": ("maintain", "remove what nothing holds and give space back"),
}

#: Settings that only what serves a client has a use for.
SERVING = ("toolsets", "tools", "exclude_tools")
#: Command -> settings it has no use for, where these are not the ones of `SERVING`.
UNUSED = {
    "serve": (),
    "install": (),
    "doctor": (),
    "demo": (*SERVING, "data_dir", "scope", "allow_scope", "read_only"),
    "token": (
        *SERVING,
        *("scope", "allow_scope", "read_only", "chain"),
        *("embedder", "model", "summariser", "screening"),
    ),
    "scopes": (*SERVING, "scope", "read_only", "embedder"),
    "hygiene": (*SERVING, "embedder"),
    "backup": (*SERVING, "embedder", "model"),
    "restore": (*SERVING, "embedder", "model"),
    "models": (
        *SERVING,
        *("data_dir", "scope", "chain", "allow_scope", "read_only"),
        *("embedder", "summariser", "screening"),
    ),
    "tokens": (*SERVING, "data_dir", "scope", "allow_scope", "read_only", "embedder", "model"),
}

#: Options that need no command.
ALONE = ("-h", "--help", "--version")

Run = Callable[[argparse.Namespace, Settings], int]


def parser(only: str = "") -> argparse.ArgumentParser:
    """The whole command line, or the part one command needs, which is quicker to build."""
    top = argparse.ArgumentParser(
        prog="routemem", description="Long-term memory for language models, as an MCP server."
    )
    if not only:
        from importlib.metadata import version  # 20 ms, and a hook waits for `remember`

        top.add_argument("--version", action="version", version=version("routemem"))
    commands = top.add_subparsers(dest="command", metavar="command")
    for name, (module, does) in COMMANDS.items():
        if only not in ("", name):
            continue
        command = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".")
        add_settings(command, UNUSED.get(name, SERVING))
        import_module(f".commands.{module}", __package__).add_arguments(name, command)
    return top


def add_settings(command: argparse.ArgumentParser, unused: Sequence[str] = ()) -> None:
    """Add a flag for every setting that has one and is of use."""
    group = command.add_argument_group("settings")
    for spec in fields(Settings):
        if not spec.metadata["flag"] or spec.name in unused:
            continue
        flag = "--" + spec.name.replace("_", "-")
        help_text = f"{spec.metadata['why']} (env {env_name(spec.name)})".replace("%", "%%")
        if isinstance(spec.default, bool):
            group.add_argument(flag, action="store_true", default=None, help=help_text)
        elif isinstance(spec.default, tuple):
            group.add_argument(flag, action="append", metavar="A,B", help=help_text)
        else:
            group.add_argument(flag, metavar=spec.name.upper(), help=help_text)


def read_settings(given: argparse.Namespace) -> Settings:
    """Settings from the flags, the environment and the defaults, in this order."""
    arguments = {}
    for spec in fields(Settings):
        value = getattr(given, spec.name, None)
        if isinstance(spec.default, tuple) and value is not None:
            value = tuple(
                part.strip() for text in value for part in text.split(",") if part.strip()
            )
        arguments[spec.name] = value
    return Settings.load(**arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 refused or failed, 2 misused."""
    _prepare_streams()
    try:
        status = _command(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a failure can still be told
        return status
    except RoutememError as error:
        print(shown(f"routemem: {error.code}: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output is gone: nothing left to say
        _drop_output()
        return 1
    except OSError as error:
        print(f"routemem: error: {error}", file=sys.stderr)
        _drop_output()
        return 1


def _command(arguments: list[str]) -> int:
    if not arguments and not (sys.stdin and sys.stdin.isatty()):
        arguments = ["serve"]  # started by a client that gives no arguments
    top = parser(arguments[0] if arguments and arguments[0] in COMMANDS else "")
    try:
        if arguments and arguments[0].startswith("-") and arguments[0] not in ALONE:
            top.error("options go after the command, as in: routemem status --data-dir FOLDER")
        given = top.parse_args(arguments)
    except SystemExit as leaving:  # after --help, --version or a misuse, all told already
        return leaving.code if isinstance(leaving.code, int) else 0
    if given.command is None:
        top.print_help()
        return 0
    _warn_of_unknown_variables()
    settings = read_settings(given)
    log.configure(settings.log_level)
    # One BLAS thread: more of them spin and cost several times the CPU for nothing at our sizes.
    # numpy is imported later, with the first call.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    run: Run = import_module(f".commands.{COMMANDS[given.command][0]}", __package__).run
    return run(given, settings)


def _warn_of_unknown_variables() -> None:
    """A misspelt variable would be passed over in silence, and the memory be another one."""
    known = [spec.name for spec in fields(Settings)]
    for variable in sorted(os.environ):
        name = variable.removeprefix(ENV_PREFIX).lower()
        if not variable.startswith(ENV_PREFIX) or name in known:
            continue
        from difflib import get_close_matches  # 5 ms: only when there is something to guess

        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {env_name(near[0])}?" if near else ""
        print(shown(f"routemem: {variable} is no setting of mine.{hint}"), file=sys.stderr)


def _prepare_streams() -> None:
    """Pipes and files carry UTF-8 whatever the locale; what a terminal cannot show is escaped."""
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=errors)


def _drop_output() -> None:
    """Send what is still buffered nowhere, or Python complains of it once more as it ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
