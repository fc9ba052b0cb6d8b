"""``routemem install``: the right file, the right entry, and nothing else touched."""

import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from routemem.memory_core.errors import Conflict, InvalidArgument
from routemem.server.install import CLIENTS, Outcome, files, install, snippet
from routemem.server.install.clients import client_named

EXAMPLES = Path(__file__).parents[2] / "examples" / "clients"
PROGRAM = "/programs/routemem/bin/routemem"
NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
KEYS = {"vscode": "servers", "zed": "context_servers", "codex": "mcp_servers"}
CONFIG = {"darwin": "Library/Application Support", "win32": "AppData/Roaming", "linux": ".config"}
ZED = {"darwin": ".config/zed", "win32": "AppData/Roaming/Zed", "linux": ".config/zed"}
PATHS = {
    "claude-desktop": "{config}/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": "{config}/Code/User/mcp.json",
    "windsurf": ".codeium/windsurf/mcp_config.json",
    "zed": "{zed}/settings.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
}
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    """``install`` for a user whose home is empty, at noon."""

    def call(client: str, platform: str = "linux", **options: Any) -> Outcome:
        defaults: dict[str, Any] = {
            "home": tmp_path,
            "environ": {},
            "cwd": tmp_path / "work",
            "command": [PROGRAM],
            "now": NOON,
        }
        return install(client, platform=platform, **(defaults | options))

    return call


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def servers(client: str, text: str) -> dict[str, Any]:
    document = tomllib.loads(text) if client == "codex" else json.loads(text)
    found: dict[str, Any] = document[KEYS.get(client, "mcpServers")]
    return found


@pytest.mark.parametrize("platform", CONFIG)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_new_file_is_made_where_the_client_looks_for_it(
    run: Callable[..., Outcome], tmp_path: Path, client: str, platform: str
) -> None:
    outcome = run(client, platform, env={"ROUTEMEM_SCOPE": "user:me"})
    where = PATHS[client].format(config=CONFIG[platform], zed=ZED[platform])
    assert outcome.path == tmp_path / where
    assert list(tree(tmp_path)) == [str(Path(where))]
    entry = servers(client, outcome.path.read_text("utf-8"))["routemem"]
    fixed = {"type": "stdio"} if client == "vscode" else {}
    assert entry == fixed | {
        "command": PROGRAM,
        "args": ["serve"],
        "env": {"ROUTEMEM_SCOPE": "user:me"},
    }
    assert (outcome.changed, outcome.before, outcome.backup) == (True, "", None)
    assert outcome.after == outcome.path.read_text("utf-8")
    assert outcome.notes


@pytest.mark.parametrize(
    ("client", "platform", "variable", "where"),
    [
        ("claude-desktop", "win32", "APPDATA", "Claude/claude_desktop_config.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("zed", "linux", "XDG_CONFIG_HOME", "zed/settings.json"),
        ("codex", "darwin", "CODEX_HOME", "config.toml"),
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("gemini", "linux", "GEMINI_CLI_HOME", ".gemini/settings.json"),
    ],
)
def test_a_folder_named_by_the_environment_is_used_when_it_is_absolute(
    run: Callable[..., Outcome],
    tmp_path: Path,
    client: str,
    platform: str,
    variable: str,
    where: str,
) -> None:
    moved = run(client, platform, environ={variable: str(tmp_path / "moved")}, dry_run=True)
    assert moved.path == tmp_path / "moved" / where
    relative = run(client, platform, environ={variable: "moved"}, dry_run=True)
    assert relative.path == run(client, platform, dry_run=True).path != moved.path


def test_the_packaged_claude_desktop_on_windows_gets_the_file_it_reads(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    roaming = tmp_path / "local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming"
    roaming.mkdir(parents=True)
    outcome = run("claude-desktop", "win32", environ={"LOCALAPPDATA": str(tmp_path / "local")})
    assert outcome.path == roaming / "Claude" / "claude_desktop_config.json"
    assert outcome.path.is_file()


def test_the_windsurf_plugin_gets_its_own_file_where_only_the_plugin_is_there(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    plugin = tmp_path / ".codeium" / "mcp_config.json"
    plugin.parent.mkdir()
    plugin.write_text("{}")
    assert run("windsurf", dry_run=True).path == plugin
    (plugin.parent / "windsurf").mkdir()
    assert run("windsurf", dry_run=True).path == plugin.parent / "windsurf" / "mcp_config.json"


@pytest.mark.parametrize(
    ("client", "where"),
    [
        ("claude-code", ".mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".vscode/mcp.json"),
        ("zed", ".zed/settings.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
    ],
)
def test_the_project_option_writes_into_the_project(
    run: Callable[..., Outcome], tmp_path: Path, client: str, where: str
) -> None:
    outcome = run(client, project=True)
    assert list(tree(tmp_path)) == [str(Path("work", where))]
    assert any("this machine" in note for note in outcome.notes)


@pytest.mark.parametrize("client", ["claude-desktop", "windsurf"])
def test_a_client_without_project_files_says_which_clients_have_them(
    run: Callable[..., Outcome], client: str
) -> None:
    with pytest.raises(InvalidArgument, match="claude-code, cursor, vscode"):
        run(client, project=True)


def test_an_unknown_client_is_answered_with_the_nearest_one(run: Callable[..., Outcome]) -> None:
    with pytest.raises(InvalidArgument, match=r"claude-desktop.*Did you mean claude-code\?"):
        run("claude_code")


@pytest.mark.parametrize("name", ["", "-x", "my memory", "a.b", "ünter", "x" * 65])
def test_a_name_a_client_would_refuse_is_refused(run: Callable[..., Outcome], name: str) -> None:
    with pytest.raises(InvalidArgument, match="letters, digits"):
        run("cursor", name=name)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_second_run_changes_nothing_and_writes_nothing(
    run: Callable[..., Outcome], tmp_path: Path, client: str
) -> None:
    first = run(client, env={"A": "1"})
    held, stamp = tree(tmp_path), first.path.stat().st_mtime_ns
    second = run(client, env={"A": "1"})
    assert (second.changed, second.backup, second.before) == (False, None, first.after)
    assert tree(tmp_path) == held
    assert first.path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("client", CLIENTS)
def test_a_dry_run_tells_the_change_and_writes_nothing(
    run: Callable[..., Outcome], tmp_path: Path, client: str
) -> None:
    planned = run(client, dry_run=True)
    assert planned.changed
    assert list(tmp_path.iterdir()) == []
    done = run(client)
    assert done.after == planned.after
    next_steps = set(client_named(client).notes)
    assert next_steps <= set(done.notes)
    assert not next_steps & set(planned.notes)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_change_leaves_a_backup_that_restores_the_file(
    run: Callable[..., Outcome], client: str
) -> None:
    path = run(client).path
    old = path.read_bytes()
    first = run(client, command=["/new/routemem"])
    second = run(client, command=["/newer/routemem"])
    assert first.backup == path.with_name(f"{path.name}.20260504-120000.bak")
    assert second.backup is not None
    assert second.backup != first.backup
    assert second.backup.read_text("utf-8") == first.after
    assert first.backup is not None
    first.backup.replace(path)
    assert path.read_bytes() == old


def test_byte_order_mark_and_line_ends_of_windows_stay(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_bytes(b'\xef\xbb\xbf{\r\n\t"mcpServers": {},\r\n\t"theme": "dark"\r\n}\r\n')
    outcome = run("cursor")
    held = path.read_bytes()
    assert held == outcome.after.encode()
    assert held.startswith(b'\xef\xbb\xbf{\r\n\t"mcpServers": {\r\n\t\t"routemem": {\r\n\t\t\t"')
    assert held.endswith(b'\t},\r\n\t"theme": "dark"\r\n}\r\n')
    assert held.count(b"\r\n") == held.count(b"\n")
    assert outcome.backup is not None
    assert outcome.backup.read_bytes() == outcome.before.encode()


@needs_posix
@pytest.mark.parametrize("there", [True, False])
def test_a_linked_file_is_written_through_the_link(
    run: Callable[..., Outcome], tmp_path: Path, there: bool
) -> None:
    target = tmp_path / "dotfiles" / "claude.json"
    if there:
        target.parent.mkdir()
        target.write_text('{"numStartups": 3}')
    link = tmp_path / ".claude.json"
    link.symlink_to(target)
    outcome = run("claude-code")
    assert link.is_symlink()
    assert servers("claude-code", target.read_text())["routemem"]["command"] == PROGRAM
    kept = [outcome.backup.parent] if outcome.backup else []
    assert kept == ([tmp_path] if there else [])


@needs_posix
def test_the_mode_of_a_file_stays_and_a_new_one_is_private(run: Callable[..., Outcome]) -> None:
    path = run("claude-code").path
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o664)
    outcome = run("claude-code", command=["/new"])
    assert outcome.backup is not None
    assert path.stat().st_mode & 0o777 == outcome.backup.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize(
    ("client", "content", "kind", "reason"),
    [
        ("cursor", b'{"mcpServers": {', InvalidArgument, "not valid JSON"),
        ("cursor", b"{'mcpServers': {}}", InvalidArgument, "not valid JSON"),
        ("cursor", b'{"a": 1} /* open', InvalidArgument, "not valid JSON"),
        ("cursor", b'{"a": NaN}', InvalidArgument, "NaN"),
        ("cursor", b"[1]", InvalidArgument, "expected an object"),
        ("cursor", b"[" * 100_000, InvalidArgument, "not valid JSON"),
        ("cursor", b'{"mcpServers": []}', Conflict, "mcpServers in it is a list"),
        ("cursor", '{"a": "ü"}'.encode("utf-16"), InvalidArgument, "UTF-8"),
        ("codex", b"model = ", InvalidArgument, "not valid TOML"),
        ("codex", b"mcp_servers = { a = { command = 'x' } }", Conflict, "safely"),
        ("codex", b"[mcp_servers]\nroutemem.command = 'x'\n", Conflict, "safely"),
        ("codex", b"[mcp_servers]\nroutemem = 'x'\n", Conflict, "safely"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone_and_the_text_is_shown(
    run: Callable[..., Outcome],
    tmp_path: Path,
    client: str,
    content: bytes,
    kind: type[Exception],
    reason: str,
) -> None:
    path = run(client, dry_run=True).path
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(kind, match=reason) as caught:
        run(client)
    shown = snippet(client, environ={}, platform="linux", command=[PROGRAM])
    assert str(caught.value).endswith(shown)
    assert str(path) in str(caught.value)
    assert list(tree(tmp_path).values()) == [content]


@pytest.mark.parametrize("blocked", [".cursor", ".cursor/mcp.json/x"])
def test_a_path_that_cannot_be_written_is_a_conflict(
    run: Callable[..., Outcome], tmp_path: Path, blocked: str
) -> None:
    obstacle = tmp_path / blocked
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_text("in the way")
    with pytest.raises(Conflict, match="cannot be read or written"):
        run("cursor")
    assert list(tree(tmp_path).values()) == [b"in the way"]


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"theirs")
    with pytest.raises(Conflict, match="changed while"):
        files.change(path, b"what we read", b"ours", now=NOON, private=True)
    assert tree(tmp_path) == {"mcp.json": b"theirs"}


@needs_posix
def test_a_command_that_is_not_text_is_refused(run: Callable[..., Outcome], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="UTF-8"):
        run("cursor", command=["/caf\udce9/routemem"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("project", [False, True])
def test_claude_code_is_told_the_line_of_its_own_command(
    run: Callable[..., Outcome], project: bool
) -> None:
    options: dict[str, Any] = {"env": {"A": "x y"}, "server_args": ["serve", "--scope", "user:me"]}
    line = run("claude-code", project=project, **options).notes[-1].split(": ", 1)[1]
    scope = "project" if project else "user"
    # --env swallows what follows it up to the next option: the name must not come right after.
    before, after = line.split(" -- ")
    add = ["claude", "mcp", "add", "--env", "A=x y", "--scope", scope, "routemem"]
    assert shlex.split(before) == add
    assert shlex.split(after) == [PROGRAM, *options["server_args"]]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_example_of_each_client_is_what_is_generated(client: str) -> None:
    (example,) = EXAMPLES.glob(f"{client}.*")
    text = example.read_text("utf-8")
    command = ["/absolute/path/to/routemem"]
    assert text == snippet(client, environ={}, platform="linux", command=command)
    assert servers(client, text)["routemem"]["command"] == command[0]
    assert len(list(EXAMPLES.iterdir())) == len(CLIENTS)


def test_the_installer_needs_nothing_but_the_standard_library() -> None:
    code = "import sys, routemem.server.install; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "routemem" in loaded
    assert not loaded & {"mcp", "pydantic", "numpy", "apsw", "platformdirs", "starlette"}
