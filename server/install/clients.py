"""The clients Routemem can set itself up in: where each keeps its servers, and in what shape."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from routemem.memory_core.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose settings, and where: everything a path is computed from.

    Attributes:
        home: the user's home folder.
        environ: the environment; only folder variables are read.
        platform: as ``sys.platform``; what is neither ``darwin`` nor ``win32`` counts as Linux.
    """

    home: Path
    environ: Mapping[str, str]
    platform: str

    def folder(self, variable: str, default: Path) -> Path:
        """The folder an environment variable names. Relative and empty values do not count."""
        named = Path(self.environ.get(variable, ""))
        return named if named.is_absolute() else default

    @property
    def config(self) -> Path:
        """Where desktop programs keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.folder("APPDATA", self.home / "AppData" / "Roaming")
        return self.folder("XDG_CONFIG_HOME", self.home / ".config")


@dataclass(frozen=True, slots=True)
class Client:
    """One client.

    Attributes:
        name: what the user types.
        title: what the client calls itself.
        key: the top-level key its servers stand under.
        user_file: where the user's own settings are.
        project_file: the same for one project, relative to its folder; empty where there is none.
        syntax: ``json`` (comments and trailing commas are understood) or ``toml``.
        fixed: members of an entry that are always the same.
        notes: what the user does next.
        project_notes: what the user does next after a change to the project file.
    """

    name: str
    title: str
    key: str
    user_file: Callable[[Machine], Path]
    project_file: str = ""
    syntax: Literal["json", "toml"] = "json"
    fixed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    project_notes: tuple[str, ...] = ()

    def path(self, machine: Machine, cwd: Path, project: bool) -> Path:
        """The file to change.

        Raises:
            InvalidArgument: the client has no project file.
        """
        if not project:
            return self.user_file(machine)
        if not self.project_file:
            able = ", ".join(name for name, client in TABLE.items() if client.project_file)
            raise InvalidArgument(
                f"{self.title} keeps no servers in a project folder. Leave the project option out, "
                f"or choose one of: {able}."
            )
        return cwd / self.project_file


def _claude_desktop(machine: Machine) -> Path:
    name = "claude_desktop_config.json"
    if machine.platform == "win32":
        # The Windows installer makes a packaged app, and that reads only its own copy of %APPDATA%.
        # The folder ends in a hash of the publisher.
        local = machine.folder("LOCALAPPDATA", machine.home / "AppData" / "Local")
        packaged = sorted(local.glob("Packages/Claude_*/LocalCache/Roaming"))
        if packaged:
            return packaged[0] / "Claude" / name
    return machine.config / "Claude" / name


def _claude_code(machine: Machine) -> Path:
    return machine.folder("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def _cursor(machine: Machine) -> Path:
    return machine.home / ".cursor" / "mcp.json"


def _vscode(machine: Machine) -> Path:
    return machine.config / "Code" / "User" / "mcp.json"


def _windsurf(machine: Machine) -> Path:
    codeium = machine.home / ".codeium"
    plugin = codeium / "mcp_config.json"  # of the plug-in for other editors
    if plugin.is_file() and not (codeium / "windsurf").is_dir():
        return plugin
    return codeium / "windsurf" / "mcp_config.json"


def _zed(machine: Machine) -> Path:
    if machine.platform == "win32":
        return machine.config / "Zed" / "settings.json"
    if machine.platform == "darwin":
        return machine.home / ".config" / "zed" / "settings.json"
    return machine.config / "zed" / "settings.json"


def _codex(machine: Machine) -> Path:
    return machine.folder("CODEX_HOME", machine.home / ".codex") / "config.toml"


def _gemini(machine: Machine) -> Path:
    # The variable stands for the home folder, not for the folder of the settings.
    return machine.folder("GEMINI_CLI_HOME", machine.home) / ".gemini" / "settings.json"


TABLE: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            key="mcpServers",
            user_file=_claude_desktop,
            notes=(
                "Quit Claude Desktop fully (closing the window leaves it running in the menu bar "
                "or tray) and start it again.",
            ),
        ),
        Client(
            name="claude-code",
            title="Claude Code",
            key="mcpServers",
            user_file=_claude_code,
            project_file=".mcp.json",
            notes=("Start a new session of Claude Code; /mcp lists the server.",),
            project_notes=(
                "Start a new session of Claude Code in this folder and approve the server when "
                "asked; /mcp lists it.",
            ),
        ),
        Client(
            name="cursor",
            title="Cursor",
            key="mcpServers",
            user_file=_cursor,
            project_file=".cursor/mcp.json",
            notes=("Restart Cursor and see that the server is switched on in its MCP settings.",),
            project_notes=(
                "Reopen this folder in Cursor and switch the server on in its MCP settings.",
            ),
        ),
        Client(
            name="vscode",
            title="VS Code",
            key="servers",
            user_file=_vscode,
            project_file=".vscode/mcp.json",
            fixed={"type": "stdio"},
            notes=(
                "Run 'MCP: List Servers' from the Command Palette and start the server. "
                "This is the file of the default profile.",
            ),
            project_notes=(
                "Open this folder in VS Code, run 'MCP: List Servers' and start the server.",
            ),
        ),
        Client(
            name="windsurf",
            title="Windsurf",
            key="mcpServers",
            user_file=_windsurf,
            notes=("Press Refresh in Windsurf's list of MCP servers, or restart Windsurf.",),
        ),
        Client(
            name="zed",
            title="Zed",
            key="context_servers",
            user_file=_zed,
            project_file=".zed/settings.json",
            notes=("Zed starts the server at once; the Agent Panel's settings show its state.",),
            project_notes=("Open this folder in Zed and trust it; the Agent Panel lists servers.",),
        ),
        Client(
            name="codex",
            title="Codex",
            key="mcp_servers",
            user_file=_codex,
            project_file=".codex/config.toml",
            syntax="toml",
            notes=("Start a new session of Codex; /mcp lists the server.",),
            project_notes=(
                "Codex reads this file only in folders it trusts. Start a new session here; /mcp "
                "lists the server.",
            ),
        ),
        Client(
            name="gemini",
            title="Gemini CLI",
            key="mcpServers",
            user_file=_gemini,
            project_file=".gemini/settings.json",
            notes=("Start Gemini CLI again; /mcp lists the server.",),
            project_notes=("Start Gemini CLI again in this folder; /mcp lists the server.",),
        ),
    )
}

CLIENTS: tuple[str, ...] = tuple(TABLE)


def client_named(name: str) -> Client:
    """The client of that name.

    Raises:
        InvalidArgument: there is none.
    """
    if name in TABLE:
        return TABLE[name]
    near = difflib.get_close_matches(name, CLIENTS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InvalidArgument(f"client must be one of {', '.join(CLIENTS)}; got {name!r}.{hint}")
