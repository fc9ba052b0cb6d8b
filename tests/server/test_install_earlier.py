"""``routemem install`` a second time, and from a shell with settings of its own."""

import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from routemem.server.install.earlier import Settled, settle

#: Runs a command in this process and returns what it said.
Say: TypeAlias = Callable[..., str]
CLIENT = ("install", "--project", "--client")


@pytest.fixture
def at(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder, in a shell that sets nothing."""
    for name in ("DATA_DIR", "KEY_DIR", "KEYRING", "EMBEDDER"):
        monkeypatch.delenv(f"ROUTEMEM_{name}")
    monkeypatch.chdir(own_folder)
    return own_folder


def entry(folder: Path, client: str = "cursor") -> dict[str, Any]:
    if client == "codex":
        document = tomllib.loads((folder / ".codex" / "config.toml").read_text("utf-8"))
        return dict(document["mcp_servers"]["routemem"])
    found = json.loads((folder / ".cursor" / "mcp.json").read_text("utf-8"))
    return dict(found["mcpServers"]["routemem"])


def again(old: dict[str, Any], *flags: str, **shell: str) -> Settled:
    return settle(old, ("serve", *flags), {}, {f"ROUTEMEM_{k.upper()}": shell[k] for k in shell})


def ran(*words: str, command: str = "/programs/routemem") -> dict[str, Any]:
    return {"command": command, "args": list(words)}


# ---------------------------------------------------------------------- a second time


@pytest.mark.parametrize("client", ["cursor", "codex"])
def test_flags_of_the_earlier_entry_stay_when_none_are_given(
    say: Say, at: Path, client: str
) -> None:
    say(*CLIENT, client, "--scope", "user:me", "--allow-scope", "user:*", "--read-only")
    before = entry(at, client)
    told = say(*CLIENT, client)
    assert entry(at, client) == before
    assert "is right already" in told
    assert "Kept from the earlier entry: --scope user:me, --allow-scope user:*, --read-only" in told


def test_flags_that_are_replaced_are_named(say: Say, at: Path) -> None:
    say(*CLIENT, "cursor", "--scope", "user:me", "--read-only")
    told = say(*CLIENT, "cursor", "--scope", "user:you")
    assert entry(at)["args"][-3:] == ["serve", "--scope", "user:you"]
    assert "No longer set, as other flags were given: --scope user:me, --read-only." in told


@pytest.mark.parametrize(
    "old",
    [
        ran("serve", "--scope=user:me", "--read-only"),
        ran("routemem", "serve", "--scope", "user:me", "--read-only", command="uvx"),
        ran("-m", "routemem.server", "serve", "--scope", "user:me", "--read-only", command="py"),
    ],
)
def test_an_entry_that_starts_this_server_in_any_way_is_read(old: dict[str, Any]) -> None:
    assert again(old).arguments == ("serve", "--scope", "user:me", "--read-only")
    assert again(old, "--scope", "user:me").notes == (
        "No longer set, as other flags were given: --read-only.",
    )


@pytest.mark.parametrize(
    "old",
    [
        {},
        ran("serve"),
        ran(),
        ran("serve", "--port", "1", command="/programs/other"),
        {"command": "/programs/routemem", "args": "serve --scope x"},
        {"command": "/programs/routemem", "args": ["serve", 1]},
        {"command": None},
    ],
)
def test_any_other_entry_gives_no_flags(old: dict[str, Any]) -> None:
    assert again(old) == Settled(("serve",), {}, ())


# ---------------------------------------------------------------------- this shell


def test_settings_of_this_shell_reach_the_client(
    say: Say, at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTEMEM_DATA_DIR", "mine")
    monkeypatch.setenv("ROUTEMEM_SCOPE", "user:me")
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-01-01")  # of an evaluation, not of a client
    told = say(*CLIENT, "cursor", "--scope", "user:you")
    assert entry(at)["env"] == {"ROUTEMEM_DATA_DIR": str(at / "mine")}
    assert f"the same memory: ROUTEMEM_DATA_DIR={at / 'mine'}." in told
    assert "is right already" in say(*CLIENT, "cursor", "--scope", "user:you")
    shown = json.loads(say(*CLIENT, "cursor", "--print"))["mcpServers"]["routemem"]
    assert shown["env"]["ROUTEMEM_SCOPE"] == "user:me"


@pytest.mark.parametrize(
    "old", [ran("serve", "--data-dir", "/a"), ran("serve") | {"env": {"ROUTEMEM_DATA_DIR": "/a"}}]
)
def test_an_earlier_setting_stays_and_a_shell_that_differs_is_told(old: dict[str, Any]) -> None:
    settled = again(old, data_dir="/b")
    assert settled.env == {}
    assert "ROUTEMEM_DATA_DIR is '/b' in this shell but '/a' for the client" in settled.notes[-1]
    assert not any("shell" in note for note in again(old, data_dir="/a").notes)


# ---------------------------------------------------------------------- what is given


def test_folders_are_written_so_that_they_hold_anywhere(say: Say, at: Path) -> None:
    (at / "model").mkdir()
    (at / "hash").mkdir()
    for embedder, written in (
        ("./model", str(at / "model")),
        ("model", str(at / "model")),
        ("hash", "hash"),
        ("intfloat/e5-small-v2", "intfloat/e5-small-v2"),
    ):
        say(*CLIENT, "cursor", "--embedder", embedder, "--data-dir", "d")
        assert entry(at)["args"][-4:] == ["--data-dir", str(at / "d"), "--embedder", written]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--scope", "me"], "Scope 'me'"),
        (["--allow-scope", "user:*,me"], "Scope 'me'"),
        (["--toolsets", "memroy"], "no toolset 'memroy'"),
        (["--tools", "recal"], "no tool 'recal'"),
        (["--exclude-tools", "recal"], "no tool 'recal'"),
    ],
    ids=" ".join,
)
def test_what_the_server_would_refuse_is_refused_before_anything_is_written(
    refused: Say, at: Path, flags: Sequence[str], said: str
) -> None:
    for extra in ((), ("--print",)):
        assert said in refused(*CLIENT, "cursor", *flags, *extra)
    assert not (at / ".cursor").exists()
