"""Versions of models."""

from pathlib import Path
from types import SimpleNamespace

from routemem.memory_core.embedding.fingerprint import fingerprint, model_version


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_a_fingerprint_changes_with_names_and_bytes_and_nothing_else(tmp_path: Path) -> None:
    variants = [{"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a": "1", "c": "2"}, {"a": "1"}]
    folders = [write(tmp_path / str(at), files) for at, files in enumerate(variants)]
    found = [fingerprint(folder, folder.iterdir()) for folder in folders]
    assert len(set(found)) == len(variants)
    assert all(len(version) == 8 for version in found)
    moved = write(tmp_path / "elsewhere", variants[0])
    assert fingerprint(moved, sorted(moved.iterdir(), reverse=True)) == found[0]


def test_a_folder_is_versioned_by_weights_and_settings_not_by_its_readme(tmp_path: Path) -> None:
    files = {"config.json": "{}", "model.safetensors": "w", "1_Pooling/config.json": "{}"}
    one = model_version(str(write(tmp_path / "one", files)), None)
    other = model_version(str(write(tmp_path / "two", files | {"README.md": "new"})), None)
    third = model_version(
        str(write(tmp_path / "three", files | {"1_Pooling/config.json": "[]"})), None
    )
    assert one == other != third


def test_a_named_model_is_versioned_by_its_commit() -> None:
    commit = SimpleNamespace(_commit_hash="0123456789abcdef0123")
    assert model_version("some/model", commit) == "01234567"
    assert model_version("some/model", None) == "unversioned"
