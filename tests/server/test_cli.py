"""The command line as a person, a script or a hook meets it."""

import json
import os
import subprocess
import sys
from argparse import _SubParsersAction
from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from command import PROGRAM, environment, run

from routemem.memory_core.settings import Settings, env_name
from routemem.server.cli import COMMANDS, main, parser, read_settings

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such pipes and terminals")
SLOW = pytest.mark.slow
FLAGS = [spec for spec in fields(Settings) if spec.metadata["flag"]]

#: Runs a command in this process and returns what it said.
Say: TypeAlias = Callable[..., str]
#: Arguments of a command, and a part of what it says.
Asked: TypeAlias = tuple[tuple[str, ...], str]


# ---------------------------------------------------------------------- as a process


#: Commands in an order in which all work, "@" for a file, and a part of what each says.
DAILY: list[Asked] = [
    (("remember", "The key lies in the blue folder."), "Stored as a-1 in global."),
    (("recall", "blue folder"), "[a-1]"),
    (("context", "blue folder"), "Bears on the question:"),
    (("facts", "key.place=blue folder"), "key.place: blue folder"),
    (("forget", "a-1"), "a-1: out of recall"),
    (("status",), "1 archived; 1 fact."),
]
OTHERS: list[Asked] = [
    (("compress",), "worth compressing"),
    (("review",), "to decide"),
    (("scopes",), "global      1      1"),
    (("reindex",), "global: 1 passages embedded with hash-v1/384"),
    (("index", "report"), "mode: exact"),
    (("models",), "claude-opus-5"),
    (("tokens", "status"), "Tokens: "),
    (("vault", "list"), "Nothing is held in quarantine."),
    (("hygiene",), "global: nothing to do."),
    (("backup",), "global: global-"),
    (("restore",), "global is as it was on "),
    (("gc", "--all"), "global: 0 released memories"),
    (("export", "@"), "Exported 1 item, 1 fact to "),
    (("move", "--all", "--to", "user:a"), "2 moved to user:a"),
    (("move", "a-1", "--to", "global"), "1 moved to global"),
    (("clear",), "--confirm"),
    (("import", "@"), "Imported from global: 1 fact added, 1 known already."),
    (("doctor",), "ok   version: routemem"),
    (("install", "--client", "cursor", "--print"), '"routemem"'),
    (("token", "create", "laptop", "--scope", "user:ana"), "laptop: may read and write user"),
]


@pytest.mark.parametrize(
    "asked",
    [pytest.param(DAILY, id="daily"), pytest.param(DAILY + OTHERS, marks=SLOW, id="all")],
)
def test_every_command_works_as_a_process(tmp_path: Path, asked: list[Asked]) -> None:
    for arguments, expected in asked:
        bundle = str(tmp_path / "bundle.jsonl")
        done = run(tmp_path, *(bundle if part == "@" else part for part in arguments))
        assert (done.returncode, done.stderr) == (0, b""), arguments
        assert expected in done.stdout.decode(), arguments


def test_no_command_is_forgotten_above() -> None:
    asked = {arguments[0] for arguments, _ in DAILY + OTHERS}
    assert asked | {"serve", "demo"} == set(COMMANDS)  # these two: below, and in test_demo


def test_a_command_computes_on_one_thread(tmp_path: Path) -> None:
    asked = (
        "from routemem.server.cli import main; main(['recall', 'x']);"
        "from threadpoolctl import threadpool_info;"
        "print({pool['num_threads'] for pool in threadpool_info() if pool['user_api'] == 'blas'})"
    )
    free = {name: v for name, v in environment(tmp_path).items() if "NUM_THREADS" not in name}
    done = subprocess.run([sys.executable, "-c", asked], env=free, capture_output=True, check=True)
    assert done.stdout.split()[-1] == b"{1}"


def test_the_installed_command_is_this_one() -> None:
    (script,) = entry_points(group="console_scripts", name="routemem")
    assert script.load() is main


def test_without_arguments_and_without_a_terminal_it_serves(tmp_path: Path) -> None:
    request = b'{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":'
    request += b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    request += b'"io.modelcontextprotocol/clientCapabilities":{}}}}\n'
    done = run(tmp_path, text=request)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["result"]["instructions"]


@POSIX
def test_without_arguments_at_a_terminal_it_shows_its_help(tmp_path: Path) -> None:
    import pty

    ours, terminal = pty.openpty()
    done = subprocess.run(
        PROGRAM, stdin=terminal, capture_output=True, env=environment(tmp_path), timeout=60
    )
    os.close(ours)
    os.close(terminal)
    assert done.returncode == 0
    assert b"usage: routemem" in done.stdout


@pytest.mark.parametrize("command", ["remember", "recall"])
def test_what_a_hook_calls_imports_no_protocol_and_nothing_it_does_not_need(
    tmp_path: Path, command: str
) -> None:
    code = (
        "import sys; from routemem.server.cli import main\n"
        f"assert main([{command!r}, 'tides and gauges']) == 0\n"
        "heavy = {'mcp', 'mcp_types', 'pydantic', 'starlette', 'httpx', 'anyio', 'sklearn',"
        " 'scipy', 'torch', 'transformers', 'tiktoken', 'keyring', 'platformdirs'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    nothing_cached = environment(
        tmp_path, ROUTEMEM_EMBEDDER="bundled", TIKTOKEN_CACHE_DIR=str(tmp_path / "none")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=nothing_cached)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[-1] == "[]"


@POSIX
def test_arguments_and_input_that_are_not_utf_8_are_stored_readable(tmp_path: Path) -> None:
    assert run(tmp_path, "remember", b"caf\xc3\xa9 \xff end").returncode == 0
    assert run(tmp_path, "remember", text=b"tea \xfe end\n").returncode == 0
    assert run(tmp_path, "facts", b"drink=\xff").returncode == 0
    told = run(tmp_path, "recall", b"caf\xc3\xa9 \xff tea").stdout.decode()
    assert "café \ufffd end" in told
    assert "tea \ufffd end" in told
    assert "drink: \ufffd" in run(tmp_path, "facts").stdout.decode()


def test_input_and_output_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    text = "Café 日本 \U0001f600".encode()
    assert run(tmp_path, "remember", text=text, env=ascii_only).returncode == 0
    for extra in ((), ("--json",)):
        done = run(tmp_path, "recall", *extra, env=ascii_only)
        assert (done.returncode, done.stderr) == (0, b"")
        assert text in done.stdout


@POSIX
def test_a_reader_that_has_gone_ends_the_command_quietly(tmp_path: Path) -> None:
    for arguments in (["status"], ["--help"]):
        ours, theirs = os.pipe()
        os.close(ours)
        done = subprocess.run(
            [*PROGRAM, *arguments],
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
        )
        os.close(theirs)
        assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "status"], stdout=full, stderr=subprocess.PIPE, env=environment(tmp_path)
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"routemem: error: ")
    assert done.stderr.count(b"\n") == 1


@POSIX
@pytest.mark.parametrize("arguments", ["", "serve", "remember"])
def test_a_closed_stdin_is_told_in_one_line(tmp_path: Path, arguments: str) -> None:
    line = f'exec "$0" -m routemem.server {arguments} <&-'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable], capture_output=True, env=environment(tmp_path)
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"routemem: invalid_argument: stdin ")


# ---------------------------------------------------------------------- misuse


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["recall", "--bogus"],
        ["install", "--client", "x"],
        ["forget"],
        ["forget", "a-1", "--mode", "burn"],
        ["remember", "x", "--kind", "memo"],
        ["remember", "x", "--source", "nobody"],
        ["recall", "--toolsets", "all"],
        ["demo", "--data-dir", "x"],
        ["--data-dir", "x", "status"],
    ],
    ids=" ".join,
)
def test_misuse_ends_with_2_and_says_how_to_use_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "usage: routemem" in said.err


def test_options_before_the_command_are_told_where_they_go(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--data-dir", "x", "status"]) == 2
    assert "options go after the command" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flag",
    ["--host=::1", "--port=0", "--port=8765", "--allow-host=x", "--allow-origin=x", "--expose"],
)
def test_flags_of_http_are_refused_without_http(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", flag]) == 1
    said = f"{flag.partition('=')[0]} is of use over HTTP only: add --http or --sse."
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["remember", " "], "invalid_argument"),
        (["remember", "x", "--priority", "11"], "invalid_argument"),
        (["remember", "x", "--when", "yesterday"], "invalid_time"),
        (["remember", "x", "--id", "zz-1"], "not_found"),
        (["recall", "--id", "zz-1"], "not_found"),
        (["recall", "x", "--top-k", "0"], "invalid_argument"),
        (["recall", "x", "--max-tokens", "99"], "invalid_argument"),
        (["recall", "x", "--since", "soon"], "invalid_time"),
        (["recall", "x", "--cursor", "1.0.x"], "invalid_argument"),
        (["facts", "key", "key=1"], "invalid_argument"),
        (["facts", "=1"], "invalid_argument"),
        (["forget", "zz-1"], "not_found"),
        (["status", "--scope", "nobody"], "invalid_scope"),
        (["status", "--log-level", "loud"], "invalid_argument"),
        (["reindex", "--embedder", "none"], "embedder_unavailable"),
    ],
    ids=str,
)
def test_a_refusal_is_a_code_and_a_message_on_stderr(
    refused: Say, arguments: list[str], code: str
) -> None:
    said = refused(*arguments)
    assert said.startswith(f"routemem: {code}: ")
    assert said.count("\n") == 1


def test_a_data_folder_that_cannot_be_is_named(refused: Say, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused("remember", "x", "--data-dir", str(tmp_path / "file" / "data"))
    assert said.startswith("routemem: storage_error: ")
    assert "--data-dir" in said


def test_an_environment_variable_that_cannot_be_read_is_named(
    refused: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTEMEM_CANDIDATES", "many")
    assert "ROUTEMEM_CANDIDATES='many': expected int" in refused("status")


def test_a_misspelt_variable_is_told_with_the_nearest_one(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROUTEMEM_DATADIR", "elsewhere")
    monkeypatch.setenv("ROUTEMEM_XYZZY", "1")
    assert main(["status"]) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert "ROUTEMEM_DATADIR" in first
    assert first.endswith("Did you mean ROUTEMEM_DATA_DIR?")
    assert "ROUTEMEM_XYZZY" in second
    assert "mean" not in second


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, say: Say) -> None:
    told = say(command, "--help")
    assert f"usage: routemem {command}" in told
    assert "ROUTEMEM_LOG_LEVEL" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_of_a_command_says_what_it_is_for(command: str) -> None:
    (commands,) = (a for a in parser(command)._actions if isinstance(a, _SubParsersAction))
    assert [a.dest for a in commands.choices[command]._actions if not a.help] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_only_what_serves_a_client_takes_the_flags_that_choose_its_tools(
    command: str, say: Say
) -> None:
    serves = command in ("serve", "install", "doctor")
    assert all(
        (flag in say(command, "--help")) == serves
        for flag in ("--toolsets", "--tools", "--exclude-tools")
    )


def test_the_version_is_the_installed_one(say: Say) -> None:
    assert say("--version") == version("routemem") + "\n"


# ---------------------------------------------------------------------- settings


def value_of(spec: Any) -> tuple[str, Any]:
    """A value as text and as the setting takes it."""
    if isinstance(spec.default, tuple):
        return "a,b", ("a", "b")
    if spec.metadata["choices"]:
        return spec.metadata["choices"][-1], spec.metadata["choices"][-1]
    return ("1", True) if isinstance(spec.default, bool) else ("x", "x")


@pytest.mark.parametrize("spec", FLAGS, ids=lambda spec: spec.name)
def test_a_flag_and_its_environment_twin_say_the_same(
    spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, value = value_of(spec)
    flag = "--" + spec.name.replace("_", "-")
    words = [flag] if value is True else [flag, text]
    given = parser("serve").parse_args(["serve", *words])
    assert getattr(read_settings(given), spec.name) == value
    monkeypatch.setenv(env_name(spec.name), text)
    assert getattr(read_settings(parser("serve").parse_args(["serve"])), spec.name) == value


def test_a_flag_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    monkeypatch.setenv("ROUTEMEM_SCOPE", "user:ann")
    assert "in user:ann." in say("remember", "hers")
    assert "in user:bob." in say("remember", "his", "--scope", "user:bob")
    assert say("status").startswith("Scope user:ann: 1 active")


def test_list_flags_may_be_repeated_or_hold_commas() -> None:
    words = ["serve", "--tools", "recall, remember", "--tools", "forget"]
    assert read_settings(parser("serve").parse_args(words)).tools == (
        "recall",
        "remember",
        "forget",
    )


@pytest.mark.parametrize(
    "arguments",
    [["remember", "x"], ["facts", "k=1"], ["forget", "a-1"], ["reindex"], ["gc"]],
    ids=" ".join,
)
def test_read_only_refuses_what_writes(
    refused: Say, say: Say, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    say("remember", "kept")
    monkeypatch.setenv("ROUTEMEM_READ_ONLY", "on")
    assert refused(*arguments).startswith("routemem: not_allowed: ")
    assert "kept" in say("recall")
    assert say("facts") == "No facts.\n"
