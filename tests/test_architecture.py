"""What is on disk is what is imported, and imports point one way only."""

import ast
import importlib.util
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ["memory_core", "prompts", "server"]
MAY_IMPORT = {
    "prompts": {"prompts"},
    "memory_core": {"memory_core"},
    "server": {"server", "memory_core", "prompts"},
    "tests": {"server", "memory_core", "prompts"},
    "examples": {"memory_core"},
    "benchmarks": {"server", "memory_core", "prompts"},
}
#: Rooms of the core that know nothing of files, SQL or each other's insides.
PURE = {
    "routing": {"records", "settings", "errors"},
    "retrieval": {"records", "settings", "errors", "text"},
    "lifecycle": {"records", "settings", "errors", "text"},
    "text": {"records", "settings", "errors"},
}
#: Modules that bring the rooms together.
COMPOSE = {
    "memory", "scopes", "meaning", "remembering", "recalling", "forgetting", "factbook", "ledger",
    "upkeep", "draft", "question", "caretaker", "routed", 
    "summarising", "turns", "model_table",
    "renewal", "rebalancing", "intake", "quarantine", "abridging", "compressing", "tending",
    "briefing",
    "reviewing", "deciding", "searching", "succeeding", "timeline",
    "rooms", "reading",
}  # fmt: skip
#: Rooms that stand on others' shoulders, and what they may see from there.
ABOVE = {
    "boards": {"draft", "intake"},
    "transfer": {"draft", "intake"},
    "scopes": COMPOSE - {"scopes"},
    "quarantine": {"draft", "factbook", "ledger", "remembering"},
}
NEVER_IN_CORE = {"mcp", "pydantic", "starlette", "sqlite3", "pickle"}


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Level (0 absolute) and module of every import in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
        elif isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
    return found


def absolute_imports(path: Path) -> list[str]:
    return [name for level, name in imports(path) if not level]


def test_every_module_is_installed_under_the_package_name() -> None:
    for path in modules(*SHIPPED):
        name = ".".join(["routemem", *path.relative_to(ROOT).with_suffix("").parts])
        name = name.removesuffix(".__init__")
        spec = importlib.util.find_spec(name)
        assert spec, f"{name} is not installed: list its package in pyproject.toml"
        assert spec.origin
        assert Path(spec.origin).read_bytes() == path.read_bytes(), (
            f"{name} is installed in another version than the checkout's: run pip install again"
        )


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_one_way(folder: str) -> None:
    for path in modules(folder):
        for name in absolute_imports(path):
            first, _, rest = name.partition(".")
            assert first not in SHIPPED, (
                f"{path}: import routemem.{name}, the bare name is not in the wheel"
            )
            room = rest.split(".")[0]
            allowed = first != "routemem" or not room or room in MAY_IMPORT[folder]
            assert allowed, f"{path}: {folder}/ must not import {name}"


def test_the_core_knows_no_protocol_and_no_other_database_driver() -> None:
    for path in modules("memory_core"):
        firsts = {name.partition(".")[0] for name in absolute_imports(path)}
        assert not firsts & NEVER_IN_CORE, path


def test_rooms_of_the_core_do_not_reach_up_or_sideways() -> None:
    for path in modules("memory_core"):
        parts = path.relative_to(ROOT / "memory_core").parts
        room = parts[0] if len(parts) > 1 else ""
        for reached in {name.split(".")[0] for level, name in imports(path) if level == 2}:
            if room in PURE:
                allowed = {room, *PURE[room]}
                assert reached in allowed, f"{path}: {room} is pure, it must not import {reached}"
            assert reached not in COMPOSE - ABOVE.get(room, set()), (
                f"{path} must not import {reached}, which is above it"
            )


def test_nothing_is_pickled() -> None:
    for path in modules(*SHIPPED):
        assert not {"pickle", "joblib", "shelve"} & {name for _, name in imports(path)}, path
        assert "allow_pickle=True" not in path.read_text("utf-8"), path


def test_the_core_can_be_imported_without_numpy_or_a_model_runtime() -> None:
    import subprocess

    code = (
        "import sys, routemem.memory_core, routemem.memory_core.settings, routemem.server.app\n"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'sklearn', 'torch', 'apsw', 'tiktoken',"
        " 'keyring', 'platformdirs',"
        " 'routemem.memory_core.records'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
