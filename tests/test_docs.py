"""What the documents say is so: blocks run, tables are current, names and links exist."""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
from checkout import ROOT, project_files
from command import environment

from routemem.memory_core.settings import Settings, env_name
from routemem.server.app import TOOLSETS
from routemem.server.cli import COMMANDS, parser

README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODEL = ROOT / "memory_core" / "embedding" / "minilm"
DOCUMENTS = [path for path in project_files() if path.suffix == ".md"]
TOOLS = {spec.name for specs in TOOLSETS.values() for spec in specs}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(language, text) for language, text in BLOCK.findall(README)]
PYTHON = [n for n, (language, _) in enumerate(BLOCKS) if language == "python"]
#: What a reader would type: the shell blocks, and the code within sentences.
TYPED = [line for language, text in BLOCKS if not language for line in text.splitlines()]
TYPED += re.findall(r"`([^`\n]+)`", BLOCK.sub("", README))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """The program that writes the README's tables."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "scripts" / "readme.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------------- README


def test_the_readme_has_code_to_run() -> None:
    assert PYTHON


@pytest.mark.parametrize("number", PYTHON)
def test_a_python_block_prints_what_the_block_after_it_says(number: int, tmp_path: Path) -> None:
    env = environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKS[number][1]],
        capture_output=True,
        encoding="utf-8",
        env=env,
        cwd=tmp_path,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == BLOCKS[number + 1][1]


def test_the_tables_are_those_of_the_code(tables: ModuleType) -> None:
    assert tables.filled(README) == README, "run python scripts/readme.py"


def test_a_table_that_is_out_of_date_is_noticed(tables: ModuleType) -> None:
    stale = README.replace("| `--scope`,", "| `--realm`,")
    assert stale != README
    assert tables.filled(stale) == README


@pytest.mark.parametrize("spec", fields(Settings), ids=lambda spec: spec.name)
def test_every_setting_is_in_the_readme(spec: object) -> None:
    assert f"`{env_name(spec.name)}`" in README  # type: ignore[attr-defined]  # a Field


@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`routemem {name}`" in README


def test_every_dependency_is_listed_with_its_size_and_reason() -> None:
    for line in PROJECT["dependencies"]:
        name = re.split(r"[<>=]", line)[0]
        assert re.search(rf"^\| {re.escape(name)} \| \d+ \| .+ \|$", README, re.MULTILINE), name


def test_commands_and_flags_in_the_readme_exist() -> None:
    known = {option for name in COMMANDS for option in options(name)} | {"--version"}
    for typed in TYPED:
        for name in re.findall(r"\broutemem ([a-z][a-z-]*)", typed):
            assert name in COMMANDS, typed
        for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", typed):
            assert flag in known, typed
        for extra in re.findall(r"pip install \"(?:routemem|\.)\[([\w-]+)\]", typed):
            assert extra in PROJECT["optional-dependencies"], typed
        for recipe in re.findall(r"\bjust (\w+)", typed):
            assert re.search(rf"^{recipe}\b.*:", (ROOT / "justfile").read_text("utf-8"), re.M)


def options(command: str) -> list[str]:
    """Every flag of a command."""
    (subparsers,) = (a for a in parser(command)._actions if hasattr(a, "choices") and a.choices)
    return list(subparsers.choices[command]._option_string_actions)  # type: ignore[index]  # a dict


def test_tools_the_readme_calls_exist() -> None:
    called = re.findall(r"`(\w+)\(", README)
    assert called
    assert set(called) <= TOOLS


def test_the_clients_entry_in_the_readme_is_the_example() -> None:
    (shown,) = (json.loads(text) for language, text in BLOCKS if language == "json")
    example = ROOT / "examples" / "clients" / "claude-desktop.json"
    assert shown == json.loads(example.read_text("utf-8"))


# ---------------------------------------------------------------------- every document


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            assert (path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_modules_and_programs_that_are_named_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for module in re.findall(r"python -m (benchmarks\.\w+)", text):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module
    for program in re.findall(r"\b((?:scripts|examples|benchmarks|tests)/[\w/]+\.py)\b", text):
        assert (ROOT / program).exists(), program


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert first
    assert first[1] == PROJECT["version"]


def test_licences_are_in_place() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert licence.startswith("MIT License")
    assert PROJECT["license"] == "MIT"
    assert "Apache License" in (MODEL / "LICENSE").read_text("utf-8")
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert "all-MiniLM-L6-v2" in notice
    assert "Apache License" in notice
    for named in re.findall(r"^memory_core/\S+", notice, re.MULTILINE):
        assert (ROOT / named).exists(), named


def test_the_models_card_names_its_origin_and_its_files_are_those_it_was_made_as() -> None:
    hashes = json.loads((MODEL / "hashes.json").read_text("utf-8"))
    card = (MODEL / "MODEL_CARD.md").read_text("utf-8")
    assert hashes["source"]["model.safetensors"] in card
    for name, expected in hashes["files"].items():
        assert hashlib.sha256((MODEL / name).read_bytes()).hexdigest() == expected


# ---------------------------------------------------------------------- every file

#: Folders of somebody's machine, but for the made-up ones of tests.
MACHINE = re.compile(rb"(?<![\w.$}~/])/(?:root|work|home|Users)/(?!ann\b|me\b)\w")
#: Hosts that packages come from.
HOSTS = [
    f"{name}.{top}".encode()
    for name, top in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("crates", "io"))
]


def test_no_file_names_a_machines_folders_or_a_registry() -> None:
    found = []
    for path in project_files():
        content = path.read_bytes()
        said = [host for host in HOSTS if host in content] + MACHINE.findall(content)
        found += [f"{name_of(path)}: {each.decode()}" for each in said]
    assert found == []
